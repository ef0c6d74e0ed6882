"""The digit network for one core, one image after the other, so that an image's numbers are the same in any company.

torch takes 85 µs to show the network one image, most of it to get from one operation to the next; here it takes 27. In
a batch torch is as quick, but there the last bits of an image's numbers depend on the others.

Channels lie innermost, side by side in the lanes of vector instructions. Maps are framed with a border of 0.
"""

from typing import NamedTuple

import numpy as np
import torch.nn.functional as F
from numba import njit
from numpy.typing import NDArray
from torch import Tensor

from models.digit_net import LAYERS, PIXEL_MEAN, PIXEL_SD, DigitNet

LANES = 16
"""Channels at once, as many as the second convolution has; a constant, so that the compiler need not ask how many."""

Array = NDArray[np.float32]


class Weights(NamedTuple):
    """A network's weights as read here: kernels (row, column, channel below, lane), matrices (below, above)."""

    conv1: Array
    conv1_bias: Array
    conv2: Array
    conv2_bias: Array
    fc1: Array
    fc1_bias: Array
    fc2: Array
    fc2_bias: Array
    fc3: Array
    fc3_bias: Array

    @classmethod
    def of(cls, network: DigitNet) -> "Weights":
        """A copy of this network's weights."""
        parts: list[Tensor | None] = []
        for convolution in (network.conv1, network.conv2):
            kernels = convolution.weight.permute(2, 3, 1, 0)
            parts += [F.pad(kernels, (0, LANES - kernels.shape[-1])), convolution.bias]
        for dense in (network.fc1, network.fc2, network.fc3):
            parts += [dense.weight.t(), dense.bias]
        return cls(*(part.detach().numpy().copy(order="C") for part in parts if part is not None))


class Drives(NamedTuple):
    """What each layer says to each image before the ReLU: (image, *layer shape)."""

    l1: Array
    l2: Array
    l3: Array
    l4: Array
    y: Array


def drives(weights: Weights, images: Array) -> Drives:
    """The drive of every layer for float32 images (image, row, column), 0 to 1."""
    found = Drives(*(np.empty((len(images), *layer.shape), np.float32) for layer in LAYERS.values()))
    _record(weights, np.ascontiguousarray(images, np.float32), found)
    return found


def warm() -> None:
    """Compiles, or reads what was compiled before, so that nobody waits for it later."""
    drives(Weights.of(DigitNet()), np.zeros((1, 28, 28), np.float32))


# Products may be added up in any order and in one go with their multiplication.
_FAST = {"contract", "nsz", "reassoc"}


@njit(cache=True, nogil=True)
def _record(weights: Weights, images: Array, found: Drives) -> None:
    pixels, maps = np.zeros((30, 30, 1), np.float32), np.zeros((16, 16, 6), np.float32)
    nothing, mean, sd = np.float32(0), np.float32(PIXEL_MEAN), np.float32(PIXEL_SD)
    for n in range(len(images)):
        for r in range(28):
            for c in range(28):
                pixels[r + 1, c + 1, 0] = (images[n, r, c] - mean) / sd
        _convolve_and_pool(pixels, weights.conv1, weights.conv1_bias, found.l1[n])
        for i in range(6):
            for r in range(14):
                for c in range(14):
                    maps[r + 1, c + 1, i] = max(found.l1[n, i, r, c], nothing)
        _convolve_and_pool(maps, weights.conv2, weights.conv2_bias, found.l2[n])
        _weigh(found.l2[n].reshape(-1), weights.fc1, weights.fc1_bias, found.l3[n])
        _weigh(found.l3[n], weights.fc2, weights.fc2_bias, found.l4[n])
        _weigh(found.l4[n], weights.fc3, weights.fc3_bias, found.y[n])


@njit(nogil=True, fastmath=_FAST)
def _convolve_and_pool(below: Array, kernels: Array, bias: Array, above: Array) -> None:
    """The largest drive of each 2x2 block; each weight is read once for all four places."""
    channels, rows, columns = above.shape
    block = np.empty((4, LANES), np.float32)
    for r in range(rows):
        for c in range(columns):
            block[:] = 0
            upper_left, upper_right, lower_left, lower_right = block[0], block[1], block[2], block[3]
            for i in range(3):
                for j in range(3):
                    for m in range(below.shape[2]):
                        weights = kernels[i, j, m]
                        a, b = below[2 * r + i, 2 * c + j, m], below[2 * r + i, 2 * c + j + 1, m]
                        d, e = below[2 * r + i + 1, 2 * c + j, m], below[2 * r + i + 1, 2 * c + j + 1, m]
                        for o in range(LANES):
                            upper_left[o] += a * weights[o]
                            upper_right[o] += b * weights[o]
                            lower_left[o] += d * weights[o]
                            lower_right[o] += e * weights[o]
            for o in range(channels):
                largest = max(max(upper_left[o], upper_right[o]), max(lower_left[o], lower_right[o]))
                above[o, r, c] = largest + bias[o]


@njit(nogil=True, fastmath=_FAST)
def _weigh(below: Array, weights: Array, bias: Array, above: Array) -> None:
    """A dense layer's drive, of the activity that the drive below it makes, four units at a time."""
    nothing = np.float32(0)
    above[:] = bias
    for i in range(0, len(below), 4):
        a, b, d, e = (
            max(below[i], nothing),
            max(below[i + 1], nothing),
            max(below[i + 2], nothing),
            max(below[i + 3], nothing),
        )
        if a + b + d + e == nothing:
            continue  # three quarters of fc1's weights stay unread: they would drive other things out of the cache
        of_a, of_b, of_d, of_e = weights[i], weights[i + 1], weights[i + 2], weights[i + 3]
        for o in range(len(above)):
            above[o] += (a * of_a[o] + b * of_b[o]) + (d * of_d[o] + e * of_e[o])
