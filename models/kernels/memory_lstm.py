"""Training of one memory network, all of a step compiled: its trials, forward, backpropagation through time, Adam.

Sixteen trials go side by side in the lanes of the processor's vector instructions, as the innermost axis; one lane at
one time is a *moment*, and moments are ordered by time, then lane. Lanes beyond the last trial have no share in the
loss. Numbers are float64: a step waits for one time step after another, so that narrower ones would save little.
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray

# numba's cache watches this file alone: whoever changes `draw` must change something here too.
from models.kernels.memory_task import draw

# Sums may be taken in another order than written, the same in every run; infinities and NaN keep their meaning.
_compiled = njit(nogil=True, error_model="numpy", fastmath={"contract", "reassoc"})

_LANES = 16
_STIMULUS, _MEMORIZE, _REPORT, _TARGET, _LOSS_SHARE, _REPORT_SHARE = range(6)
_INPUT, _FORGET, _CANDIDATE, _OUTPUT = range(4)
_KEPT, _KEPT_OF_SQUARE, _EPSILON = 0.9, 0.999, 1e-8

Array = NDArray[np.float64]
Parts = tuple[Array, Array, Array, Array, Array, Array]
Traces = tuple[Array, Array, Array, Array, Array]


def warm() -> None:
    """Makes the kernel ready: loads it from numba's cache, or compiles it, which takes seconds, once on a machine."""
    weights, exp_avg, exp_avg_sq = np.zeros((3, 26))
    descend(weights, exp_avg, exp_avg_sq, np.zeros(2), 1, 0, 0, 0, 3, 3, 1, 1, 0.01, False)


@njit(nogil=True, error_model="numpy", cache=True)
def descend(
    weights: Array,
    exp_avg: Array,
    exp_avg_sq: Array,
    error_sums: Array,
    hidden_size: int,
    seed: int,
    first_step: int,
    steps: int,
    shortest: int,
    longest: int,
    n_repeat: int,
    batch_size: int,
    learning_rate: float,
    on_report: bool,
) -> None:
    """Trains one network for some steps, in place.

    Args:
        weights: (parameter), in the order of `MemoryLSTM.parameters()`.
        exp_avg: (parameter), Adam's running mean of gradients.
        exp_avg_sq: (parameter), that of their squares.
        error_sums: Each step adds its loss to the first, its mean squared error at the report steps to the second.
        hidden_size: Number of units.
        seed: Step s is done on the trials that come of `np.random.default_rng((seed, s))`.
        first_step: Number of the first step, counted from 0.
        steps: How many steps.
        shortest: Shortest sequence in ms.
        longest: Longest sequence in ms.
        n_repeat: Sequences in a trial.
        batch_size: Trials in a step.
        learning_rate: Of Adam.
        on_report: Whether the loss is on the report steps alone.
    """
    parts = _parts(weights, hidden_size)
    gradient = np.empty_like(weights)
    gradient_parts = _parts(gradient, hidden_size)
    blocks = np.empty((-(-batch_size // _LANES), 6, n_repeat * longest * _LANES))
    traces = _traces(hidden_size, n_repeat * longest)
    for step in range(first_step, first_step + steps):
        stimulus, memorize_times, report_times = draw(seed, step, shortest, longest, n_repeat, batch_size)
        duration = stimulus.shape[1]
        _fill(blocks, stimulus, memorize_times, report_times, on_report)
        gradient[:] = 0
        for block in range(len(blocks)):
            streams = blocks[block]
            _forward(traces, parts, streams, duration)
            error = _error(traces, parts, streams[_TARGET, : duration * _LANES])
            error_sums[0] += _weighted_square(error, streams[_LOSS_SHARE])
            error_sums[1] += _weighted_square(error, streams[_REPORT_SHARE])
            error *= 2 * streams[_LOSS_SHARE, : error.size]
            _backward(traces, parts, error)
            _add_products(gradient_parts, traces, streams, error)
        _adam(weights, exp_avg, exp_avg_sq, gradient, step + 1, learning_rate)


@_compiled
def _parts(vector: Array, hidden_size: int) -> Parts:
    """Views of a vector with one entry for each parameter: weights and biases of the gates, and of the readout."""
    rows = 4 * hidden_size
    weight_hh = 3 * rows
    bias_ih = weight_hh + rows * hidden_size
    bias_hh = bias_ih + rows
    readout = bias_hh + rows
    return (
        vector[:weight_hh].reshape(rows, 3),
        vector[weight_hh:bias_ih].reshape(rows, hidden_size),
        vector[bias_ih:bias_hh],
        vector[bias_hh:readout],
        vector[readout:-1],
        vector[-1:],
    )


@_compiled
def _traces(hidden_size: int, longest: int) -> Traces:
    """Room for what the network does with a block of lanes; shorter trials leave the end of it unused.

    Returns:
        drives: (gate x unit, moment), of the inputs alone; after the backward pass the gradient.
        gates: (time, gate, unit x lane), the gates being input, forget, candidate, output; then the gradient too.
        cell: (time, unit x lane), with the state of 0 before the first step.
        squashed: (time, unit x lane), tanh of the cell.
        output: (unit, moment), with the state of 0 before the first step.
    """
    return (
        np.empty((4 * hidden_size, longest * _LANES)),
        np.empty((longest, 4, hidden_size * _LANES)),
        np.zeros((1 + longest, hidden_size * _LANES)),
        np.empty((longest, hidden_size * _LANES)),
        np.zeros((hidden_size, (1 + longest) * _LANES)),
    )


@_compiled
def _fill(
    blocks: Array, stimulus: Array, memorize_times: NDArray[np.int64], report_times: NDArray[np.int64], on_report: bool
) -> None:
    """Puts trials into (block, stream, moment): inputs, target, each moment's share in the loss and report error."""
    trials, duration = stimulus.shape
    blocks[:, :, : duration * _LANES] = 0
    for trial in range(trials):
        streams, lane = blocks[trial // _LANES], trial % _LANES
        for time in range(duration):
            streams[_STIMULUS, time * _LANES + lane] = stimulus[trial, time]
            streams[_LOSS_SHARE, time * _LANES + lane] = 0 if on_report else 1 / stimulus.size
        for sequence in range(report_times.shape[1]):
            memorized = memorize_times[trial, sequence]
            report = report_times[trial, sequence] * _LANES + lane
            streams[_MEMORIZE, memorized * _LANES + lane] = 1
            streams[_REPORT, report] = 1
            streams[_TARGET, report] = stimulus[trial, memorized]
            streams[_REPORT_SHARE, report] = 1 / report_times.size
            if on_report:
                streams[_LOSS_SHARE, report] = 1 / report_times.size


# Views are made just before they are used: numba then drops the counting of references to them.
@_compiled
def _forward(traces: Traces, parts: Parts, streams: Array, duration: int) -> None:
    drives, gates, cell, squashed, output = traces
    weight_ih, weight_hh, bias_ih, bias_hh, _, _ = parts
    hidden_size = len(output)
    for row in range(4 * hidden_size):
        drive, bias = drives[row, : duration * _LANES], bias_ih[row] + bias_hh[row]
        for moment in range(drive.size):
            drive[moment] = (
                bias
                + weight_ih[row, _STIMULUS] * streams[_STIMULUS, moment]
                + weight_ih[row, _MEMORIZE] * streams[_MEMORIZE, moment]
                + weight_ih[row, _REPORT] * streams[_REPORT, moment]
            )

    latest = np.zeros((_LANES, hidden_size))
    for time in range(duration):
        all_gates = gates[time].reshape(-1)
        for row in range(4 * hidden_size):
            drive = drives[row, time * _LANES : (time + 1) * _LANES]
            for lane in range(_LANES):
                all_gates[row * _LANES + lane] = drive[lane] + _product(weight_hh[row], latest[lane])
        g = gates[time, _CANDIDATE]
        for place in range(g.size):
            g[place] *= 2
        for place in range(all_gates.size):
            all_gates[place] = sigmoid(all_gates[place])
        for place in range(g.size):  # tanh(x) = 2 sigmoid(2 x) - 1
            g[place] = 2 * g[place] - 1

        i, f, o = gates[time, _INPUT], gates[time, _FORGET], gates[time, _OUTPUT]
        before, now, tanh = cell[time], cell[time + 1], squashed[time]
        for place in range(now.size):
            now[place] = f[place] * before[place] + i[place] * g[place]
        for place in range(now.size):
            tanh[place] = 2 * sigmoid(2 * now[place]) - 1
        for unit in range(hidden_size):
            given = output[unit, (time + 1) * _LANES : (time + 2) * _LANES]
            for lane in range(_LANES):
                given[lane] = o[unit * _LANES + lane] * tanh[unit * _LANES + lane]
            for lane in range(_LANES):
                latest[lane, unit] = given[lane]


@_compiled
def _error(traces: Traces, parts: Parts, target: Array) -> Array:
    """(moment): predicted minus target."""
    _, _, _, _, output = traces
    _, _, _, _, weight, bias = parts
    error = bias[0] - target
    for unit in range(len(output)):
        given = output[unit, _LANES:]
        for moment in range(error.size):
            error[moment] += weight[unit] * given[moment]
    return error


@_compiled
def _backward(traces: Traces, parts: Parts, error: Array) -> None:
    """Backpropagation through time (Werbos 1990): drives and gates give way to their gradient.

    Args:
        traces: Of the forward pass.
        parts: The weights.
        error: (moment), the gradient of the loss with respect to what is predicted.
    """
    drives, gates, cell, squashed, output = traces
    _, weight_hh, _, _, readout, _ = parts
    hidden_size, duration = len(output), error.size // _LANES
    weight_to = weight_hh.T.copy()
    of_output, of_cell = np.empty(hidden_size * _LANES), np.zeros(hidden_size * _LANES)
    later = np.zeros((_LANES, 4 * hidden_size))
    for time_left in range(duration):
        time = duration - 1 - time_left
        of_predicted = error[time * _LANES : (time + 1) * _LANES]
        for unit in range(hidden_size):
            for lane in range(_LANES):
                from_later = _product(weight_to[unit], later[lane])
                of_output[unit * _LANES + lane] = readout[unit] * of_predicted[lane] + from_later

        i, f, g, o = gates[time, _INPUT], gates[time, _FORGET], gates[time, _CANDIDATE], gates[time, _OUTPUT]
        before, tanh = cell[time], squashed[time]
        for place in range(of_cell.size):
            of_cell[place] += of_output[place] * o[place] * (1 - tanh[place] * tanh[place])
        for place in range(of_cell.size):
            o[place] = of_output[place] * tanh[place] * o[place] * (1 - o[place])
        for place in range(of_cell.size):
            opened, candidate = i[place], g[place]
            i[place] = of_cell[place] * candidate * opened * (1 - opened)
            g[place] = of_cell[place] * opened * (1 - candidate * candidate)
        for place in range(of_cell.size):
            kept = f[place]
            f[place] = of_cell[place] * before[place] * kept * (1 - kept)
            of_cell[place] *= kept

        all_gates = gates[time].reshape(-1)
        for row in range(4 * hidden_size):
            drive = drives[row, time * _LANES : (time + 1) * _LANES]
            for lane in range(_LANES):
                drive[lane] = all_gates[row * _LANES + lane]
            for lane in range(_LANES):
                later[lane, row] = drive[lane]


@_compiled
def _add_products(gradient: Parts, traces: Traces, streams: Array, error: Array) -> None:
    """Adds to each weight's gradient: that of what it drives, times what it lets through, over all moments."""
    weight_ih, weight_hh, bias_ih, bias_hh, readout_weight, readout_bias = gradient
    drives, _, _, _, output = traces
    for row in range(len(drives)):
        drive = drives[row, : error.size]
        for channel in (_STIMULUS, _MEMORIZE, _REPORT):
            weight_ih[row, channel] += _product(drive, streams[channel])
        for unit in range(len(output)):
            weight_hh[row, unit] += _product(drive, output[unit])
        bias = _sum(drive)
        bias_ih[row] += bias
        bias_hh[row] += bias
    for unit in range(len(output)):
        readout_weight[unit] += _product(error, output[unit, _LANES:])
    readout_bias[0] += _sum(error)


@_compiled
def _adam(weights: Array, exp_avg: Array, exp_avg_sq: Array, gradient: Array, count: int, learning_rate: float) -> None:
    """The `count`-th step of Adam (Kingma & Ba 2015), counted from 1."""
    rate = learning_rate / (1 - _KEPT**count)
    scale = np.sqrt(1 - _KEPT_OF_SQUARE**count)
    for place in range(weights.size):
        slope = gradient[place]
        exp_avg[place] += (1 - _KEPT) * (slope - exp_avg[place])
        exp_avg_sq[place] = _KEPT_OF_SQUARE * exp_avg_sq[place] + (1 - _KEPT_OF_SQUARE) * slope * slope
        weights[place] -= rate * exp_avg[place] / (np.sqrt(exp_avg_sq[place]) / scale + _EPSILON)


@njit(nogil=True, error_model="numpy", fastmath={"contract"})  # in any other order the polynomial is slower
def sigmoid(x: float) -> float:
    """1 / (1 + exp(-x)), to a relative error of 1e-12; below -40 it stays at what it is there, 4e-18.

    exp(-x) is the Taylor polynomial of exp(-x / 256), squared eight times: without a branch or a table, so that all
    lanes are done at once.
    """
    y = min(max(-x, -40.0), 40.0) / 256
    power = 1.0
    for order in range(9, 0, -1):
        power = 1 + y * (1 / order) * power
    for _ in range(8):
        power *= power
    return 1 / (1 + power)


@_compiled
def _weighted_square(values: Array, weights: Array) -> float:
    total = 0.0
    for place in range(values.size):
        total += weights[place] * values[place] * values[place]
    return total


@_compiled
def _product(a: Array, b: Array) -> float:
    """The scalar product, over the length of `a`."""
    total = 0.0
    for place in range(a.size):
        total += a[place] * b[place]
    return total


@_compiled
def _sum(values: Array) -> float:
    total = 0.0
    for place in range(values.size):
        total += values[place]
    return total
