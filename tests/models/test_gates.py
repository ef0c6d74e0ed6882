import math

import pytest
import torch

from models.analysis.gates import aligned_gates, gate_family, time_constants_ms
from models.memory_lstm import Clamp, MemoryLSTM
from models.memory_task import memory_trials_with_delay
from tests.models.planted import planted_memory

TRIALS = memory_trials_with_delay(delay=15, n_repeat=2, batch_size=64, seed=0)
INPUTS = torch.from_numpy(TRIALS.inputs)
PERIODS = TRIALS.periods()


def test_gates_are_averaged_in_the_periods_they_belong_to():
    aligned = aligned_gates(planted_memory(forget=0.9).record(INPUTS), PERIODS)
    opened = {period: gates and round(gates["input"]["mean"][0], 3) for period, gates in aligned.items()}
    answering = {period: gates and round(gates["output"]["mean"][0], 3) for period, gates in aligned.items()}
    assert opened == {"memorize": 1, "delay": 0, "report": 0, "other": 0}
    assert answering == {"memorize": 0, "delay": 0, "report": 1, "other": 0}


def test_mean_and_sd_are_over_all_steps_and_trials_for_each_unit():
    recording = MemoryLSTM.initialised(3, 0).record(INPUTS)
    delay = aligned_gates(recording, PERIODS)["delay"]
    assert delay is not None
    assert set(delay) == {"input", "forget", "output", "candidate", "write"}
    for unit in range(3):
        steps = recording.write[..., unit][torch.from_numpy(PERIODS["delay"])].double()
        assert delay["write"]["mean"][unit] == pytest.approx(steps.mean().item())
        assert delay["write"]["sd"][unit] == pytest.approx(steps.std(correction=0).item())


def test_the_candidate_is_told_apart_from_what_is_written():
    delay = aligned_gates(planted_memory(forget=0.9, candidate_gain=1).record(INPUTS), PERIODS)["delay"]
    assert delay is not None
    assert delay["candidate"]["sd"][0] > 0.3
    assert delay["write"]["sd"][0] < 1e-6


def test_a_period_without_steps_has_no_average():
    trials = memory_trials_with_delay(delay=1, n_repeat=1, batch_size=4, seed=0)
    recording = planted_memory(forget=0.9).record(torch.from_numpy(trials.inputs))
    aligned = aligned_gates(recording, trials.periods())
    assert aligned["delay"] is None
    assert aligned["memorize"] is not None
    assert time_constants_ms(recording, trials.periods()) == [None]


@pytest.mark.parametrize("time_constant_ms", [5, 50, 500])
def test_the_time_constant_is_the_one_that_was_planted(time_constant_ms):
    network = planted_memory(forget=math.exp(-1 / time_constant_ms))
    assert time_constants_ms(network.record(INPUTS), PERIODS) == [pytest.approx(time_constant_ms, rel=1e-3)]


def test_a_cell_that_never_decays_has_no_time_constant_and_one_that_forgets_at_once_has_zero():
    network = planted_memory(forget=0.5)
    assert time_constants_ms(network.record(INPUTS, [Clamp("forget", 1)]), PERIODS) == [None]
    assert time_constants_ms(network.record(INPUTS, [Clamp("forget", 0)]), PERIODS) == [0]


def test_a_memory_behind_a_shut_input_gate_is_closed():
    assert gate_family(planted_memory(forget=0.999)) == "closed"


def test_a_memory_behind_a_silent_candidate_is_open():
    network = planted_memory(forget=0.999)
    with torch.no_grad():
        network.weight_ih_l0[0] = 0
        network.bias_ih_l0[0] = 0  # the input gate rests half open
    assert gate_family(network) == "open"


def test_the_family_is_that_of_the_unit_that_reports():
    closed, idle = planted_memory(forget=0.999), MemoryLSTM(1)
    network = MemoryLSTM(2)
    with torch.no_grad():
        for gate in range(4):
            network.weight_ih_l0[2 * gate] = idle.weight_ih_l0[gate]
            network.weight_ih_l0[2 * gate + 1] = closed.weight_ih_l0[gate]
            network.bias_ih_l0[2 * gate + 1] = closed.bias_ih_l0[gate]
        network.readout.weight[0, 1] = closed.readout.weight[0, 0]
    assert gate_family(network) == "closed"
