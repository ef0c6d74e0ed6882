"""What each gate does: gates lined up with the events of the task, what they let in and keep, the memory's family."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.memory_lstm import MemoryLSTM, Recording
from models.memory_task import STIMULUS, Trials, memory_trials_with_delay

if TYPE_CHECKING:
    from models.kernels.event_average import EventAverages

Family = Literal["closed", "open"]
Periods = Mapping[str, NDArray[np.bool_]]

CLOSED_BELOW = 0.05
NEVER_DECAYS = 1 - 1e-12
LAGS_MS = range(-5, 21)
_FAMILY_DELAY_MS = 15
_FAMILY_TRIALS = 64
_OF_NOTHING = -1000.0  # stands for the logarithm of 0, and its exponential is 0


def describe_gates(network: MemoryLSTM, recording: Recording, trials: Trials) -> dict[str, Any]:
    """All that the functions below tell of a recording of `trials`, and in `roles` a sentence for each gate."""
    periods = trials.periods()
    constants = time_constants_ms(recording, periods)
    described = {
        "aligned": aligned_gates(recording, periods),
        "time_courses": time_courses(recording, periods),
        "effective_write": effective_write(recording, trials),
        "effective_leak": effective_leak(recording, periods),
        "retention": retention(recording, trials),
        "time_constant_ms": _slowest(constants),
        "time_constants_ms": constants,
        "reporting_unit": reporting_unit(network, recording, periods),
        "family": gate_family(network),
    }
    return {**described, "roles": _roles(described)}


def aligned_gates(recording: Recording, periods: Periods) -> dict[str, dict[str, Any] | None]:
    """Mean and standard deviation of every gate, the candidate and the write in each period of the task.

    Args:
        recording: Of the trials that `periods` belongs to.
        periods: `Trials.periods()`: `memorize`, `delay`, `report` and `other`.

    Returns:
        For each period, and in it for `input`, `forget`, `output`, `candidate` and `write`: `mean` and `sd` over all
        its steps in all trials, lists with one entry for each unit. None for a period without steps, such as the delay
        when it is 1 ms.
    """
    traces = _traces(recording)
    return {
        period: {name: _mean_and_sd(trace[mask]) for name, trace in traces.items()} if mask.any() else None
        for period, mask in periods.items()
    }


def time_courses(recording: Recording, periods: Periods) -> dict[str, list[dict[str, Any]]]:
    """The same from 5 ms before to 20 ms after every `memorize` and every `report`, as the peristimulus averages are.

    Returns:
        For both events, at each lag that some event has within its trial: `lag_ms`, the number `n` of those events,
        and, as above, `mean` and `sd` over them.
    """
    from models.kernels.event_average import event_averages  # brings numba, 0.3 s and 100 MB

    traces = _traces(recording)
    together = np.concatenate([*traces.values()], axis=2)
    return {
        event: _course(event_averages(together, periods[event], LAGS_MS), [*traces]) for event in ("memorize", "report")
    }


def effective_write(recording: Recording, trials: Trials) -> dict[str, list[float | None]]:
    """What each unit's cell takes up of the stimulus at memorize.

    Returns:
        For each unit the `slope` of the write (input gate x candidate) over the stimulus, and its `offset` at a
        stimulus of 0; the slope is, but for what both do together, the sum of `by_candidate`, the stimulus seen in the
        candidate through the mean gate, and `by_gate`, the mean candidate let in by a gate that follows the stimulus.
        None where the stimulus is the same at every memorize.
    """
    memorize = trials.periods()["memorize"]
    stimulus = trials.inputs[memorize][:, STIMULUS].astype(np.float64)
    gate, candidate, write = (
        _array(trace)[memorize] for trace in (recording.gates["input"], recording.candidate, recording.write)
    )
    if np.ptp(stimulus) == 0:
        return {name: [None] * write.shape[1] for name in ("slope", "offset", "by_candidate", "by_gate")}
    slope = _slope(stimulus, write)
    return {
        "slope": slope.tolist(),
        "offset": (write.mean(axis=0, dtype=np.float64) - slope * stimulus.mean()).tolist(),
        "by_candidate": (gate.mean(axis=0, dtype=np.float64) * _slope(stimulus, candidate)).tolist(),
        "by_gate": (candidate.mean(axis=0, dtype=np.float64) * _slope(stimulus, gate)).tolist(),
    }


def effective_leak(recording: Recording, periods: Periods) -> dict[str, list[float]] | None:
    """What each step of the delay adds to each unit's cell: `mean` and root mean square `rms` of the write.

    None when no trial has a step in the delay.
    """
    if not periods["delay"].any():
        return None
    write = _array(recording.write)[periods["delay"]].astype(np.float64)
    return {"mean": write.mean(axis=0).tolist(), "rms": np.sqrt(np.square(write).mean(axis=0)).tolist()}


def retention(recording: Recording, trials: Trials) -> dict[str, list[float]]:
    """The share of each unit's cell that is kept from memorize to report: `mean` and `sd` over all reports.

    It is the product of the forget gates of all steps after the memorize up to and with the report.
    """
    forget = _array(recording.gates["forget"])
    nothing = np.full(forget.shape, _OF_NOTHING)
    summed = np.cumsum(np.log(forget, out=nothing, where=forget > 0), axis=1)
    rows = np.arange(len(summed))[:, None]
    kept = np.exp(summed[rows, trials.report_times] - summed[rows, trials.memorize_times])
    return _mean_and_sd(kept.reshape(-1, kept.shape[-1]))


def time_constants_ms(recording: Recording, periods: Periods) -> list[float | None]:
    """How fast each unit's cell decays by itself in the delay: -1 / ln f, f being its mean forget gate there.

    None for a unit that never decays (f = 1), and for all when the trials have no step in the delay. A unit that
    forgets at once (f = 0) has 0.
    """
    forget = _array(recording.gates["forget"])[periods["delay"]]
    if not len(forget):
        return [None] * forget.shape[-1]
    return [_time_constant_ms(mean) for mean in forget.mean(axis=0, dtype=np.float64).tolist()]


def reporting_unit(network: MemoryLSTM, recording: Recording, periods: Periods) -> int:
    """The unit that contributes most to what is reported: the one whose share in the readout varies most at report."""
    reported = recording.output[torch.from_numpy(periods["report"])] * network.readout.weight.detach()
    return int(reported.std(dim=0, correction=0).argmax())


def gate_family(network: MemoryLSTM) -> Family:
    """Whether the network keeps its input gate `closed` or `open` in the delay.

    Two ways to shield the memory from the stream: shut the input gate, or leave it open and hold the candidate near
    zero, which leaks. The measure is the mean input gate in a delay of 15 ms, of the unit that contributes most to what
    is reported; closed is under 0.05.
    """
    trials = memory_trials_with_delay(delay=_FAMILY_DELAY_MS, n_repeat=1, batch_size=_FAMILY_TRIALS, seed=0)
    recording = network.record(torch.from_numpy(trials.inputs))
    periods = trials.periods()
    unit = reporting_unit(network, recording, periods)
    input_gate = recording.gates["input"][torch.from_numpy(periods["delay"])][:, unit].mean()
    return "closed" if input_gate < CLOSED_BELOW else "open"


def _traces(recording: Recording) -> dict[str, NDArray[np.float32]]:
    """Gates, candidate and write, each (trial, time, unit)."""
    traces = {**recording.gates, "candidate": recording.candidate, "write": recording.write}
    return {name: _array(trace) for name, trace in traces.items()}


def _array(trace: Tensor) -> NDArray[np.float32]:
    return trace.cpu().numpy()


def _course(averages: "EventAverages", names: Sequence[str]) -> list[dict[str, Any]]:
    """A point for each lag that some event has, with what is known of each name's units."""
    means, deviations = (
        of_all.reshape(len(LAGS_MS), len(names), -1).tolist() for of_all in (averages.mean, averages.sd)
    )
    return [
        {"lag_ms": lag, "n": n} | {name: {"mean": mean[row], "sd": sd[row]} for row, name in enumerate(names)}
        for lag, n, mean, sd in zip(LAGS_MS, averages.n.tolist(), means, deviations, strict=True)
        if n
    ]


def _mean_and_sd(values: NDArray[np.floating]) -> dict[str, list[float]]:
    """Over (step, unit), for each unit."""
    doubles = values.astype(np.float64)
    return {"mean": doubles.mean(axis=0).tolist(), "sd": doubles.std(axis=0).tolist()}


def _slope(stimulus: NDArray[np.float64], values: NDArray[np.floating]) -> NDArray[np.float64]:
    """Of the regression of `values` (step, unit) on the stimulus (step), for each unit."""
    deviation = stimulus - stimulus.mean()
    return deviation @ values / (deviation @ deviation)


def _time_constant_ms(forget: float) -> float | None:
    if forget >= NEVER_DECAYS:
        return None
    return -1 / float(np.log(forget)) if forget > 0 else 0.0


def _slowest(constants: Sequence[float | None]) -> float | None:
    """Of several units' time constants the longest; None, which never decays, is longer than any."""
    decaying = [constant for constant in constants if constant is not None]
    return max(decaying) if len(decaying) == len(constants) else None


def _roles(described: Mapping[str, Any]) -> dict[str, str]:
    """What each gate of the reporting unit does, in words that follow from its numbers."""
    unit = described["reporting_unit"]
    of_unit = {name: _of_unit(each, unit) for name, each in described.items() if name not in ("time_courses", "family")}
    averages = {period: gates for period, gates in of_unit["aligned"].items() if gates}
    roles = {
        "input": _input_role(averages, of_unit["effective_write"], of_unit["effective_leak"]),
        "forget": _forget_role(averages, of_unit["retention"]["mean"], of_unit["time_constants_ms"]),
        "output": _output_role(averages),
    }
    if len(described["time_constants_ms"]) == 1:
        return {gate: role[0].upper() + role[1:] for gate, role in roles.items()}
    return {gate: f"Unit {unit}, which contributes most to the report: {role}" for gate, role in roles.items()}


def _of_unit(figures: Any, unit: int) -> Any:
    """The same figures with one unit's in place of every list of all units'."""
    if isinstance(figures, Mapping):
        return {name: _of_unit(each, unit) for name, each in figures.items()}
    return figures[unit] if isinstance(figures, list) else figures


def _input_role(
    averages: Mapping[str, Any], write: Mapping[str, float | None], leak: Mapping[str, float] | None
) -> str:
    gate = averages["memorize"]["input"]["mean"]
    role = f"the input gate is {_state(gate)} at memorize ({gate:.2g})"
    slope, by_candidate, by_gate = (write[name] for name in ("slope", "by_candidate", "by_gate"))
    if slope is not None and by_candidate is not None and by_gate is not None:
        carrier = "the candidate follows it" if abs(by_candidate) >= abs(by_gate) else "the gate itself follows it"
        role += f", where the cell takes up {slope:.2g} of the stimulus since {carrier}"
    if leak is None:
        return f"{role}."
    gate, candidate = averages["delay"]["input"]["mean"], averages["delay"]["candidate"]
    role += f", and {_state(gate)} in the delay ({gate:.2g})"
    if gate >= CLOSED_BELOW:
        is_quiet = abs(candidate["mean"]) + candidate["sd"] < CLOSED_BELOW
        role += f", where the candidate, {candidate['mean']:.2g} with an sd of {candidate['sd']:.2g}, "
        role += "is near 0 and shields the cell" if is_quiet else "does not shield the cell"
    adds_up = ", to one side, so that it adds up" if 2 * abs(leak["mean"]) > leak["rms"] > 0 else ""
    return f"{role}: {leak['rms']:.2g} (rms) leaks in with each ms{adds_up}."


def _forget_role(averages: Mapping[str, Any], kept: float, time_constant_ms: float | None) -> str:
    role = f"the forget gate keeps {kept:.3g} of the cell from memorize to report"
    if "delay" in averages:
        decay = "no decay" if time_constant_ms is None else f"a time constant of {time_constant_ms:,.1f} ms"
        role += f" ({averages['delay']['forget']['mean']:.5g} in each ms of the delay, {decay})"
    old = averages["memorize"]["forget"]["mean"]
    effect = "clears the cell for the new value" if old < CLOSED_BELOW else "leaves the old value beside the new one"
    return f"{role} and, at {old:.2g}, {effect} at memorize."


def _output_role(averages: Mapping[str, Any]) -> str:
    asked = averages["report"]["output"]["mean"]
    unasked = max(gates["output"]["mean"] for period, gates in averages.items() if period != "report")
    role = f"the output gate is {_state(asked)} at report ({asked:.2g}) and"
    if unasked < CLOSED_BELOW:
        return f"{role} shut before and after (at most {unasked:.2g}): the cell is shown only when it is asked for."
    return f"{role} open by up to {unasked:.2g} on average before or after: the cell is shown unasked, too."


def _state(gate: float) -> str:
    if gate < CLOSED_BELOW:
        return "shut"
    return "open" if gate > 0.5 else "little open"
