"""What the network answers to images: predictions, a layer's activity, accuracy over many digits."""

import math
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.digit_net import LAYERS, DigitNet, Response, layer

_BATCH = 128
_TOP_UNITS = 10


def predict(network: DigitNet, images: Tensor) -> list[dict[str, Any]]:
    """The predictions for images (image, row, column), each shown alone: numbers of all analyses agree exactly."""
    return predictions(network.responses_one_by_one(images, ("y",))["y"].drive.detach().cpu().numpy())


def predictions(logits: NDArray[np.float32]) -> list[dict[str, Any]]:
    """Label, probability of each digit and logits for logits (image, unit), ready for JSON.

    Probabilities are summed in double precision; for ten numbers Python is quicker than numpy.
    """
    return [_prediction(each) for each in logits.tolist()]


def _prediction(logits: list[float]) -> dict[str, Any]:
    largest = max(logits)
    shares = [math.exp(logit - largest) for logit in logits]
    total = sum(shares)
    probabilities, label = [share / total for share in shares], logits.index(largest)
    return {
        "label": label,
        "probability": probabilities[label],
        "probabilities": probabilities,
        "logits": logits,
    }


def describe_layer(name: str, drive: NDArray[np.float32], *, with_drive: bool = False) -> dict[str, Any]:
    """A layer's response to one image, ready for JSON: its values, their summary, its ten most active units.

    Args:
        name: The layer.
        drive: The layer's drive of one image, of the layer's shape.
        with_drive: Whether the values before the ReLU are wanted, too.

    Returns:
        `values` and `drive` as float64 arrays of the layer's shape, all else as numbers.

    Raises:
        UnknownLayer: The network has no such layer.
    """
    from models.kernels.layer_summary import summary

    described = layer(name)
    found = summary(drive, name != "y", _TOP_UNITS)
    most_active = found.top.tolist()
    description: dict[str, Any] = {
        "name": name,
        "kind": described.kind,
        "shape": list(described.shape),
        "values": found.activity,
        "minimum": found.minimum,
        "maximum": found.maximum,
        "mean": found.mean,
        "active_fraction": found.active / described.size,
        "top_units": [
            {"unit": unit, "value": value}
            for unit, value in zip(most_active, found.activity.take(found.top).tolist(), strict=True)
        ],
    }
    return description | {"drive": drive.astype(np.float64)} if with_drive else description


@torch.inference_mode()
def record(network: DigitNet, images: Tensor, layers: Iterable[str] = tuple(LAYERS)) -> dict[str, Response]:
    """The responses of `layers` to many uint8 images (image, row, column); on the network's device.

    Raises:
        UnknownLayer: The network has no such layer.
    """
    layers = tuple(layers)
    device = network.fc3.weight.device
    recorded = [network.responses(batch.to(device).float() / 255, layers) for batch in images.split(_BATCH)]
    return {
        name: Response(*(torch.cat(values) for values in zip(*(each[name] for each in recorded), strict=True)))
        for name in LAYERS
        if name in layers
    }


@torch.inference_mode()
def accuracy(network: DigitNet, images: Tensor, labels: Tensor) -> float:
    """The share of uint8 images (image, row, column) whose label the network tells."""
    counts = confusion(network, images, labels)
    return int(counts.diagonal().sum()) / len(labels)


@torch.inference_mode()
def confusion(network: DigitNet, images: Tensor, labels: Tensor) -> Tensor:
    """How often each digit was taken for which: int64 (10, 10), rows true, columns predicted."""
    counts = torch.zeros(100, dtype=torch.int64)
    logits = network.compiled_drive("y")
    for batch, truth in _batches(network, images, labels):
        counts += torch.bincount(10 * truth + logits(batch).argmax(dim=1), minlength=100).cpu()
    return counts.view(10, 10)


def _batches(network: DigitNet, images: Tensor, labels: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
    device = network.fc3.weight.device
    for batch, truth in zip(images.split(_BATCH), labels.split(_BATCH), strict=True):
        yield batch.to(device).float() / 255, truth.to(device)
