"""After which delay does a memory network fail?"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from models.analysis.report_error import error_parts, first_and_later_r2, report_error
from models.errors import InvalidTask
from models.memory_lstm import Clamp, MemoryLSTM
from models.memory_task import Trials, memory_trials_with_delay

DELAYS_MS = (1, 2, 3, 5, 7, 10, 15, 20, 30, 50, 70, 100, 150, 200, 300, 500, 700, 1000)
FEWEST_TRIALS = 16
CHANCE = {"r2": 0.0, "report_rmse": 3**-0.5}
"""What always answering 0 is expected to score where values are uniform in [-1, 1]."""

_RESAMPLES = 1000
_MIDDLE_95 = (0.025, 0.975)
_LARGEST_BLOCK = 2**18


def horizon(
    network: MemoryLSTM,
    delays: Sequence[int] = DELAYS_MS,
    trials: int = 256,
    criterion: float = 0.9,
    seed: int = 0,
    clamps: Sequence[Clamp] = (),
    n_repeat: int = 1,
) -> dict[str, Any]:
    """The network's scores over true delays, with fresh trials of `n_repeat` sequences at each.

    Intervals are the middle 95 % over resamples of the trials (Efron & Tibshirani 1993); reports of one trial stay
    together, since they are not independent.

    Returns:
        `curve`, by ascending delay: `delay_ms`, `report_rmse`, `chance_rmse`, `r2`, `r2_interval`, `gain` and
        `correlation`, as in `report_error`, `error_parts`, and `first` and `later`, as in `first_and_later_r2`;
        `horizon_ms`, the longest of these delays up to which `r2` stays at or above `criterion`, 0 if it never is;
        `horizon_interval`, between which of these delays it truly lies, the second None where that is beyond the
        sweep; and `verdict`, the answer in words.

    Raises:
        InvalidTask: No delay or one under 1 ms, fewer than 16 trials, or a criterion outside 0 to 1.
    """
    if not delays:
        raise InvalidTask("No delay was asked for; give at least one, in ms.", "/delays")
    if trials < FEWEST_TRIALS:
        raise InvalidTask(f"{trials} trials tell too little; use at least {FEWEST_TRIALS}.", "/trials")
    if not 0 <= criterion <= 1:
        raise InvalidTask(
            "The criterion for R² lies outside the range from 0 to 1; 0.9 is a common choice.", "/criterion"
        )
    delays = sorted(set(delays))
    points = [_point(network, delay, trials, n_repeat, seed, clamps) for delay in delays]
    curve = [point for point, _ in points]
    (held,) = _held(np.array([[point["r2"]] for point in curve]), criterion)
    fewest, most = np.quantile(_held(np.stack([r2 for _, r2 in points]), criterion), _MIDDLE_95, method="inverted_cdf")
    return {
        "curve": curve,
        "horizon_ms": [0, *delays][held],
        "horizon_interval": [[0, *delays][fewest], [*delays, None][most]],
        "verdict": _verdict(curve, held, criterion),
    }


def predict(network: MemoryLSTM, trials: Trials, clamps: Sequence[Clamp] = ()) -> NDArray[np.float32]:
    """What the network answers in each step, (trial, time), with its gates held by `clamps`."""
    inputs, periods = torch.from_numpy(trials.inputs), trials.periods()
    block = max(1, _LARGEST_BLOCK // (inputs.shape[1] * network.hidden_size))
    recordings = (
        network.record(inputs[rows], clamps, {name: mask[rows] for name, mask in periods.items()})
        for rows in (slice(start, start + block) for start in range(0, len(inputs), block))
    )
    return torch.cat([recording.predicted for recording in recordings]).numpy()


def _point(
    network: MemoryLSTM, delay: int, n_trials: int, n_repeat: int, seed: int, clamps: Sequence[Clamp]
) -> tuple[dict[str, Any], NDArray[np.float64]]:
    """The scores at one delay, and R² in each resample of its trials."""
    trials = memory_trials_with_delay(delay=delay, n_repeat=n_repeat, batch_size=n_trials, seed=(seed, delay))
    predicted = predict(network, trials, clamps)
    error = report_error(trials, predicted)
    first, later = first_and_later_r2(trials, predicted)
    generator = np.random.default_rng((seed, delay, n_trials))
    resampled = _resampled_r2(trials.wanted, trials.at_reports(predicted), generator)
    point = {
        "delay_ms": delay,
        "report_rmse": error["report_rmse"],
        "chance_rmse": error["chance_rmse"],
        "r2": error["r2"],
        "r2_interval": np.quantile(resampled, _MIDDLE_95).tolist(),
        "gain": error["gain"],
        "correlation": error["correlation"],
        "error_parts": error_parts(trials, predicted),
        "first": first,
        "later": later,
    }
    return point, resampled


def _resampled_r2(
    wanted: NDArray[np.float64], answered: NDArray[np.float64], generator: np.random.Generator
) -> NDArray[np.float64]:
    """R² of the reports (trial, sequence) in each resample of the trials.

    All that R² needs of a trial are its sums of squared errors, of values and of squared values.
    """
    sums = np.stack([np.square(answered - wanted), wanted, np.square(wanted)]).sum(axis=2)
    squared_error, values, squared_values = sums @ _times_drawn(len(wanted), generator).T
    return 1 - squared_error / (squared_values - np.square(values) / wanted.size)


def _times_drawn(n_trials: int, generator: np.random.Generator) -> NDArray[np.int64]:
    """How often each trial is in each resample, (resample, trial)."""
    drawn = generator.integers(0, n_trials, size=(_RESAMPLES, n_trials))
    drawn += n_trials * np.arange(_RESAMPLES)[:, None]
    return np.bincount(drawn.ravel(), minlength=drawn.size).reshape(drawn.shape)


def _held(r2: NDArray[np.float64], criterion: float) -> NDArray[np.int64]:
    """At how many delays, from the shortest on, each column of `r2` (delay, column) meets the criterion."""
    return np.logical_and.accumulate(r2 >= criterion).sum(axis=0)


def _verdict(curve: Sequence[Mapping[str, Any]], held: int, criterion: float) -> str:
    if held == len(curve):
        return f"R² stays at or above {criterion:g} up to the longest delay that was tried, {curve[-1]['delay_ms']} ms."
    failing = curve[held]
    scores = f"R² {failing['r2']:z.2f}, gain {failing['gain']:z.2f}, correlation {failing['correlation']:z.2f}"
    told = f"at {failing['delay_ms']} ms {_cause(failing)} ({scores})."
    if held == 0:
        return f"R² is below {criterion:g} from the shortest delay on: {told}"
    return f"R² stays at or above {criterion:g} up to a delay of {curve[held - 1]['delay_ms']} ms; {told}"


def _cause(point: Mapping[str, Any]) -> str:
    """What most of the error is made of."""
    parts = point["error_parts"]
    largest = max(parts, key=parts.__getitem__)
    if largest == "offset":
        return "all answers are shifted"
    if largest == "noise":
        return "other things than the value drive the answers"
    return "the memory has lost gain" if point["gain"] < 1 else "the memory has too much gain"
