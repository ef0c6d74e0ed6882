"""3x3 convolutions with 2x2 max pooling and all their gradients, for one core and for few channels.

Images lie innermost, `LANES` of them side by side, so that whatever is done is done for whole vectors of images,
however few channels there are; torch's convolutions leave most of a processor idle where there are one or six, and
its pooling takes longer still. The gradient of a convolution is the same convolution over again, with the kernels
turned round, of what pooling hands down.

Maps are framed: (channel, row + 2, column + 2, lane) with a border that stays 0. A row with all its lanes is one
stretch of memory, long enough for any vectors, in which the place to the right lies `LANES` further on. `places`
(channel, row, column, lane) tell which of a block's four places, in C order, had the maximum; where several share it,
that is the first, as in torch.
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray

LANES = 16
"""Images side by side; a constant, so that the compiler knows how far apart neighbouring places are."""

_HELD_BACK = 4

# Products may be added up in any order and in one go with their multiplication.
_compiled = njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract", "nsz", "reassoc"})

Array = NDArray[np.float32]
Places = NDArray[np.uint8]


def framed(channels: int, side: int) -> Array:
    """Maps of nothing but 0."""
    return np.zeros((channels, side + 2, side + 2, LANES), np.float32)


@_compiled
def convolve_all(
    images: Array,
    kernels: tuple[Array, ...],
    biases: tuple[Array, ...],
    rectified: int,
    maps: tuple[Array, ...],
    places: tuple[Places, ...],
    above: Array,
) -> None:
    """From images (image, channel, row, column) to what is above the last convolution, a group of lanes at a time.

    The first `rectified` convolutions hand on their activity, the next one its drive. `places` have a group in front;
    `maps`, one below each convolution and one above the last, are left as they are for the last group.
    """
    for g in range(len(places[0])):
        group = slice(g * LANES, min((g + 1) * LANES, len(images)))
        _lay_side_by_side(images[group], maps[0])
        for depth in range(len(kernels)):
            floor = np.float32(0) if depth < rectified else np.float32(-np.inf)
            _convolve_and_pool(maps[depth], kernels[depth], biases[depth], floor, maps[depth + 1], places[depth][g])
        _take_apart(maps[len(kernels)], above[group])


@_compiled
def hand_down_to_images(
    of_above: Array,
    kernels: tuple[Array, ...],
    places: tuple[Places, ...],
    of_maps: tuple[Array, ...],
    spread: tuple[Array, ...],
    of_images: Array,
) -> None:
    """The gradient of the images, from that of what is above the last convolution (image, channel, row, column)."""
    for g in range(len(places[0])):
        group = slice(g * LANES, min((g + 1) * LANES, len(of_images)))
        _lay_side_by_side(of_above[group], of_maps[len(kernels)])
        for depth in range(len(kernels) - 1, -1, -1):
            _unpool(of_maps[depth + 1], places[depth][g], spread[depth])
            _convolve_back(spread[depth], kernels[depth], of_maps[depth])
        _take_apart(of_maps[0], of_images[group])


@_compiled
def hand_down_to_kernels(
    of_above: Array,
    kernels: tuple[Array, ...],
    places: tuple[Places, ...],
    maps: tuple[Array, ...],
    of_maps: tuple[Array, ...],
    spread: tuple[Array, ...],
    of_kernels: tuple[Array, ...],
    of_biases: tuple[Array, ...],
) -> None:
    """Adds the gradient of kernels and biases, by a single group, whose `maps` are as `convolve_all` left them."""
    _lay_side_by_side(of_above, of_maps[len(kernels)])
    for depth in range(len(kernels) - 1, -1, -1):
        _unpool(of_maps[depth + 1], places[depth][0], spread[depth])
        _add_products(maps[depth], spread[depth], of_kernels[depth], of_biases[depth])
        if depth:
            _convolve_back(spread[depth], kernels[depth], of_maps[depth])


@_compiled
def _lay_side_by_side(images: Array, maps: Array) -> None:
    """Images (image, channel, row, column), at most as many as there are lanes, into a frame; 0 into other lanes."""
    count, channels, rows, columns = images.shape
    for i in range(channels):
        for r in range(rows):
            for c in range(columns):
                place = maps[i, r + 1, c + 1]
                for n in range(count):
                    place[n] = images[n, i, r, c]
                place[count:] = 0


@_compiled
def _take_apart(maps: Array, images: Array) -> None:
    """Images (image, channel, row, column) out of a frame."""
    count, channels, rows, columns = images.shape
    for i in range(channels):
        for r in range(rows):
            for c in range(columns):
                place = maps[i, r + 1, c + 1]
                for n in range(count):
                    images[n, i, r, c] = place[n]


@_compiled
def _convolve_and_pool(
    below: Array, kernels: Array, bias: Array, floor: np.float32, above: Array, places: Places
) -> None:
    """The largest drive of each block, but at least `floor`, into `above`."""
    channels, rows, columns, _ = places.shape
    below_rows, above_rows, place_rows = _rows(below), _rows(above), _rows(places)
    upper, lower = np.empty(2 * columns * LANES, np.float32), np.empty(2 * columns * LANES, np.float32)
    for o in range(channels):
        for r in range(rows):
            upper[:], lower[:] = bias[o], bias[o]
            _convolve_two_rows(below_rows, kernels[o], r, upper, lower)
            _pool(upper, lower, floor, above_rows[o, r + 1, LANES:], place_rows[o, r])


@_compiled
def _convolve_back(above: Array, kernels: Array, below: Array) -> None:
    """What the gradient at every place above adds up to at every place below."""
    channels, rows, columns, _ = below.shape
    above_rows, below_rows = _rows(above), _rows(below)
    inside = slice(LANES, (columns - 1) * LANES)
    turned = np.empty((len(above), 3, 3), np.float32)
    for i in range(channels):
        for o in range(len(above)):
            for k in range(9):
                turned[o, k // 3, k % 3] = kernels[o, i, 2 - k // 3, 2 - k % 3]
        for r in range(rows // 2 - 1):
            upper, lower = below_rows[i, 2 * r + 1, inside], below_rows[i, 2 * r + 2, inside]
            upper[:], lower[:] = 0, 0
            _convolve_two_rows(above_rows, turned, r, upper, lower)


@_compiled
def _unpool(gradient: Array, places: Places, spread: Array) -> None:
    """The gradient at the place that was largest, 0 at the others."""
    channels, rows, columns, _ = places.shape
    for o in range(channels):
        for r in range(rows):
            for c in range(columns):
                value, place = gradient[o, r + 1, c + 1], places[o, r, c]
                for k in range(4):
                    handed_down = spread[o, 2 * r + 1 + k // 2, 2 * c + 1 + k % 2]
                    for n in range(LANES):
                        one = value[n]  # read before the choice, or this would not vectorise
                        handed_down[n] = one if place[n] == k else np.float32(0)


@_compiled
def _add_products(below: Array, spread: Array, of_kernels: Array, of_bias: Array) -> None:
    """Adds the gradient of kernels and bias: that of what they drive times what they are shown, over all places."""
    below_rows, spread_rows = _rows(below), _rows(spread)
    for o in range(len(spread)):
        of_bias[o] += _sum(spread_rows[o].reshape(-1))
        for i in range(len(below)):
            _add_products_of_channel(below_rows[i], spread_rows[o], of_kernels[o, i])


@_compiled
def _rows(maps: np.ndarray) -> np.ndarray:
    channels, rows, columns, lanes = maps.shape
    return maps.reshape(channels, rows, columns * lanes)


@_compiled
def _convolve_two_rows(below: Array, kernels: Array, r: int, upper: Array, lower: Array) -> None:
    """The upper and the lower row of the blocks of row `r`, from the four rows below them."""
    for i in range(len(kernels)):
        k00, k01, k02 = kernels[i, 0, 0], kernels[i, 0, 1], kernels[i, 0, 2]
        k10, k11, k12 = kernels[i, 1, 0], kernels[i, 1, 1], kernels[i, 1, 2]
        k20, k21, k22 = kernels[i, 2, 0], kernels[i, 2, 1], kernels[i, 2, 2]
        p, q, s, t = below[i, 2 * r], below[i, 2 * r + 1], below[i, 2 * r + 2], below[i, 2 * r + 3]
        p1, q1, s1, t1 = p[LANES:], q[LANES:], s[LANES:], t[LANES:]
        p2, q2, s2, t2 = p1[LANES:], q1[LANES:], s1[LANES:], t1[LANES:]
        for x in range(upper.size):
            upper[x] += (
                (k00 * p[x] + k01 * p1[x] + k02 * p2[x])
                + (k10 * q[x] + k11 * q1[x] + k12 * q2[x])
                + (k20 * s[x] + k21 * s1[x] + k22 * s2[x])
            )
            lower[x] += (
                (k00 * q[x] + k01 * q1[x] + k02 * q2[x])
                + (k10 * s[x] + k11 * s1[x] + k12 * s2[x])
                + (k20 * t[x] + k21 * t1[x] + k22 * t2[x])
            )


@_compiled
def _pool(upper: Array, lower: Array, floor: np.float32, above: Array, places: Places) -> None:
    for c in range(places.size // LANES):
        for n in range(LANES):
            a, b = upper[2 * c * LANES + n], upper[(2 * c + 1) * LANES + n]
            d, e = lower[2 * c * LANES + n], lower[(2 * c + 1) * LANES + n]
            largest = max(max(a, b), max(d, e))
            place = np.uint8(2) if d == largest else np.uint8(3)
            place = np.uint8(1) if b == largest else place
            place = np.uint8(0) if a == largest else place
            places[c * LANES + n] = place if largest > floor else np.uint8(_HELD_BACK)
            above[c * LANES + n] = max(largest, floor)


@_compiled
def _add_products_of_channel(below: Array, spread: Array, of_kernel: Array) -> None:
    t00 = t01 = t02 = t10 = t11 = t12 = t20 = t21 = t22 = np.float32(0)
    for r in range(len(below) - 2):
        gradient = spread[r + 1, LANES:-LANES]
        p, q, s = below[r], below[r + 1], below[r + 2]
        p1, q1, s1 = p[LANES:], q[LANES:], s[LANES:]
        p2, q2, s2 = p1[LANES:], q1[LANES:], s1[LANES:]
        for x in range(gradient.size):
            value = gradient[x]
            t00, t01, t02 = t00 + value * p[x], t01 + value * p1[x], t02 + value * p2[x]
            t10, t11, t12 = t10 + value * q[x], t11 + value * q1[x], t12 + value * q2[x]
            t20, t21, t22 = t20 + value * s[x], t21 + value * s1[x], t22 + value * s2[x]
    of_kernel += np.array(((t00, t01, t02), (t10, t11, t12), (t20, t21, t22)))


@_compiled
def _sum(values: Array) -> np.float32:
    total = np.float32(0)
    for x in range(values.size):
        total += values[x]
    return total
