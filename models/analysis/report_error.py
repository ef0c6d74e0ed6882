"""How well a memory network reports: error beside its chance level, and what kind of error it is."""

import numpy as np
from numpy.typing import NDArray

from models.memory_task import REPORT, Trials

_FLOAT32_ROUNDING = 1e-6


def report_error(trials: Trials, predicted: NDArray[np.floating]) -> dict[str, float | int]:
    """Figures over all trials; `predicted` is (trial, time).

    - `mse`, over all steps, beside `chance_mse`, that of always answering 0;
    - at the report steps: `report_rmse` beside `chance_rmse`; `r2` = 1 - SSE / SST, SST about the mean; `gain`, the
      slope of predicted on target; `correlation`, which, unlike the other two, a memory that only fades keeps;
    - `leak_rms`: root mean square of what is answered in all other steps, when nothing was asked;
    - `reports`: how many reports these are.

    All are finite: `correlation` is 0 when all answers are the same, as those of a silent network, and `r2`, `gain` and
    `correlation` are 0 when all targets are the same, as that of a single report, since they compare what varies.
    """
    wanted = trials.wanted.ravel()
    answered = trials.at_reports(predicted).ravel()
    unasked = predicted[trials.inputs[..., REPORT] == 0].astype(np.float64)
    return {
        "mse": float(np.mean(np.square(predicted.astype(np.float64) - trials.target))),
        "chance_mse": trials.chance_mse,
        "report_rmse": _rms(answered - wanted),
        "chance_rmse": trials.chance_rmse,
        "r2": _r2(wanted, answered),
        "gain": _gain(wanted, answered),
        "correlation": _correlation(wanted, answered),
        "leak_rms": _rms(unasked),
        "reports": wanted.size,
    }


def error_parts(trials: Trials, predicted: NDArray[np.floating]) -> dict[str, float]:
    """What the error at the report steps is made of; the squares add up to that of `report_rmse`.

    - `offset`: how far all answers are shifted, on average;
    - `gain`: what a slope other than 1 costs, from a memory that fades or grows;
    - `noise`: what is left about the straight line, all that the answers do not owe to the value to be reported.
    """
    wanted = trials.wanted.ravel()
    answered = trials.at_reports(predicted).ravel()
    offset = float(answered.mean() - wanted.mean())
    lost = (_gain(wanted, answered) - 1) * (wanted - wanted.mean())
    return {
        "offset": abs(offset),
        "gain": _rms(lost),
        "noise": _rms(answered - wanted - offset - lost),
    }


def first_and_later_r2(trials: Trials, predicted: NDArray[np.floating]) -> tuple[float, float | None]:
    """R² of each trial's first report, before which the cell was empty, and of all later ones, None if there is none.

    A network that does not clear its cell between sequences is right the first time only.
    """
    wanted, answered = trials.wanted, trials.at_reports(predicted)
    later = _r2(wanted[:, 1:].ravel(), answered[:, 1:].ravel()) if wanted.shape[1] > 1 else None
    return _r2(wanted[:, 0], answered[:, 0]), later


def _rms(values: NDArray[np.float64]) -> float:
    return float(np.sqrt(np.mean(np.square(values))))


def _r2(wanted: NDArray[np.float64], answered: NDArray[np.float64]) -> float:
    if _is_constant(wanted):
        return 0.0
    return float(1 - np.square(answered - wanted).sum() / np.square(wanted - wanted.mean()).sum())


def _gain(wanted: NDArray[np.float64], answered: NDArray[np.float64]) -> float:
    if _is_constant(wanted):
        return 0.0
    deviation = wanted - wanted.mean()
    return float(deviation @ answered / (deviation @ deviation))


def _correlation(wanted: NDArray[np.float64], answered: NDArray[np.float64]) -> float:
    if _is_constant(wanted) or _is_constant(answered):
        return 0.0
    return float(np.corrcoef(wanted, answered)[0, 1])


def _is_constant(values: NDArray[np.float64]) -> bool:
    return bool(np.ptp(values) <= _FLOAT32_ROUNDING * np.abs(values).max())
