"""The lab's convolutional network for handwritten digits (notebook, section 1), and what can be recorded from it."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from math import prod
from typing import Literal, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.errors import UnknownLayer

PIXEL_MEAN, PIXEL_SD = 0.1307, 0.3081
"""Mean and standard deviation of MNIST's pixels, 0 to 1."""


@dataclass(frozen=True)
class Layer:
    """A layer that can be recorded from; `shape` is (channel, row, column) where it is convolutional, else (unit,)."""

    name: str
    kind: Literal["conv", "dense"]
    shape: tuple[int, ...]

    @property
    def size(self) -> int:
        """How many units it has."""
        return prod(self.shape)


LAYERS: dict[str, Layer] = {
    layer.name: layer
    for layer in (
        Layer("l1", "conv", (6, 14, 14)),
        Layer("l2", "conv", (16, 7, 7)),
        Layer("l3", "dense", (120,)),
        Layer("l4", "dense", (84,)),
        Layer("y", "dense", (10,)),
    )
}


def layer(name: str) -> Layer:
    """The layer of that name.

    Raises:
        UnknownLayer: The network has none.
    """
    if name not in LAYERS:
        raise UnknownLayer(f"This network has no such layer; choose one of {', '.join(LAYERS)}.", pointer="/layer")
    return LAYERS[name]


class Response(NamedTuple):
    """What a layer answers to a batch of images; both tensors are (image, *layer shape).

    `drive` is the value before the ReLU, for convolutional layers its 2x2 pooled map; `activity` is what the layer
    hands on. For the logits both are the same.
    """

    drive: Tensor
    activity: Tensor


class DigitNet(nn.Module):
    """Two convolutions with pooling, three dense layers: 0 to 1 pixels in, ten logits out.

    Normalisation is part of the network, so an image means the same wherever it is shown to it.
    """

    FAMILY = "digit-net"

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 6, 3, padding=1)
        self.conv2 = nn.Conv2d(6, 16, 3, padding=1)
        self.fc1 = nn.Linear(16 * 7 * 7, 120)
        self.fc2 = nn.Linear(120, 84)
        self.fc3 = nn.Linear(84, 10)

    @classmethod
    def initialised(cls, seed: int) -> "DigitNet":
        """A network with torch's default random weights for `seed`; the global RNG is left alone."""
        with torch.random.fork_rng(devices=()):
            torch.manual_seed(seed)
            return cls()

    def forward(self, images: Tensor) -> Tensor:
        """Logits (image, unit) of images (image, row, column), 0 to 1."""
        return self.drive(images, "y")

    def drive(self, images: Tensor, layer: str) -> Tensor:
        """One layer's drive (image, *layer shape).

        Raises:
            UnknownLayer: The network has no such layer.
        """
        return self.responses(images, (layer,))[layer].drive

    def responses(self, images: Tensor, layers: Iterable[str] = tuple(LAYERS)) -> dict[str, Response]:
        """The responses of `layers`, in the network's order, computed only as deep as the deepest of them.

        Args:
            images: (image, row, column), 0 to 1.
            layers: Names from `LAYERS`.

        Raises:
            UnknownLayer: The network has no such layer.
        """
        wanted = {layer(name).name for name in layers}
        deepest = max((list(LAYERS).index(name) for name in wanted), default=-1)
        cascade = islice(self._cascade(images), deepest + 1)
        return {name: response for name, response in cascade if name in wanted}

    def _cascade(self, images: Tensor) -> Iterator[tuple[str, Response]]:
        # Channel as the innermost stride: the gradient with respect to a one-channel image takes half as long.
        x = ((images - PIXEL_MEAN) / PIXEL_SD).unsqueeze(-1).movedim(-1, 1)
        l1 = _rectified(F.max_pool2d(self.conv1(x), 2))  # (image, 6, 14, 14)
        yield "l1", l1
        l2 = _rectified(F.max_pool2d(self.conv2(l1.activity), 2))  # (image, 16, 7, 7)
        yield "l2", l2
        l3 = _rectified(self.fc1(l2.activity.flatten(start_dim=1)))
        yield "l3", l3
        l4 = _rectified(self.fc2(l3.activity))
        yield "l4", l4
        logits = self.fc3(l4.activity)
        yield "y", Response(logits, logits)


def _rectified(drive: Tensor) -> Response:
    return Response(drive, drive.relu())
