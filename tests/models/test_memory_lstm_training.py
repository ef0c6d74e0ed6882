import json
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from models.checkpoints import weights_bytes
from models.errors import CorruptCheckpoint, InvalidTraining
from models.memory_lstm import MemoryLSTM
from models.memory_task import chance_loss, memory_trials
from models.training import memory_lstm
from models.training.memory_lstm import BLOCK_STEPS, HEAVIEST_STEP, MemoryTraining, MemoryTrainingSettings
from models.work import run


@pytest.fixture
def short_slices(monkeypatch: pytest.MonkeyPatch) -> None:
    """A compiled slice of some dozen steps, where one usually reaches the end of its block."""
    monkeypatch.setattr(memory_lstm, "_COMPILED_BUDGET", 1_000_000)


def finished(**settings) -> MemoryTraining:
    training = MemoryTraining(MemoryTrainingSettings(**settings))
    run(training)
    return training


def test_a_step_is_adam_on_the_mean_squared_error_of_the_notebooks_task():
    training = finished(seed=4, max_steps=20)
    network = MemoryLSTM.initialised(1, seed=4).double()
    adam = torch.optim.Adam(network.parameters(), lr=0.01)
    for step in range(20):
        generator = np.random.default_rng((4, step))
        trials = memory_trials(seq_len=int(generator.integers(5, 20)), n_repeat=3, batch_size=16, seed=generator)
        predicted, target = network(torch.from_numpy(trials.inputs).double()), torch.from_numpy(trials.target).double()
        loss = nn.functional.mse_loss(predicted, target)
        adam.zero_grad()
        loss.backward()
        adam.step()
    for name, tensor in training.networks()[0].state_dict().items():
        torch.testing.assert_close(tensor, network.state_dict()[name].float(), rtol=0, atol=1e-6)


@pytest.mark.parametrize(("hidden_size", "rounding"), [(1, 0), (33, 1e-4)])
def test_a_network_learns_the_same_alone_and_in_company(hidden_size, rounding):
    company = finished(seed=6, networks=3, max_steps=20, hidden_size=hidden_size)
    for index, network in enumerate(company.networks()):
        alone = finished(seed=6 + index, max_steps=20, hidden_size=hidden_size).networks()[0]
        for name, tensor in network.state_dict().items():
            torch.testing.assert_close(tensor, alone.state_dict()[name], rtol=0, atol=rounding)


def test_more_units_than_the_kernel_takes_are_trained_by_torch_and_learn_too():
    (entry,) = finished(seed=1, hidden_size=33, max_steps=150).history
    assert entry["losses"][0] < 0.8 * entry["chance_loss"]


def test_learning_leaves_chance_behind():
    training = finished(seed=1, max_steps=1000)
    first, second = training.history
    assert (first["step"], second["step"]) == (500, 1000)
    assert second["losses"][0] < 0.2 * second["chance_loss"]


def test_the_loss_stands_beside_its_chance_level_and_a_plateau_there_is_said():
    training = finished(seed=1, max_steps=500, learning_rate=1e-6)
    report = training.report()
    assert report["chance_loss"] == pytest.approx(chance_loss(range(5, 20)))
    assert report["networks"][0]["loss"] > 0.9 * report["chance_loss"]
    assert not report["target_reached"]
    assert "Network 0 stayed at chance" in report["verdict"]


def test_a_network_is_solved_at_the_end_of_a_block_and_keeps_the_weights_it_had_then():
    training = MemoryTraining(MemoryTrainingSettings(seed=0, networks=2, target_loss=0.026, max_steps=600))
    while training.step < 500:
        training.advance()
    then = [weights_bytes(network) for network in training.networks()]
    run(training)
    report = training.report()
    solved_at = [network["solved_at"] for network in report["networks"]]
    now = [weights_bytes(network) for network in training.networks()]
    assert sorted(solved_at, key=str) == [500, None], "the seed must give one network of each kind"
    for index, step in enumerate(solved_at):
        assert (now[index] == then[index]) == (step == 500)
        assert (report["networks"][index]["loss"] == report["history"][0]["losses"][index]) == (step == 500)


def test_training_ends_when_every_network_is_solved():
    training = finished(seed=0, target_loss=0.5)
    assert training.step == 500
    assert training.report()["target_reached"]
    assert training.metrics["solved"] == 1


def test_training_ends_when_its_seconds_are_used_up():
    training = finished(seed=0, max_seconds=1e-6)
    assert 0 < training.step <= BLOCK_STEPS
    assert len(training.history) == 1
    assert training.report()["networks"][0]["solved_at"] is None


@pytest.mark.usefixtures("short_slices")
@pytest.mark.parametrize(
    "settings", [{}, {"networks": 3}, {"networks": 2, "curriculum": True, "hidden_size": 2}, {"hidden_size": 33}]
)
def test_saved_and_restored_anywhere_it_ends_with_the_same_bits(settings):
    chosen = MemoryTrainingSettings(seed=3, max_steps=120, n_repeat=2, **settings)
    through = MemoryTraining(chosen)
    interrupted = MemoryTraining(chosen)
    while not through.is_finished:
        through.advance()
        interrupted.advance()
        state = interrupted.state()
        interrupted = MemoryTraining(chosen)
        interrupted.restore(state)
        assert interrupted.state() == state
    assert interrupted.is_finished
    assert interrupted.state() == through.state()
    assert interrupted.report() == through.report()


@pytest.mark.usefixtures("short_slices")
def test_a_block_that_was_cut_by_a_restore_has_the_same_mean():
    chosen = MemoryTrainingSettings(seed=3, max_steps=500)
    half = MemoryTraining(chosen)
    while half.step < 200:
        half.advance()
    resumed = MemoryTraining(chosen)
    resumed.restore(half.state())
    run(resumed)
    assert resumed.history == finished(seed=3, max_steps=500).history


def test_the_length_of_a_slice_changes_no_bit(monkeypatch):
    settings = {"seed": 3, "networks": 2, "max_steps": 600}
    by_blocks = finished(**settings)
    monkeypatch.setattr(memory_lstm, "_COMPILED_BUDGET", 1)
    by_steps = finished(**settings)
    assert by_steps.state() == by_blocks.state()


def test_a_step_that_is_done_network_by_network_changes_no_bit(monkeypatch):
    settings = {"seed": 3, "networks": 3, "max_steps": 30, "n_repeat": 2}
    together = finished(**settings)
    monkeypatch.setattr(memory_lstm, "_COMPILED_BUDGET", 1)
    monkeypatch.setattr(memory_lstm, "HEAVIEST_STEP", 2 * together.settings.step_work)
    by_twos = MemoryTraining(together.settings)
    for _ in range(3):
        by_twos.advance()
    assert by_twos.step == 1, "the second step is half done"
    resumed = MemoryTraining(together.settings)
    resumed.restore(by_twos.state())
    run(resumed)
    assert resumed.state() == together.state()


LARGEST: dict[str, Any] = {
    "seed": 0,
    "networks": 64,
    "hidden_size": 32,
    "batch_size": 256,
    "n_repeat": 20,
    "seq_len_max": 48,
}


def test_no_slice_of_the_largest_training_is_more_than_a_second_s_work():
    training = MemoryTraining(MemoryTrainingSettings(**LARGEST, max_steps=3))
    heaviest, done = 0, []

    def descend(_descent, networks, _longest, steps):
        nonlocal heaviest
        heaviest = max(heaviest, len(networks) * len(steps) * training.settings.step_work)
        done.extend((step, network) for step in steps for network in networks)

    training._engine.descend = descend  # type: ignore[method-assign]
    while training.step < 3:
        training.advance()
    assert heaviest <= HEAVIEST_STEP
    assert done == [(step, network) for step in range(3) for network in range(64)]


def test_a_step_of_more_than_a_second_s_work_is_refused():
    with pytest.raises(InvalidTraining, match=r"1\.0 times as much work .* make batch_size") as refusal:
        MemoryTrainingSettings(**dict(LARGEST, seq_len_max=49))
    assert refusal.value.pointer == "/batch_size"


def test_the_same_seed_gives_the_same_weights_and_another_seed_others():
    def weights(seed: int) -> bytes:
        return weights_bytes(finished(seed=seed, max_steps=10).networks()[0])

    assert weights(1) == weights(1)
    assert weights(1) != weights(2)


def test_global_generators_are_neither_read_nor_moved():
    torch_state = torch.random.get_rng_state()
    numpy_state = repr(np.random.get_state())
    finished(seed=0, max_steps=5, networks=2)
    assert torch.equal(torch.random.get_rng_state(), torch_state)
    assert repr(np.random.get_state()) == numpy_state


def test_a_curriculum_lengthens_sequences_once_the_report_is_easy():
    training = MemoryTraining(MemoryTrainingSettings(seed=1, curriculum=True, max_steps=1500))
    run(training)
    chances = [entry["chance_loss"] for entry in training.history]
    assert chances[0] == pytest.approx(chance_loss([5]))
    assert chances[-1] < chances[0]
    possible = [chance_loss(range(5, longest + 1)) for longest in (5, 8, 12, 18, 19)]
    assert all(chance in [pytest.approx(value) for value in possible] for chance in chances)


def test_within_a_curriculum_no_network_is_solved_before_the_full_range():
    training = finished(seed=1, curriculum=True, max_steps=1000, target_loss=1)
    assert training.report()["networks"][0]["solved_at"] is None


def test_a_loss_on_the_report_alone_has_chance_at_a_third():
    training = finished(seed=1, loss_on="report", max_steps=100, learning_rate=1e-6)
    assert training.history[0]["chance_loss"] == pytest.approx(1 / 3)
    assert training.history[0]["losses"][0] == pytest.approx(1 / 3, rel=0.25)


def test_the_report_is_ready_for_json_and_names_the_best():
    report = finished(seed=0, networks=3, max_steps=20).report()
    assert json.loads(json.dumps(report)) == report
    assert [network["seed"] for network in report["networks"]] == [0, 1, 2]
    ranks = [(network["horizon_ms"], -network["loss"]) for network in report["networks"]]
    assert ranks[report["best"]] == max(ranks)
    assert {network["family"] for network in report["networks"]} <= {"closed", "open"}


@pytest.mark.usefixtures("short_slices")
def test_metrics_are_silent_until_the_first_block_is_done():
    training = MemoryTraining(MemoryTrainingSettings(seed=0, networks=2, max_steps=600))
    assert training.metrics == {"loss": None, "chance_loss": None, "losses": None, "solved": 0}
    training.advance()
    assert training.metrics["loss"] is None
    while training.step < 500:
        training.advance()
    assert training.metrics["losses"] == training.history[0]["losses"]
    assert training.metrics["loss"] == min(training.history[0]["losses"])


@pytest.mark.parametrize(
    ("settings", "pointer"),
    [
        ({"seed": -1}, "/seed"),
        ({"hidden_size": 129}, "/hidden_size"),
        ({"networks": 65}, "/networks"),
        ({"seq_len_min": 2}, "/seq_len_min"),
        ({"seq_len_max": 5}, "/seq_len_max"),
        ({"n_repeat": 0}, "/n_repeat"),
        ({"batch_size": 0}, "/batch_size"),
        ({"max_steps": 0}, "/max_steps"),
        ({"learning_rate": 0.0}, "/learning_rate"),
        ({"target_loss": float("nan")}, "/target_loss"),
        ({"max_seconds": float("inf")}, "/max_seconds"),
        ({"loss_on": "stimulus"}, "/loss_on"),
        ({"forget_bias": float("inf")}, "/forget_bias"),
    ],
)
def test_settings_that_cannot_be_are_refused(settings, pointer):
    with pytest.raises(InvalidTraining) as refusal:
        MemoryTrainingSettings(**{"seed": 0, **settings})
    assert refusal.value.pointer == pointer


def test_a_state_of_another_training_is_refused_and_changes_nothing():
    other = finished(seed=1, max_steps=10).state()
    training = MemoryTraining(MemoryTrainingSettings(seed=2, max_steps=10))
    before = training.state()
    for state in (other, b"nonsense", before[:-20]):
        with pytest.raises(CorruptCheckpoint):
            training.restore(state)
    assert training.state() == before
