import json
import math
from collections.abc import Sequence

import numpy as np
import pytest
import torch

from models.analysis.gates import (
    aligned_gates,
    describe_gates,
    effective_leak,
    effective_write,
    gate_family,
    reporting_unit,
    retention,
    time_constants_ms,
    time_courses,
)
from models.analysis.horizon import horizon
from models.kernels import event_average
from models.memory_lstm import Clamp, MemoryLSTM
from models.memory_task import memory_trials, memory_trials_with_delay, trials_from_inputs
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


def test_time_courses_are_lined_up_with_the_pulses():
    courses = time_courses(planted_memory(forget=0.9).record(INPUTS), PERIODS)
    for event, gate in (("memorize", "input"), ("report", "output")):
        lags = {point["lag_ms"]: point for point in courses[event]}
        assert list(lags) == list(range(-5, 21))
        assert lags[0][gate]["mean"] == [pytest.approx(1)]
        assert lags[0][gate]["sd"] == [pytest.approx(0)]
        assert lags[-1][gate]["mean"] + lags[1][gate]["mean"] == pytest.approx([0, 0], abs=1e-6)
    report = {point["lag_ms"]: point["output"]["mean"] for point in courses["memorize"]}
    assert report[15] == [pytest.approx(1)]


def test_a_time_course_tells_how_many_events_each_lag_is_averaged_over_and_has_no_lag_without():
    trials = trials_from_inputs([[0.5, 1, 0], [0.1, 0, 0], [0.2, 0, 1], [0.3, 1, 0], [0.4, 0, 1]])
    recording = MemoryLSTM.initialised(2, 0).record(torch.from_numpy(trials.inputs))
    courses = time_courses(recording, trials.periods())
    assert {point["lag_ms"]: point["n"] for point in courses["memorize"]} == {
        -3: 1, -2: 1, -1: 1, 0: 2, 1: 2, 2: 1, 3: 1, 4: 1,
    }  # fmt: skip
    at_once = recording.gates["input"][0, [0, 3]].double()
    (middle,) = (point for point in courses["memorize"] if point["lag_ms"] == 0)
    assert middle["input"]["mean"] == pytest.approx(at_once.mean(dim=0).tolist())
    assert middle["input"]["sd"] == pytest.approx(at_once.std(dim=0, correction=0).tolist())


@pytest.mark.parametrize("hidden_size", [1, 3])
def test_time_courses_are_the_plain_averages_of_what_was_recorded(hidden_size):
    recording = MemoryLSTM.initialised(hidden_size, 0).record(INPUTS)
    point = time_courses(recording, PERIODS)["report"][2]
    assert point["lag_ms"] == -3
    asked = torch.from_numpy(np.roll(PERIODS["report"], -3, axis=1))
    for name, trace in {**recording.gates, "candidate": recording.candidate, "write": recording.write}.items():
        steps = trace[asked].double()
        assert point[name]["mean"] == pytest.approx(steps.mean(dim=0).tolist(), rel=1e-12)
        assert point[name]["sd"] == pytest.approx(steps.std(dim=0, correction=0).tolist(), rel=1e-9, abs=1e-12)


def test_the_averages_that_are_warm_serve_every_recording():
    event_average.warm()
    for inputs, periods in ((INPUTS, PERIODS), (INPUTS[:1], {name: mask[:1] for name, mask in PERIODS.items()})):
        time_courses(MemoryLSTM.initialised(2, 0).record(inputs), periods)
    assert len(event_average._average.signatures) == 1


def test_the_cell_takes_up_what_the_candidate_makes_of_the_stimulus():
    write = effective_write(planted_memory(forget=0.9).record(INPUTS), TRIALS)
    assert write["slope"] + write["by_candidate"] == pytest.approx([0.01, 0.01], rel=1e-3)
    assert write["offset"] + write["by_gate"] == pytest.approx([0, 0], abs=1e-6)


def test_the_cell_takes_up_what_a_gate_that_follows_the_stimulus_lets_in():
    write = effective_write(planted_open_memory().record(INPUTS), TRIALS)
    assert write["slope"] + write["by_gate"] == pytest.approx([0.01, 0.01], rel=1e-3)
    assert write["offset"] == [pytest.approx(0.5, rel=1e-3)]
    assert write["by_candidate"] == [pytest.approx(0, abs=1e-6)]


def test_a_single_memorize_tells_nothing_of_what_the_cell_takes_up():
    trials = trials_from_inputs([[0.5, 1, 0], [0.1, 0, 0], [0.2, 0, 1]])
    write = effective_write(MemoryLSTM.initialised(2, 0).record(torch.from_numpy(trials.inputs)), trials)
    assert write == {name: [None, None] for name in ("slope", "offset", "by_candidate", "by_gate")}


def test_the_leak_is_what_a_step_of_the_delay_adds_to_the_cell():
    recording = planted_memory(forget=0.9, candidate_gain=1).record(INPUTS, [Clamp("input", 0.25, "delay")], PERIODS)
    delay = torch.from_numpy(PERIODS["delay"])
    leak = effective_leak(recording, PERIODS)
    assert leak is not None
    assert leak["rms"] == [pytest.approx(0.25 * recording.candidate[delay].square().mean().sqrt().item())]
    assert leak["mean"] == [pytest.approx(0.25 * recording.candidate[delay].mean().item(), abs=1e-6)]


def test_what_is_kept_is_the_product_of_the_forget_gates_of_all_steps_up_to_the_report():
    kept = retention(planted_memory(forget=0.9).record(INPUTS), TRIALS)
    assert kept == {"mean": [pytest.approx(0.9**15, rel=1e-4)], "sd": [pytest.approx(0, abs=1e-5)]}
    mixed = memory_trials(seq_len=40, n_repeat=3, batch_size=64, seed=1)
    kept = retention(planted_memory(forget=0.9).record(torch.from_numpy(mixed.inputs)), mixed)
    expected = 0.9**mixed.delays_ms
    assert kept == {"mean": [pytest.approx(expected.mean(), rel=1e-4)], "sd": [pytest.approx(expected.std(), rel=1e-4)]}


def test_a_forget_gate_that_is_shut_once_keeps_nothing():
    recording = planted_memory(forget=0.9).record(INPUTS, [Clamp("forget", 0, "delay")], PERIODS)
    assert retention(recording, TRIALS) == {"mean": [0], "sd": [0]}


@pytest.mark.parametrize("time_constant_ms", [5, 50, 500])
def test_the_time_constant_is_the_one_that_was_planted(time_constant_ms):
    network = planted_memory(forget=math.exp(-1 / time_constant_ms))
    assert time_constants_ms(network.record(INPUTS), PERIODS) == [pytest.approx(time_constant_ms, rel=1e-3)]


def test_a_cell_that_never_decays_has_no_time_constant_and_one_that_forgets_at_once_has_zero():
    network = planted_memory(forget=0.5)
    assert time_constants_ms(network.record(INPUTS, [Clamp("forget", 1)]), PERIODS) == [None]
    assert time_constants_ms(network.record(INPUTS, [Clamp("forget", 0)]), PERIODS) == [0]


def test_a_perfect_integrator_has_no_time_constant():
    described = describe_gates(planted_memory(forget=1), planted_memory(forget=1).record(INPUTS), TRIALS)
    assert described["time_constant_ms"] is None
    assert described["retention"]["mean"] == [pytest.approx(1)]
    assert described["family"] == "closed"


def test_of_several_units_the_slowest_gives_the_time_constant():
    network = MemoryLSTM(2)
    with torch.no_grad():
        network.bias_ih_l0[2:4] = torch.tensor([math.log(4), math.log(9)])
    described = describe_gates(network, network.record(INPUTS), TRIALS)
    expected = [-1 / math.log(0.8), -1 / math.log(0.9)]
    assert described["time_constants_ms"] == pytest.approx(expected, rel=1e-4)
    assert described["time_constant_ms"] == pytest.approx(expected[1], rel=1e-4)


def test_a_memory_behind_an_input_gate_that_never_shuts_holds_as_long_and_is_open():
    network = planted_open_memory()
    assert gate_family(network) == "open"
    assert horizon(network)["horizon_ms"] == 1000


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
    assert reporting_unit(network, network.record(INPUTS), PERIODS) == 1


def test_roles_tell_a_closed_memory_from_an_open_one_by_its_numbers():
    closed, opened = (
        roles_of(network) for network in (planted_memory(forget=math.exp(-1 / 500)), planted_open_memory())
    )
    assert closed["input"].startswith("The input gate is open at memorize (1), where the cell takes up 0.01 of the")
    assert "since the candidate follows it, and shut in the delay" in closed["input"]
    assert "since the gate itself follows it, and open in the delay (0.5)" in opened["input"]
    assert "is near 0 and shields the cell" in opened["input"]
    assert "keeps 0.97 of the cell" in closed["forget"]
    assert "a time constant of 500.0 ms" in closed["forget"]
    assert "no decay" in opened["forget"]
    assert "clears the cell for the new value" in closed["forget"]
    assert "shown only when it is asked for" in closed["output"]


def test_roles_tell_what_a_gate_fails_to_do():
    held = roles_of(
        planted_memory(forget=0.9), [Clamp("forget", 1), Clamp("output", 0.5), Clamp("input", 0.5, "delay")]
    )
    assert "leaves the old value beside the new one" in held["forget"]
    assert "the cell is shown unasked, too" in held["output"]
    noisy = roles_of(planted_memory(forget=0.9, candidate_gain=1), [Clamp("input", 0.5, "delay")])
    assert "does not shield the cell" in noisy["input"]


def test_of_several_units_the_roles_are_told_of_the_one_that_reports():
    network = MemoryLSTM.initialised(3, 0)
    described = describe_gates(network, network.record(INPUTS), TRIALS)
    unit = described["reporting_unit"]
    gate = described["aligned"]["memorize"]["input"]["mean"][unit]
    assert described["roles"]["input"].startswith(
        f"Unit {unit}, which contributes most to the report: the input gate is "
    )
    assert f"at memorize ({gate:.2g})" in described["roles"]["input"]


def test_a_stream_of_two_steps_is_described_without_a_delay():
    trials = trials_from_inputs([[0.5, 1, 0], [0.2, 0, 1]])
    network = planted_memory(forget=0.9)
    described = describe_gates(network, network.record(torch.from_numpy(trials.inputs)), trials)
    assert described["effective_leak"] is None
    assert described["roles"]["input"] == "The input gate is open at memorize (1)."
    assert json.loads(json.dumps(described, allow_nan=False)) == described


def roles_of(network: MemoryLSTM, clamps: Sequence[Clamp] = ()) -> dict[str, str]:
    return describe_gates(network, network.record(INPUTS, clamps, PERIODS), TRIALS)["roles"]


def planted_open_memory() -> MemoryLSTM:
    """One unit whose input gate rests half open and follows the stimulus a little, its candidate 1 at memorize, else 0.

    The cell gets 0.5 + 0.01 x, all of it through the gate, and keeps it.
    """
    network = planted_memory(forget=1)
    with torch.no_grad():
        network.weight_ih_l0[0] = torch.tensor([0.04, 0, 0])
        network.bias_ih_l0[0] = 0
        network.weight_ih_l0[2] = torch.tensor([0.0, 40, 0])
        network.readout.weight[:] = math.cosh(0.5) ** 2 / 0.01
        network.readout.bias[:] = -math.tanh(0.5) * math.cosh(0.5) ** 2 / 0.01
    return network
