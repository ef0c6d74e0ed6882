"""Models and digits as they are shown."""

from typing import Any, Literal

from pydantic import BaseModel

from service.schemas.common import ModelId, Picture, Schema


class ModelDocument(BaseModel):
    """A model and its card: architecture, training settings, seed, data, scores, parent job.

    `owner` is told to the owner, their lecturer and admins alone.
    """

    id: str
    family: str
    sha256: str
    origin: Literal["shipped", "trained"]
    is_default: bool
    is_shared: bool
    owner: str | None
    card: dict[str, Any]


class ModelList(BaseModel):
    """All models, shipped ones first, then trained ones from the newest."""

    models: list[ModelDocument]


class DefaultChoice(Schema):
    """Which model answers when a request names none."""

    model: ModelId


class DigitDocument(BaseModel):
    """A digit of MNIST."""

    split: Literal["train", "test"]
    index: int
    label: int


class DigitAnswer(DigitDocument):
    """A digit with its pixels, 0 paper to 1 ink."""

    pixels: list[list[float]]
    renderings: list[Picture] | None = None


class DigitList(BaseModel):
    """Digits in order; `next` is the cursor of the next page."""

    digits: list[DigitDocument]
    next: str | None
    renderings: list[Picture] | None = None
