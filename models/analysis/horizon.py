"""After which delay does a memory network fail?"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from models.analysis.report_error import report_error
from models.errors import InvalidTask
from models.memory_lstm import Clamp, MemoryLSTM
from models.memory_task import Trials, memory_trials_with_delay

DELAYS_MS = (1, 2, 3, 5, 7, 10, 15, 20, 30, 50, 70, 100, 150, 200, 300, 500, 700, 1000)
FEWEST_TRIALS = 16
_RESAMPLES = 1000


def horizon(
    network: MemoryLSTM,
    delays: Sequence[int] = DELAYS_MS,
    trials: int = 256,
    criterion: float = 0.9,
    seed: int = 0,
    clamps: Sequence[Clamp] = (),
) -> dict[str, Any]:
    """The network's scores over true delays, with fresh trials of one sequence at each.

    Returns:
        `curve`, by ascending delay: `delay_ms`, `report_rmse`, `chance_rmse`, `r2`, `r2_interval` (bootstrap over
        trials, 95 %), `gain` and `correlation`, as in `report_error`; and `horizon_ms`, the longest of these delays up
        to which `r2` stays at or above `criterion`, 0 if it never is.

    Raises:
        InvalidTask: No delay or one under 1 ms, fewer than 16 trials, or a criterion outside 0 to 1.
    """
    if not delays:
        raise InvalidTask("No delay was asked for; give at least one, in ms.", "/delays")
    if trials < FEWEST_TRIALS:
        raise InvalidTask(f"{trials} trials tell too little; use at least {FEWEST_TRIALS}.", "/trials")
    if not 0 <= criterion <= 1:
        raise InvalidTask(
            "The criterion for R2 lies outside the range from 0 to 1; 0.9 is a common choice.", "/criterion"
        )
    curve = [_point(network, delay, trials, seed, clamps) for delay in sorted(set(delays))]
    horizon_ms = 0
    for point in curve:
        if point["r2"] < criterion:
            break
        horizon_ms = point["delay_ms"]
    return {"curve": curve, "horizon_ms": horizon_ms}


def predict(network: MemoryLSTM, trials: Trials, clamps: Sequence[Clamp] = ()) -> NDArray[np.float32]:
    """What the network answers in each step, (trial, time), with its gates held by `clamps`."""
    inputs = torch.from_numpy(trials.inputs)
    if clamps:
        return network.record(inputs, clamps, trials.periods()).predicted.numpy()
    with torch.no_grad():
        return network(inputs).numpy()


def _point(network: MemoryLSTM, delay: int, n_trials: int, seed: int, clamps: Sequence[Clamp]) -> dict[str, Any]:
    trials = memory_trials_with_delay(delay=delay, n_repeat=1, batch_size=n_trials, seed=(seed, delay))
    predicted = predict(network, trials, clamps)
    error = report_error(trials, predicted)
    resamples = np.random.default_rng((seed, delay, n_trials)).integers(0, n_trials, size=(_RESAMPLES, n_trials))
    return {
        "delay_ms": delay,
        "report_rmse": error["report_rmse"],
        "chance_rmse": error["chance_rmse"],
        "r2": error["r2"],
        "r2_interval": _r2_interval(trials.wanted[:, 0], trials.at_reports(predicted)[:, 0], resamples),
        "gain": error["gain"],
        "correlation": error["correlation"],
    }


def _r2_interval(
    wanted: NDArray[np.float64], answered: NDArray[np.float64], resamples: NDArray[np.int64]
) -> list[float]:
    """The middle 95 % of R2 over resamples of the trials (Efron & Tibshirani 1993), (resample, trial) of indices."""
    squared_error = np.square(answered - wanted)[resamples].sum(axis=1)
    spread = wanted[resamples].var(axis=1) * wanted.size
    return np.quantile(1 - squared_error / spread, [0.025, 0.975]).tolist()
