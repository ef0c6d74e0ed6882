"""What there is to say of a layer's activity, told in one look at it; numpy's eight looks take 22 µs for each layer."""

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray


class Summary(NamedTuple):
    """Of one layer and one image.

    Attributes:
        activity: float64, of the layer's shape.
        active: How many units are above 0.
        top: The most active units (rank,), as flat indices; of equals, those that come first.
    """

    activity: NDArray[np.float64]
    minimum: float
    maximum: float
    mean: float
    active: int
    top: NDArray[np.int64]


def summary(drive: NDArray[np.float32], rectified: bool, top_units: int) -> Summary:
    """The activity that this drive makes, after a ReLU where it is `rectified`, and what there is to say of it."""
    activity, top = np.empty(drive.shape, np.float64), np.empty(min(top_units, drive.size), np.int64)
    minimum, maximum, total, active = _look(drive.reshape(-1), rectified, activity.reshape(-1), top)
    return Summary(activity, minimum, maximum, total / drive.size, int(active), top)


def warm() -> None:
    """Compiles, or reads what was compiled before, so that nobody waits for it later."""
    summary(np.zeros(1, np.float32), True, 1)


@njit(cache=True, nogil=True)
def _look(
    drive: NDArray[np.float32], rectified: bool, activity: NDArray[np.float64], top: NDArray[np.int64]
) -> tuple[float, float, float, np.int_]:
    minimum, maximum, total, active, ranked = np.inf, -np.inf, 0.0, np.int_(0), 0
    for unit in range(drive.size):
        value = np.float64(drive[unit])
        if rectified and not value > 0:
            value = 0.0
        activity[unit] = value
        minimum, maximum, total = min(minimum, value), max(maximum, value), total + value
        active += value > 0
        if ranked < top.size or value > activity[top[-1]]:
            ranked = min(ranked + 1, top.size)
            rank = ranked - 1
            while rank > 0 and value > activity[top[rank - 1]]:
                top[rank] = top[rank - 1]
                rank -= 1
            top[rank] = unit
    return minimum, maximum, total, active
