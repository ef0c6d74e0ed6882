"""The LSTM that memorizes and reports, with every gate open to recording and clamping.

The gates are those of Hochreiter & Schmidhuber (1997) with the forget gate of Gers et al. (2000), laid out as in
`torch.nn.LSTM`. Source: the lab notebook, section 2.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from models.errors import InvalidTask

FAMILY = "memory-lstm"
INPUT_SIZE = 3

Gate = Literal["input", "forget", "output"]
Window = Literal["always", "encode", "delay", "report"]
GATES: tuple[Gate, ...] = get_args(Gate)
WINDOWS: tuple[Window, ...] = get_args(Window)

Weights = Mapping[str, Tensor]
"""Parameters by the names of `MemoryLSTM`, all of them with or all of them without a leading network axis."""

_PERIOD_OF_WINDOW = {"encode": "memorize", "delay": "delay", "report": "report"}


@dataclass(frozen=True)
class Clamp:
    """Holds one gate of all units at `value` (0 to 1) in every step of a window.

    The window `encode` is the memorize step, `delay` what lies strictly between it and its report.

    Raises:
        InvalidTask: An unknown gate or window, or a value outside 0 to 1.
    """

    gate: Gate
    value: float
    window: Window = "always"

    def __post_init__(self) -> None:
        if self.gate not in GATES:
            raise InvalidTask(f"No such gate; clamp one of {', '.join(GATES)}.", "/clamps")
        if self.window not in WINDOWS:
            raise InvalidTask(f"No such window; clamp during one of {', '.join(WINDOWS)}.", "/clamps")
        if not 0 <= self.value <= 1:
            raise InvalidTask("A gate cannot be held outside the range from 0 to 1; choose a value inside.", "/clamps")


@dataclass(frozen=True)
class Recording:
    """What every part of the network did in every step.

    Attributes:
        gates: `input`, `forget` and `output`, 0 to 1, each (trial, time, unit).
        candidate: (trial, time, unit), -1 to 1: what would be written with the input gate wide open.
        write: (trial, time, unit): input gate x candidate, what is truly added to the cell.
        cell: (trial, time, unit): the memory.
        output: (trial, time, unit), -1 to 1: output gate x tanh(cell), what the readout and the next step see.
        predicted: (trial, time): the readout.
    """

    gates: dict[Gate, Tensor]
    candidate: Tensor
    write: Tensor
    cell: Tensor
    output: Tensor
    predicted: Tensor


class Moment(NamedTuple):
    """One time step, each part (trial, unit) or (network, trial, unit); or all of them, each (trial, time, unit)."""

    input_gate: Tensor
    forget_gate: Tensor
    candidate: Tensor
    output_gate: Tensor
    write: Tensor
    cell: Tensor
    output: Tensor


class MemoryLSTM(nn.Module):
    """One layer of LSTM units and a linear readout; the state is 0 at the start of every call.

    A new network is silent, all its weights being 0, until it is given others.

    Attributes:
        weight_ih_l0: (4 x unit, 3), the gates in the order input, forget, candidate, output, as in `torch.nn.LSTM`.
        weight_hh_l0: (4 x unit, unit).
        bias_ih_l0: (4 x unit), added to `bias_hh_l0`.
        bias_hh_l0: (4 x unit).
        readout: From the units to the one predicted value.
    """

    def __init__(self, hidden_size: int) -> None:
        super().__init__()
        self.hidden_size = hidden_size
        self.weight_ih_l0 = nn.Parameter(torch.zeros(4 * hidden_size, INPUT_SIZE))
        self.weight_hh_l0 = nn.Parameter(torch.zeros(4 * hidden_size, hidden_size))
        self.bias_ih_l0 = nn.Parameter(torch.zeros(4 * hidden_size))
        self.bias_hh_l0 = nn.Parameter(torch.zeros(4 * hidden_size))
        self.readout = Readout(hidden_size)

    @classmethod
    def initialised(cls, hidden_size: int, seed: int, forget_bias: float | None = None) -> "MemoryLSTM":
        """A network as torch draws it: every weight uniform in +-1 / sqrt(hidden_size).

        Args:
            hidden_size: Number of units.
            seed: The same seed gives the same weights; no global generator is touched.
            forget_bias: Bias of the forget gates (Jozefowicz et al. 2015 advise 1); drawn like the rest when None.
        """
        network = cls(hidden_size)
        generator = torch.Generator().manual_seed(seed)
        bound = hidden_size**-0.5
        for parameter in network.parameters():
            nn.init.uniform_(parameter, -bound, bound, generator=generator)
        if forget_bias is not None:
            forget = slice(hidden_size, 2 * hidden_size)
            with torch.no_grad():
                network.bias_ih_l0[forget] = forget_bias
                network.bias_hh_l0[forget] = 0
        return network

    def forward(self, inputs: Tensor) -> Tensor:
        """The predicted value (trial, time) for `inputs` (trial, time, 3), through torch's fused LSTM."""
        return fused_prediction(dict(self.named_parameters()), inputs)

    @torch.no_grad()
    def record(
        self,
        inputs: Tensor,
        clamps: Sequence[Clamp] = (),
        periods: Mapping[str, NDArray[np.bool_]] | None = None,
    ) -> Recording:
        """Runs the network and keeps everything.

        Args:
            inputs: (trial, time, 3).
            clamps: Gates to hold; of two clamps on one gate in one step the later one counts.
            periods: `Trials.periods()` of the same trials, which tell when a clamp's window is; a clamp that holds
                `always` needs none.

        Raises:
            InvalidTask: A clamp with a window, and no periods to find it in.
        """
        weights = dict(self.named_parameters())
        moments = _moments(weights, inputs, _held(inputs, clamps, periods) if clamps else None)
        return Recording(
            gates={"input": moments.input_gate, "forget": moments.forget_gate, "output": moments.output_gate},
            candidate=moments.candidate,
            write=moments.write,
            cell=moments.cell,
            output=moments.output,
            predicted=_readout(weights, moments.output),
        )


class Readout(nn.Module):
    """A linear layer that begins at 0; `nn.Linear` would draw from the global generator."""

    def __init__(self, hidden_size: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1, hidden_size))
        self.bias = nn.Parameter(torch.zeros(1))

    def forward(self, output: Tensor) -> Tensor:
        """(…, unit) -> (…, 1)."""
        return output @ self.weight.mT + self.bias


def fused_prediction(weights: Weights, inputs: Tensor) -> Tensor:
    """The predicted value (trial, time) of one network for `inputs` (trial, time, 3), through torch's own kernel."""
    weight_hh = weights["weight_hh_l0"]
    zero = inputs.new_zeros(1, inputs.shape[0], weight_hh.shape[1])
    gate_weights = [weights["weight_ih_l0"], weight_hh, weights["bias_ih_l0"], weights["bias_hh_l0"]]
    output, _, _ = torch.lstm(
        inputs,
        (zero, zero),
        gate_weights,
        has_biases=True,
        num_layers=1,
        dropout=0.0,
        train=False,
        bidirectional=False,
        batch_first=True,
    )
    return _readout(weights, output)


def stacked_prediction(weights: Weights, inputs: Tensor) -> Tensor:
    """The predicted values (network, trial, time) of networks side by side, each for its own trials.

    Args:
        weights: With a leading network axis.
        inputs: (network, trial, time, 3).
    """
    return _readout(weights, _over_time([moment.output for moment in recurrence(weights, inputs)]))


def recurrence(weights: Weights, inputs: Tensor, held: Tensor | None = None) -> Iterator[Moment]:
    """The LSTM in the open, one moment for each time step, from a state of 0.

    Args:
        weights: With a leading network axis if `inputs` has one.
        inputs: (trial, time, 3) or (network, trial, time, 3).
        held: (trial, time, gate), at what each of `GATES` is held, NaN where it is free; None where all always are.
    """
    bias = weights["bias_ih_l0"] + weights["bias_hh_l0"]
    from_inputs = torch.einsum("...bti,...gi->t...bg", inputs, weights["weight_ih_l0"]) + bias.unsqueeze(-2)
    from_output = weights["weight_hh_l0"].mT
    cell = output = inputs.new_zeros(*inputs.shape[:-2], from_output.shape[-2])
    for time, from_input in enumerate(from_inputs):
        drives = from_input + output @ from_output
        input_drive, forget_drive, candidate_drive, output_drive = drives.chunk(4, dim=-1)
        gates = [torch.sigmoid(drive) for drive in (input_drive, forget_drive, output_drive)]
        if held is not None:
            values = held[:, time].unsqueeze(1).unbind(-1)
            gates = [torch.where(value.isnan(), gate, value) for gate, value in zip(gates, values, strict=True)]
        input_gate, forget_gate, output_gate = gates
        candidate = torch.tanh(candidate_drive)
        write = input_gate * candidate
        cell = forget_gate * cell + write
        output = output_gate * torch.tanh(cell)
        yield Moment(input_gate, forget_gate, candidate, output_gate, write, cell, output)


def _moments(weights: Weights, inputs: Tensor, held: Tensor | None) -> Moment:
    """All that `recurrence` gives for one network, in one piece; float32 on a CPU is compiled."""
    if inputs.device.type == "cpu" and inputs.dtype == torch.float32:
        from models.kernels.memory_recording import moments  # brings numba, 0.3 s and 100 MB

        return Moment(*moments(weights, inputs, held))
    return Moment(*map(_over_time, zip(*recurrence(weights, inputs, held), strict=True)))


def _held(inputs: Tensor, clamps: Sequence[Clamp], periods: Mapping[str, NDArray[np.bool_]] | None) -> Tensor:
    held = inputs.new_full((*inputs.shape[:2], len(GATES)), torch.nan)
    for clamp in clamps:
        held[..., GATES.index(clamp.gate)][_window(clamp, periods)] = clamp.value
    return held


def _window(clamp: Clamp, periods: Mapping[str, NDArray[np.bool_]] | None) -> Any:
    """What picks the clamp's steps out of (trial, time)."""
    if clamp.window == "always":
        return ...
    if periods is None:
        raise InvalidTask("A clamp with a window needs trials with periods; clamp always, or give them.", "/clamps")
    return torch.from_numpy(periods[_PERIOD_OF_WINDOW[clamp.window]])


def _over_time(moments: Sequence[Tensor]) -> Tensor:
    """(trial, unit) of each moment -> (trial, time, unit), after a network axis if there is one."""
    return torch.stack(tuple(moments), dim=-2)


def _readout(weights: Weights, output: Tensor) -> Tensor:
    """(trial, time, unit) -> (trial, time), after a network axis if there is one."""
    weighted = output * weights["readout.weight"].unsqueeze(-2)
    return weighted.sum(dim=-1) + weights["readout.bias"].unsqueeze(-1)
