import hashlib

import pytest
import torch
from safetensors.torch import load, save

from models.checkpoints import load_weights, pack, unpack, weights_bytes, weights_sha256
from models.digit_net import DigitNet
from models.errors import CorruptCheckpoint


def test_weights_come_back_bit_for_bit():
    network, other = DigitNet.initialised(0), DigitNet.initialised(1)
    weights = weights_bytes(network)
    load_weights(other, weights)
    assert weights_bytes(other) == weights
    assert weights_sha256(weights) == hashlib.sha256(weights).hexdigest()


def damaged(change) -> bytes:
    tensors = load(weights_bytes(DigitNet.initialised(0)))
    change(tensors)
    return save(tensors)


@pytest.mark.parametrize(
    "weights",
    [
        b"",
        b"\x80\x04pickle",
        weights_bytes(DigitNet.initialised(0))[:-1],
        damaged(lambda tensors: tensors.pop("fc3.bias")),
        damaged(lambda tensors: tensors.update({"fc3.bias": torch.zeros(11)})),
        damaged(lambda tensors: tensors.update({"fc3.bias": torch.zeros(10, dtype=torch.float64)})),
        damaged(lambda tensors: tensors.update({"fc3.bias": torch.full((10,), torch.nan)})),
        damaged(lambda tensors: tensors.update({"fc4.bias": torch.zeros(1)})),
    ],
    ids=["empty", "foreign", "cut", "lacking", "shape", "type", "nan", "surplus"],
)
def test_weights_that_do_not_fit_are_refused_and_change_nothing(weights):
    network = DigitNet.initialised(1)
    before = weights_bytes(network)
    with pytest.raises(CorruptCheckpoint):
        load_weights(network, weights)
    assert weights_bytes(network) == before


def test_a_state_comes_back_with_its_notes():
    tensors, notes = unpack(pack({"a": torch.arange(3.0)}, {"step": 3, "trace": [0.1, None]}))
    assert torch.equal(tensors["a"], torch.arange(3.0))
    assert notes == {"step": 3, "trace": [0.1, None]}


@pytest.mark.parametrize("state", [b"", b"nonsense", save({"a": torch.zeros(1)})], ids=["empty", "foreign", "bare"])
def test_what_is_no_state_is_refused(state):
    with pytest.raises(CorruptCheckpoint):
        unpack(state)
