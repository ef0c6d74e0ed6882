import math

import pytest
import torch

from models.analysis.horizon import DELAYS_MS, horizon, predict
from models.errors import InvalidTask
from models.memory_lstm import Clamp, MemoryLSTM
from models.memory_task import memory_trials_with_delay
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


def test_the_horizon_is_read_from_r2_and_not_from_correlation():
    # R2 = 1 - (1 - exp(-D / 100))^2 falls under 0.9 at D = -100 ln(1 - sqrt(0.1)) = 38 ms
    assert horizon(planted_memory(forget=math.exp(-1 / 100)), delays=range(30, 50))["horizon_ms"] == pytest.approx(
        38, abs=1
    )


def test_a_silent_network_has_no_horizon_and_scores_chance():
    result = horizon(MemoryLSTM(1), delays=[1, 10])
    assert result["horizon_ms"] == 0
    for point in result["curve"]:
        assert point["report_rmse"] == pytest.approx(point["chance_rmse"])
        assert point["gain"] == point["correlation"] == 0


def test_a_late_recovery_does_not_lengthen_the_horizon():
    class Intermittent(MemoryLSTM):
        def forward(self, inputs):
            return super().forward(inputs) * (0 if inputs.shape[1] == 10 + 6 else 1)

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


def test_the_network_is_left_as_it_was_found():
    network = MemoryLSTM.initialised(2, 0)
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    torch_state = torch.random.get_rng_state()
    horizon(network, delays=[3], clamps=[Clamp("input", 0.5)])
    horizon(network, delays=[3])
    assert all(torch.equal(tensor, before[name]) for name, tensor in network.state_dict().items())
    assert all(parameter.grad is None for parameter in network.parameters())
    assert network.training
    assert torch.equal(torch.random.get_rng_state(), torch_state)


@pytest.mark.parametrize(
    ("options", "pointer"),
    [
        ({"delays": []}, "/delays"),
        ({"delays": [0]}, "/delay"),
        ({"trials": 15}, "/trials"),
        ({"criterion": 1.5}, "/criterion"),
        ({"criterion": float("nan")}, "/criterion"),
    ],
)
def test_a_sweep_that_cannot_be_is_refused(options, pointer):
    with pytest.raises(InvalidTask) as refusal:
        horizon(MemoryLSTM(1), **options)
    assert refusal.value.pointer == pointer
