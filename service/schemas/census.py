"""Request and answer of the census of units."""

from typing import Annotated, Literal

from pydantic import BaseModel, Field

from service.schemas.common import AnalysisRequest, Answer, LayerName, Seed


class CensusRequest(AnalysisRequest):
    """The layers to count, and how many digits to show them."""

    layers: Annotated[list[LayerName], Field(min_length=1, max_length=5)] | None = Field(
        None, description="Default: all."
    )
    samples: Annotated[int, Field(ge=100, le=5000)] = Field(2000, description="Test digits shown, drawn by the seed.")
    seed: Seed | None = None


class CountedUnits(BaseModel):
    """Units of one kind: how many, which share of the layer, and their flat indices."""

    count: int
    fraction: float
    units: list[int]


class SelectiveUnit(BaseModel):
    """One of a layer's most selective units."""

    unit: int
    selectivity_index: float
    preferred_class: int
    d_prime: float | None


class CensusStatistics(BaseModel):
    """One list for each quantity, with a number for each unit in the order of the flat index; null where undefined."""

    mean: list[float]
    maximum: list[float]
    active_fraction: list[float] = Field(description="Share of the digits for which the activity is above 0.")
    selectivity_index: list[float | None] = Field(
        description="(largest class mean - mean of the others) / their sum, of the part above 0; null: never above 0."
    )
    preferred_class: list[int | None] = Field(description="The class of the largest mean; null: the same for all.")
    d_prime: list[float | None] = Field(
        description="(mean for the preferred class - mean for the rest) / sqrt of the mean of both variances."
    )
    lifetime_sparseness: list[float | None] = Field(description="From 0, alike for all digits, to 1, one digit alone.")
    class_means: list[list[float]] = Field(description="Units x 10: the mean activity for each class.")


class LayerCensus(BaseModel):
    """What the units of one layer do over all digits; of `y` the logits are counted."""

    name: str
    kind: Literal["conv", "dense"]
    shape: list[int]
    size: int
    dead: CountedUnits = Field(description="Activity 0 for every digit.")
    constant: CountedUnits = Field(description="Alive, but the same for every digit.")
    sparse: CountedUnits = Field(description="Varying, but active for less than `sparse_below` of the digits.")
    selective: CountedUnits = Field(description="None of these, with an index of `selective_from` or more.")
    most_selective: list[SelectiveUnit] = Field(description="The first ten of the selective units.")
    population_sparseness: float | None = Field(
        description="From 0, all units alike, to 1, one alone; the mean over digits."
    )
    statistics: CensusStatistics


class CensusAnswer(Answer):
    """The census of each layer asked for."""

    seed: int
    samples: int
    sparse_below: float
    selective_from: float
    layers: list[LayerCensus]
