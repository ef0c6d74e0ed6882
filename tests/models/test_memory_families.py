"""The two ways in which one unit solves the task, over sixteen seeds."""

from statistics import median

import pytest

from models.training.memory_lstm import MemoryTraining, MemoryTrainingSettings
from models.work import run

SEEDS = 16


@pytest.fixture(scope="module")
def families() -> dict[str, list[float]]:
    """Horizons in ms of networks trained well past the notebook's criterion, by the family of their input gate."""
    training = MemoryTraining(MemoryTrainingSettings(seed=0, networks=SEEDS, target_loss=1.5e-5, max_steps=24_000))
    run(training)
    found: dict[str, list[float]] = {"closed": [], "open": []}
    for network in training.report()["networks"]:
        found[network["family"]].append(network["horizon_ms"])
    return found


def test_both_families_are_common(families: dict[str, list[float]]) -> None:
    assert len(families["closed"]) + len(families["open"]) == SEEDS
    assert min(map(len, families.values())) >= SEEDS // 4


def test_a_closed_gate_remembers_longer(families: dict[str, list[float]]) -> None:
    assert median(families["closed"]) >= 300
    assert median(families["closed"]) >= 1.5 * median(families["open"])
    assert min(families["closed"]) > min(families["open"])
