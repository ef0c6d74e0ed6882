"""An analysis must leave its network and the global generators as it found them."""

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from torch import nn


@contextmanager
def left_as_found(network: nn.Module) -> Iterator[None]:
    """Fails where weights, gradients, flags, mode or a global generator are not what they were."""
    network.train()
    before = _state(network)
    yield
    after = _state(network)
    assert before.keys() == after.keys()
    assert [name for name in before if before[name] != after[name]] == []


def _state(network: nn.Module) -> dict[str, object]:
    parameters = {
        name: (
            parameter.detach().numpy().tobytes(),
            parameter.requires_grad,
            None if parameter.grad is None else parameter.grad.numpy().tobytes(),
        )
        for name, parameter in network.named_parameters()
    }
    return {
        **parameters,
        "mode": network.training,
        "gradients are switched on": torch.is_grad_enabled(),
        "torch's generator": torch.get_rng_state().numpy().tobytes(),
        "numpy's generator": str(np.random.get_state(legacy=False)),
    }
