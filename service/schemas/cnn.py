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
    input: list[list[float]] = Field(description="What the network saw: 28 rows of 28, 0 paper to 1 ink.")
    layers: list[LayerActivity]


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
