"""Request and answer of representational similarity."""

from typing import Annotated, Literal

from pydantic import BaseModel, Field

from service.schemas.common import AnalysisRequest, Answer, LayerName, Seed

ComparedLayer = Literal["input", LayerName]


class SimilarityRequest(AnalysisRequest):
    """The layers to compare, and how many digits of each class to show them."""

    layers: Annotated[list[ComparedLayer], Field(min_length=1, max_length=6)] | None = Field(
        None, description="`input` are the pixels. Default: all."
    )
    per_class: Annotated[int, Field(ge=2, le=20)] = Field(10, description="Test digits of each class.")
    seed: Seed | None = None


class LayerDissimilarity(BaseModel):
    """How unlike the digits are to one layer: 1 - the correlation of their activity patterns, from 0 to 2.

    Null where a pattern does not vary across units.
    """

    name: str
    dissimilarity: list[list[float | None]] = Field(description="Digit x digit, in the order of `labels`.")
    class_dissimilarity: list[list[float | None]] = Field(
        description="Class x class: the mean over pairs of different digits."
    )
    within: float | None = Field(description="Mean over pairs of digits of one class.")
    between: float | None = Field(description="Mean over pairs of digits of two classes.")
    separability: float | None = Field(description="Between less within; 0: classes are not told apart.")


class SimilarityAnswer(Answer):
    """The dissimilarity matrix of each layer, and how far the layers agree."""

    seed: int
    per_class: int
    indices: list[int] = Field(description="The test digits shown, sorted by class.")
    labels: list[int]
    layers: list[LayerDissimilarity]
    layer_similarity: list[list[float | None]] = Field(
        description="Layer x layer: rank correlation (Spearman) of their dissimilarities."
    )
