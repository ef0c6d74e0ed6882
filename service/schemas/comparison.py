"""Request and answer of comparisons between units, layers, networks and moments of training."""

from typing import Annotated, Literal

from pydantic import BaseModel, Field

from service.schemas.common import (
    AnalysisRequest,
    Answer,
    LayerName,
    ModelId,
    ModelReference,
    PixelBox,
    Schema,
    Seed,
    UnitChoice,
)
from service.schemas.tuning import ImageSpectrum


class ComparedSubject(Schema):
    """One of the units to compare."""

    layer: LayerName
    unit: UnitChoice
    model: ModelId | None = Field(None, description="Default: the request's model.")
    step: Annotated[int, Field(ge=0, le=1_000_000)] | None = Field(
        None,
        description="The network as it was after so many training steps, 0 being untrained; at most the steps that its "
        "training took. Nothing is stored of it: it is trained again. Left out: the model as it is.",
    )


class CompareRequest(AnalysisRequest):
    """What to compare; `model` is that of all subjects that name none."""

    subjects: Annotated[list[ComparedSubject], Field(min_length=2, max_length=16)]
    starts: Annotated[int, Field(ge=1, le=256, description="Random starts of each search, the same for all.")] = 32
    steps: Annotated[int, Field(ge=1, le=2000, description="Steps of each search, not of training.")] = 200
    seed: Seed | None = None


class Extent(BaseModel):
    """Where an image has ink: pixels of 0.1 and more."""

    box: PixelBox | None = Field(description="Null for a blank image.")
    inked_fraction: float = Field(description="Of all 784 pixels.")


class NearestClass(BaseModel):
    """The class whose mean digit, of the first 2,000 test digits, correlates most with an image."""

    label: int
    correlation: float


class ComparedUnit(BaseModel):
    """One subject: its preferred stimulus and what that is like. What needs MNIST is null without it."""

    name: str = Field(description="The subject in words, as in `sentences`.")
    model: ModelReference
    step: int | None
    sha256: str = Field(description="Of the weights that the subject had; another than the model's at a step.")
    accuracy: float | None = Field(description="Share of the first 2,000 test digits that its network tells right.")
    layer: str
    kind: Literal["conv", "dense"]
    unit: int | dict[str, int]
    label: str
    optimized_image: list[list[float]]
    drive: float = Field(description="Of the unit for its own image.")
    dataset_maximum: float | None = Field(description="Its largest drive for one of the first 2,000 test digits.")
    receptive_field: PixelBox = Field(description="The pixels that can reach the unit.")
    extent: Extent
    spectrum: ImageSpectrum
    nearest_class: NearestClass | None


class Retraining(BaseModel):
    """A model that was trained again, up to the last step wanted."""

    model: ModelReference
    seed: int
    steps: list[int] = Field(description="At which the network was wanted.")
    steps_of_the_model: int
    repeats_the_model: bool | None = Field(
        description="Whether its last step came to the model's own weights, bit for bit; null where that step was not "
        "wanted. Other processors and thread counts round otherwise."
    )


class DevelopmentPoint(BaseModel):
    """One unit at one step of its network's training; correlations are with the last of the steps."""

    subject: int
    step: int
    drive: float
    accuracy: float | None
    image_correlation: float | None
    response_correlation: float | None


Matrix = list[list[float]]
MatrixWithGaps = list[list[float | None]]


class CompareResult(Answer):
    """All subjects, and each against each: a row for a subject's image, a column for a subject."""

    seed: int
    starts: int
    steps: int
    subjects: list[ComparedUnit]
    cross_drive: Matrix = Field(description="Drive of the column's unit for the row's image.")
    cross_relative: MatrixWithGaps = Field(
        description="`cross_drive` as a share of the unit's drive for its own image; null where that is not above 0."
    )
    image_correlation: MatrixWithGaps = Field(description="Pearson's, over pixels; null for an image of one grey.")
    response_correlation: MatrixWithGaps | None = Field(
        description="Pearson's, between the two units' drives for the first 2,000 test digits: the same number in two "
        "networks is not the same cell, this tells how alike they are. Null without MNIST."
    )
    retraining: list[Retraining]
    development: list[DevelopmentPoint] | None = Field(
        description="When the subjects are one unit at several steps: how it developed."
    )
    sentences: list[str] = Field(description="What the numbers say.")
