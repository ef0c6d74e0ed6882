"""Request and answer of comparisons between ways to train memory networks."""

from typing import Annotated, Literal

from pydantic import BaseModel, Field, model_validator

from service.schemas.common import ModelReference, Picture, Schema, Seed
from service.schemas.lstm import LossPoint, MemoryOptions


class MemorySetting(MemoryOptions):
    """A way to train, by its name. What is left out is as in the first setting, and there as in POST /lstm/train."""

    name: Annotated[str, Field(min_length=1, max_length=40, examples=["longer delays"])]


class MemoryCompareRequest(Schema):
    """Which ways to train are compared, on the same seeds."""

    settings: Annotated[list[MemorySetting], Field(min_length=2, max_length=6)] = Field(
        description="The first is the baseline."
    )
    networks: Annotated[int, Field(ge=2, le=32)] = Field(8, description="Under each setting, from the same seeds.")
    target_loss: Annotated[float, Field(gt=0, le=1)] = Field(1e-4, description="Under the first setting.")
    scale_target: bool = Field(
        True,
        description="Under the other settings, scale target_loss with their chance level, so that it is as hard to "
        "meet; else it is the same number, and longer sequences are trained less well.",
    )
    max_steps: Annotated[int, Field(ge=1, le=100_000)] = 20_000
    seed: Seed | None = None
    keep: bool = Field(
        False, description="Whether the network with the longest horizon of each setting becomes a model."
    )

    @model_validator(mode="after")
    def _each_name_once(self) -> "MemoryCompareRequest":
        if len({setting.name for setting in self.settings}) < len(self.settings):
            raise ValueError("name each setting differently")
        return self


class UsedMemoryOptions(MemoryOptions):
    """All that the training was told."""

    seed: int
    networks: int
    target_loss: float
    max_steps: int
    max_seconds: None


class ComparedMemory(BaseModel):
    """One network."""

    seed: int
    loss: float
    chance_loss: float = Field(description="Of always answering 0, on the sequences that `loss` is from.")
    loss_over_chance: float = Field(description="What can be compared across settings.")
    at_chance: bool = Field(description="It remembers nothing, and its loss is about that of always answering 0.")
    solved_at: int | None = Field(description="Steps until it met the target loss.")
    family: Literal["closed", "open"]
    horizon_ms: int = Field(description="The longest delay up to which R² stays at or above 0.9; 0: none.")


class Quartiles(BaseModel):
    """Over the networks of a setting, each an observed value; null where too few have one."""

    lower_quartile: int | None
    median: int | None
    upper_quartile: int | None


class PairOfMemories(BaseModel):
    """The networks of one seed, under this setting and under the baseline."""

    seed: int
    log2_ratio: float = Field(description="Of the horizons; a horizon of 0 counts as 0.5 ms.")
    change: Literal["improved", "worse", "stopped learning", "unchanged"]


class AgainstBaseline(BaseModel):
    """What a setting changes, seed by seed."""

    pairs: list[PairOfMemories]
    median_log2_ratio: float
    interval: list[float] = Field(description="Of the median: the middle 95 % over resamples of the seeds.")
    improved: int = Field(description="Seeds with a longer horizon.")
    worse: int = Field(description="Seeds with a shorter horizon that still learn.")
    stopped_learning: int = Field(description="Seeds that stay at chance, but not under the baseline.")
    unchanged: int
    p_value: float = Field(
        description="Two-sided sign test of improved against worse or stopped, not corrected for several settings."
    )


class ComparedSetting(BaseModel):
    """What came of one way to train."""

    name: str
    settings: UsedMemoryOptions
    chance_loss: float = Field(description="Of always answering 0, over the full range of sequences.")
    networks: list[ComparedMemory]
    horizon_ms: Quartiles
    solved_at: Quartiles
    reached_target: int = Field(description="How many networks.")
    at_chance: int = Field(description="How many networks stayed on the plateau of always answering 0.")
    best: int = Field(description="Which of the networks has the longest horizon.")
    history: list[LossPoint]
    against_baseline: AgainstBaseline | None = Field(description="Null for the baseline itself.")
    model: ModelReference | None = Field(description="The best network, where it is kept.")


class MemoryCompareResult(BaseModel):
    """Every setting, the baseline first."""

    seed: int
    seeds: list[int] = Field(description="In the order of every setting's networks.")
    target_loss: float
    scale_target: bool
    max_steps: int
    longest_delay_ms: int = Field(description="No horizon is told beyond.")
    settings: list[ComparedSetting]
    sentences: list[str] = Field(description="What the numbers say.")
    renderings: list[Picture] | None = Field(None, description="Left out with ?renderings=none.")
