import json
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from models.analysis.state_space import (
    FIXED_SPEED,
    MOST_POINTS,
    DelayDynamics,
    encoding,
    find_points,
    principal_axes,
    state_space,
    visited_states,
)
from models.errors import InvalidAnalysis
from models.memory_lstm import Clamp, MemoryLSTM
from models.memory_task import memory_trials_with_delay, trials_from_inputs
from tests.models.planted import planted_memory

OPEN = 40.0
SHUT = -40.0


def bistable_unit(weight: float) -> MemoryLSTM:
    """c' = c / 2 + tanh(weight * h), h' = tanh(c'): at rest two states pull apart once `weight` is over 1 / 2."""
    network = MemoryLSTM(1)
    with torch.no_grad():
        network.bias_ih_l0[:] = torch.tensor([OPEN, 0, 0, OPEN])
        network.weight_hh_l0[2] = weight
    return network


def latch(weight: float) -> MemoryLSTM:
    """The first unit passes the value on, once; the second is the bistable unit, and keeps its sign."""
    network, second = MemoryLSTM(2), bistable_unit(weight)
    with torch.no_grad():
        network.bias_ih_l0[:] = torch.tensor([SHUT, OPEN, SHUT, 0, 0, 0, OPEN, OPEN])
        network.weight_ih_l0[0, 1] = 2 * OPEN
        network.weight_ih_l0[4, 0] = 1
        network.weight_hh_l0[5, 1] = second.weight_hh_l0[2, 0]
        network.weight_hh_l0[5, 0] = 1
    return network


def turning(forget: float, weight: float) -> MemoryLSTM:
    """Near 0, h = c / 2 and c' = forget * c + weight / 2 * (h turned by a right angle)."""
    network = MemoryLSTM(2)
    with torch.no_grad():
        network.bias_ih_l0[2:4] = math.log(forget / (1 - forget))
        network.weight_ih_l0[4, 0] = 0.1
        network.weight_hh_l0[4:6] = weight * torch.tensor([[0.0, -1.0], [1.0, 0.0]])
    return network


def torch_cell(network: MemoryLSTM) -> Callable[[np.ndarray[Any, Any]], np.ndarray[Any, Any]]:
    """One step of torch's own LSTM cell with these weights and no input, on states (start, coordinate)."""
    cell = torch.nn.LSTMCell(3, network.hidden_size, dtype=torch.float64)
    cell.load_state_dict(
        {name.removesuffix("_l0"): each.double() for name, each in network.named_parameters() if "l0" in name}
    )

    @torch.no_grad()
    def step(states: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        output, memory = torch.from_numpy(states).chunk(2, dim=1)
        return torch.cat(cell(torch.zeros(len(states), 3, dtype=torch.float64), (output, memory)), dim=1).numpy()

    return step


def random_states(count: int, hidden_size: int) -> np.ndarray[Any, Any]:
    return np.random.default_rng(0).uniform(-1, 1, (count, 2 * hidden_size))


def bisected(function: Callable[[float], float], low: float, high: float) -> float:
    """Where a function that is positive at `low` and negative at `high` is 0."""
    for _ in range(100):
        middle = (low + high) / 2
        low, high = (middle, high) if function(middle) > 0 else (low, middle)
    return low


# The dynamics of the delay


@pytest.mark.parametrize("hidden_size", [1, 3, 16])
def test_a_step_is_that_of_torch_s_own_cell_without_input(hidden_size):
    network, states = MemoryLSTM.initialised(hidden_size, 1), random_states(7, hidden_size)
    assert DelayDynamics(network).following(states) == pytest.approx(torch_cell(network)(states), abs=1e-7)


@pytest.mark.parametrize("clamps", [[], [Clamp("forget", 0.3)], [Clamp("input", 1), Clamp("output", 0.5, "always")]])
def test_steps_follow_one_another_as_in_the_network_itself(clamps):
    network = MemoryLSTM.initialised(4, 2)
    stream = np.zeros((30, 3))
    stream[[0, 29], [1, 2]] = 1  # a value of 0 is memorized, and reported at the end
    states = visited_states(network, trials_from_inputs(stream), clamps)[0]
    assert DelayDynamics(network, clamps).following(states[:-2]) == pytest.approx(states[1:-1], abs=1e-6)


@pytest.mark.parametrize("hidden_size", [1, 2, 5])
def test_the_jacobian_is_the_slope_of_torch_s_own_cell(hidden_size):
    network, states = MemoryLSTM.initialised(hidden_size, 3), random_states(4, hidden_size)
    step, small = torch_cell(network), 1e-5
    slopes = [
        (step(states + small * each) - step(states - small * each)) / (2 * small) for each in np.eye(2 * hidden_size)
    ]
    assert DelayDynamics(network).jacobian(states) == pytest.approx(np.stack(slopes, axis=2), abs=1e-7)


def test_the_jacobian_knows_that_a_held_gate_does_not_give_way():
    states, small = random_states(3, 2), 1e-6
    dynamics = DelayDynamics(MemoryLSTM.initialised(2, 0), [Clamp("forget", 0.7, "delay"), Clamp("output", 0.2)])
    slopes = [
        (dynamics.following(states + small * each) - dynamics.following(states - small * each)) / (2 * small)
        for each in np.eye(4)
    ]
    assert dynamics.jacobian(states) == pytest.approx(np.stack(slopes, axis=2), abs=1e-8)


def test_of_two_clamps_on_one_gate_the_later_one_holds_and_only_those_on_the_delay_count():
    network, states = planted_memory(forget=0.5), np.array([[0.0, 1.0]])
    for clamps, kept in (
        ([Clamp("forget", 0.2), Clamp("forget", 0.8, "delay")], 0.8),
        ([Clamp("forget", 0.8, "delay"), Clamp("forget", 0.2)], 0.2),
        ([Clamp("forget", 0.2, "report"), Clamp("forget", 0.3, "encode")], 0.5),
    ):
        assert DelayDynamics(network, clamps).following(states)[0, 1] == pytest.approx(kept)


# Planted memories


@pytest.mark.parametrize("forget", [0.5, 0.9, 0.999])
def test_a_leak_rests_at_zero_with_the_forget_gate_as_eigenvalue(forget):
    network = planted_memory(forget=forget)
    result = state_space(network, delay=15)
    exact = torch.sigmoid(network.bias_ih_l0[1].double()).item()
    fixed = result["points"][0]
    assert [point["kind"] for point in result["points"]].count("fixed") == 1
    assert (fixed["kind"], fixed["stability"]) == ("fixed", "stable")
    assert fixed["state"] == pytest.approx([0, 0], abs=1e-8)
    first, second = fixed["eigenvalues"]
    assert (first["real"], first["imaginary"], first["modulus"]) == (pytest.approx(exact, rel=1e-12), 0, first["real"])
    assert first["time_constant_ms"] == pytest.approx(-1 / math.log(forget), rel=1e-3)
    assert (second["modulus"], second["time_constant_ms"]) == (pytest.approx(0, abs=1e-12), pytest.approx(0, abs=0.05))
    assert fixed["slowest_mode"]["alignment"] == pytest.approx(1)


def test_a_slow_leak_is_a_line_of_slow_points_and_a_quick_one_a_single_point():
    slow, quick = (state_space(planted_memory(forget=forget), delay=20) for forget in (0.9995, 0.9))
    assert slow["memory"]["kind"] == "line"
    assert len(slow["points"]) > 20
    assert quick["memory"]["kind"] == "points"
    assert "the same point" in quick["sentences"][3]
    for result in (slow, quick):
        low, high = result["memory"]["range"]
        for point in result["points"]:
            if point["kind"] == "slow":
                assert FIXED_SPEED <= point["speed"] < result["slow_speed"]
                assert low - 0.1 * (high - low) < point["position"] < high + 0.1 * (high - low)


def test_a_perfect_integrator_rests_anywhere_along_its_cell():
    result = state_space(planted_memory(forget=1), delay=200)
    assert len(result["points"]) == MOST_POINTS
    assert {(point["kind"], point["stability"]) for point in result["points"]} == {("fixed", "marginal")}
    for point in result["points"]:
        assert point["eigenvalues"][0]["modulus"] == pytest.approx(1, abs=1e-15)
        assert point["eigenvalues"][0]["time_constant_ms"] is None
        assert np.abs([*point["slowest_mode"]["real"], *point["slowest_mode"]["imaginary"]]) == pytest.approx(
            [0, 1, 0, 0], abs=1e-8
        )
    low, high = result["memory"]["range"]
    cells = [point["state"][1] for point in result["points"]]
    assert cells == sorted(cells)
    assert min(cells) < 0.9 * low < 0.9 * high < max(cells)
    assert result["memory"]["kind"] == "line"
    assert result["encoding"]["r2"] == pytest.approx(1, abs=1e-5)
    assert result["encoding"]["span"] == pytest.approx(result["encoding"]["span_at_memorize"])


def test_a_clamp_on_the_delay_makes_an_integrator_of_a_leak_and_one_on_the_report_does_not():
    network = planted_memory(forget=0.9)
    held = state_space(network, delay=15, clamps=[Clamp("forget", 1, "delay")])
    assert {point["stability"] for point in held["points"]} == {"marginal"}
    reported = state_space(network, delay=15, clamps=[Clamp("forget", 1, "report")])
    assert {point["stability"] for point in reported["points"]} == {"stable"}
    assert reported["points"][0]["eigenvalues"][0]["modulus"] == pytest.approx(0.9)


@pytest.mark.parametrize("weight", [0.6, 1.0, 3.0])
def test_a_bistable_unit_has_two_stable_points_and_an_unstable_one_between_them(weight):
    dynamics = DelayDynamics(bistable_unit(weight))
    exact = float(np.float32(weight))
    cell = bisected(lambda cell: math.tanh(exact * math.tanh(cell)) - cell / 2, 1e-3, 10)
    starts = np.linspace([-1, -2], [1, 2], 41)
    points = find_points(dynamics, starts, FIXED_SPEED, 0.05)
    points = points[points[:, 1].argsort()]
    assert points[:, 1] == pytest.approx([-cell, 0, cell], abs=1e-8)
    assert points[:, 0] == pytest.approx(np.tanh([-cell, 0, cell]), abs=1e-8)
    output = math.tanh(cell)
    slope = 0.5 + exact * (1 - math.tanh(exact * output) ** 2) * (1 - output**2)  # the other eigenvalue is 0
    largest = np.abs(np.linalg.eigvals(dynamics.jacobian(points))).max(axis=1)
    assert largest == pytest.approx([slope, 0.5 + exact, slope], abs=1e-6)
    assert slope < 1


def test_a_unit_that_drives_itself_too_little_has_one_point():
    starts = np.linspace([-1, -2], [1, 2], 41)
    points = find_points(DelayDynamics(bistable_unit(0.4)), starts, FIXED_SPEED, 0.05)
    assert points == pytest.approx(np.zeros((1, 2)), abs=1e-8)


def test_a_state_that_stands_still_for_a_single_step_is_no_slow_point():
    """The cell counts up by 0.01 each ms; an output of -0.002 would hold it, and is gone the next ms."""
    counter = MemoryLSTM(1)
    with torch.no_grad():
        counter.bias_ih_l0[:] = torch.tensor([OPEN, OPEN, 0.01, SHUT])
        counter.weight_hh_l0[2] = 5
    dynamics = DelayDynamics(counter)
    assert dynamics.speed(np.array([[-0.002, 0.5]])) == pytest.approx([0.002], rel=0.01)
    assert not len(find_points(dynamics, np.linspace([0, 0], [0, 1], 20), 0.005, 0.01))


def test_a_latch_keeps_the_sign_of_the_value_in_two_discrete_points():
    result = state_space(latch(2.0), delay=30)
    fixed = [point for point in result["points"] if point["kind"] == "fixed"]
    assert [point["stability"] for point in fixed] == ["stable", "unstable", "stable"]
    cell = bisected(lambda cell: math.tanh(2 * math.tanh(cell)) - cell / 2, 1e-3, 10)
    assert [point["state"][3] for point in fixed] == pytest.approx([-cell, 0, cell], abs=1e-8)
    assert fixed[1]["eigenvalues"][0]["modulus"] == pytest.approx(2.5)
    assert fixed[1]["eigenvalues"][0]["time_constant_ms"] is None
    assert result["memory"]["kind"] == "points"
    assert "2 discrete points" in result["sentences"][3]
    assert result["encoding"]["r2"] == pytest.approx(0.75, abs=0.03)  # of a value that is known by its sign


def test_units_that_drive_each_other_round_have_complex_eigenvalues():
    result = state_space(turning(0.9, 1.0), delay=10)
    point = result["points"][0]
    assert point["state"] == pytest.approx([0] * 4, abs=1e-8)
    first, second, *others = point["eigenvalues"]
    assert [first["real"], second["real"]] == pytest.approx([0.9, 0.9], abs=1e-6)
    assert sorted([first["imaginary"], second["imaginary"]]) == pytest.approx([-0.25, 0.25], abs=1e-6)
    assert first["time_constant_ms"] == pytest.approx(-1 / math.log(math.hypot(0.9, 0.25)), rel=1e-5)
    assert [each["modulus"] for each in others] == pytest.approx([0, 0], abs=1e-6)
    assert point["slowest_mode"]["alignment"] == pytest.approx(1, abs=0.01)
    assert np.linalg.norm(point["slowest_mode"]["imaginary"]) > 0.1


def test_a_silent_network_rests_at_zero_and_knows_nothing():
    result = state_space(MemoryLSTM(3), delay=10)
    assert [(point["kind"], point["state"]) for point in result["points"]] == [("fixed", [0] * 6)]
    assert result["memory"]["kind"] == "lost"
    assert result["encoding"]["direction"] is None
    assert result["axes"]["explained"] == [None] * 6
    assert "does not depend on the value" in result["sentences"][0]


# Axes and encoding


def test_principal_axes_are_those_of_singular_values():
    states = np.random.default_rng(0).normal(size=(200, 6)) @ np.random.default_rng(1).normal(size=(6, 6)) + 3
    axes = principal_axes(states)
    centred = states - states.mean(axis=0)
    _, singular, directions = np.linalg.svd(centred, full_matrices=False)
    assert axes.variance == pytest.approx(singular**2 / 200)
    assert np.abs(np.sum(axes.directions * directions, axis=1)) == pytest.approx(np.ones(6))
    assert axes.projected(states) == pytest.approx(centred @ axes.directions[:3].T)
    assert axes.as_json()["explained"] == pytest.approx(centred.var(axis=0).sum() ** -1 * axes.variance)


def test_the_largest_part_of_every_axis_is_positive():
    directions = principal_axes(np.random.default_rng(2).normal(size=(50, 5))).directions
    assert (np.take_along_axis(directions, np.abs(directions).argmax(axis=1)[:, None], axis=1) > 0).all()


def test_trajectories_are_the_network_s_own_states_on_the_axes():
    network = MemoryLSTM.initialised(1, 5)
    result = state_space(network, delay=12, trials=3, seed=4)
    states = visited_states(network, memory_trials_with_delay(delay=12, n_repeat=1, batch_size=192, seed=4))
    for trajectory, state in zip(result["trajectories"], states, strict=False):
        assert trajectory["report_ms"] - trajectory["memorize_ms"] == 12
        back = np.array(trajectory["projected"]) @ np.array(result["axes"]["directions"]) + result["axes"]["mean"]
        assert back == pytest.approx(state, abs=1e-12)
    assert len(result["trajectories"]) == 3


def test_the_direction_and_the_span_of_a_value_are_those_that_were_planted():
    generator = np.random.default_rng(0)
    values = generator.uniform(-1, 1, 500)
    along, noise = np.array([3.0, 0, 4.0, 0]), 0.01 * generator.normal(size=(500, 4))
    found = encoding(1 + values[:, None] * along + noise, values)
    assert found["direction"] == pytest.approx([0.6, 0, 0.8, 0], abs=0.01)
    assert found["span"] == pytest.approx(10, rel=0.01)
    assert found["r2"] == pytest.approx(1, abs=1e-3)


def test_each_trial_is_read_by_what_was_fitted_to_the_others():
    generator = np.random.default_rng(1)
    values, states = generator.uniform(-1, 1, 40), generator.normal(size=(40, 5))
    states[:, 0] += values
    missed = []
    for left_out in range(40):
        rest = np.arange(40) != left_out
        design = np.column_stack([np.ones(40), states])
        weights = np.linalg.lstsq(design[rest], values[rest], rcond=None)[0]
        missed.append(values[left_out] - design[left_out] @ weights)
    expected = 1 - np.square(missed).sum() / np.square(values - values.mean()).sum()
    assert encoding(states, values)["r2"] == pytest.approx(expected)


def test_a_reading_of_many_coordinates_finds_no_value_where_there_is_none():
    generator = np.random.default_rng(2)
    assert encoding(generator.normal(size=(192, 128)), generator.uniform(-1, 1, 192))["r2"] < 0.1


# Every analysis


@pytest.mark.parametrize("delay", [1, 2, 60])
@pytest.mark.parametrize("hidden_size", [1, 2, 8])
def test_every_number_is_finite_and_every_point_is_what_it_is_called(hidden_size, delay):
    network = MemoryLSTM.initialised(hidden_size, 7)
    result = state_space(network, delay=delay, trials=4)
    json.dumps(result, allow_nan=False)
    states = np.array([point["state"] for point in result["points"]]).reshape(-1, 2 * hidden_size)
    speeds = DelayDynamics(network).speed(states)
    assert speeds == pytest.approx([point["speed"] for point in result["points"]])
    for point in result["points"]:
        assert point["speed"] < (FIXED_SPEED if point["kind"] == "fixed" else result["slow_speed"])
        assert len(point["eigenvalues"]) == 2 * hidden_size
        assert len(point["projected"]) == min(3, 2 * hidden_size) == len(result["axes"]["directions"])
    assert sum(result["axes"]["explained"]) == pytest.approx(1)


def test_the_same_seed_gives_the_same_result_and_another_one_other_trials():
    network = MemoryLSTM.initialised(3, 1)
    first, again, other = (state_space(network, delay=10, trials=2, seed=seed) for seed in (1, 1, 2))
    assert first == again
    assert first["trajectories"] != other["trajectories"]


def test_the_network_and_the_generators_are_left_as_they_were():
    network = MemoryLSTM.initialised(2, 0).train()
    before = {name: weight.clone() for name, weight in network.state_dict().items()}
    torch_state, numpy_state = torch.get_rng_state(), np.random.get_state(legacy=False)
    with_gradients = state_space(network, delay=10, trials=2)
    with torch.inference_mode():
        assert state_space(network, delay=10, trials=2) == with_gradients
    assert network.training
    assert all(each.grad is None and each.requires_grad for each in network.parameters())
    assert all(torch.equal(before[name], weight) for name, weight in network.state_dict().items())
    assert torch.equal(torch.get_rng_state(), torch_state)
    np.testing.assert_equal(np.random.get_state(legacy=False), numpy_state)


@pytest.mark.parametrize(
    ("hidden_size", "settings", "pointer"),
    [
        (1, {"delay": 0}, "/delay"),
        (1, {"delay": 1001}, "/delay"),
        (1, {"trials": 0}, "/trials"),
        (1, {"trials": 65}, "/trials"),
        (65, {}, "/model"),
    ],
)
def test_what_is_too_large_is_refused(hidden_size, settings, pointer):
    with pytest.raises(InvalidAnalysis) as refused:
        state_space(MemoryLSTM(hidden_size), **settings)
    assert refused.value.pointer == pointer
