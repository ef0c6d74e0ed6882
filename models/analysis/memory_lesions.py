"""What is lost when a gate is held? Every gate, at every value, in every window of the task."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray

from models.analysis.report_error import first_and_later_r2, report_error
from models.errors import InvalidTask
from models.memory_lstm import GATES, WINDOWS, Clamp, Gate, MemoryLSTM, Recording
from models.memory_task import memory_trials_with_delay

Effect = Literal["harmless", "leaks", "mixes", "distorts", "silences", "destroys"]
Lesion = Mapping[str, Any]

FEWEST_TRIALS = 64
HARM = 0.1
KNOWN = 0.5
FAINT = 0.1
_PLACES = {"encode": "at memorize", "delay": "in the delay", "report": "at report"}
_SAID: Mapping[Effect, str] = {
    "harmless": "does no harm (R² {r2:z.2f})",
    "leaks": "leaks between reports ({leak_rms:.2g} rms, R² {r2:z.2f})",
    "mixes": "mixes old values with new ones (R² {first:z.2f} at first reports, {later:z.2f} at later ones)",
    "distorts": "distorts the report (R² {r2:z.2f}, gain {gain:z.2f})",
    "silences": "silences the report (R² {r2:z.2f})",
    "destroys": "destroys the memory (R² {r2:z.2f})",
}


def lesions(
    network: MemoryLSTM,
    delay: int = 15,
    trials: int = 256,
    seed: int = 0,
    n_repeat: int = 1,
    values: Sequence[float] = (0.0, 1.0),
) -> dict[str, Any]:
    """The same trials with every gate held at each of `values` in each window, beside the intact network's.

    Returns:
        `intact` and, for each `gate`, `value` and `window`, an entry of `lesions` with `r2`, `gain`, `correlation`,
        `leak_rms`, `report_rmse` and `chance_rmse` as in `report_error`, `first` and `later` as in
        `first_and_later_r2`, the standard deviation `answer_sd` of the answers, and how well the cell knows the value:
        `stored` at memorize and `held` at report. That is the squared correlation of the value with what a linear
        reading of tanh(cell), fitted to the intact network, finds there; 0 where that varies less than a tenth as much.

        A lesion's `effect` is
        - `harmless`: R² is at most 0.1 below the intact network's;
        - `leaks`: more is answered when nothing is asked, by over a tenth of the size of the values, the memory being
          kept, at least up to the first report of a trial;
        - `mixes`: harmless at the first report of a trial, not at later ones, as the old value is not cleared;
        - `silences`: the answers vary less than a tenth as much as the values, as nothing was stored or as what is held
          is not read;
        - `destroys`: what was stored is not held until the report;
        - `distorts`: it is held, but answered wrongly.

        `roles` has a sentence for each gate.

    Raises:
        InvalidTask: A delay under 2 ms, which has no step of its own, fewer than 64 trials, no values or repeated ones,
            or one outside 0 to 1.
    """
    if delay < 2:
        raise InvalidTask(f"A delay of {delay} ms has no step to hold a gate in; use at least 2 ms.", "/delay")
    if trials < FEWEST_TRIALS:
        raise InvalidTask(f"{trials} trials tell too little; use at least {FEWEST_TRIALS}.", "/trials")
    if not values or len(set(values)) < len(values):
        raise InvalidTask("There are no values to hold a gate at, or some twice; give each once.", "/values")
    preparation = _Preparation(network, delay, trials, seed, n_repeat)
    intact = preparation.outcome()
    table = [
        {"gate": gate, "value": value, "window": window, **_with_effect(preparation.outcome(clamp), intact)}
        for gate in GATES
        for value in values
        for window in WINDOWS
        for clamp in [Clamp(gate, value, window)]
    ]
    return {"intact": intact, "lesions": table, "roles": {gate: _role(gate, table, intact) for gate in GATES}}


class _Preparation:
    """A network with its trials, and how the value is read from its cell when it is intact."""

    def __init__(self, network: MemoryLSTM, delay: int, trials: int, seed: int, n_repeat: int) -> None:
        self._network = network
        self._trials = memory_trials_with_delay(delay=delay, n_repeat=n_repeat, batch_size=trials, seed=seed)
        self._inputs = torch.from_numpy(self._trials.inputs)
        self._periods = self._trials.periods()
        self._values = self._trials.wanted.ravel()
        intact = network.record(self._inputs)
        self._readings = [
            _reading(self._cells(intact, times), self._values)
            for times in (self._trials.memorize_times, self._trials.report_times)
        ]

    def outcome(self, *clamps: Clamp) -> dict[str, Any]:
        """What the network answers, and how well its cell knows the value, with its gates held so."""
        recording = self._network.record(self._inputs, clamps, self._periods)
        predicted = recording.predicted.numpy()
        error = report_error(self._trials, predicted)
        first, later = first_and_later_r2(self._trials, predicted)
        figures = ("r2", "gain", "correlation", "leak_rms", "report_rmse", "chance_rmse")
        at_memorize, at_report = self._readings
        return {
            **{name: error[name] for name in figures},
            "first": first,
            "later": later,
            "answer_sd": float(self._trials.at_reports(predicted).std()),
            "stored": _known(self._cells(recording, self._trials.memorize_times) @ at_memorize, self._values),
            "held": _known(self._cells(recording, self._trials.report_times) @ at_report, self._values),
        }

    def _cells(self, recording: Recording, times: NDArray[np.int64]) -> NDArray[np.float64]:
        """tanh(cell) at these times (trial, sequence), as the output gate gets it: (report, unit)."""
        cell = recording.cell.numpy()[np.arange(len(times))[:, None], times]
        return np.tanh(cell.reshape(-1, cell.shape[-1]), dtype=np.float64)


def _reading(cells: NDArray[np.float64], values: NDArray[np.float64]) -> NDArray[np.float64]:
    """The weights (unit) that read the values best from cells (report, unit), but for a constant.

    Directions in which the units vary a thousand times less than in the main one are left alone: reading them would
    magnify whatever a lesion does there.
    """
    weights, *_ = np.linalg.lstsq(cells - cells.mean(axis=0), values - values.mean(), rcond=1e-3)
    return weights


def _known(read: NDArray[np.float64], values: NDArray[np.float64]) -> float:
    if read.std() < FAINT * values.std():
        return 0.0
    return float(np.corrcoef(read, values)[0, 1] ** 2)


def _with_effect(lesion: Lesion, intact: Lesion) -> dict[str, Any]:
    return {**lesion, "effect": _effect(lesion, intact)}


def _effect(lesion: Lesion, intact: Lesion) -> Effect:
    leaks = lesion["leak_rms"] - intact["leak_rms"] > FAINT * lesion["chance_rmse"]
    if lesion["r2"] >= intact["r2"] - HARM:
        return "leaks" if leaks else "harmless"
    if lesion["later"] is not None and lesion["first"] >= intact["first"] - HARM:
        return "leaks" if leaks else "mixes"
    is_silent = lesion["answer_sd"] < FAINT * lesion["chance_rmse"]
    if is_silent and (lesion["stored"] < KNOWN or lesion["held"] >= KNOWN):
        return "silences"
    if lesion["held"] < KNOWN:
        return "destroys"
    return "leaks" if leaks else "distorts"


def _role(gate: Gate, table: Sequence[Lesion], intact: Lesion) -> str:
    """What the task asks of the gate in each window, and what happens without."""
    if intact["r2"] < KNOWN:
        return (
            f"The intact network itself reports with an R² of {intact['r2']:z.2f}, so that no lesion can tell what the "
            f"{gate} gate is for; try a shorter delay."
        )
    effects = {(lesion["value"], lesion["window"]): lesion for lesion in table if lesion["gate"] == gate}
    held = [
        f"at {value:g} it {_SAID[lesion['effect']].format(**lesion)}"
        for (value, window), lesion in effects.items()
        if window == "always"
    ]
    throughout = f"Held throughout {_listed(held)}."
    if not {(0, "always"), (1, "always")} <= set(effects):
        return f"The {gate} gate: {throughout[0].lower()}{throughout[1:]}"
    return f"The {gate} gate {_needs(effects)}. {throughout}"


def _needs(effects: Mapping[tuple[float, str], Lesion]) -> str:
    demands, free = [], []
    for window, place in _PLACES.items():
        shut, wide_open = effects[0, window], effects[1, window]
        if shut["effect"] == wide_open["effect"] == "harmless":
            free.append(place)
        else:
            demands.append(f"{_demanded(shut, wide_open)} {place}")
    if not demands:
        return "does not matter in any window alone"
    return f"has to be {_listed(demands)}" + (f"; {_listed(free)} it does not matter" if free else "")


def _demanded(shut: Lesion, wide_open: Lesion) -> str:
    """How the gate has to be where at least one of the two lesions harms."""
    if "harmless" in (shut["effect"], wide_open["effect"]):
        return "shut" if shut["effect"] == "harmless" else "open"
    stores_held = max(shut["stored"], wide_open["stored"]) >= KNOWN
    return "half open" if stores_held else "free to follow the value"


def _listed(phrases: Sequence[str]) -> str:
    *most, last = phrases
    return f"{', '.join(most)} and {last}" if most else last
