"""Request and answer of lesions of the digit network."""

from typing import Annotated, Literal

from pydantic import BaseModel, Field, model_validator

from service.schemas.common import AnalysisRequest, Answer, LayerName, Seed, UnitChoice

MAX_REPEATED_DIGITS = 40_000


class LesionRequest(AnalysisRequest):
    """Which units to silence: those named, a random share, or, left open, each unit or channel alone."""

    layer: LayerName = Field(description="l1 to l4; y is what is read out.")
    units: Annotated[list[UnitChoice], Field(min_length=1, max_length=1176)] | None = Field(
        None, description="A channel means all units of its map."
    )
    fraction: Annotated[float, Field(gt=0, le=1)] | None = Field(
        None, description="Share of the layer, units at random; also gives the dose curve."
    )
    replacement: Literal["zero", "mean"] = Field(
        "zero", description="What stands in a unit's place: 0, or its mean over the digits."
    )
    repeats: Annotated[int, Field(ge=1, le=50)] = Field(10, description="Random orders of the dose curve.")
    samples: Annotated[int, Field(ge=100, le=10_000)] = Field(2000, description="Test digits shown, drawn by the seed.")
    seed: Seed | None = None

    @model_validator(mode="after")
    def _affordable(self) -> "LesionRequest":
        if self.units is not None and self.fraction is not None:
            raise ValueError("give either units or fraction, or neither to lesion each unit alone")
        if self.fraction is not None and self.samples * self.repeats > MAX_REPEATED_DIGITS:
            raise ValueError(f"samples times repeats may be at most {MAX_REPEATED_DIGITS}; take fewer of one")
        return self


class Dose(BaseModel):
    """The accuracy when a share of the layer is lost, over random orders in which its units go."""

    fraction: float
    lesioned: int = Field(description="How many units that are.")
    accuracy: float = Field(description="Mean over the orders.")
    sd: float | None = Field(description="Standard deviation over the orders; null for a single one.")
    accuracies: list[float] = Field(description="Each order's, the same order at the same place in every dose.")


class LoneLesion(BaseModel):
    """The accuracy without one unit or channel, and its change from the intact network's."""

    unit: int | dict[str, int]
    accuracy: float
    change: float


class LesionAnswer(Answer):
    """The network's readings intact and lesioned.

    Of a fraction they are told for the first random order; of each unit alone, for the one whose loss costs most.
    """

    seed: int
    samples: int
    layer: str
    replacement: Literal["zero", "mean"]
    units: list[int | dict[str, int]] = Field(description="The lesioned units, in the form of a request.")
    lesioned: int = Field(description="How many neurons these are, all units of a channel counted.")
    size: int = Field(description="How many neurons the layer has.")
    accuracy_before: float
    accuracy_after: float
    class_accuracy_before: list[float] = Field(description="For each class, the share of its digits read rightly.")
    class_accuracy_after: list[float]
    confusion_before: list[list[int]] = Field(description="Rows true, columns predicted.")
    confusion_after: list[list[int]]
    predictions_changed: int = Field(description="Digits that are read otherwise, rightly or not.")
    logit_change: list[list[float]] = Field(description="Mean change; rows true class, columns logit.")
    dose: list[Dose] | None = Field(description="With a fraction: the accuracy over the share lost; else null.")
    each: list[LoneLesion] | None = Field(description="Without units and fraction: each alone; else null.")
