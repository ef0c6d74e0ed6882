"""Memory networks whose weights are written by hand, so that what they do is known on paper."""

import math

import torch

from models.memory_lstm import MemoryLSTM

_SHUT = -20.0
_FLIP = 40.0


def planted_memory(*, forget: float, candidate_gain: float = 0.01) -> MemoryLSTM:
    """One unit that writes only at memorize, answers only at report, and keeps the share `forget` of its cell each ms.

    With a small `candidate_gain` both tanh are straight lines, and the answer after a delay D is x * forget ** D.
    """
    network = MemoryLSTM(1)
    forget_bias = _FLIP if forget == 1 else math.log(forget / (1 - forget))
    with torch.no_grad():
        network.weight_ih_l0[:] = torch.tensor(
            [[0, _FLIP, 0], [0, -2 * _FLIP, 0], [candidate_gain, 0, 0], [0, 0, _FLIP]]
        )
        network.bias_ih_l0[:] = torch.tensor([_SHUT, forget_bias, 0, _SHUT])
        network.readout.weight[:] = 1 / candidate_gain
    return network
