"""Requests and answers of the search for preferred stimuli: tuning, the class matrix, the quiz."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, Discriminator, Field, Tag, model_validator

from service.schemas.common import AnalysisRequest, Answer, LayerName, PixelBox, Schema, Seed, UnitChoice

Starts = Annotated[int, Field(ge=1, le=256, description="Random starts; units times starts are at most 8192.")]
Steps = Annotated[int, Field(ge=1, le=5000)]
Weight = Annotated[float, Field(ge=0, le=1000)]
Seconds = Annotated[float, Field(gt=0, le=3600, description="Of computing, after which the best so far is given.")]
Image = Annotated[list[list[float]], Field(description="28 rows of 28, 0 paper to 1 ink.")]

ROBUSTNESS = (
    "0 to 1: during the search the image is, anew at each step, shifted by up to 2 pixels (convolutional layers: 1), "
    "its ink scaled by 0.8 to 1.2 and noise of sd 0.1 added, all times this number. Drives told are of the image as it "
    "is. Ascent only."
)
SMOOTHNESS = "Weight of the squared differences of neighbouring pixels; 20 is clearly seen. Ascent only."
DIVERSITY = "Weight of the likeness among one unit's starts; 20 drives them apart. Ascent only."
LEARNING_RATE = (
    "Of Adam. Ascent rises to it over a quarter of the steps and then falls to 0; default: 0.5, convolutional layers "
    "0.2. Notebook keeps it; default: 0.01."
)
EARLY_STOP = (
    "End when in 50 steps no unit's starts gain 0.1% of its best on average. Default: true; for the method notebook "
    "false."
)


def _kind_of_units(value: Any) -> str:
    return "all" if isinstance(value, str) else "list"


UnitsChoice = Annotated[
    Annotated[list[UnitChoice], Field(min_length=1, max_length=120), Tag("list")]
    | Annotated[Literal["all"], Tag("all")],
    Discriminator(_kind_of_units),
]


class TuneRequest(AnalysisRequest):
    """Which unit's preferred stimulus is sought, and how."""

    layer: LayerName
    unit: UnitChoice | None = Field(None, description="Default: the unit driven most by the random starts.")
    units: UnitsChoice | None = Field(
        None,
        description="Several, or `all`: every unit of a dense layer; of a convolutional one the central unit of every "
        "channel, as the others share its weights and would give shifted copies.",
    )
    direction: Literal["excite", "inhibit"] = "excite"
    method: Literal["ascent", "notebook"] = Field(
        "ascent", description="`notebook` repeats the notebook's mistakes 1-3."
    )
    starts: Starts = 64
    steps: Steps | None = Field(None, description="At most. Default: 200; notebook 1000.")
    learning_rate: Annotated[float, Field(gt=0, le=1)] | None = Field(None, description=LEARNING_RATE)
    penalty: Weight | None = Field(None, description="Default: the method's own.")
    robustness: Annotated[float, Field(ge=0, le=1, description=ROBUSTNESS)] = 0.0
    smoothness: Annotated[Weight, Field(description=SMOOTHNESS)] = 0.0
    diversity: Annotated[Weight, Field(description=DIVERSITY)] = 0.0
    early_stop: bool | None = Field(None, description=EARLY_STOP)
    max_seconds: Seconds | None = None
    seed: Seed | None = None

    @model_validator(mode="after")
    def _unit_or_units(self) -> "TuneRequest":
        if self.unit is not None and self.units is not None:
            raise ValueError("give either unit or units")
        return self

    @property
    def named_units(self) -> list[UnitChoice]:
        """The units that are named one by one."""
        if self.unit is not None:
            return [self.unit]
        return self.units if isinstance(self.units, list) else []


class TunedStart(BaseModel):
    """How one random start began and ended, in drive."""

    before: float
    after: float


class TunePoint(BaseModel):
    """One point of the search: the best start's drive, and the penalties it pays."""

    step: int
    drive: float
    penalty: float


class Place(BaseModel):
    """A point of an image in pixels, a pixel's middle being its index."""

    row: float
    column: float


class ImageSpectrum(BaseModel):
    """How an image's variance is spread over spatial frequencies."""

    cycles_per_image: list[int]
    power: list[float] = Field(description="Variance at frequencies that round to these, all orientations together.")
    centroid: float | None = Field(description="Mean frequency weighted with power; null for an image of one grey.")


class ImageStatistics(BaseModel):
    """What can be told of a stimulus without any network."""

    mean_ink: float
    sd: float
    near_paper: float = Field(description="Share of pixels below 0.1.")
    near_ink: float = Field(description="Share of pixels above 0.9.")
    total_variation: float = Field(description="Mean absolute difference of neighbouring pixels.")
    centre_of_mass: Place | None
    extent: PixelBox | None = Field(description="The box of all pixels of 0.1 and more.")
    power_spectrum: ImageSpectrum


class BeforeAndAfter(BaseModel):
    """Of the initial image and of the optimized one."""

    before: ImageStatistics
    after: ImageStatistics


class LikelyClass(BaseModel):
    """What the network takes an image for."""

    label: int
    probability: float


class DrivingDigit(BaseModel):
    """A test digit and how it drives the unit."""

    index: int
    label: int
    drive: float


class ClassLikeness(BaseModel):
    """How like an image is to the mean digit of a class."""

    label: int
    correlation: float | None = Field(description="Pearson's, over the pixels; null for an image of one grey.")
    distance: float = Field(description="Root mean square over the pixels.")


class NearestMean(BaseModel):
    """The class whose mean digit correlates most with an image, beside all ten."""

    label: int | None
    correlation: float | None
    classes: list[ClassLikeness]


class TunedUnit(BaseModel):
    """One unit's preferred stimulus and how it was found; comparisons with digits are null without MNIST."""

    unit: Any
    label: str
    trace: list[TunePoint]
    best_start: int
    initial_image: Image
    optimized_image: Image
    drive_before: float
    drive_after: float
    margin_before: float = Field(description="Its drive less that of the next largest unit of its layer.")
    margin_after: float
    starts: list[TunedStart]
    layer_before: list[Any]
    layer_after: list[Any]
    layer_drive_before: list[Any]
    layer_drive_after: list[Any]
    rank_before: int
    rank_after: int
    image_statistics: BeforeAndAfter
    class_logits: list[float] = Field(description="The ten logits for the optimized image.")
    prediction: LikelyClass = Field(description="What the network takes the optimized image for.")
    nearest_class_mean: NearestMean | None = Field(description="To the optimized image.")
    top_digits: list[DrivingDigit] | None = Field(description="The eight test digits of 2,000 that drive it most.")
    bottom_digits: list[DrivingDigit] | None = Field(description="The eight that drive it least.")
    dataset_maximum: float | None
    dataset_minimum: float | None
    dataset_percentile: float | None
    signs: dict[str, int]
    optima: int
    dead: bool | None
    prior: dict[str, Any] = Field(description="What the penalties pull towards, and how their scale was set.")


class Transforms(BaseModel):
    """How far the image was changed at most at each step of a robust search."""

    shift_pixels: int
    contrast: float
    noise_sd: float


class ShownDigit(BaseModel):
    """A test digit that the answer names."""

    index: int
    label: int
    image: Image


class MeanDigit(BaseModel):
    """The mean of one class's digits."""

    label: int
    image: Image


class TuneResult(Answer):
    """The preferred stimuli."""

    layer: str
    direction: str
    method: str
    seed: int
    settings: dict[str, Any] = Field(description="All that was left to its default, too.")
    transforms: Transforms | None = Field(description="Null where robustness is 0.")
    steps: int
    stopped: Literal["steps", "converged", "seconds"] = Field(
        description="Why it ended; after `seconds` the images are the best so far."
    )
    class_means: list[MeanDigit] | None = Field(description="Of the first 2,000 test digits; null without MNIST.")
    digits: list[ShownDigit] | None = Field(
        description="Those that `top_digits` name, or `bottom_digits` when inhibiting; null without MNIST."
    )
    units: list[TunedUnit]


class ClassMatrixRequest(AnalysisRequest):
    """How an image is sought for each class."""

    starts: Starts = 32
    steps: Steps = 200
    penalty: Weight = 1.0
    robustness: Annotated[float, Field(ge=0, le=1, description=ROBUSTNESS)] = 0.0
    smoothness: Annotated[Weight, Field(description=SMOOTHNESS)] = 0.0
    early_stop: bool = Field(True, description=EARLY_STOP)
    max_seconds: Seconds | None = None
    seed: Seed | None = None


class AlikeClasses(BaseModel):
    """Two classes, and how alike they are to the network by the answer's `formula`."""

    classes: list[int]
    likeness: float | None = Field(description="By the images tuned for them.")
    digits_likeness: float | None = Field(description="By their mean digits; null without MNIST.")


class ClassMatrixResult(Answer):
    """Images tuned for one class each, and what they do to the logits of all."""

    matrix: list[list[float]] = Field(description="Row: class that the image is tuned for; column: logit.")
    images: list[Image]
    drives: list[float] = Field(description="The diagonal: each image's own logit.")
    probabilities: list[list[float]]
    predictions: list[int]
    digits_matrix: list[list[float]] | None = Field(
        description="The same for the mean digit of each class among the first 2,000 test digits; null without MNIST."
    )
    alike: list[AlikeClasses] = Field(description="All pairs, the most alike first.")
    agreement: float | None = Field(description="Pearson's correlation of both likenesses over the pairs.")
    formula: str
    seed: int
    settings: dict[str, Any]
    steps: int
    stopped: Literal["steps", "converged", "seconds"]


class QuizRequest(AnalysisRequest):
    """A layer in which chance chooses a unit whose preferred stimulus is sought."""

    layer: LayerName = "y"
    direction: Literal["excite", "inhibit"] = "excite"
    starts: Starts = 16
    seed: Seed | None = Field(
        None, description="Repeats the quiz. When left out one is drawn, and told with the answer: it decides the unit."
    )


class SettledQuiz(QuizRequest):
    """A quiz on its way to the worker, which has to know what the student must not."""

    is_seed_secret: bool


class QuizResult(Answer):
    """A stimulus before and after tuning, and what a layer answers to both. Which of its units was tuned?"""

    layer: str
    direction: str
    seed: int | None = Field(description="As it was given; a drawn one is told with the answer.")
    initial_image: Image
    optimized_image: Image
    layer_before: list[Any] = Field(description="The layer's activity for the initial image.")
    layer_after: list[Any] = Field(description="The layer's activity for the optimized image.")
    image_statistics: BeforeAndAfter
    settings: dict[str, Any]
    steps: int
    stopped: Literal["steps", "converged", "seconds"]


class QuizGuess(Schema):
    """Which unit it was."""

    unit: UnitChoice
    reveal: bool = Field(False, description="Tell the answer though the guess is wrong.")


class GuessedUnit(BaseModel):
    """What the search did to the unit that was guessed. Ranks are by drive within the layer, 1 the largest."""

    unit: int
    label: str
    rank_before: int
    rank_after: int
    change: float = Field(description="Of its drive.")
    change_rank: int = Field(description="1: no unit's drive changed more in the direction of the search.")


class HiddenUnit(BaseModel):
    """The unit that was tuned."""

    unit: int
    label: str
    drive_before: float
    drive_after: float
    rank_before: int
    rank_after: int
    seed: int


class QuizVerdict(BaseModel):
    """Whether a guess is right, and how far off it is."""

    correct: bool
    guess: GuessedUnit
    answer: HiddenUnit | None = Field(description="Null while it is neither guessed nor revealed.")
    sentence: str
