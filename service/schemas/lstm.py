"""Requests and answers of the memory network."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, model_validator

from service.schemas.common import AnalysisRequest, Answer, Schema, Seed

MAX_TIME = 3000
MAX_SAMPLES = 400_000

InputSample = Annotated[list[Annotated[float, Field(ge=-1, le=1)]], Field(min_length=3, max_length=3)]


class ClampChoice(Schema):
    """Holds one gate at a value during a window of every sequence."""

    gate: Literal["input", "forget", "output"]
    value: Annotated[float, Field(ge=0, le=1)]
    window: Literal["always", "encode", "delay", "report"] = "always"


class TaskRequest(Schema):
    """A batch of fresh trials."""

    seq_len: Annotated[int, Field(ge=4, le=MAX_TIME)] = Field(20, description="Length of one sequence in ms.")
    n_repeat: Annotated[int, Field(ge=1, le=100)] = Field(2, description="Sequences in a trial.")
    batch_size: Annotated[int, Field(ge=1, le=1024)] = 16
    trial: Annotated[int, Field(ge=0, le=1023)] = Field(0, description="Which trial of the batch is shown.")
    seed: Seed | None = None

    @model_validator(mode="after")
    def _affordable(self) -> "TaskRequest":
        _check_size(self.seq_len, self.n_repeat, self.batch_size)
        _check_trial(self.trial, self.batch_size)
        return self


class SimulateRequest(AnalysisRequest):
    """A batch of trials, made from lengths or from a true delay, or a stream of your own."""

    seq_len: Annotated[int, Field(ge=4, le=MAX_TIME)] | None = Field(None, description="Default: 20.")
    delay: Annotated[int, Field(ge=1, le=MAX_TIME - 20)] | None = Field(
        None, description="Every report comes so many ms after its memorize."
    )
    inputs: Annotated[list[InputSample], Field(min_length=1, max_length=MAX_TIME)] | None = Field(
        None, description="One trial of your own: stimulus, memorize, report at each ms."
    )
    n_repeat: Annotated[int, Field(ge=1, le=100)] = 2
    batch_size: Annotated[int, Field(ge=1, le=1024)] = 16
    trial: Annotated[int, Field(ge=0, le=1023)] = 0
    clamps: Annotated[list[ClampChoice], Field(max_length=12)] = Field(default_factory=list)
    seed: Seed | None = None

    @model_validator(mode="after")
    def _one_source(self) -> "SimulateRequest":
        if sum(source is not None for source in (self.seq_len, self.delay, self.inputs)) > 1:
            raise ValueError("give only one of seq_len, delay and inputs")
        if self.inputs is not None:
            if self.trial:
                raise ValueError("inputs are one trial; leave trial out")
            return self
        _check_size(self.seq_len or (self.delay or 0) + 20, self.n_repeat, self.batch_size)
        _check_trial(self.trial, self.batch_size)
        return self


def _check_size(length: int, n_repeat: int, batch_size: int) -> None:
    if length * n_repeat > MAX_TIME:
        raise ValueError(f"a trial may last at most {MAX_TIME} ms; shorten the sequences or repeat them less")
    if length * n_repeat * batch_size > MAX_SAMPLES:
        raise ValueError(f"length x n_repeat x batch_size may be at most {MAX_SAMPLES}; take a smaller batch")


def _check_trial(trial: int, batch_size: int) -> None:
    if trial >= batch_size:
        raise ValueError("trial has to be smaller than batch_size")


class TrialEvent(BaseModel):
    """A pulse, and how long the value has to be held for it."""

    kind: Literal["memorize", "report"]
    time_ms: int
    delay_ms: int | None


class TaskAnswer(BaseModel):
    """One trial of the batch."""

    seed: int
    time_ms: list[int]
    inputs: list[list[float]] = Field(description="T x 3: stimulus, memorize, report.")
    target: list[float]
    events: list[TrialEvent]
    renderings: list[Any] | None = None


class ReportError(BaseModel):
    """How well the batch was reported; chance is a network that always answers 0."""

    mse: float
    chance_mse: float
    report_rmse: float
    chance_rmse: float
    r2: float
    gain: float
    correlation: float
    leak_rms: float
    reports: int


class SimulateAnswer(Answer):
    """One trial of the batch, and the error over all of it."""

    seed: int
    time_ms: list[int]
    inputs: list[list[float]]
    target: list[float]
    predicted: list[float]
    events: list[TrialEvent]
    error: ReportError


class Gates(BaseModel):
    """The three gates, each T x hidden, from 0 (shut) to 1 (open)."""

    input: list[list[float]]
    forget: list[list[float]]
    output: list[list[float]]


class MeanAndSd(BaseModel):
    """Over steps of all trials, for each hidden unit."""

    mean: list[float]
    sd: list[float]


class LagAverages(BaseModel):
    """What gates, candidate and write are like so many ms after an event."""

    lag_ms: int
    n: int = Field(description="How many events have this lag within their trial.")
    input: MeanAndSd
    forget: MeanAndSd
    output: MeanAndSd
    candidate: MeanAndSd
    write: MeanAndSd


class TimeCourses(BaseModel):
    """Averages lined up with the pulses, from 5 ms before to 20 ms after."""

    memorize: list[LagAverages]
    report: list[LagAverages]


class EffectiveWrite(BaseModel):
    """What each unit's cell takes up of the stimulus at memorize; null where the stimulus never varies."""

    slope: list[float | None] = Field(description="Of the write over the stimulus.")
    offset: list[float | None] = Field(description="The write at a stimulus of 0.")
    by_candidate: list[float | None] = Field(description="The part of the slope that the candidate brings.")
    by_gate: list[float | None] = Field(description="The part that an input gate brings which follows the stimulus.")


class EffectiveLeak(BaseModel):
    """What each ms of the delay adds to each unit's cell."""

    mean: list[float]
    rms: list[float]


class GateRoles(BaseModel):
    """What each gate does, in words that follow from the numbers."""

    input: str
    forget: str
    output: str


class GatesAnswer(SimulateAnswer):
    """The same, with everything inside the network."""

    gates: Gates
    candidate: list[list[float]]
    write: list[list[float]] = Field(description="Input gate times candidate.")
    cell: list[list[float]]
    output: list[list[float]] = Field(description="The hidden output, not the output gate.")
    aligned: dict[str, Any] = Field(description="Each gate's mean and sd over trials in each period.")
    time_courses: TimeCourses
    effective_write: EffectiveWrite
    effective_leak: EffectiveLeak | None = Field(description="null: no step in the delay.")
    retention: MeanAndSd = Field(description="Product of the forget gates from memorize to report.")
    time_constant_ms: float | None = Field(description="-1 / ln of the forget gate in the delay; null: no decay.")
    time_constants_ms: list[float | None] = Field(description="The same of each hidden unit; above, the longest.")
    reporting_unit: int = Field(description="The hidden unit that contributes most to the report.")
    family: Literal["closed", "open"]
    roles: GateRoles = Field(description="Of the reporting unit.")


class MemoryOptions(Schema):
    """What can be changed in the data, in the architecture and in the training."""

    hidden_size: Annotated[int, Field(ge=1, le=32)] = 1
    seq_len_min: Annotated[int, Field(ge=4, le=1000)] = 5
    seq_len_max: Annotated[int, Field(ge=5, le=1001)] = Field(20, description="Exclusive.")
    n_repeat: Annotated[int, Field(ge=1, le=20)] = 3
    batch_size: Annotated[int, Field(ge=1, le=256)] = Field(
        16,
        description="batch_size x n_repeat x (seq_len_max - 1) x hidden_size x (hidden_size + 32), the work of a step, "
        "may be at most 500 million.",
    )
    learning_rate: Annotated[float, Field(gt=0, le=1)] = 0.01
    forget_bias: Annotated[float, Field(ge=-10, le=10)] | None = None
    loss_on: Literal["all", "report"] = "all"
    curriculum: bool = False


class MemoryTrainRequest(MemoryOptions):
    """The lab's recipe, or a variation of it."""

    target_loss: Annotated[float, Field(gt=0, le=1)] = 1e-4
    max_steps: Annotated[int, Field(ge=1, le=100_000)] = 20_000
    networks: Annotated[int, Field(ge=1, le=64)] = Field(1, description="Trained side by side, one seed each.")
    max_seconds: Annotated[float, Field(gt=0, le=3600)] | None = None
    seed: Seed | None = None
    name: Annotated[str, Field(min_length=1, max_length=80)] | None = None
    keep: Literal["best", "all"] = Field("best", description="Which of several networks become models.")


class TrainedMemory(BaseModel):
    """One of the networks trained side by side."""

    seed: int
    loss: float
    solved_at: int | None
    family: Literal["closed", "open"]
    horizon_ms: int
    model: str | None = None


class LossPoint(BaseModel):
    """How training stood after so many steps, each network's loss beside its chance level."""

    step: int
    losses: list[float]
    chance_loss: float
    chance_losses: list[float]


class MemoryTrainResult(Answer):
    """The trained networks; `model` is the one with the longest horizon."""

    steps: int
    target_loss: float
    target_reached: bool
    best: int = Field(description="Which of the networks `model` is.")
    networks: list[TrainedMemory]
    history: list[LossPoint]
    chance_loss: float
    verdict: str = Field(description="In words, whether the loss is better than chance.")
    seed: int
