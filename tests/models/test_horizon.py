import math
from dataclasses import replace

import pytest
import torch

from models.analysis.horizon import DELAYS_MS, horizon, predict
from models.errors import InvalidTask
from models.memory_lstm import Clamp, MemoryLSTM
from models.memory_task import memory_trials_with_delay
from tests.models.left_as_found import left_as_found
from tests.models.planted import planted_memory


def test_a_perfect_integrator_holds_to_the_longest_delay():
    result = horizon(planted_memory(forget=1))
    assert result["horizon_ms"] == 1000
    assert [point["delay_ms"] for point in result["curve"]] == list(DELAYS_MS)
    assert all(point["r2"] > 0.999 for point in result["curve"])


def test_a_leak_loses_gain_by_its_time_constant_but_not_its_order():
    time_constant_ms = 200
    curve = horizon(planted_memory(forget=math.exp(-1 / time_constant_ms)))["curve"]
    for point in curve:
        gain = math.exp(-point["delay_ms"] / time_constant_ms)
        assert point["gain"] == pytest.approx(gain, rel=0.01)
        assert point["r2"] == pytest.approx(1 - (1 - gain) ** 2, abs=0.02)
        assert point["correlation"] > 0.999


@pytest.mark.parametrize("time_constant_ms", [100, 260, 1000])
def test_the_horizon_of_a_leak_is_the_one_that_theory_gives_and_not_that_of_correlation(time_constant_ms):
    # R² = 1 - (1 - exp(-D / tau))^2 falls under 0.9 at D = -tau ln(1 - sqrt(0.1)) = 0.38 tau
    theory_ms = -time_constant_ms * math.log(1 - math.sqrt(0.1))
    delays = range(round(0.8 * theory_ms), round(1.2 * theory_ms), max(1, round(theory_ms / 100)))
    result = horizon(planted_memory(forget=math.exp(-1 / time_constant_ms)), delays=delays)
    low, high = result["horizon_interval"]
    assert result["horizon_ms"] == pytest.approx(theory_ms, rel=0.03)
    assert low <= result["horizon_ms"] < high
    assert low < 1.01 * theory_ms
    assert high > 0.99 * theory_ms


def test_a_horizon_beyond_the_sweep_has_no_upper_end_and_one_before_it_no_lower_one():
    assert horizon(planted_memory(forget=1), delays=[5, 20])["horizon_interval"] == [20, None]
    assert horizon(MemoryLSTM(1), delays=[5, 20])["horizon_interval"] == [0, 5]


def test_an_input_gate_that_never_shuts_lets_each_ms_add_as_much_as_the_value():
    # the answer is the sum of D + 1 values of the same variance, so that R² = 1 - D
    network = planted_memory(forget=1)
    with torch.no_grad():
        network.weight_ih_l0[0] = 0
        network.bias_ih_l0[0] = 20
    result = horizon(network, delays=[1, 2, 4], trials=1024)
    assert [point["r2"] for point in result["curve"]] == pytest.approx([0, -1, -3], abs=0.4)
    assert [point["gain"] for point in result["curve"]] == pytest.approx([1, 1, 1], abs=0.1)
    assert "other things than the value" in result["verdict"]


def test_the_verdict_names_what_most_of_the_error_is_made_of():
    assert horizon(planted_memory(forget=1))["verdict"].endswith("up to the longest delay that was tried, 1000 ms.")
    leaking = horizon(planted_memory(forget=math.exp(-1 / 100)))["verdict"]
    assert "up to a delay of 30 ms; at 50 ms the memory has lost gain (R² 0.8" in leaking
    shifted = planted_memory(forget=1)
    with torch.no_grad():
        shifted.readout.bias[:] = 1
    assert "from the shortest delay on: at 5 ms all answers are shifted" in horizon(shifted, delays=[5])["verdict"]


def test_a_cell_that_is_never_cleared_is_right_at_the_first_report_of_a_trial_alone():
    # at the second report the old value is still there: R² = 1 - var(old) / var(new) = 0, and half of both over all
    clamps = [Clamp("forget", 1, "encode")]
    for point in horizon(planted_memory(forget=1), delays=[3, 30], trials=1024, clamps=clamps, n_repeat=2)["curve"]:
        assert point["first"] > 0.999
        assert point["later"] == pytest.approx(0, abs=0.15)
        assert point["r2"] == pytest.approx(0.5, abs=0.1)
        assert point["r2_interval"][0] < point["r2"] < point["r2_interval"][1]


def test_the_interval_of_r2_is_as_wide_as_theory_has_it():
    # An input gate left open by 0.05 for 100 ms adds noise of a quarter of the variance, nearly normal. Beside values
    # that are uniform, the share that is not explained has the relative standard deviation sqrt((2 + 0.8) / n).
    network = planted_memory(forget=1)
    with torch.no_grad():
        network.bias_ih_l0[0] = math.log(0.05 / 0.95)
    (point,) = horizon(network, delays=[100], trials=1000)["curve"]
    low, high = point["r2_interval"]
    assert point["r2"] == pytest.approx(0.75, abs=0.05)
    assert high - low == pytest.approx(2 * 1.96 * (1 - point["r2"]) * math.sqrt(2.8 / 1000), rel=0.15)


def test_a_silent_network_has_no_horizon_and_scores_chance():
    result = horizon(MemoryLSTM(1), delays=[1, 10])
    assert result["horizon_ms"] == 0
    for point in result["curve"]:
        assert point["report_rmse"] == pytest.approx(point["chance_rmse"])
        assert point["gain"] == point["correlation"] == 0


def test_a_late_recovery_does_not_lengthen_the_horizon():
    class Intermittent(MemoryLSTM):
        def record(self, inputs, clamps=(), periods=None):
            recording = super().record(inputs, clamps, periods)
            return replace(recording, predicted=recording.predicted * (0 if inputs.shape[1] == 10 + 6 else 1))

    network = Intermittent(1)
    network.load_state_dict(planted_memory(forget=1).state_dict())
    assert horizon(network, delays=[20, 10, 5])["horizon_ms"] == 5


def test_the_interval_holds_r2_and_narrows_with_more_trials():
    network = planted_memory(forget=math.exp(-1 / 100))
    few, many = (horizon(network, delays=[80], trials=trials)["curve"][0] for trials in (16, 1024))
    for point in (few, many):
        low, high = point["r2_interval"]
        assert low < point["r2"] < high
    width = [point["r2_interval"][1] - point["r2_interval"][0] for point in (few, many)]
    assert width[1] < width[0] / 3


def test_the_same_seed_gives_the_same_curve_and_another_seed_another():
    network = MemoryLSTM.initialised(1, 0)
    assert horizon(network, delays=[5, 10], seed=3) == horizon(network, delays=[5, 10], seed=3)
    assert horizon(network, delays=[5, 10], seed=3) != horizon(network, delays=[5, 10], seed=4)


def test_a_point_does_not_depend_on_the_other_delays_asked_for():
    network = MemoryLSTM.initialised(1, 0)
    assert horizon(network, delays=[7])["curve"][0] == horizon(network, delays=[20, 7, 7, 3])["curve"][1]


@pytest.mark.parametrize(
    "clamp",
    [Clamp("forget", 0), Clamp("forget", 0, "delay"), Clamp("input", 0, "encode"), Clamp("output", 0, "report")],
)
def test_clamps_that_break_the_chain_leave_no_horizon(clamp):
    network = planted_memory(forget=1)
    assert horizon(network, delays=[5, 15])["horizon_ms"] == 15
    assert horizon(network, delays=[5, 15], clamps=[clamp])["horizon_ms"] == 0


def test_a_clamp_can_mend_a_leaky_memory():
    network = planted_memory(forget=math.exp(-1 / 20))
    assert horizon(network, delays=[5, 100])["horizon_ms"] < 100
    assert horizon(network, delays=[5, 100], clamps=[Clamp("forget", 1, "delay")])["horizon_ms"] == 100


def test_with_a_clamp_and_without_the_answers_agree_where_the_clamp_changes_nothing():
    network = planted_memory(forget=0.9)
    trials = memory_trials_with_delay(delay=10, n_repeat=2, batch_size=8, seed=0)
    held = predict(network, trials, [Clamp("output", 1, "report")])
    assert held == pytest.approx(predict(network, trials), abs=1e-6)


@pytest.mark.parametrize("clamps", [[], [Clamp("forget", 0.9, "delay")]])
def test_many_trials_are_answered_in_blocks_as_they_are_at_once(monkeypatch, clamps):
    network = MemoryLSTM.initialised(3, 0)
    trials = memory_trials_with_delay(delay=10, n_repeat=2, batch_size=9, seed=0)
    at_once = predict(network, trials, clamps)
    monkeypatch.setattr("models.analysis.horizon._LARGEST_BLOCK", 4 * trials.target.shape[1] * 3)
    assert predict(network, trials, clamps) == pytest.approx(at_once, abs=1e-6)


def test_the_network_is_left_as_it_was_found():
    network = MemoryLSTM.initialised(2, 0)
    with left_as_found(network):
        horizon(network, delays=[3], clamps=[Clamp("input", 0.5)])
        horizon(network, delays=[3])


@pytest.mark.parametrize(
    ("options", "pointer"),
    [
        ({"delays": []}, "/delays"),
        ({"delays": [0]}, "/delay"),
        ({"n_repeat": 0}, "/n_repeat"),
        ({"trials": 15}, "/trials"),
        ({"criterion": 1.5}, "/criterion"),
        ({"criterion": float("nan")}, "/criterion"),
    ],
)
def test_a_sweep_that_cannot_be_is_refused(options, pointer):
    with pytest.raises(InvalidTask) as refusal:
        horizon(MemoryLSTM(1), **options)
    assert refusal.value.pointer == pointer
