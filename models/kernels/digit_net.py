"""The digit network for one core, one image after the other, so that an image's numbers are the same in any company.

torch takes 85 µs to show the network one image, most of it to get from one operation to the next; here it takes 15. In
a batch torch is as quick, but there the last bits of an image's numbers depend on the others.

A framed map (channel, row, column) has a border of 0, below it one row more. Each channel is one stretch of memory, in
which the places around one lie at fixed distances, so that a whole map is convolved in one loop over vectors; what it
makes of places on the border is left unread.
"""

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray
from torch import Tensor

from models.digit_net import LAYERS, PIXEL_MEAN, PIXEL_SD, DigitNet

Array = NDArray[np.float32]


class Weights(NamedTuple):
    """A network's weights as read here: kernels (channel, channel below, row, column), matrices (below, above)."""

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
            parts += [convolution.weight, convolution.bias]
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
    pixels, maps = np.zeros((1, 31, 30), np.float32), np.zeros((6, 17, 16), np.float32)
    nothing, mean, sd = np.float32(0), np.float32(PIXEL_MEAN), np.float32(PIXEL_SD)
    for n in range(len(images)):
        for r in range(28):
            for c in range(28):
                pixels[0, r + 1, c + 1] = (images[n, r, c] - mean) / sd
        _convolve_and_pool(pixels, weights.conv1, weights.conv1_bias, found.l1[n])
        for i in range(6):
            for r in range(14):
                for c in range(14):
                    maps[i, r + 1, c + 1] = max(found.l1[n, i, r, c], nothing)
        _convolve_and_pool(maps, weights.conv2, weights.conv2_bias, found.l2[n])
        _weigh(found.l2[n].reshape(-1), weights.fc1, weights.fc1_bias, found.l3[n])
        _weigh(found.l3[n], weights.fc2, weights.fc2_bias, found.l4[n])
        _weigh(found.l4[n], weights.fc3, weights.fc3_bias, found.y[n])


@njit(nogil=True, fastmath=_FAST)
def _convolve_and_pool(below: Array, kernels: Array, bias: Array, above: Array) -> None:
    """The largest drive of each 2x2 block, of framed maps."""
    channels, rows, columns = above.shape
    width, stretches = below.shape[2], below.reshape(len(below), -1)
    drive = np.empty(2 * rows * width, np.float32)
    for o in range(channels):
        drive[:] = bias[o]
        for i in range(len(below)):
            _add_convolved(stretches[i], kernels[o, i], width, drive)
        for r in range(rows):
            upper, lower = drive[2 * r * width :], drive[(2 * r + 1) * width :]
            for c in range(columns):
                above[o, r, c] = max(max(upper[2 * c], upper[2 * c + 1]), max(lower[2 * c], lower[2 * c + 1]))


@njit(nogil=True, fastmath=_FAST)
def _add_convolved(below: Array, kernel: Array, width: int, drive: Array) -> None:
    """Adds what one channel below gives to each place of a channel above."""
    k00, k01, k02 = kernel[0, 0], kernel[0, 1], kernel[0, 2]
    k10, k11, k12 = kernel[1, 0], kernel[1, 1], kernel[1, 2]
    k20, k21, k22 = kernel[2, 0], kernel[2, 1], kernel[2, 2]
    p, q, s = below, below[width:], below[2 * width :]
    p1, q1, s1 = p[1:], q[1:], s[1:]
    p2, q2, s2 = p[2:], q[2:], s[2:]
    for x in range(drive.size):
        drive[x] += (
            (k00 * p[x] + k01 * p1[x] + k02 * p2[x])
            + (k10 * q[x] + k11 * q1[x] + k12 * q2[x])
            + (k20 * s[x] + k21 * s1[x] + k22 * s2[x])
        )


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
