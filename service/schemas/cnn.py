"""Requests and answers of the digit network."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, model_validator

from service.schemas.common import (
    MAX_IMAGES,
    AnalysisRequest,
    Answer,
    ImageInput,
    LayerName,
    Schema,
    Seed,
    UnitChoice,
)


class PredictRequest(AnalysisRequest):
    """One image, or several."""

    image: ImageInput | None = None
    images: Annotated[list[ImageInput], Field(min_length=1, max_length=MAX_IMAGES)] | None = None

    @model_validator(mode="after")
    def _one_or_several(self) -> "PredictRequest":
        if (self.image is None) == (self.images is None):
            raise ValueError("give either image or images")
        return self

    @property
    def all_images(self) -> list[ImageInput]:
        """The images, one or many."""
        return self.images if self.image is None else [self.image]  # type: ignore[return-value]


class Prediction(BaseModel):
    """What the network takes an image for."""

    label: int
    probability: float
    probabilities: list[float]
    logits: list[float]
    true_label: int | None = Field(description="Of a digit of MNIST; else null.")


class PredictAnswer(Answer):
    """A prediction for each image, in order."""

    predictions: list[Prediction]


class ActivationsRequest(AnalysisRequest):
    """An image and the layers to record from."""

    image: ImageInput
    layers: Annotated[list[LayerName], Field(min_length=1, max_length=5)] | None = Field(
        None, description="Default: all."
    )
    drive: bool = Field(False, description="Also the values before the ReLU.")


class TopUnit(BaseModel):
    """One of a layer's most active units."""

    unit: int
    value: float


class LayerActivity(BaseModel):
    """What one layer does for the image; `values` nested as `shape` says."""

    name: str
    kind: Literal["conv", "dense"]
    shape: list[int]
    values: list[Any]
    drive: list[Any] | None = None
    minimum: float
    maximum: float
    mean: float
    active_fraction: float
    top_units: list[TopUnit]


class ActivationsAnswer(Answer):
    """The prediction and the activity of the layers asked for."""

    prediction: Prediction
    layers: list[LayerActivity]


class TuneRequest(AnalysisRequest):
    """Which unit's preferred stimulus is sought, and how."""

    layer: LayerName
    unit: UnitChoice | None = Field(None, description="Default: the unit driven most by the random starts.")
    units: Annotated[list[UnitChoice], Field(min_length=1, max_length=120)] | None = None
    direction: Literal["excite", "inhibit"] = "excite"
    method: Literal["ascent", "notebook"] = Field(
        "ascent", description="`notebook` repeats the notebook's mistakes 1-3."
    )
    starts: Annotated[int, Field(ge=1, le=256)] = 64
    steps: Annotated[int, Field(ge=1, le=5000)] | None = Field(None, description="Default: 200; notebook 1000.")
    learning_rate: Annotated[float, Field(gt=0, le=1)] | None = Field(None, description="Default: the method's own.")
    penalty: Annotated[float, Field(ge=0, le=1000)] | None = Field(None, description="Default: the method's own.")
    max_seconds: Annotated[float, Field(gt=0, le=3600)] | None = None
    seed: Seed | None = None

    @model_validator(mode="after")
    def _unit_or_units(self) -> "TuneRequest":
        if self.unit is not None and self.units is not None:
            raise ValueError("give either unit or units")
        if self.starts * len(self.chosen_units or [0]) > MAX_TUNED_IMAGES:
            raise ValueError(f"starts times units may be at most {MAX_TUNED_IMAGES}")
        return self

    @property
    def chosen_units(self) -> list[UnitChoice] | None:
        """The units asked for; None leaves the choice to the network."""
        return self.units if self.unit is None else [self.unit]


MAX_TUNED_IMAGES = 4096


class TunedStart(BaseModel):
    """How one random start began and ended, in drive."""

    before: float
    after: float


class TunePoint(BaseModel):
    """One point of the optimisation."""

    step: int
    drive: float
    penalty: float


class TunedUnit(BaseModel):
    """One unit's preferred stimulus and how it was found."""

    unit: Any
    label: str
    trace: list[TunePoint]
    best_start: int
    initial_image: list[list[float]]
    optimized_image: list[list[float]]
    drive_before: float
    drive_after: float
    starts: list[TunedStart]
    layer_before: list[Any]
    layer_after: list[Any]
    layer_drive_before: list[Any]
    layer_drive_after: list[Any]
    rank_before: int
    rank_after: int
    dataset_maximum: float | None
    dataset_minimum: float | None
    dataset_percentile: float | None
    signs: dict[str, int]
    optima: int
    dead: bool | None
    prior: dict[str, Any] = Field(description="What the penalty pulls towards, and how its scale was set.")


class TuneResult(Answer):
    """The preferred stimuli."""

    layer: str
    direction: str
    method: str
    seed: int
    settings: dict[str, Any] = Field(description="All that was left to its default, too.")
    steps: int
    stopped: str = Field(description="Why it ended.")
    units: list[TunedUnit]


class TrainRequest(Schema):
    """The lab's recipe, or a variation of it."""

    target_accuracy: Annotated[float, Field(gt=0, le=1)] = Field(0.95, description="On the 5,000 held-out digits.")
    max_steps: Annotated[int, Field(ge=1, le=20_000)] = 5000
    batch_size: Annotated[int, Field(ge=1, le=512)] = 16
    learning_rate: Annotated[float, Field(gt=0, le=1)] = 0.01
    seed: Seed | None = None
    name: Annotated[str, Field(min_length=1, max_length=80)] | None = Field(None, description="What to call the model.")


class TrainPoint(BaseModel):
    """How training stood after so many steps."""

    step: int
    loss: float
    accuracy: float
    heldout_accuracy: float


class TrainResult(Answer):
    """The trained network and how well it reads digits."""

    steps: int
    target_accuracy: float
    target_reached: bool
    train_accuracy: float
    heldout_accuracy: float
    test_accuracy: float
    confusion: list[list[int]] = Field(description="Rows true, columns predicted, 10,000 test digits.")
    history: list[TrainPoint]
    seed: int
