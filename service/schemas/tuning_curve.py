"""Request and answer of a unit's tuning curve."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

from models.analysis.tuning_curve import FEWEST_VALUES, MOST_VALUES, RANGES, Stimulus
from service.schemas.common import AnalysisRequest, Answer, LayerName, Seed, UnitChoice
from service.schemas.receptive_field import PixelBox, PixelPlace

Axis = Literal["row", "column"]
_PREFERRED = "Default: that of the grating which drives the unit most."


def _within(name: str) -> Any:
    low, high = RANGES[name]
    return Field(ge=low, le=high)


class TuningCurveRequest(AnalysisRequest):
    """The unit, what is swept, and what is held; a property that the stimulus does not hold is refused.

    All are still images, so there is no direction to be tuned to. Orientations are those of the bars: 0 degrees are
    horizontal, 90 vertical.
    """

    layer: LayerName
    unit: UnitChoice
    stimulus: Stimulus
    values: Annotated[list[float], Field(min_length=FEWEST_VALUES, max_length=MOST_VALUES)] | None = Field(
        None,
        description="Orientations in degrees (0-180), frequencies in cycles per pixel (up to 0.5), diameters in pixels "
        "(0-40), or contrasts (0-1). Default: a range that suits the unit's receptive field.",
    )
    orientation_deg: Annotated[float, _within("orientation_deg")] | None = Field(None, description=_PREFERRED)
    cycles_per_pixel: Annotated[float, _within("cycles_per_pixel")] | None = Field(None, description=_PREFERRED)
    contrast: Annotated[float, _within("contrast")] | None = Field(None, description="Michelson's. Default: 1.")
    phases: Annotated[int, _within("phases")] | None = Field(
        None, description="In which each grating is shown. Default: 12."
    )
    spot_pixels: Annotated[int, _within("spot_pixels")] | None = Field(
        None, description="Side of the spot whose position is swept. Default: an eighth of the field, at least 1."
    )
    per_class: Annotated[int, _within("per_class")] | None = Field(
        None, description="Test digits shown of each class. Default: 100."
    )
    seed: Seed | None = Field(None, description="Decides which digits; the other stimuli involve no chance.")


class TuningPoint(BaseModel):
    """The unit's drive at one value: over the phases of a grating, the digits of a class, or along the other axis."""

    value: float
    mean: float
    sd: float
    n: int
    f1: float | None = Field(description="Of gratings: the amplitude of the drive's modulation over phases.")
    axis: Axis | None = Field(description="Of position: along which axis `value` is.")


class LinePoint(BaseModel):
    """The fitted curve at one value."""

    value: float
    response: float
    axis: Axis | None


class TuningFit(BaseModel):
    """The curve fitted by least squares.

    Orientation: von Mises (Swindale 1998). Spatial frequency: log-Gaussian. Size: difference of Gaussians (Einevoll &
    Heggelund 2000). Contrast: Naka & Rushton (1966). Position: a Gaussian in two dimensions.
    """

    formula: str
    parameters: dict[str, float]
    peak: float | PixelPlace | None = Field(description="Where the curve is highest; null for contrast.")
    width: float | PixelPlace | None = Field(
        description="Full width at half height: degrees, octaves, or pixels along either axis; else null."
    )
    amplitude: float
    baseline: float = Field(description="Except for orientation, the response to plain grey.")
    r2: float
    line: list[LinePoint]


class HeldStimulus(BaseModel):
    """What was not swept; null for what the stimulus does not have."""

    mean_level: float | None
    orientation_deg: float | None
    cycles_per_pixel: float | None
    contrast: float | None
    phases: int | None
    spot_pixels: int | None
    per_class: int | None


class DriveMap(BaseModel):
    """The drives to a spot at each place (rows x columns, its middle in pixels), of ink and of paper."""

    rows: list[float]
    columns: list[float]
    ink: list[list[float]]
    paper: list[list[float]]


class ClassIndices(BaseModel):
    """As in the census, but of the drive, which silent units have, too."""

    preferred_class: int
    selectivity_index: float | None
    d_prime: float | None


class GratingIndices(BaseModel):
    """What holds for each grating; indices are of responses above that to plain grey, null where there are none."""

    modulation_ratio: float | None = Field(
        description="F1/F0 at the best value, F0 above the drive to grey: above 1 for simple cells, below for complex."
    )


class OrientationIndices(GratingIndices):
    """How much a unit is tuned to orientation (Ringach, Shapley & Hawken 2002)."""

    orientation_selectivity_index: float | None = Field(description="(best - across) / (best + across).")
    one_minus_circular_variance: float | None = Field(description="From 0, all alike, to 1, one orientation alone.")


class FrequencyIndices(GratingIndices):
    """Where the fitted curve falls to half its height; null where that is beyond the frequencies shown."""

    low_cutoff: float | None
    high_cutoff: float | None
    bandwidth_octaves: float | None


class SizeIndices(GratingIndices):
    """How a unit sums over space (Cavanaugh, Bair & Movshon 2002)."""

    suppression_index: float | None = Field(description="What the largest disc takes away from the best response.")
    summation_diameter: float | None = Field(description="The smallest disc with 95 % of the best response, in pixels.")


class ContrastIndices(GratingIndices):
    """How a unit's response saturates."""

    c50: float | None = Field(description="Contrast of half the saturated response; null where it is above 1.")
    exponent: float | None


class PositionIndices(BaseModel):
    """Which sign of contrast the unit answers to."""

    polarity_index: float | None = Field(description="From -1, paper alone, to 1, ink alone.")


class TuningCurveAnswer(Answer):
    """How the drive of a unit changes with one property of the stimulus."""

    seed: int | None = Field(description="Of the digits; null for the other stimuli.")
    layer: str
    unit: Any
    label: str
    field: PixelBox = Field(description="The unit's receptive field, which is the stimuli's aperture.")
    stimulus: Stimulus
    response: str = Field(description="What `fit` and `indices` are of, in words.")
    component: Literal["F0", "F1"] | None = Field(
        description="Of gratings, which part of the drive: its mean over phases, or its modulation by them."
    )
    blank: float | None = Field(description="The drive to plain grey.")
    held: HeldStimulus
    curve: list[TuningPoint]
    fit: TuningFit | None = Field(description="Null for classes, and where no curve explains anything.")
    indices: (
        OrientationIndices | FrequencyIndices | SizeIndices | ContrastIndices | PositionIndices | ClassIndices | None
    ) = Field(description="Null for a unit that answers everything alike.")
    map: DriveMap | None = Field(description="Of position.")
