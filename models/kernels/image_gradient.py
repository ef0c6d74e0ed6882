"""The drive of a digit network's layers with a quick gradient of the images alone, as a search climbs it, for one core.

Its convolutions are compiled, its dense layers are torch's. A step of 64 images takes half the time that it takes with
torch's convolutions and autograd.
"""

from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from models.digit_net import LAYERS, PIXEL_MEAN, PIXEL_SD, DigitNet, Layer
from models.kernels.pooled_convolution import LANES, convolve_all, framed, hand_down_to_images


def warm() -> None:
    """Compiles, or reads what was compiled before, so that nobody waits for it later."""
    images = torch.zeros(1, 28, 28, requires_grad=True)
    with torch.enable_grad():
        for layer in LAYERS.values():
            ClimbableDrive(DigitNet.initialised(0), layer)(images).sum().backward()


class ClimbableDrive:
    """One layer's drive as a function of images that has a gradient; the weights get none.

    To rounding, the numbers are those of the network. Where several of four places share the maximum, the first in C
    order gets the gradient, as in torch. Not for several threads at once: they would share its maps.
    """

    def __init__(self, network: DigitNet, layer: Layer) -> None:
        depth = list(LAYERS).index(layer.name) + 1
        convolutions = (network.conv1, network.conv2)[:depth]
        self._kernels = tuple(each.weight.detach().numpy() for each in convolutions)
        self._biases = tuple(each.bias.detach().numpy() for each in convolutions if each.bias is not None)
        dense = (network.fc1, network.fc2, network.fc3)[: max(0, depth - len(convolutions))]
        self._dense = [(each.weight.detach(), each.bias.detach()) for each in dense]
        # What is below each convolution and above the last one, then what pooling hands down to each.
        channels, sides = [1, *map(len, self._kernels)], [28, 14, 7]
        self._maps = tuple(map(framed, channels, sides))
        self._spread = tuple(map(framed, channels[1:], sides))

    def __call__(self, images: Tensor) -> Tensor:
        """The drive (image, *layer shape) of float32 images (image, row, column), 0 to 1, on the CPU."""
        return _Drive.apply(images, self)  # type: ignore[no-any-return]

    def of(self, images: Tensor) -> tuple[Tensor, "_Passage"]:
        """The drive, and the way that its gradient goes down."""
        groups = -(-len(images) // LANES)
        shapes = [(len(maps), *maps[0, 1:-1, 1:-1, 0].shape) for maps in self._maps[1:]]
        places = tuple(np.empty((groups, *shape, LANES), np.uint8) for shape in shapes)
        above = torch.empty(len(images), *shapes[-1])
        normalised = ((images - PIXEL_MEAN) / PIXEL_SD)[:, None].numpy()
        rectified = len(self._kernels) if self._dense else len(self._kernels) - 1
        convolve_all(normalised, self._kernels, self._biases, rectified, self._maps, places, above.numpy())
        if not self._dense:
            return above, _Passage(places, [])
        activities, drive = [], above.flatten(start_dim=1)
        for weights, bias in self._dense:
            activities.append(drive.relu_())
            drive = torch.addmm(bias, activities[-1], weights.t())
        return drive, _Passage(places, activities)

    def gradient(self, of_drive: Tensor, passage: "_Passage") -> Tensor:
        """The gradient of the images (image, row, column)."""
        for number in range(len(self._dense) - 1, -1, -1):
            of_drive = self._handed_down(number, of_drive, passage)
        of_drive = of_drive.reshape(len(of_drive), *passage.places[-1].shape[1:-1])
        images = torch.empty(len(of_drive), 1, 28, 28)
        hand_down_to_images(of_drive.numpy(), self._kernels, passage.places, self._maps, self._spread, images.numpy())
        return images[:, 0].div_(PIXEL_SD)

    def _handed_down(self, number: int, of_drive: Tensor, passage: "_Passage") -> Tensor:
        """The gradient of the drive below a dense layer, that of its own given."""
        of_activity = of_drive @ self._dense[number][0]
        # What the ReLU below the first one holds back is noted in the places.
        return of_activity.mul_(passage.activities[number] > 0) if number else of_activity


class _Passage(NamedTuple):
    """Which place of each block had the maximum, by convolution, and what each dense layer was shown."""

    places: tuple[np.ndarray, ...]
    activities: list[Tensor]


class _Drive(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, images: Tensor, drive: ClimbableDrive) -> Tensor:
        ctx.drive = drive
        found, ctx.passage = drive.of(images)
        return found

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        return ctx.drive.gradient(gradients[0], ctx.passage), None
