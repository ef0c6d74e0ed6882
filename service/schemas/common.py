"""What all requests and answers share."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag, model_validator

MAX_IMAGES = 256

Seed = Annotated[int, Field(ge=0, le=2**32 - 1, description="Repeats the result; drawn and returned when left out.")]
ModelId = Annotated[
    str, Field(pattern=r"^[a-z0-9-]{1,80}$", description="An id from GET /models.", examples=["digit-net"])
]
LayerName = Literal["l1", "l2", "l3", "l4", "y"]


class Schema(BaseModel):
    """A part of a request: nothing is guessed, nothing unknown is let through, every number is finite."""

    model_config = ConfigDict(strict=True, extra="forbid", allow_inf_nan=False, frozen=True)


class AnalysisRequest(Schema):
    """A request that a model answers."""

    model: ModelId | None = Field(None, description="Default: the family's current default.")

    @property
    def chosen_models(self) -> list[ModelId | None]:
        """The models that answer; None is the default."""
        return [self.model]

    def answered_by(self, models: list[ModelId]) -> dict[str, Any]:
        """The fields that name these models."""
        (model,) = models
        return {"model": model}


class Sample(Schema):
    """Which digit of MNIST."""

    split: Literal["train", "test"]
    index: Annotated[int, Field(ge=0, le=59_999, examples=[7])]


class SampleImage(Schema):
    """A digit of MNIST."""

    sample: Sample


Pixel = Annotated[float, Field(ge=0, le=1)]
PixelRow = Annotated[list[Pixel], Field(min_length=28, max_length=28)]
Pixels = Annotated[list[PixelRow], Field(min_length=28, max_length=28, description="28 rows of 28, 0 paper to 1 ink.")]


class PixelsImage(Schema):
    """A stimulus that is used as it is."""

    pixels: Pixels


class PictureImage(Schema):
    """A PNG or JPEG of any size, brought to MNIST form."""

    data: Annotated[str, Field(min_length=1, description="base64 of a PNG or JPEG of at most 8 MiB.")]
    preprocess: Literal["mnist", "none"] = Field("mnist", description="`none` only rescales to 28x28.")


def _kind_of_image(value: Any) -> str | None:
    keys = value if isinstance(value, dict) else getattr(value, "model_fields_set", ())
    found = [key for key in ("sample", "pixels", "data") if key in keys]
    return found[0] if len(found) == 1 else None


ImageInput = Annotated[
    Annotated[SampleImage, Tag("sample")]
    | Annotated[PixelsImage, Tag("pixels")]
    | Annotated[PictureImage, Tag("data")],
    Discriminator(
        _kind_of_image,
        custom_error_type="image",
        custom_error_message="Give exactly one of sample, pixels and data.",
    ),
]


class UnitPlace(Schema):
    """A unit of a convolutional layer by its place, or a whole channel: the mean over its map."""

    channel: Annotated[int, Field(ge=0, le=65_535)]
    row: Annotated[int, Field(ge=0, le=65_535)] | None = None
    column: Annotated[int, Field(ge=0, le=65_535)] | None = None

    @model_validator(mode="after")
    def _row_with_column(self) -> "UnitPlace":
        if (self.row is None) != (self.column is None):
            raise ValueError("give row and column together, or neither for the mean over the channel")
        return self

    def spec(self) -> dict[str, int]:
        """The unit as `models.units` reads it."""
        return self.model_dump(exclude_none=True)


UnitIndex = Annotated[int, Field(ge=0, le=65_535, description="Flat index in C order; 0 is a unit.")]


def _kind_of_unit(value: Any) -> str:
    return "place" if isinstance(value, (dict, UnitPlace)) else "index"


UnitChoice = Annotated[
    Annotated[UnitIndex, Tag("index")] | Annotated[UnitPlace, Tag("place")], Discriminator(_kind_of_unit)
]


class PixelBox(BaseModel):
    """Rows `top` to `bottom` and columns `left` to `right` of the image, `bottom` and `right` exclusive."""

    top: int
    bottom: int
    left: int
    right: int


class ModelReference(BaseModel):
    """What made an answer: `sha256` is that of the weights."""

    id: str
    family: str
    sha256: str


class Picture(BaseModel):
    """A picture of the answer: a PNG in base64."""

    name: str
    title: str
    alt: str
    media_type: Literal["image/png"]
    width: int
    height: int
    data: str


class Answer(BaseModel):
    """What every analysis answers with."""

    model: ModelReference
    renderings: list[Picture] | None = Field(None, description="Left out with ?renderings=none.")


class FieldProblem(BaseModel):
    """One field to be mended."""

    pointer: str
    detail: str


class ProblemDocument(BaseModel):
    """RFC 9457: what is wrong and how to mend it."""

    type: str
    title: str
    status: int
    detail: str
    errors: list[FieldProblem] | None = None
    request_id: str | None = None
