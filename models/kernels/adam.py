"""Adam (Kingma & Ba 2015) in one go, for one core.

torch's own takes twice as long; ten times, once thousands of running means that nothing adds to have shrunk below the
smallest normal number, about 1e-38, where processors are slow: a network with dead units comes to that after 700 steps.
Here such a mean counts as 0.
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray

Array = NDArray[np.float32]

_KEPT, _KEPT_OF_SQUARE, _EPSILON = np.float32(0.9), np.float32(0.999), np.float32(1e-8)
_SMALLEST = np.finfo(np.float32).tiny


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract"})
def adam(weights: Array, exp_avg: Array, exp_avg_sq: Array, gradient: Array, count: int, learning_rate: float) -> None:
    """The `count`-th step, counted from 1, in place; all arrays are (parameter,)."""
    rate = np.float32(learning_rate / (1 - 0.9**count))
    scale = np.float32(1 / np.sqrt(1 - 0.999**count))
    for place in range(weights.size):
        slope = gradient[place]
        mean = exp_avg[place] + (np.float32(1) - _KEPT) * (slope - exp_avg[place])
        mean = mean if abs(mean) >= _SMALLEST else np.float32(0)
        square = _KEPT_OF_SQUARE * exp_avg_sq[place] + (np.float32(1) - _KEPT_OF_SQUARE) * slope * slope
        exp_avg[place], exp_avg_sq[place] = mean, square
        weights[place] -= rate * mean / (np.sqrt(square) * scale + _EPSILON)


def warm() -> None:
    """Compiles, or reads what was compiled before, so that nobody waits for it later."""
    nothing = np.zeros(1, np.float32)
    adam(nothing, nothing, nothing, nothing, 1, 0.01)
