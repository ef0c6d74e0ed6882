"""What the network answers to images: predictions, a layer's activity, accuracy over many digits."""

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
    """Label, probability of each digit and logits for images (image, row, column), ready for JSON.

    Each image is shown alone, so that the numbers of predict, activations and tune agree exactly. Probabilities are
    summed in double precision.
    """
    logits = network.responses_one_by_one(images, ("y",))["y"].drive.detach().cpu().numpy()
    shares = np.exp(logits - logits.max(axis=1, keepdims=True).astype(np.float64))
    shares /= shares.sum(axis=1, keepdims=True)
    rows = logits.tolist(), shares.tolist(), logits.argmax(axis=1).tolist()
    return [
        {"label": label, "probability": probabilities[label], "probabilities": probabilities, "logits": logits}
        for logits, probabilities, label in zip(*rows, strict=True)
    ]


def describe_layer(name: str, response: Response, *, drive: bool = False) -> dict[str, Any]:
    """A layer's response to one image, ready for JSON: its values, their summary, its ten most active units.

    Args:
        name: The layer.
        response: Its response to a batch of one image.
        drive: Whether the values before the ReLU are wanted, too.

    Returns:
        `values` and `drive` as float64 arrays of the layer's shape, all else as numbers.

    Raises:
        UnknownLayer: The network has no such layer.
    """
    described = layer(name)
    activity = _doubles(response.activity[0])
    description: dict[str, Any] = {
        "name": name,
        "kind": described.kind,
        "shape": list(described.shape),
        "values": activity,
        "minimum": float(activity.min()),
        "maximum": float(activity.max()),
        "mean": float(activity.mean()),
        "active_fraction": np.count_nonzero(activity > 0) / activity.size,
        "top_units": _top_units(activity.ravel()),
    }
    return description | {"drive": _doubles(response.drive[0])} if drive else description


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


def _doubles(values: Tensor) -> NDArray[np.float64]:
    return values.detach().cpu().double().numpy()


def _top_units(activity: NDArray[np.float64]) -> list[dict[str, Any]]:
    order = (-activity).argsort(kind="stable")[:_TOP_UNITS].tolist()
    return [{"unit": unit, "value": float(activity[unit])} for unit in order]


def _batches(network: DigitNet, images: Tensor, labels: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
    device = network.fc3.weight.device
    for batch, truth in zip(images.split(_BATCH), labels.split(_BATCH), strict=True):
        yield batch.to(device).float() / 255, truth.to(device)
