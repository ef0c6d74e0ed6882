"""Request and answer of the memory network's state space."""

from typing import Annotated, Literal

from pydantic import BaseModel, Field

from service.schemas.common import AnalysisRequest, Answer, Seed
from service.schemas.lstm import ClampChoice


class StateSpaceRequest(AnalysisRequest):
    """Trials of one sequence each, with a true delay from memorize to report."""

    delay: Annotated[int, Field(ge=1, le=1000)] = Field(50, description="From memorize to report, in ms.")
    trials: Annotated[int, Field(ge=1, le=64)] = Field(16, description="How many trajectories are shown.")
    clamps: Annotated[list[ClampChoice], Field(max_length=12)] = Field(
        default_factory=list, description="Those on `always` and `delay` hold in the dynamics of the delay, too."
    )
    seed: Seed | None = None


class DelayInput(BaseModel):
    """What the network is given while its dynamics in the delay are examined."""

    stimulus: float
    memorize: float
    report: float


class StateAxes(BaseModel):
    """The principal axes of all states of the trials shown."""

    mean: list[float] = Field(description="The state's mean: outputs of all units, then their cells.")
    directions: list[list[float]] = Field(description="Axis x coordinate: the first two (one unit) or three.")
    explained: list[float | None] = Field(description="Share of the variance of every axis; null: nothing varies.")


class Trajectory(BaseModel):
    """The state in one trial, from its start."""

    value: float = Field(description="The memorized value.")
    memorize_ms: int
    report_ms: int
    projected: list[list[float]] = Field(description="Time x axis: the state after each ms, on the principal axes.")


class Encoding(BaseModel):
    """How the memorized value lies in the state just before the report, from 192 trials."""

    r2: float = Field(description="Of the best linear reading, each trial read by what was fitted to all others.")
    direction: list[float] | None = Field(description="In which the state moves with the value; null: it does not.")
    span: float = Field(description="How far apart the states of the values -1 and 1 are.")
    span_at_memorize: float = Field(description="The same just after the memorize.")
    drift_per_ms: float | None = Field(
        description="How far these states move along the direction in 1 ms when left alone, root mean square."
    )


class Eigenvalue(BaseModel):
    """One mode of the linear dynamics around a point."""

    real: float
    imaginary: float
    modulus: float = Field(description="Below 1 the mode decays, above 1 it grows.")
    time_constant_ms: float | None = Field(description="-1 / ln of the modulus; null: the mode does not decay.")


class SlowestMode(BaseModel):
    """The eigenvector, of length 1, of the mode that decays or grows most slowly."""

    real: list[float]
    imaginary: list[float]
    alignment: float | None = Field(
        description="With the direction of the value: 1 along it, 0 across; null: there is no such direction."
    )


class StatePoint(BaseModel):
    """A state in which the network, left alone in the delay, rests or nearly so."""

    kind: Literal["fixed", "slow"]
    speed: float = Field(description="How far the state moves in 1 ms.")
    state: list[float]
    projected: list[float] = Field(description="Its place on the principal axes.")
    position: float | None = Field(description="Its place along the direction of the value.")
    stability: Literal["stable", "marginal", "unstable"] = Field(
        description="Whether the largest modulus is below, at or above 1."
    )
    eigenvalues: list[Eigenvalue] = Field(description="That of the slowest mode first.")
    slowest_mode: SlowestMode


class MemoryShape(BaseModel):
    """Whether the points make a line where the states before the report are, along the direction of the value."""

    kind: Literal["line", "points", "moving", "lost"] = Field(
        description="`line`: they follow one another without a gap of a fifth of the range; `points`: they leave a "
        "larger one; `moving`: none lies in the range; `lost`: the state tells less than half of the variance of the "
        "value."
    )
    range: list[float] | None = Field(description="Where these states are, but for the outer 5% at each end.")
    largest_gap: float | None = Field(description="As a share of the range.")
    others_decay_ms: float | None = Field(
        description="The longest time constant of all modes but the slowest at the points in the range; null: one of "
        "them does not decay, or there is no point."
    )


class StateSpaceAnswer(Answer):
    """Trajectories, the points where the network rests in the delay, and what carries the value."""

    seed: int
    delay_ms: int
    input: DelayInput = Field(description="For `points`: the mean of what the network gets in the delay.")
    axes: StateAxes
    trajectories: list[Trajectory]
    encoding: Encoding
    fixed_speed: float = Field(description="A slower point counts as fixed.")
    slow_speed: float = Field(
        description="A slower point counts as slow: it moves by less than a tenth of the span in the whole delay."
    )
    points: list[StatePoint] = Field(description="At most 32, fixed ones first, in order of their position.")
    memory: MemoryShape
    sentences: list[str] = Field(description="What the numbers say.")
