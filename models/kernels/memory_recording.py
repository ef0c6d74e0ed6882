"""The forward pass of a memory network with all that it does recorded, compiled.

Sixteen trials go side by side in the *lanes* of the processor's vector instructions, as the innermost axis. Numbers are
float32 as torch's are. Both sigmoid and tanh come of exp(x) - 1, so that small candidates and cells keep all digits.
"""

import math
from collections.abc import Mapping

import numpy as np
import torch
from numba import njit
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import pad

# A product may go into its sum unrounded; nothing is summed in another order than written.
_compiled = njit(nogil=True, error_model="numpy", fastmath={"contract"})

_LANES = 16
_PARTS = 7
_INPUT_GATE, _FORGET_GATE, _CANDIDATE, _OUTPUT_GATE, _WRITE, _CELL, _OUTPUT = range(_PARTS)
_BEFORE_OUTPUTS = 4  # sources of a gate's drive: 1 for its bias, three inputs, then the units' outputs
_SOURCES_AT_ONCE = 12  # with 32 units there are three times as many

# Typed, since a number as Python has it would make all others float64.
_ONE, _TWO, _HALF = np.float32(1), np.float32(2), np.float32(0.5)
_LARGEST, _LOG2_OF_E = np.float32(60), np.float32(math.log2(math.e))
_T1, _T2, _T3, _T4, _T5, _T6 = (np.float32(math.log(2) ** order / math.factorial(order)) for order in range(1, 7))

Array = NDArray[np.float32]


def warm() -> None:
    """Makes the kernel ready: loads it from numba's cache, or compiles it, which takes seconds, once on a machine."""
    weights = {"weight_ih_l0": (4, 3), "weight_hh_l0": (4, 1), "bias_ih_l0": (4,), "bias_hh_l0": (4,)}
    moments({name: torch.zeros(shape) for name, shape in weights.items()}, torch.zeros(1, 1, 3))


def moments(weights: Mapping[str, Tensor], inputs: Tensor, held: Tensor | None = None) -> Tensor:
    """All of `Moment` in every step from a state of 0, (part, trial, time, unit), of a network on the CPU.

    Args:
        weights: Those of `MemoryLSTM`, of one network.
        inputs: (trial, time, 3).
        held: (trial, time, gate), at what the input, forget and output gate are held, NaN where they are free; None
            where they always are.
    """
    bias = weights["bias_ih_l0"] + weights["bias_hh_l0"]
    from_sources = torch.cat([bias.unsqueeze(1), weights["weight_ih_l0"], weights["weight_hh_l0"]], dim=1)
    from_sources = pad(from_sources, (0, -from_sources.shape[1] % _SOURCES_AT_ONCE))
    streams = _in_lanes(inputs)
    (trials, duration, _), hidden_size = inputs.shape, len(bias) // 4
    recorded = np.empty((len(streams), duration, _PARTS, hidden_size * _LANES), np.float32)
    _record(recorded, from_sources.numpy(), streams, _in_lanes(inputs[:, :0] if held is None else held))
    by_lane = recorded.reshape(len(streams), duration, _PARTS, hidden_size, _LANES)
    by_trial = by_lane.transpose(2, 0, 4, 1, 3).reshape(_PARTS, -1, duration, hidden_size)
    return torch.from_numpy(by_trial[:, :trials])


def _in_lanes(values: Tensor) -> Array:
    """(trial, time, channel) -> (block, time, channel x lane); lanes beyond the last trial have 0."""
    padded = pad(values, (0, 0, 0, 0, 0, -len(values) % _LANES))
    return padded.unflatten(0, (-1, _LANES)).permute(0, 2, 3, 1).flatten(2).contiguous().numpy()


@njit(nogil=True, error_model="numpy", cache=True)
def _record(recorded: Array, weights: Array, streams: Array, held: Array) -> None:
    """Fills `recorded`.

    Args:
        recorded: (block, time, part, unit x lane).
        weights: (gate x unit, source), with sources of weight 0 at the end, up to a multiple of `_SOURCES_AT_ONCE`.
        streams: (block, time, input x lane).
        held: (block, time, gate x lane), NaN where a gate is free; no time at all where they always are.
    """
    for block in range(len(recorded)):
        _record_block(recorded[block], weights, streams[block], held[block])


# Loops are short and their arrays not parts of one another: what may overlap is not done in lanes.
@_compiled
def _record_block(recorded: Array, weights: Array, streams: Array, held: Array) -> None:
    width = recorded.shape[2]
    sources = np.zeros(weights.shape[1] * _LANES, np.float32)
    sources[:_LANES] = _ONE
    inputs = sources[_LANES : _BEFORE_OUTPUTS * _LANES]
    latest = sources[_BEFORE_OUTPUTS * _LANES : _BEFORE_OUTPUTS * _LANES + width]
    cell, squashed = np.zeros(width, np.float32), np.empty(width, np.float32)
    for time in range(len(recorded)):
        stream, drives = streams[time], recorded[time].reshape(-1)[: 4 * width]
        for place in range(inputs.size):
            inputs[place] = stream[place]
        _drive(drives, weights, sources)
        i, f, g = recorded[time, _INPUT_GATE], recorded[time, _FORGET_GATE], recorded[time, _CANDIDATE]
        o, write = recorded[time, _OUTPUT_GATE], recorded[time, _WRITE]
        _sigmoid(drives[: 2 * width])
        _tanh(g)
        _sigmoid(o)
        if len(held):
            _hold(i, held[time, :_LANES])
            _hold(f, held[time, _LANES : 2 * _LANES])
            _hold(o, held[time, 2 * _LANES :])

        for place in range(width):
            write[place] = i[place] * g[place]
        for place in range(width):
            cell[place] = f[place] * cell[place] + write[place]
        for place in range(width):
            squashed[place] = cell[place]
        _tanh(squashed)
        for place in range(width):
            latest[place] = o[place] * squashed[place]
        kept_cell, output = recorded[time, _CELL], recorded[time, _OUTPUT]
        for place in range(width):
            kept_cell[place] = cell[place]
        for place in range(width):
            output[place] = latest[place]


@_compiled
def _drive(drives: Array, weights: Array, sources: Array) -> None:
    drives[:] = 0
    for first in range(0, weights.shape[1], _SOURCES_AT_ONCE):
        some = sources[first * _LANES : (first + _SOURCES_AT_ONCE) * _LANES]
        for row in range(len(weights)):
            drive, weight = drives[row * _LANES : (row + 1) * _LANES], weights[row, first : first + _SOURCES_AT_ONCE]
            for lane in range(_LANES):
                total = drive[lane]
                for source in range(_SOURCES_AT_ONCE):
                    total += weight[source] * some[source * _LANES + lane]
                drive[lane] = total


@_compiled
def _hold(gate: Array, value: Array) -> None:
    for first in range(0, gate.size, _LANES):
        unit = gate[first : first + _LANES]
        for lane in range(_LANES):
            unit[lane] = unit[lane] if np.isnan(value[lane]) else value[lane]


@_compiled
def _sigmoid(values: Array) -> None:
    for place in range(values.size):
        drive = values[place]
        smaller = _ONE / (_TWO + _growth(abs(drive)))  # of the sigmoid of the drive and that of its opposite
        values[place] = smaller if drive < 0 else _ONE - smaller


@_compiled
def _tanh(values: Array) -> None:
    for place in range(values.size):
        value = values[place]
        growth = _growth(abs(value + value))
        size = growth / (growth + _TWO)
        values[place] = -size if value < 0 else size


@_compiled
def _growth(x: np.float32) -> np.float32:
    """exp(x) - 1 of a number from 0 on; beyond 60 it stays at what it is there.

    x / ln 2 is split into a whole number, which is written into the exponent of a float32, and what is left, at most
    a half, for which there is the Taylor polynomial of 2^y - 1.
    """
    power_of_2 = min(x, _LARGEST) * _LOG2_OF_E
    whole = np.int32(power_of_2 + _HALF)
    y = power_of_2 - np.float32(whole)
    growth = y * (_T1 + y * (_T2 + y * (_T3 + y * (_T4 + y * (_T5 + y * _T6)))))
    scale = np.int32((whole + np.int32(127)) << np.int32(23)).view(np.float32)
    return scale * growth + (scale - _ONE)
