"""What was recorded around events, averaged over all of them; numpy takes two looks at everything for each lag."""

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray


class EventAverages(NamedTuple):
    """Around events of one kind.

    Attributes:
        n: (lag,): how many events have this lag within their trial.
        mean: (lag, value), over those events; NaN where there are none.
        sd: (lag, value), likewise, the sum of squares divided by their number.
    """

    n: NDArray[np.int64]
    mean: NDArray[np.float64]
    sd: NDArray[np.float64]


def event_averages(traces: NDArray[np.float32], events: NDArray[np.bool_], lags: range) -> EventAverages:
    """Averages of `traces` (trial, time, value) at each of the successive `lags` from the `events` (trial, time)."""
    shape = len(lags), traces.shape[2]
    averages = EventAverages(np.zeros(len(lags), np.int64), np.zeros(shape), np.zeros(shape))
    _average(np.ascontiguousarray(traces), np.flatnonzero(events), lags.start, *averages)
    return averages


def warm() -> None:
    """Compiles, or reads what was compiled before, so that nobody waits for it later."""
    event_averages(np.zeros((1, 1, 1), np.float32), np.ones((1, 1), np.bool_), range(1))


@njit(cache=True, nogil=True, error_model="numpy")
def _average(
    traces: NDArray[np.float32],
    events: NDArray[np.int64],
    first_lag: int,
    n: NDArray[np.int64],
    mean: NDArray[np.float64],
    sd: NDArray[np.float64],
) -> None:
    """Fills the last three, which are 0: means first, so that deviations from them can be squared.

    Args:
        traces: (trial, time, value).
        events: (event), flat indices of trial and time.
        first_lag: The first of as many successive lags as there is room for.
        n: (lag).
        mean: (lag, value).
        sd: (lag, value).
    """
    duration = traces.shape[1]
    for event in events:
        trial, first = event // duration, event % duration + first_lag
        for step in range(max(0, first), min(duration, first + len(n))):
            n[step - first] += 1
            for value in range(traces.shape[2]):
                mean[step - first, value] += traces[trial, step, value]
    for lag in range(len(n)):
        mean[lag] /= n[lag]
    for event in events:
        trial, first = event // duration, event % duration + first_lag
        for step in range(max(0, first), min(duration, first + len(n))):
            for value in range(traces.shape[2]):
                sd[step - first, value] += (traces[trial, step, value] - mean[step - first, value]) ** 2
    for lag in range(len(n)):
        sd[lag] = np.sqrt(sd[lag] / n[lag])
