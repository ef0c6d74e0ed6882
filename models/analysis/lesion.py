"""What is lost when units are silenced: digits that are read wrongly, and logits that change."""

from collections.abc import Sequence
from itertools import chain
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from models.analysis.activity import record
from models.analysis.census import CLASSES, class_means
from models.digit_net import LAYERS, DigitNet, layer
from models.digits import DigitSample
from models.errors import InvalidAnalysis
from models.units import Unit

Replacement = Literal["zero", "mean"]

DOSES = tuple(tenth / 10 for tenth in range(11))
"""Fractions of a layer at which a dose curve is measured."""

_BATCH = 256


class Preparation:
    """A layer recorded once, to be lesioned again and again; only the layers after it run anew.

    Args:
        network: The network; it is left as it is.
        sample: The digits that are shown.
        layer_name: `l1` to `l4`.
        replacement: What stands in the place of a lesioned unit's activity: "zero", or its "mean" over the sample, so
            that the layers after it miss what the unit tells of a digit but not its usual level.

    Raises:
        UnknownLayer: The network has no such layer.
        InvalidAnalysis: The layer is the output.
    """

    @torch.inference_mode()
    def __init__(
        self, network: DigitNet, sample: DigitSample, layer_name: str, replacement: Replacement = "zero"
    ) -> None:
        self.layer = layer(layer_name)
        self.replacement = replacement
        _refuse_output(layer_name)
        self._network = network
        self._activity = record(network, sample.images, [layer_name])[layer_name].activity  # (image, *layer shape)
        self._labels = sample.labels.to(self._activity.device)
        self._substitute = self._activity.mean(dim=0) if replacement == "mean" else 0.0
        self._intact = self._logits([])

    @torch.inference_mode()
    def lesion(self, units: Sequence[Unit]) -> dict[str, Any]:
        """What the network reads without these units, beside what it reads intact; ready for JSON.

        `units` are told as in a request, a channel being all units of its map; `lesioned` is how many neurons they are,
        of `size`. `confusion_before` and `confusion_after` count digits (true class, predicted class), and the
        accuracies are the shares on their diagonals. `predictions_changed` counts the digits that are read otherwise,
        rightly or not. `logit_change` is the mean change (true class, logit).

        Raises:
            InvalidAnalysis: The sample lacks a class.
        """
        neurons = self._neurons(units)
        logits = self._logits(neurons)
        before, after = self._intact.argmax(dim=1), logits.argmax(dim=1)
        return {
            "layer": self.layer.name,
            "replacement": self.replacement,
            "units": [unit.as_json() for unit in units],
            "lesioned": len(neurons),
            "size": self.layer.size,
            "predictions_changed": int((before != after).sum()),
            "logit_change": class_means(logits - self._intact, self._labels).tolist(),
            **self._reading(before, "before"),
            **self._reading(after, "after"),
        }

    @torch.inference_mode()
    def each(self) -> list[dict[str, Any]]:
        """The accuracy without each unit of a dense layer, or each channel of a convolutional one, alone."""
        is_conv = self.layer.kind == "conv"
        peers = [Unit.of(self.layer, {"channel": peer} if is_conv else peer) for peer in range(self.layer.shape[0])]
        digits, intact = len(self._labels), self._right([])
        rights = [self._right(self._neurons([unit])) for unit in peers]
        return [
            {"unit": unit.as_json(), "accuracy": right / digits, "change": (right - intact) / digits}
            for unit, right in zip(peers, rights, strict=True)
        ]

    @torch.inference_mode()
    def dose_curve(self, fraction: float, repeats: int, seed: int) -> list[dict[str, Any]]:
        """The accuracy over the share of the layer that is lost, at each of `DOSES` and at `fraction`.

        Each repeat draws an order in which the units go, so that a larger dose takes the same ones and more. `accuracy`
        is the mean of the repeats' `accuracies`, `sd` their standard deviation, None for a single one.

        Raises:
            InvalidAnalysis: The fraction is not above 0 and at most 1, or nothing is repeated.
        """
        _refuse_fraction(fraction)
        if repeats < 1:
            raise InvalidAnalysis("A dose curve needs at least one repeat; 10 are a good start.", pointer="/repeats")
        orders = [self._order(seed, repeat) for repeat in range(repeats)]
        return [self._dose(dose, orders) for dose in sorted({*DOSES, fraction})]

    def random_units(self, fraction: float, seed: int) -> list[Unit]:
        """The units that are gone at this fraction in the first order of a dose curve, at least one; by index.

        Raises:
            InvalidAnalysis: The fraction is not above 0 and at most 1.
        """
        _refuse_fraction(fraction)
        return [Unit(self.layer, index=neuron) for neuron in sorted(self._order(seed, 0)[: self._count(fraction)])]

    def _dose(self, fraction: float, orders: Sequence[Sequence[int]]) -> dict[str, Any]:
        count = self._count(fraction)
        accuracies = [self._right(order[:count]) / len(self._labels) for order in orders]
        return {
            "fraction": fraction,
            "lesioned": count,
            "accuracy": float(np.mean(accuracies)),
            "sd": float(np.std(accuracies, ddof=1)) if len(accuracies) > 1 else None,
            "accuracies": accuracies,
        }

    def _order(self, seed: int, repeat: int) -> list[int]:
        return np.random.default_rng((seed, repeat)).permutation(self.layer.size).tolist()

    def _count(self, fraction: float) -> int:
        return max(1, round(fraction * self.layer.size)) if fraction else 0

    def _neurons(self, units: Sequence[Unit]) -> list[int]:
        """The flat indices of units and of all units of channels."""
        flat = np.arange(self.layer.size).reshape(self.layer.shape)
        of_units = [flat[unit.channel].ravel().tolist() if unit.index is None else [unit.index] for unit in units]
        return sorted(set(chain.from_iterable(of_units)))

    def _logits(self, neurons: Sequence[int]) -> Tensor:
        """The logits (image, unit) with these neurons lesioned."""
        is_lesioned = torch.zeros(self.layer.size, dtype=torch.bool, device=self._activity.device)
        is_lesioned[list(neurons)] = True
        is_lesioned = is_lesioned.view(self.layer.shape)
        lesioned = (batch.where(~is_lesioned, self._substitute) for batch in self._activity.split(_BATCH))
        return torch.cat([self._network.logits_after(self.layer.name, batch) for batch in lesioned])

    def _right(self, neurons: Sequence[int]) -> int:
        """How many digits are read rightly with these neurons lesioned."""
        return int((self._logits(neurons).argmax(dim=1) == self._labels).sum())

    def _reading(self, predicted: Tensor, when: str) -> dict[str, Any]:
        counts = torch.bincount(CLASSES * self._labels + predicted, minlength=CLASSES**2).view(CLASSES, CLASSES)
        return {
            f"accuracy_{when}": int(counts.trace()) / len(predicted),
            f"class_accuracy_{when}": (counts.diagonal().double() / counts.sum(dim=1)).tolist(),
            f"confusion_{when}": counts.tolist(),
        }


def _refuse_output(layer_name: str) -> None:
    *lesionable, output = LAYERS
    if layer_name == output:
        layers = f"{', '.join(lesionable[:-1])} or {lesionable[-1]}"
        message = f"{output} is what is read out, and nothing comes after it; lesion {layers} instead."
        raise InvalidAnalysis(message, pointer="/layer")


def _refuse_fraction(fraction: float) -> None:
    if not 0 < fraction <= 1:
        message = "The fraction of a layer to lesion lies above 0 and is at most 1; 0.5 is half of its units."
        raise InvalidAnalysis(message, pointer="/fraction")
