"""The drive of a digit network's layers with a quick gradient of the images alone, as a search climbs it, for one core.

Images lie innermost, `LANES` of them side by side, so that whatever is done is done for whole vectors of images,
however few channels there are; torch's convolutions leave most of a processor idle where there are one or six. The
gradient of a convolution is the same convolution over again, with the kernels turned round, of what pooling hands
down. A step of 64 images takes 60% of the time that it takes with torch's convolutions and autograd.

Maps are framed: (channel, row + 2, column + 2, lane) with a border that stays 0. The dense layers are torch's.
"""

from typing import Any, NamedTuple

import numpy as np
import torch
from numba import njit
from torch import Tensor

from models.digit_net import LAYERS, PIXEL_MEAN, PIXEL_SD, DigitNet, Layer

LANES = 32
"""Images side by side; a constant, so that the compiler knows how far apart neighbouring places are."""

_HELD_BACK = 4
"""The place of a block whose maximum the ReLU holds back: nothing is handed down."""


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
        self._turned = tuple(np.ascontiguousarray(each[:, :, ::-1, ::-1].swapaxes(0, 1)) for each in self._kernels)
        dense = (network.fc1, network.fc2, network.fc3)[: max(0, depth - len(convolutions))]
        self._dense = [(each.weight.detach(), each.bias.detach()) for each in dense]
        # What is below each convolution and above the last one, then what pooling hands down to each.
        channels, sides = [1, *map(len, self._kernels)], [28, 14, 7]
        self._maps = tuple(map(_framed, channels, sides))
        self._spread = tuple(map(_framed, channels[1:], sides))

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
        _convolve_all(normalised, self._kernels, self._biases, self._maps, places, rectified, above.numpy())
        if not self._dense:
            return above, _Passage(places, [])
        activities, drive = [], above.flatten(start_dim=1)
        for weights, bias in self._dense:
            activities.append(drive.relu_())
            drive = torch.addmm(bias, activities[-1], weights.t())
        return drive, _Passage(places, activities[1:])

    def gradient(self, of_drive: Tensor, passage: "_Passage") -> Tensor:
        """The gradient of the images (image, row, column)."""
        for number, (weights, _) in reversed(list(enumerate(self._dense))):
            of_drive = of_drive @ weights
            if number:  # what the ReLU below the first one holds back is noted in the places
                of_drive.mul_(passage.activities[number - 1] > 0)
        of_drive = of_drive.reshape(len(of_drive), *passage.places[-1].shape[1:-1])
        images = torch.empty(len(of_drive), 1, 28, 28)
        _hand_all_down(of_drive.numpy(), self._turned, self._maps, self._spread, passage.places, images.numpy())
        return images[:, 0].div_(PIXEL_SD)


class _Passage(NamedTuple):
    """Which place of each block had the maximum, by convolution, and what each dense layer but the first was shown."""

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


def _framed(channels: int, side: int) -> np.ndarray:
    return np.zeros((channels, side + 2, side + 2, LANES), np.float32)


# Products may be added up in any order and in one go with their multiplication.
_FAST = {"contract", "nsz", "reassoc"}


@njit(cache=True, nogil=True)
def _convolve_all(
    images: np.ndarray,
    kernels: tuple[np.ndarray, ...],
    biases: tuple[np.ndarray, ...],
    maps: tuple[np.ndarray, ...],
    places: tuple[np.ndarray, ...],
    rectified: int,
    above: np.ndarray,
) -> None:
    """From images (image, 1, row, column) to what is above the last convolution, a group of lanes at a time.

    The first `rectified` convolutions hand on their activity, the next one its drive.
    """
    for g in range(len(places[0])):
        group = slice(g * LANES, min((g + 1) * LANES, len(images)))
        _lay_side_by_side(images[group], maps[0])
        for depth in range(len(kernels)):
            _convolve_and_pool(maps[depth], kernels[depth], biases[depth], maps[depth + 1], places[depth][g])
            if depth < rectified:
                _rectify(maps[depth + 1], places[depth][g])
        _take_apart(maps[len(kernels)], above[group])


@njit(cache=True, nogil=True)
def _hand_all_down(
    of_drive: np.ndarray,
    turned: tuple[np.ndarray, ...],
    maps: tuple[np.ndarray, ...],
    spread: tuple[np.ndarray, ...],
    places: tuple[np.ndarray, ...],
    of_images: np.ndarray,
) -> None:
    """The gradient the same way down."""
    for g in range(len(places[0])):
        group = slice(g * LANES, min((g + 1) * LANES, len(of_images)))
        _lay_side_by_side(of_drive[group], maps[len(turned)])
        for depth in range(len(turned) - 1, -1, -1):
            _unpool(maps[depth + 1], places[depth][g], spread[depth])
            _convolve(spread[depth], turned[depth], maps[depth])
        _take_apart(maps[0], of_images[group])


@njit(cache=True, nogil=True)
def _lay_side_by_side(maps: np.ndarray, framed: np.ndarray) -> None:
    """Maps (image, channel, row, column) into a frame."""
    images, channels, rows, columns = maps.shape
    for i in range(channels):
        for r in range(rows):
            for c in range(columns):
                for n in range(images):
                    framed[i, r + 1, c + 1, n] = maps[n, i, r, c]


@njit(cache=True, nogil=True)
def _take_apart(framed: np.ndarray, maps: np.ndarray) -> None:
    """Maps (image, channel, row, column) out of a frame."""
    images, channels, rows, columns = maps.shape
    for i in range(channels):
        for r in range(rows):
            for c in range(columns):
                for n in range(images):
                    maps[n, i, r, c] = framed[i, r + 1, c + 1, n]


@njit(cache=True, nogil=True, fastmath=_FAST)
def _convolve_and_pool(
    below: np.ndarray, kernels: np.ndarray, bias: np.ndarray, pooled: np.ndarray, place: np.ndarray
) -> None:
    """The maximum of each block into `pooled`, which of its four places (C order) has it into `place`."""
    channels, rows, columns, _ = place.shape
    block = np.empty((4, LANES), np.float32)
    for o in range(channels):
        for r in range(rows):
            for c in range(columns):
                _convolve_block(below, kernels[o], r, c, block)
                largest, where = pooled[o, r + 1, c + 1], place[o, r, c]
                for n in range(LANES):
                    upper, lower = max(block[0, n], block[1, n]), max(block[2, n], block[3, n])
                    upper_place = np.uint8(0) if block[0, n] >= block[1, n] else np.uint8(1)
                    lower_place = np.uint8(2) if block[2, n] >= block[3, n] else np.uint8(3)
                    where[n] = upper_place if upper >= lower else lower_place
                    largest[n] = max(upper, lower) + bias[o]


@njit(cache=True, nogil=True, fastmath=_FAST)
def _convolve(below: np.ndarray, kernels: np.ndarray, maps: np.ndarray) -> None:
    channels, rows, columns, _ = maps.shape
    block = np.empty((4, LANES), np.float32)
    for o in range(channels):
        for r in range(rows // 2 - 1):
            for c in range(columns // 2 - 1):
                _convolve_block(below, kernels[o], r, c, block)
                maps[o, 2 * r + 1, 2 * c + 1], maps[o, 2 * r + 1, 2 * c + 2] = block[0], block[1]
                maps[o, 2 * r + 2, 2 * c + 1], maps[o, 2 * r + 2, 2 * c + 2] = block[2], block[3]


@njit(cache=True, nogil=True)
def _rectify(pooled: np.ndarray, place: np.ndarray) -> None:
    channels, rows, columns, _ = place.shape
    for o in range(channels):
        for r in range(rows):
            for c in range(columns):
                drive, where = pooled[o, r + 1, c + 1], place[o, r, c]
                for n in range(LANES):
                    where[n] = where[n] if drive[n] > 0 else np.uint8(_HELD_BACK)
                    drive[n] = max(drive[n], np.float32(0))


@njit(cache=True, nogil=True)
def _unpool(gradient: np.ndarray, place: np.ndarray, spread: np.ndarray) -> None:
    """The gradient at the place that was largest, 0 at the others."""
    channels, rows, columns, _ = place.shape
    for o in range(channels):
        for r in range(rows):
            for c in range(columns):
                value, where = gradient[o, r + 1, c + 1], place[o, r, c]
                for k in range(4):
                    handed_down = spread[o, 2 * r + 1 + k // 2, 2 * c + 1 + k % 2]
                    for n in range(LANES):
                        one = value[n]  # read before the choice, or this would not vectorise
                        handed_down[n] = one if where[n] == k else np.float32(0)


@njit(nogil=True, fastmath=_FAST, inline="always")
def _convolve_block(below: np.ndarray, kernels: np.ndarray, r: int, c: int, block: np.ndarray) -> None:
    """The four places (C order) of one 2x2 block, from the 4x4 places below it: 36 products a channel."""
    block[:] = 0
    for i in range(len(kernels)):
        k00, k01, k02 = kernels[i, 0, 0], kernels[i, 0, 1], kernels[i, 0, 2]
        k10, k11, k12 = kernels[i, 1, 0], kernels[i, 1, 1], kernels[i, 1, 2]
        k20, k21, k22 = kernels[i, 2, 0], kernels[i, 2, 1], kernels[i, 2, 2]
        row0, row1 = below[i, 2 * r, 2 * c : 2 * c + 4], below[i, 2 * r + 1, 2 * c : 2 * c + 4]
        row2, row3 = below[i, 2 * r + 2, 2 * c : 2 * c + 4], below[i, 2 * r + 3, 2 * c : 2 * c + 4]
        for n in range(LANES):
            p0, p1, p2, p3 = row0[0, n], row0[1, n], row0[2, n], row0[3, n]
            q0, q1, q2, q3 = row1[0, n], row1[1, n], row1[2, n], row1[3, n]
            s0, s1, s2, s3 = row2[0, n], row2[1, n], row2[2, n], row2[3, n]
            t0, t1, t2, t3 = row3[0, n], row3[1, n], row3[2, n], row3[3, n]
            block[0, n] += (
                (k00 * p0 + k01 * p1 + k02 * p2) + (k10 * q0 + k11 * q1 + k12 * q2) + (k20 * s0 + k21 * s1 + k22 * s2)
            )
            block[1, n] += (
                (k00 * p1 + k01 * p2 + k02 * p3) + (k10 * q1 + k11 * q2 + k12 * q3) + (k20 * s1 + k21 * s2 + k22 * s3)
            )
            block[2, n] += (
                (k00 * q0 + k01 * q1 + k02 * q2) + (k10 * s0 + k11 * s1 + k12 * s2) + (k20 * t0 + k21 * t1 + k22 * t2)
            )
            block[3, n] += (
                (k00 * q1 + k01 * q2 + k02 * q3) + (k10 * s1 + k11 * s2 + k12 * s3) + (k20 * t1 + k21 * t2 + k22 * t3)
            )
