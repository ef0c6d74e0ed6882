"""What each gate does: gates lined up with the events of the task, the time constant of the memory, its family."""

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray

from models.memory_lstm import MemoryLSTM, Recording
from models.memory_task import memory_trials_with_delay

Family = Literal["closed", "open"]
Periods = Mapping[str, NDArray[np.bool_]]

CLOSED_BELOW = 0.05
NEVER_DECAYS = 1 - 1e-12
_FAMILY_DELAY_MS = 15
_FAMILY_TRIALS = 64


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
    traces = {**recording.gates, "candidate": recording.candidate, "write": recording.write}
    arrays = {name: trace.cpu().numpy().astype(np.float64) for name, trace in traces.items()}
    return {
        period: {name: _mean_and_sd(array[mask]) for name, array in arrays.items()} if mask.any() else None
        for period, mask in periods.items()
    }


def time_constants_ms(recording: Recording, periods: Periods) -> list[float | None]:
    """How fast each unit's cell decays by itself in the delay: -1 / ln f, f being its mean forget gate there.

    None for a unit that never decays (f = 1), and for all when the trials have no step in the delay. A unit that
    forgets at once (f = 0) has 0.
    """
    forget = recording.gates["forget"].cpu().numpy()[periods["delay"]].astype(np.float64)
    if not len(forget):
        return [None] * recording.cell.shape[-1]
    return [_time_constant_ms(mean) for mean in forget.mean(axis=0).tolist()]


def gate_family(network: MemoryLSTM) -> Family:
    """Whether the network keeps its input gate `closed` or `open` in the delay.

    Two ways to shield the memory from the stream: shut the input gate, or leave it open and hold the candidate near
    zero, which leaks. The measure is the mean input gate in a delay of 15 ms, of the unit that contributes most to what
    is reported; closed is under 0.05.
    """
    trials = memory_trials_with_delay(delay=_FAMILY_DELAY_MS, n_repeat=1, batch_size=_FAMILY_TRIALS, seed=0)
    recording = network.record(torch.from_numpy(trials.inputs))
    periods = trials.periods()
    reported = recording.output[torch.from_numpy(periods["report"])] * network.readout.weight.detach()
    unit = int(reported.std(dim=0).argmax())
    input_gate = recording.gates["input"][torch.from_numpy(periods["delay"])][:, unit].mean()
    return "closed" if input_gate < CLOSED_BELOW else "open"


def _mean_and_sd(values: NDArray[np.float64]) -> dict[str, list[float]]:
    """Over (step, unit), for each unit."""
    return {"mean": values.mean(axis=0).tolist(), "sd": values.std(axis=0).tolist()}


def _time_constant_ms(forget: float) -> float | None:
    if forget >= NEVER_DECAYS:
        return None
    return -1 / float(np.log(forget)) if forget > 0 else 0.0
