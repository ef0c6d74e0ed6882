"""Request and answer of lesions of the memory network."""

from typing import Annotated, Literal

from pydantic import BaseModel, Field

from service.schemas.common import AnalysisRequest, Answer, Seed
from service.schemas.lstm import MAX_TIME, GateRoles

MAX_VALUES = 5


class MemoryLesionsRequest(AnalysisRequest):
    """The trials in which every gate is held at every value in every window."""

    delay: Annotated[int, Field(ge=2, le=MAX_TIME)] = Field(15, description="From memorize to report, in ms.")
    trials: Annotated[int, Field(ge=64, le=1024)] = 256
    n_repeat: Annotated[int, Field(ge=1, le=10)] = Field(
        1, description="Sequences in a trial; from 2 on it shows what a gate does for the next value."
    )
    values: Annotated[list[Annotated[float, Field(ge=0, le=1)]], Field(min_length=1, max_length=MAX_VALUES)] = Field(
        [0.0, 1.0], description="What a gate is held at, from 0 (shut) to 1 (open)."
    )
    seed: Seed | None = None


class LesionScores(BaseModel):
    """How the network reports, and how well its cell knows the value."""

    r2: float
    gain: float
    correlation: float
    leak_rms: float = Field(description="What is answered when nothing is asked.")
    report_rmse: float
    chance_rmse: float
    first: float = Field(description="R² of each trial's first report.")
    later: float | None = Field(description="R² of all later reports; null with n_repeat 1.")
    answer_sd: float = Field(description="Standard deviation of the answers; near 0, the report is silent.")
    stored: float = Field(description="How well the cell knows the value at memorize, from 0 to 1.")
    held: float = Field(description="The same at report.")


class GateLesion(LesionScores):
    """The same with a gate held."""

    gate: Literal["input", "forget", "output"]
    value: float
    window: Literal["always", "encode", "delay", "report"]
    effect: Literal["harmless", "leaks", "mixes", "distorts", "silences", "destroys"]


class MemoryLesionsAnswer(Answer):
    """The whole table, and the network intact."""

    seed: int
    delay_ms: int
    trials: int
    n_repeat: int
    intact: LesionScores
    lesions: list[GateLesion]
    roles: GateRoles
