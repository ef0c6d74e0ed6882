from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import nn

from models.errors import InvalidTask
from models.memory_lstm import GATES, Clamp, MemoryLSTM, stacked_prediction
from models.memory_task import memory_trials, memory_trials_with_delay

TRIALS = memory_trials(seq_len=20, n_repeat=3, batch_size=16, seed=5)
INPUTS = torch.from_numpy(TRIALS.inputs)


@pytest.mark.parametrize("hidden_size", range(1, 9))
def test_a_recording_agrees_with_torchs_own_lstm(hidden_size):
    network = strong_network(hidden_size)
    reference = nn.LSTM(3, hidden_size, batch_first=True)
    reference.load_state_dict({name: tensor for name, tensor in network.state_dict().items() if "readout" not in name})
    with torch.no_grad():
        output, (_, cell) = reference(INPUTS)
        predicted = network.readout(output).squeeze(-1)
        recording = network.record(INPUTS)
        torch.testing.assert_close(recording.output, output, rtol=0, atol=1e-6)
        torch.testing.assert_close(recording.cell[:, -1], cell[0], rtol=0, atol=1e-5)
        torch.testing.assert_close(recording.predicted, predicted, rtol=0, atol=1e-6)
        torch.testing.assert_close(network(INPUTS), predicted, rtol=0, atol=1e-6)


def test_networks_side_by_side_predict_what_each_predicts_alone():
    networks = [MemoryLSTM.initialised(3, seed) for seed in range(4)]
    weights = {
        name: torch.stack([network.state_dict()[name] for network in networks]) for name in networks[0].state_dict()
    }
    inputs = torch.stack([INPUTS.roll(shift, dims=0) for shift in range(4)])
    with torch.no_grad():
        alone = torch.stack([network(own) for network, own in zip(networks, inputs, strict=True)])
    torch.testing.assert_close(stacked_prediction(weights, inputs), alone, rtol=0, atol=1e-6)


def test_a_recording_holds_every_part_in_its_shape_and_range():
    recording = strong_network(4).record(INPUTS)
    traces = [*recording.gates.values(), recording.candidate, recording.write, recording.cell, recording.output]
    assert all(trace.shape == (16, 60, 4) for trace in traces)
    assert recording.predicted.shape == (16, 60)
    assert tuple(recording.gates) == GATES
    assert all(gate.min() >= 0 and gate.max() <= 1 for gate in recording.gates.values())


def test_what_is_written_is_the_candidate_behind_the_input_gate():
    recording = strong_network(2).record(INPUTS)
    assert torch.equal(recording.write, recording.gates["input"] * recording.candidate)
    kept = recording.gates["forget"][:, 1:] * recording.cell[:, :-1]
    torch.testing.assert_close(recording.cell[:, 1:], kept + recording.write[:, 1:])
    assert (recording.write - recording.candidate).abs().max() > 0.1


def test_recording_leaves_nothing_behind():
    network = MemoryLSTM.initialised(2, 0)
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    attributes = set(vars(network))
    torch_state = torch.random.get_rng_state()
    first = network.record(INPUTS)
    network.record(INPUTS, [Clamp("forget", 0)])
    again = network.record(INPUTS)
    assert torch.equal(first.predicted, again.predicted)
    assert not first.predicted.requires_grad
    assert all(parameter.grad is None and parameter.requires_grad for parameter in network.parameters())
    assert all(torch.equal(tensor, before[name]) for name, tensor in network.state_dict().items())
    assert set(vars(network)) == attributes
    assert network.training
    assert torch.equal(torch.random.get_rng_state(), torch_state)


def test_the_state_is_zero_at_the_start_of_every_call():
    network = MemoryLSTM.initialised(3, 0)
    with torch.no_grad():
        alone = network(INPUTS[:1])
        network(INPUTS.flip(0))
        torch.testing.assert_close(network(INPUTS)[:1], alone, rtol=0, atol=1e-7)
    recording = network.record(INPUTS)
    assert torch.equal(recording.cell[:, 0], recording.write[:, 0])


def test_a_new_network_is_silent():
    with torch.no_grad():
        assert not MemoryLSTM(5)(INPUTS).any()


@pytest.mark.parametrize("hidden_size", [1, 5])
def test_first_weights_are_those_that_torch_draws(hidden_size):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(11)
        reference = nn.LSTM(3, hidden_size).state_dict()
        readout = nn.Linear(hidden_size, 1).state_dict()
    expected = reference | {f"readout.{name}": tensor for name, tensor in readout.items()}
    network = MemoryLSTM.initialised(hidden_size, seed=11)
    assert network.state_dict().keys() == expected.keys()
    for name, tensor in network.state_dict().items():
        torch.testing.assert_close(tensor, expected[name])


def test_a_forget_bias_is_the_whole_bias_of_the_forget_gates_alone():
    plain = MemoryLSTM.initialised(2, seed=3)
    biased = MemoryLSTM.initialised(2, seed=3, forget_bias=2)
    bias = (biased.bias_ih_l0 + biased.bias_hh_l0).detach()
    assert bias[2:4].tolist() == [2, 2]
    elsewhere = [0, 1, 4, 5, 6, 7]
    assert torch.equal(bias[elsewhere], (plain.bias_ih_l0 + plain.bias_hh_l0).detach()[elsewhere])


@pytest.mark.parametrize(
    "make", [lambda: MemoryLSTM(2), lambda: MemoryLSTM.initialised(2, 0)], ids=["silent", "initialised"]
)
def test_making_a_network_leaves_torchs_global_generator_alone(make: Callable[[], MemoryLSTM]):
    before = torch.random.get_rng_state()
    make()
    assert torch.equal(torch.random.get_rng_state(), before)


@pytest.mark.parametrize("gate", GATES)
def test_a_gate_clamped_always_is_held_in_every_step(gate):
    held = strong_network(2).record(INPUTS, [Clamp(gate, 0.25)]).gates
    assert (held[gate] == 0.25).all()
    assert all((held[other] != 0.25).any() for other in set(GATES) - {gate})


@pytest.mark.parametrize(("window", "period"), [("encode", "memorize"), ("delay", "delay"), ("report", "report")])
def test_a_clamp_holds_its_gate_in_its_window_alone(window, period):
    periods = TRIALS.periods()
    recording = strong_network(2).record(INPUTS, [Clamp("forget", 0.125, window)], periods)
    np.testing.assert_array_equal((recording.gates["forget"] == 0.125).all(-1).numpy(), periods[period])


def test_of_two_clamps_on_one_gate_the_later_one_counts():
    periods = TRIALS.periods()
    clamps = [Clamp("input", 1), Clamp("input", 0, "delay")]
    gate = strong_network(1).record(INPUTS, clamps, periods).gates["input"][..., 0].numpy()
    np.testing.assert_array_equal(gate, ~periods["delay"])


def test_a_forget_gate_held_at_zero_keeps_nothing_but_the_latest_write():
    recording = strong_network(2).record(INPUTS, [Clamp("forget", 0)])
    assert torch.equal(recording.cell, recording.write)


def test_an_output_gate_held_at_zero_leaves_the_readouts_bias_alone():
    network = strong_network(2)
    predicted = network.record(INPUTS, [Clamp("output", 0)]).predicted
    assert torch.equal(predicted, network.readout.bias.detach().expand_as(predicted))


@pytest.mark.parametrize(
    "clamp", [("cell", 0.0), ("input", -0.1), ("input", 1.1), ("input", float("nan")), ("input", 0.0, "sometimes")]
)
def test_a_clamp_that_cannot_be_is_refused(clamp):
    with pytest.raises(InvalidTask) as refusal:
        Clamp(*clamp)
    assert refusal.value.pointer == "/clamps"
    assert not {"cell", "sometimes", "nan"} & set(str(refusal.value).replace(",", "").split())


def test_a_clamp_with_a_window_needs_periods():
    trials = memory_trials_with_delay(delay=3, n_repeat=1, batch_size=2, seed=0)
    with pytest.raises(InvalidTask):
        MemoryLSTM(1).record(torch.from_numpy(trials.inputs), [Clamp("input", 0, "delay")])


def strong_network(hidden_size: int) -> MemoryLSTM:
    """A network whose gates use all of their range."""
    network = MemoryLSTM.initialised(hidden_size, seed=hidden_size)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.mul_(2)
    return network
