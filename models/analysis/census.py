"""Which units of a layer are dead, which fire rarely, and which prefer a class: a census over many digits."""

import math
from collections.abc import Iterable
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from models.analysis.activity import record
from models.digit_net import LAYERS, DigitNet, layer
from models.digits import DigitSample
from models.errors import InvalidAnalysis

CLASSES = 10
SPARSE_BELOW = 0.05
"""A unit active for a smaller share of the digits is sparse: half of what firing for one class alone comes to."""

SELECTIVE_FROM = 0.5
"""The selectivity index of a unit three times as active for its class as for the others."""

_MOST_SELECTIVE = 10
_UNITS_TOGETHER = 128  # 10,000 digits' worth of them are 10 MB in float64
_FLOAT32_ROUNDING = 1e-6


class UnitStatistics(NamedTuple):
    """What many digits tell of each unit: float64 (unit,), NaN where undefined.

    Attributes:
        mean: Mean activity.
        maximum: Largest activity.
        active_fraction: Share of the digits for which the activity is above 0.
        selectivity_index: (a - b) / (a + b), a being the largest class mean and b the mean of the nine others (Morcos
            et al. 2018): 0 when all classes are alike, 1 when one alone counts. It is meant for rates, which are never
            negative, so of a logit only the part above 0 counts, as if it went through a ReLU like all other units.
        preferred_class: The class with the largest mean activity; undefined where the unit is constant.
        d_prime: (mean for the preferred class - mean for all other digits) / sqrt of the mean of the two variances
            (Green & Swets 1966). Of the activity rather than the drive, since what stays below threshold reaches no
            later unit. Undefined where neither side varies.
        lifetime_sparseness: `sparseness` over the digits, of the part above 0.
        class_means: Mean activity (unit, class).
    """

    mean: Tensor
    maximum: Tensor
    active_fraction: Tensor
    selectivity_index: Tensor
    preferred_class: Tensor
    d_prime: Tensor
    lifetime_sparseness: Tensor
    class_means: Tensor


@torch.inference_mode()
def census(network: DigitNet, sample: DigitSample, layers: Iterable[str] = tuple(LAYERS)) -> list[dict[str, Any]]:
    """The census of each of `layers` in the network's order, ready for JSON, None where something is undefined.

    `dead` units answer 0 to every digit. `constant` ones are alive, but answer every digit alike. `sparse` ones vary,
    but are active for less than `SPARSE_BELOW` of the digits. `selective` ones are none of these and have an index of
    `SELECTIVE_FROM` or more; `most_selective` are the first ten of them by index, then by d'. Units are flat indices.
    `population_sparseness` is the mean over digits of the `sparseness` across units. `statistics` has one list for each
    of `UnitStatistics`, in the units' order.

    Raises:
        UnknownLayer: The network has no such layer.
        InvalidAnalysis: The sample lacks a class.
    """
    labels = sample.labels.to(network.fc3.weight.device)
    responses = record(network, sample.images, layers)
    return [_layer_census(name, response.activity.flatten(1), labels) for name, response in responses.items()]


def unit_statistics(activity: Tensor, labels: Tensor) -> UnitStatistics:
    """The statistics of units from their activity (image, unit) for digits with labels (image,).

    Raises:
        InvalidAnalysis: There is no digit of some class.
    """
    parts = [_unit_statistics(part.double(), labels) for part in activity.split(_UNITS_TOGETHER, dim=1)]
    return UnitStatistics(*(torch.cat(values) for values in zip(*parts, strict=True)))


def class_means(values: Tensor, labels: Tensor) -> Tensor:
    """Means float64 (class, unit) of values (image, unit) over the digits of each class.

    Raises:
        InvalidAnalysis: There is no digit of some class.
    """
    membership = F.one_hot(labels, CLASSES).double().T  # (class, image)
    counts = membership.sum(dim=1)
    if not counts.all():
        message = f"Among these {len(labels)} digits there is no {int(counts.argmin())}; take more, or another seed."
        raise InvalidAnalysis(message, pointer="/samples")
    return membership @ values.double() / counts[:, None]


def sparseness(rates: Tensor, dim: int) -> Tensor:
    """From 0 (all alike) to 1 (one alone fires) along `dim`; NaN where none fires.

    It is one less the squared mean over the mean square (Treves & Rolls 1991), stretched to reach 1 (Vinje & Gallant
    2000).
    """
    ratio = rates.mean(dim).square() / rates.square().mean(dim)
    return (1 - ratio) / (1 - 1 / rates.shape[dim])


def is_constant(values: Tensor, dim: int) -> Tensor:
    """Where values do not vary along `dim` by more than the rounding of float32."""
    return values.amax(dim) - values.amin(dim) <= _FLOAT32_ROUNDING * values.abs().amax(dim)


def _unit_statistics(activity: Tensor, labels: Tensor) -> UnitStatistics:
    rates = activity.clamp(min=0)
    means = class_means(activity, labels)
    preferred = means.argmax(dim=0)
    return UnitStatistics(
        mean=activity.mean(dim=0),
        maximum=activity.amax(dim=0),
        active_fraction=(activity > 0).double().mean(dim=0),
        selectivity_index=_selectivity_index(class_means(rates, labels)),
        preferred_class=preferred.double().where(~is_constant(activity, dim=0), torch.nan),
        d_prime=_d_prime(activity, labels, means, preferred),
        lifetime_sparseness=sparseness(rates, dim=0),
        class_means=means.T,
    )


def _selectivity_index(class_rates: Tensor) -> Tensor:
    largest = class_rates.amax(dim=0)
    others = (class_rates.sum(dim=0) - largest) / (CLASSES - 1)
    return (largest - others) / (largest + others)


def _d_prime(activity: Tensor, labels: Tensor, means: Tensor, preferred: Tensor) -> Tensor:
    variances = class_means((activity - means[labels]).square(), labels)
    is_other = F.one_hot(preferred, CLASSES).T == 0  # (class, unit)
    weights = is_other * labels.bincount(minlength=CLASSES)[:, None].double()
    weights /= weights.sum(dim=0)
    rest_mean = (weights * means).sum(dim=0)
    rest_variance = (weights * (variances + (means - rest_mean).square())).sum(dim=0)
    sd = ((variances.gather(0, preferred[None])[0] + rest_variance) / 2).sqrt()
    is_defined = sd > _FLOAT32_ROUNDING * activity.abs().amax(dim=0)
    return ((means.amax(dim=0) - rest_mean) / sd).where(is_defined, torch.nan)


def _layer_census(name: str, activity: Tensor, labels: Tensor) -> dict[str, Any]:
    statistics = unit_statistics(activity, labels)
    dead = (activity == 0).all(dim=0)
    constant = is_constant(activity, dim=0) & ~dead
    sparse = (statistics.active_fraction < SPARSE_BELOW) & ~dead & ~constant
    selective = (statistics.selectivity_index >= SELECTIVE_FROM) & ~constant & ~sparse
    columns = {quantity: _listed(values) for quantity, values in statistics._asdict().items()}
    columns["preferred_class"] = [None if digit is None else int(digit) for digit in columns["preferred_class"]]
    described = layer(name)
    return {
        "name": name,
        "kind": described.kind,
        "shape": list(described.shape),
        "size": described.size,
        "dead": _counted(dead),
        "constant": _counted(constant),
        "sparse": _counted(sparse),
        "selective": _counted(selective),
        "most_selective": _most_selective(columns, selective),
        "population_sparseness": _population_sparseness(activity),
        "statistics": columns,
    }


def _listed(values: Tensor) -> list[Any]:
    if values.dim() > 1:
        return values.tolist()
    return [None if math.isnan(value) else value for value in values.tolist()]


def _counted(chosen: Tensor) -> dict[str, Any]:
    units = chosen.nonzero()[:, 0].tolist()
    return {"count": len(units), "fraction": len(units) / len(chosen), "units": units}


def _most_selective(columns: dict[str, list[Any]], selective: Tensor) -> list[dict[str, Any]]:
    told = ("selectivity_index", "preferred_class", "d_prime")
    units = [
        {"unit": unit, **{quantity: columns[quantity][unit] for quantity in told}}
        for unit in selective.nonzero()[:, 0].tolist()
    ]
    return sorted(units, key=lambda unit: (-unit["selectivity_index"], -(unit["d_prime"] or 0)))[:_MOST_SELECTIVE]


def _population_sparseness(activity: Tensor) -> float | None:
    of_digits = sparseness(activity.clamp(min=0), dim=1)
    mean = float(of_digits.nanmean())
    return None if math.isnan(mean) else mean
