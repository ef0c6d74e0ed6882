"""Request and answer of a unit's receptive field."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

from models.analysis.receptive_field import FEWEST_SAMPLES, MOST_SAMPLES
from service.schemas.common import AnalysisRequest, Answer, LayerName, PixelBox, Seed, UnitChoice


class ReceptiveFieldRequest(AnalysisRequest):
    """The unit, and how much noise to show it."""

    layer: LayerName
    unit: UnitChoice
    samples: Annotated[int, Field(ge=FEWEST_SAMPLES, le=MOST_SAMPLES)] = Field(
        4096, description="Images of Gaussian white noise; four times as many double the z-scores."
    )
    seed: Seed | None = None


class PixelPlace(BaseModel):
    """A place in the image in pixels; whole numbers are the middles of pixels."""

    row: float
    column: float


class BoxSize(BaseModel):
    """How many pixels a box has in either direction."""

    rows: int
    columns: int


class FieldBox(PixelBox):
    """A receptive field's box."""

    centre: PixelPlace
    size: BoxSize


class FieldPeak(BaseModel):
    """The pixel that tells most of the drive."""

    row: int
    column: int
    weight: float
    z: float


class Noise(BaseModel):
    """The white noise that was shown, before it was clipped to 0 to 1."""

    distribution: Literal["gaussian"]
    mean: float
    sd: float


class ReceptiveFieldAnswer(Answer):
    """The field that wiring allows, and the one that reverse correlation finds (Ringach & Shapley 2004)."""

    seed: int
    layer: str
    unit: Any
    label: str
    theoretical: FieldBox = Field(description="The pixels that can reach the unit.")
    reverse_correlation: list[list[float]] = Field(
        description="28 x 28: by how much the drive rises as a pixel turns from paper to ink, the others being noise."
    )
    z_scores: list[list[float]] = Field(description="28 x 28: the correlation of pixel and drive in standard errors.")
    level: float = Field(description="The chance that a unit which hears no pixel seems to have a field.")
    threshold: float = Field(description="The |z| that a pixel has to exceed: `level` shared by 784 pixels.")
    significant_pixels: int
    measured: FieldBox | None = Field(description="The box around those pixels; null where there are none.")
    energy_inside: float | None = Field(
        description="The share of the squared correlations, less what chance adds, that is in the theoretical box."
    )
    peak: FieldPeak | None
    samples: int
    noise: Noise
