"""The memorize-and-report task: a stream of numbers, one to keep at each *memorize*, to give back at the next *report*.

One time step is 1 ms. Source: the lab notebook, section 2; what it calls the memory duration is the length of a
sequence, whereas here the delay is the time that truly passes between a memorize and its report.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from models.errors import InvalidTask

STIMULUS, MEMORIZE, REPORT = range(3)
SHORTEST_SEQUENCE = 3
DELAY_JITTER_MS = 5

Seed = int | Sequence[int] | np.random.Generator
LossOn = Literal["all", "report"]


@dataclass(frozen=True)
class Trials:
    """A batch of the memory task.

    Attributes:
        inputs: (trial, time, 3), float32: stimulus in [-1, 1], memorize pulse and report pulse, 0 or 1.
        target: (trial, time), float32: the memorized value at the report steps, 0 elsewhere.
        memorize_times: (trial, sequence), int64: the step whose stimulus each report asks for.
        report_times: (trial, sequence), int64, ascending.
    """

    inputs: NDArray[np.float32]
    target: NDArray[np.float32]
    memorize_times: NDArray[np.int64]
    report_times: NDArray[np.int64]

    @property
    def delays_ms(self) -> NDArray[np.int64]:
        """(trial, sequence): from each memorize to its report."""
        return self.report_times - self.memorize_times

    @property
    def chance_mse(self) -> float:
        """The mean squared error over all steps of a network that always answers 0."""
        return float(np.mean(np.square(self.target, dtype=np.float64)))

    @property
    def chance_rmse(self) -> float:
        """The root mean squared error at the report steps of a network that always answers 0."""
        return float(np.sqrt(np.mean(np.square(self.wanted))))

    @property
    def wanted(self) -> NDArray[np.float64]:
        """(trial, sequence): the values to be reported."""
        return self.at_reports(self.target)

    def at_reports(self, values: NDArray[np.floating]) -> NDArray[np.float64]:
        """(trial, sequence): those of `values` (trial, time) that stand at the report steps."""
        return np.take_along_axis(values, self.report_times, axis=1).astype(np.float64)

    def events(self, trial: int) -> list[dict[str, Any]]:
        """The pulses of one trial in time order, as `kind`, `time_ms` and `delay_ms`.

        A memorize carries the delay to the first report that asks for it, None when no report does.
        """
        delays = self.delays_ms[trial]
        reported = dict(zip(self.report_times[trial].tolist(), delays.tolist(), strict=True))
        kept = dict(zip(self.memorize_times[trial, ::-1].tolist(), delays[::-1].tolist(), strict=True))
        memorize_steps = np.flatnonzero(self.inputs[trial, :, MEMORIZE]).tolist()
        events = [{"kind": "memorize", "time_ms": time, "delay_ms": kept.get(time)} for time in memorize_steps]
        events += [{"kind": "report", "time_ms": time, "delay_ms": delay} for time, delay in reported.items()]
        return sorted(events, key=lambda event: event["time_ms"])

    def periods(self) -> dict[str, NDArray[np.bool_]]:
        """Masks (trial, time) of `memorize`, `delay`, `report` and `other`, of which each step is in exactly one.

        The delay lies strictly between a memorize and its report, so that a delay of 1 ms has no such step.
        """
        memorize = self.inputs[..., MEMORIZE] > 0
        report = self.inputs[..., REPORT] > 0
        kept = np.zeros(self.target.shape, dtype=np.int64)
        rows = np.arange(len(kept))[:, None]
        np.add.at(kept, (rows, self.memorize_times), 1)
        np.add.at(kept, (rows, self.report_times), -1)
        delay = (np.cumsum(kept, axis=1) > 0) & ~memorize & ~report
        return {"memorize": memorize, "delay": delay, "report": report, "other": ~(memorize | delay | report)}


def memory_trials(*, seq_len: int, n_repeat: int, batch_size: int, seed: Seed) -> Trials:
    """The notebook's task: `n_repeat` sequences of `seq_len` ms in each of `batch_size` trials.

    The memorize falls anywhere in the first half of a sequence and the report anywhere in the second half but its last
    step, both uniformly, so that delays run from 1 ms to `seq_len` - 2 ms and average half of `seq_len`.

    Raises:
        InvalidTask: A sequence under 3 ms, or no sequence or trial at all.
    """
    if seq_len < SHORTEST_SEQUENCE:
        raise InvalidTask(
            f"A sequence of {seq_len} ms has no room for a memorize and a report; use at least {SHORTEST_SEQUENCE} ms.",
            pointer="/seq_len",
        )
    _check_counts(n_repeat, batch_size)
    generator = np.random.default_rng(seed)
    middle = seq_len // 2
    memorize_times = generator.integers(0, middle, size=(batch_size, n_repeat))
    report_times = generator.integers(middle, seq_len - 1, size=(batch_size, n_repeat))
    return _trials(generator, seq_len, memorize_times, report_times)


def memory_trials_with_delay(*, delay: int, n_repeat: int, batch_size: int, seed: Seed) -> Trials:
    """Trials in which every report comes exactly `delay` ms after its memorize.

    The memorize falls in the first 5 ms of a sequence, uniformly; a sequence lasts `delay` + 6 ms, so that, as in the
    notebook, its last step is never the report.

    Raises:
        InvalidTask: A delay under 1 ms, or no sequence or trial at all.
    """
    if delay < 1:
        raise InvalidTask(f"A delay of {delay} ms leaves nothing to remember; use at least 1 ms.", pointer="/delay")
    _check_counts(n_repeat, batch_size)
    generator = np.random.default_rng(seed)
    memorize_times = generator.integers(0, DELAY_JITTER_MS, size=(batch_size, n_repeat))
    return _trials(generator, delay + DELAY_JITTER_MS + 1, memorize_times, memorize_times + delay)


def trials_from_inputs(inputs: Sequence[Sequence[float]] | NDArray[np.floating]) -> Trials:
    """One trial from a stream of one's own.

    Args:
        inputs: (time, 3): stimulus in [-1, 1], memorize pulse and report pulse, 0 or 1.

    Each report asks for the stimulus at the latest memorize before it.

    Raises:
        InvalidTask: A shape or value outside the above, both pulses in one step, a report without an earlier memorize,
            or no report at all.
    """
    stream = _checked_stream(inputs)
    memorize_steps = np.flatnonzero(stream[:, MEMORIZE])
    report_times = np.flatnonzero(stream[:, REPORT])
    if not report_times.size:
        raise InvalidTask("The stream never asks for a report; set the third value of some step to 1.", "/inputs")
    latest = np.searchsorted(memorize_steps, report_times) - 1
    if latest[0] < 0:
        raise InvalidTask(
            f"The report at {report_times[0]} ms has no memorize before it; put a memorize pulse earlier.", "/inputs"
        )
    memorize_times = memorize_steps[latest]
    target = np.zeros(len(stream), dtype=np.float32)
    target[report_times] = stream[memorize_times, STIMULUS]
    return Trials(stream[None], target[None], memorize_times[None], report_times[None])


def chance_loss(lengths: Iterable[int], loss_on: LossOn = "all") -> float:
    """The expected loss of a network that always answers 0, for sequences of these lengths in equal parts.

    A value uniform in [-1, 1] has the mean square 1/3, and only one step of a sequence asks for one: 1 / (3 seq_len)
    over all steps, 1/3 at the report steps alone.
    """
    if loss_on == "report":
        return 1 / 3
    return float(np.mean([1 / (3 * length) for length in lengths]))


def _trials(
    generator: np.random.Generator,
    seq_len: int,
    memorize_times: NDArray[np.int64],
    report_times: NDArray[np.int64],
) -> Trials:
    """Fills in the stream around pulses that are timed from the start of their sequence, (trial, sequence)."""
    batch_size, n_repeat = memorize_times.shape
    starts = np.arange(n_repeat) * seq_len
    memorize_times = memorize_times + starts
    report_times = report_times + starts
    stimulus = 2 * generator.random((batch_size, n_repeat * seq_len), dtype=np.float32) - 1
    rows = np.arange(batch_size)[:, None]
    inputs = np.zeros((*stimulus.shape, 3), dtype=np.float32)
    inputs[..., STIMULUS] = stimulus
    inputs[rows, memorize_times, MEMORIZE] = 1
    inputs[rows, report_times, REPORT] = 1
    target = np.zeros_like(stimulus)
    target[rows, report_times] = stimulus[rows, memorize_times]
    return Trials(inputs, target, memorize_times, report_times)


def _check_counts(n_repeat: int, batch_size: int) -> None:
    if n_repeat < 1:
        raise InvalidTask(f"A trial of {n_repeat} sequences is empty; use at least 1.", pointer="/n_repeat")
    if batch_size < 1:
        raise InvalidTask(f"A batch of {batch_size} trials is empty; use at least 1.", pointer="/batch_size")


def _checked_stream(inputs: Sequence[Sequence[float]] | NDArray[np.floating]) -> NDArray[np.float32]:
    try:
        stream = np.asarray(inputs, dtype=np.float32)
    except (TypeError, ValueError, OverflowError) as error:
        raise InvalidTask("The stream is no table of numbers; give three numbers for each step.", "/inputs") from error
    if stream.ndim != 2 or stream.shape[0] < 2 or stream.shape[1] != 3:
        raise InvalidTask(
            "The stream has another shape than (time, 3); give at least two steps of stimulus, memorize and report.",
            "/inputs",
        )
    if not (np.abs(stream[:, STIMULUS]) <= 1).all():
        raise InvalidTask("The stimulus leaves the range from -1 to 1; scale it down.", "/inputs")
    pulses = stream[:, [MEMORIZE, REPORT]]
    if not np.isin(pulses, (0, 1)).all():
        raise InvalidTask("Memorize and report are pulses; set them to 0 or 1 in every step.", "/inputs")
    if pulses.all(axis=1).any():
        step = int(np.flatnonzero(pulses.all(axis=1))[0])
        raise InvalidTask(f"Step {step} has both pulses; put memorize and report into different steps.", "/inputs")
    return stream
