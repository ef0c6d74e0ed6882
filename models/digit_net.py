"""The lab's convolutional network for handwritten digits (notebook, section 1), and what can be recorded from it."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from math import prod
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from models.errors import UnknownLayer

if TYPE_CHECKING:
    from models.kernels.digit_net import Weights

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


Drives = Mapping[str, NDArray[np.float32]]
"""Each layer's drive (image, *layer shape), before the ReLU."""


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
        self._all_weights = tuple(self.parameters())
        self._copy: tuple[tuple[int, ...], Weights] | None = None

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

    def compiled_drive(self, layer: str) -> Callable[[Tensor], Tensor]:
        """One layer's drive as a function of images (image, row, column): `drive` to rounding, on a CPU compiled.

        There the images alone have a gradient, and it serves one thread at a time. Weights count as they are when it is
        called. Loading the compiler takes half a second and 60 MB, so only jobs ask for it.

        Raises:
            UnknownLayer: The network has no such layer.
        """
        described = list(LAYERS.values())[_position(layer)]
        if self.fc3.weight.device.type != "cpu":
            return lambda images: self.drive(images, layer)
        from models.kernels.image_gradient import ClimbableDrive

        return ClimbableDrive(self, described)

    def responses(self, images: Tensor, layers: Iterable[str] = tuple(LAYERS)) -> dict[str, Response]:
        """The responses of `layers`, in the network's order, computed only as deep as the deepest of them.

        Args:
            images: (image, row, column), 0 to 1.
            layers: Names from `LAYERS`.

        Raises:
            UnknownLayer: The network has no such layer.
        """
        wanted = set(layers)
        deepest = max(map(_position, wanted), default=-1)
        cascade = islice(self._cascade(images), deepest + 1)
        return {name: response for name, response in cascade if name in wanted}

    def responses_one_by_one(self, images: Tensor, layers: Iterable[str] = tuple(LAYERS)) -> dict[str, Response]:
        """As `responses`, with each image shown alone: its numbers are the same, bit for bit, in any company.

        On a CPU they are computed by a compiled kernel, without gradients.

        Args:
            images: (image, row, column), 0 to 1.
            layers: Names from `LAYERS`.

        Raises:
            UnknownLayer: The network has no such layer.
        """
        wanted = sorted(set(layers), key=_position)
        if images.device.type != "cpu":
            alone = [self.responses(image[None], wanted) for image in images]
            return {
                name: Response(*map(torch.cat, zip(*(each[name] for each in alone), strict=True))) for name in wanted
            }
        drives = self.drives_one_by_one(images.detach().numpy())
        return {name: _answered(name, torch.from_numpy(drives[name])) for name in wanted}

    def drives_one_by_one(self, images: NDArray[np.float32]) -> Drives:
        """The drives of images (image, row, column), each shown alone; on a CPU."""
        from models.kernels.digit_net import drives

        return drives(self._weights(), images)._asdict()

    def logits_after(self, layer: str, activity: Tensor) -> Tensor:
        """The logits (image, unit) that follow from one layer's activity (image, *layer shape), whatever made it.

        Raises:
            UnknownLayer: The network has no such layer.
        """
        for name in list(LAYERS)[_position(layer) + 1 :]:
            activity = self._answer(name, activity).activity
        return activity

    def _weights(self) -> "Weights":
        """The weights as the kernel reads them, copied anew when they have changed."""
        versions = tuple(0 if each.is_inference() else each._version for each in self._all_weights)
        if self._copy is None or self._copy[0] != versions:
            from models.kernels.digit_net import Weights

            self._copy = versions, Weights.of(self)
        return self._copy[1]

    def _cascade(self, images: Tensor) -> Iterator[tuple[str, Response]]:
        below = ((images - PIXEL_MEAN) / PIXEL_SD).unsqueeze(1)
        for name in LAYERS:
            response = self._answer(name, below)
            yield name, response
            below = response.activity

    def _answer(self, layer: str, below: Tensor) -> Response:
        """What a layer makes of the activity below it; below `l1` are the normalised pixels (image, 1, row, column)."""
        match layer:
            case "l1":
                drive = _pooled_convolution(below, self.conv1.weight, self.conv1.bias)
            case "l2":
                drive = _pooled_convolution(below, self.conv2.weight, self.conv2.bias)
            case "l3":
                drive = self.fc1(below.flatten(start_dim=1))
            case "l4":
                drive = self.fc2(below)
            case _:
                drive = self.fc3(below)
        return _answered(layer, drive)


def _pooled_convolution(below: Tensor, kernels: Tensor, bias: Tensor | None) -> Tensor:
    maps = F.conv2d(below, kernels, bias, padding=1)
    if torch.is_grad_enabled():
        return F.max_pool2d(maps, 2)
    # The same maxima in a third of the time; their gradient would take longer.
    rows = torch.maximum(maps[:, :, 0::2], maps[:, :, 1::2])
    return torch.maximum(rows[..., 0::2], rows[..., 1::2])


def _position(name: str) -> int:
    return list(LAYERS).index(layer(name).name)


def _answered(layer: str, drive: Tensor) -> Response:
    """A layer's response of this drive; logits are handed on as they are."""
    return Response(drive, drive if layer == "y" else drive.relu())
