"""Request and answer of the memory network's horizon."""

from typing import Annotated, Any

from pydantic import BaseModel, Field, model_validator

from service.schemas.common import AnalysisRequest, Answer, ModelId, ModelReference, Seed
from service.schemas.lstm import MAX_TIME, ClampChoice

MAX_DELAYS = 60
MAX_MODELS = 8


class HorizonRequest(AnalysisRequest):
    """How far the memory is swept, and of which networks."""

    models: Annotated[list[ModelId], Field(min_length=1, max_length=MAX_MODELS)] | None = Field(
        None, description="Several to compare, in place of model."
    )
    delays: (
        Annotated[list[Annotated[int, Field(ge=1, le=MAX_TIME)]], Field(min_length=1, max_length=MAX_DELAYS)] | None
    ) = Field(None, description="True delays in ms. Default: 18 from 1 to 1000, about evenly spaced on a log scale.")
    trials: Annotated[int, Field(ge=16, le=1024)] = Field(256, description="Fresh ones at each delay.")
    n_repeat: Annotated[int, Field(ge=1, le=10)] = Field(
        1, description="Sequences in a trial; from 2 on, first and later reports are told apart."
    )
    criterion: Annotated[float, Field(ge=0, le=1)] = Field(0.9, description="R² down to which the memory holds.")
    clamps: Annotated[list[ClampChoice], Field(max_length=12)] = Field(default_factory=list)
    seed: Seed | None = None

    @model_validator(mode="after")
    def _each_model_once(self) -> "HorizonRequest":
        if self.model is not None and self.models is not None:
            raise ValueError("give either model or models")
        if len(set(self.models or ())) < len(self.models or ()):
            raise ValueError("name each model once")
        return self

    @property
    def chosen_models(self) -> list[ModelId | None]:
        """The models that answer; None is the default."""
        return [self.model] if self.models is None else [*self.models]

    def answered_by(self, models: list[ModelId]) -> dict[str, Any]:
        """The fields that name these models."""
        return super().answered_by(models) if self.models is None else {"models": models}


class ErrorParts(BaseModel):
    """What the report error is made of; the squares add up to that of report_rmse."""

    offset: float = Field(description="How far all answers are shifted.")
    gain: float = Field(description="What a slope other than 1 costs.")
    noise: float = Field(description="What is left about the straight line.")


class HorizonPoint(BaseModel):
    """The scores at one delay."""

    delay_ms: int
    report_rmse: float
    chance_rmse: float = Field(description="Of always answering 0 in the same trials.")
    r2: float
    r2_interval: list[float] = Field(description="The middle 95 % over resamples of the trials.")
    gain: float = Field(description="Slope of the answers over the values.")
    correlation: float
    error_parts: ErrorParts
    first: float = Field(description="R² of each trial's first report.")
    later: float | None = Field(description="R² of all later reports; null with n_repeat 1.")


class Horizon(BaseModel):
    """How long a network's memory holds."""

    curve: list[HorizonPoint] = Field(description="By ascending delay.")
    horizon_ms: int = Field(description="The longest delay up to which R² meets the criterion; 0: none.")
    horizon_interval: list[int | None] = Field(
        description="Between which delays of the sweep the memory fails, by resampling; null: beyond the longest."
    )
    verdict: str = Field(description="In words, where the memory fails, and how.")


class HorizonOfModel(Horizon):
    """The same of one of several networks."""

    model: ModelReference


class Chance(BaseModel):
    """What always answering 0 is expected to score."""

    r2: float
    report_rmse: float


class HorizonAnswer(Answer, Horizon):
    """The horizon of the first network, and in `models` of each."""

    seed: int
    criterion: float
    trials: int
    n_repeat: int
    chance: Chance
    models: list[HorizonOfModel]
