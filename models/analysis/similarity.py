"""Which digits a layer holds for alike: representational dissimilarity, compared across layers."""

import math
from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from models.analysis.activity import record
from models.analysis.census import CLASSES, is_constant
from models.digit_net import LAYERS, DigitNet
from models.digits import DigitSample

INPUT = "input"
"""The pixels, taken as a layer to compare the others with."""


@torch.inference_mode()
def similarity(network: DigitNet, sample: DigitSample, layers: Sequence[str] = (INPUT, *LAYERS)) -> dict[str, Any]:
    """How unlike the digits are to each layer, and how far the layers agree (Kriegeskorte et al. 2008); for JSON.

    Returns:
        `indices` and `labels` of the digits in the order of the matrices' rows and columns. `layers`, for each `name`:
        its `dissimilarity` (digit, digit), `class_dissimilarity` (class, class), the mean over pairs of different
        digits of these classes, `within` and `between`, the means over all pairs of one class and of two, and
        `separability`, between less within, which is 0 where the layer does not tell classes apart.
        `layer_similarity` (layer, layer) is the Spearman correlation of their dissimilarities over all pairs of digits.
        None stands where something is undefined.

    Raises:
        UnknownLayer: The network has no such layer.
    """
    responses = record(network, sample.images, [name for name in layers if name != INPUT])
    patterns = {name: response.activity.flatten(1).cpu() for name, response in responses.items()}
    if INPUT in layers:
        patterns = {INPUT: sample.images.flatten(1), **patterns}
    matrices = {name: dissimilarity(pattern) for name, pattern in patterns.items()}
    return {
        "indices": sample.indices.tolist(),
        "labels": sample.labels.tolist(),
        "layers": [{"name": name, **_separation(matrix, sample.labels)} for name, matrix in matrices.items()],
        "layer_similarity": [[_agreement(one, other) for other in matrices.values()] for one in matrices.values()],
    }


def dissimilarity(patterns: Tensor) -> Tensor:
    """1 - Pearson's correlation of every two patterns (image, unit): float64 (image, image), 0 to 2.

    NaN in row and column of a pattern that does not vary across units, as where all of them are silent.
    """
    patterns = patterns.double()
    matrix = (1 - torch.corrcoef(patterns)).fill_diagonal_(0)
    is_undefined = is_constant(patterns, dim=1)
    return matrix.masked_fill(is_undefined | is_undefined[:, None], torch.nan)


def spearman(one: Tensor, other: Tensor) -> float:
    """The correlation of two lists of numbers by rank, equals sharing their mean rank; NaN where one does not vary."""
    return float(torch.corrcoef(torch.stack([_ranks(one), _ranks(other)]))[0, 1])


def _ranks(values: Tensor) -> Tensor:
    _, place, counts = values.unique(return_inverse=True, return_counts=True)
    return (counts.cumsum(0) - (counts - 1) / 2).double()[place]


def _separation(matrix: Tensor, labels: Tensor) -> dict[str, Any]:
    pairs = ~torch.eye(len(labels), dtype=torch.bool) & ~matrix.isnan()
    same = labels == labels[:, None]
    within, between = _mean(matrix[pairs & same]), _mean(matrix[pairs & ~same])
    return {
        "dissimilarity": _listed(matrix),
        "class_dissimilarity": _listed(_class_means(matrix, pairs, labels)),
        "within": within,
        "between": between,
        "separability": None if within is None or between is None else between - within,
    }


def _class_means(matrix: Tensor, pairs: Tensor, labels: Tensor) -> Tensor:
    """The matrix averaged over those `pairs` that two classes have with each other: (class, class)."""
    membership = F.one_hot(labels, CLASSES).double()  # (image, class)
    sums = membership.T @ matrix.where(pairs, 0) @ membership
    return sums / (membership.T @ pairs.double() @ membership)


def _agreement(one: Tensor, other: Tensor) -> float | None:
    pairs = torch.triu(~(one + other).isnan(), diagonal=1)
    if pairs.sum() < 2:
        return None
    return _number(spearman(one[pairs], other[pairs]))


def _mean(values: Tensor) -> float | None:
    return _number(float(values.mean()))


def _listed(matrix: Tensor) -> list[list[float | None]]:
    return [list(map(_number, row)) for row in matrix.tolist()]


def _number(value: float) -> float | None:
    return None if math.isnan(value) else value
