"""Which classes are alike to a network: the image tuned for one class, and what it does to the logits of all.

The search is a `models.analysis.tuning.Tuning` of all ten logits at once.
"""

from itertools import combinations
from typing import Any

import torch
from torch import Tensor

from models.analysis.activity import predict
from models.analysis.tuning import Tuning
from models.analysis.tuning_report import class_means
from models.digits import Digits

LIKENESS = "(n[i][j] + n[j][i]) / 2, where n[i][j] = (m[i][j] - mean of row i) / (m[i][i] - mean of row i)"
"""How alike two classes are: 1 where each one's image drives the other's logit as much as its own, 0 where it does so
no more than the average logit's, below 0 where less. The mean is taken off as adding to all logits changes nothing."""


def class_matrix(tuning: Tuning, digits: Digits | None) -> dict[str, Any]:
    """What the best images of a search over the ten logits do, ready for JSON.

    `matrix` (row: class that an image is tuned for, column: logit), `probabilities` (the same for what the network
    makes of the logits), `predictions` and `drives` are of the `images`, each shown alone; `digits_matrix` is the
    same matrix for the mean digit of each class, None without `digits`. `alike` ranks all pairs of classes by
    `LIKENESS`, which is None where an image does not drive its own class above the average; `agreement` is Pearson's
    correlation, over these pairs, of the likeness by tuned images with that by mean digits.
    """
    images = tuning.best_images()
    told = predict(tuning.network, images)
    matrix = [each["logits"] for each in told]
    digits_matrix = None if digits is None else _matrix_of_digits(tuning, digits)
    alike = _ranked(matrix, digits_matrix)
    return {
        "matrix": matrix,
        "images": images.tolist(),
        "drives": [row[label] for label, row in enumerate(matrix)],
        "probabilities": [each["probabilities"] for each in told],
        "predictions": [each["label"] for each in told],
        "digits_matrix": digits_matrix,
        "alike": alike,
        "agreement": _agreement(alike),
        "formula": LIKENESS,
        "settings": {name: value for name, value in tuning.settings_used.items() if name not in ("layer", "units")},
        "steps": tuning.step,
        "stopped": tuning.stopped,
    }


def likeness(matrix: Tensor) -> Tensor:
    """How alike each two classes are, by `LIKENESS`, of logits (class of the image, class); the diagonal is 1."""
    logits = matrix.double()
    above_average = logits - logits.mean(dim=1, keepdim=True)
    own = above_average.diagonal()[:, None]
    shares = above_average / own.where(own > 0, torch.nan)
    return (shares + shares.T) / 2


def _matrix_of_digits(tuning: Tuning, digits: Digits) -> list[list[float]]:
    means = class_means(digits)
    images = torch.stack([means[label] for label in range(10)])
    return [each["logits"] for each in predict(tuning.network, images.to(tuning.starts.device))]


def _ranked(matrix: list[list[float]], digits_matrix: list[list[float]] | None) -> list[dict[str, Any]]:
    tuned = likeness(torch.tensor(matrix))
    of_digits = None if digits_matrix is None else likeness(torch.tensor(digits_matrix))
    pairs = [
        {
            "classes": [one, other],
            "likeness": _or_none(tuned[one, other]),
            "digits_likeness": None if of_digits is None else _or_none(of_digits[one, other]),
        }
        for one, other in combinations(range(len(matrix)), 2)
    ]
    return sorted(pairs, key=lambda pair: -torch.inf if pair["likeness"] is None else pair["likeness"], reverse=True)


def _agreement(pairs: list[dict[str, Any]]) -> float | None:
    both = [pair for pair in ((each["likeness"], each["digits_likeness"]) for each in pairs) if None not in pair]
    return _or_none(torch.tensor(both, dtype=torch.float64).T.corrcoef()[0, 1]) if len(both) > 2 else None


def _or_none(value: Tensor) -> float | None:
    return float(value) if value.isfinite() else None
