"""Networks trained in several ways: first planted ones, whose differences are known on paper, then real ones."""

import json
from collections.abc import Sequence
from dataclasses import replace
from math import comb
from typing import Any

import numpy as np
import pytest
import torch

from models.analysis import memory_comparison
from models.analysis.memory_comparison import MemoryComparison, equally_hard, sign_test
from models.checkpoints import weights_bytes
from models.errors import CorruptCheckpoint, InvalidAnalysis
from models.memory_task import chance_loss
from models.training.memory_lstm import MemoryTraining, MemoryTrainingSettings
from models.work import run

LAB = MemoryTrainingSettings(seed=5, networks=2, max_steps=40)
LONGER = replace(LAB, seq_len_max=30)
LAB_CHANCE = chance_loss(range(5, 20))

Network = tuple[int, float, int | None]
"""Horizon in ms, loss as a share of chance, and the step at which it was solved."""

SOLVED: Network = (70, 0.003, 1000)
AT_CHANCE: Network = (0, 1.0, None)


class PlantedTraining:
    """A training that ends at once, with networks that are made up."""

    def __init__(self, settings: MemoryTrainingSettings, networks: Sequence[Network]) -> None:
        self.settings = settings
        self.total = settings.max_steps
        self.is_finished = False
        self._networks = networks

    def advance(self) -> None:
        self.is_finished = True

    def report(self) -> dict[str, Any]:
        chance = chance_loss(range(self.settings.seq_len_min, self.settings.seq_len_max), self.settings.loss_on)
        losses = [share * chance for _, share, _ in self._networks]
        entry = {"losses": losses, "chance_loss": chance, "chance_losses": [chance] * len(losses)}
        networks = [
            {"seed": 5 + index, "loss": loss, "solved_at": solved_at, "family": "closed", "horizon_ms": horizon_ms}
            for index, (loss, (horizon_ms, _, solved_at)) in enumerate(zip(losses, self._networks, strict=True))
        ]
        return {"best": 0, "networks": networks, "history": [{"step": self.settings.max_steps, **entry}]}


@pytest.fixture
def compared(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The report on planted networks of each setting, the first being the lab's recipe."""

    def report(*planted: Sequence[Network], **changes: Any) -> dict[str, Any]:
        ways = iter(planted)
        monkeypatch.setattr(
            memory_comparison, "MemoryTraining", lambda settings, _: PlantedTraining(settings, next(ways))
        )
        comparison = MemoryComparison(
            {f"way {number}": replace(LAB, **changes) if number else LAB for number in range(len(planted))}
        )
        run(comparison)
        result = comparison.report()
        json.dumps(result, allow_nan=False)
        return result

    return report


def solved(*horizons_ms: int) -> list[Network]:
    return [(horizon_ms, 0.003, 1000) for horizon_ms in horizons_ms]


# Differences that are known


def test_twice_the_horizon_of_every_seed_is_a_log2_ratio_of_one_with_no_spread(compared):
    baseline, doubled = compared(solved(10, 50, 100, 150), solved(20, 100, 200, 300))["settings"]
    assert baseline["against_baseline"] is None
    difference = doubled["against_baseline"]
    assert [pair["log2_ratio"] for pair in difference["pairs"]] == [1, 1, 1, 1]
    assert (difference["median_log2_ratio"], difference["interval"]) == (1, [1, 1])
    assert difference["improved"] == 4
    assert difference["p_value"] == 2 / 2**4


def test_networks_of_one_seed_are_pairs_whatever_the_others_do(compared):
    """The same horizons in another order: no difference in the medians, two in the pairs."""
    baseline, turned = compared(solved(10, 20, 30, 50), solved(50, 20, 30, 10))["settings"]
    assert baseline["horizon_ms"] == turned["horizon_ms"]
    changes = [pair["change"] for pair in turned["against_baseline"]["pairs"]]
    assert changes == ["improved", "unchanged", "unchanged", "worse"]
    assert turned["against_baseline"]["p_value"] == 1


def test_a_seed_that_stays_at_chance_under_one_setting_only_stopped_learning(compared):
    under = [SOLVED, AT_CHANCE, AT_CHANCE, SOLVED]
    _, other = compared([SOLVED, SOLVED, AT_CHANCE, AT_CHANCE], under)["settings"]
    changes = [pair["change"] for pair in other["against_baseline"]["pairs"]]
    assert changes == ["unchanged", "stopped learning", "unchanged", "improved"]
    assert other["at_chance"] == 2
    assert [network["at_chance"] for network in other["networks"]] == [False, True, True, False]
    assert other["against_baseline"]["p_value"] == 1


def test_no_horizon_counts_as_half_the_shortest_delay(compared):
    _, other = compared(solved(1, 0), [(0, 0.5, None), (2, 0.5, None)])["settings"]
    assert [pair["log2_ratio"] for pair in other["against_baseline"]["pairs"]] == [-1, 2]


def test_only_what_neither_remembers_nor_beats_always_answering_0_is_at_chance(compared):
    networks = [(0, 0.95, None), (0, 0.5, None), (20, 0.95, None)]
    result = compared(networks, networks)
    assert [network["at_chance"] for network in result["settings"][0]["networks"]] == [True, False, False]
    assert "1 of 3 stayed at chance" in result["sentences"][0]
    assert "2 of 3 had learned something, but not met the target after 40 steps" in result["sentences"][0]


def test_steps_to_the_target_have_quartiles_as_far_as_enough_networks_met_it(compared):
    steps = [500, 1000, 2000, None]
    first, second = compared(
        [(70, 0.003, step) for step in steps], [(70, 0.003, step) for step in [3000, None, None, None]]
    )["settings"]
    assert first["solved_at"] == {"lower_quartile": 500, "median": 1000, "upper_quartile": 2000}
    assert second["solved_at"] == {"lower_quartile": 3000, "median": None, "upper_quartile": None}
    assert (first["reached_target"], second["reached_target"]) == (3, 1)


def test_the_interval_holds_the_median_and_lies_within_the_pairs(compared):
    after = solved(10, 20, 30, 50, 70, 100, 150, 200)
    difference = compared(solved(*[30] * 8), after)["settings"][1]["against_baseline"]
    low, high = difference["interval"]
    ratios = [pair["log2_ratio"] for pair in difference["pairs"]]
    assert min(ratios) < low < difference["median_log2_ratio"] < high < max(ratios)


# Losses beside chance


def test_a_loss_at_chance_is_one_under_every_setting(compared):
    result = compared([AT_CHANCE, SOLVED], [AT_CHANCE, SOLVED], loss_on="report")
    for setting, chance in zip(result["settings"], (LAB_CHANCE, 1 / 3), strict=True):
        network = setting["networks"][0]
        assert setting["chance_loss"] == network["chance_loss"] == network["loss"] == pytest.approx(chance)
        assert network["loss_over_chance"] == pytest.approx(1)


def test_losses_with_different_chance_levels_are_said_not_to_be_comparable(compared):
    def warned(**changes: Any) -> list[str]:
        sentences = compared([SOLVED, SOLVED], [SOLVED, SOLVED], **changes)["sentences"]
        return [sentence for sentence in sentences if "chance" in sentence and "compared" in sentence]

    assert not warned(hidden_size=2)
    (warning,) = warned(loss_on="report")
    assert "0.0325 under way 0 and 0.333 under way 1" in warning


def test_a_target_that_is_easier_to_meet_is_told(compared):
    told = compared([SOLVED, SOLVED], [SOLVED, SOLVED], loss_on="report")["sentences"]
    assert any("The target is not as hard" in sentence for sentence in told)
    fair = equally_hard({"lab": LAB, "report": replace(LAB, loss_on="report")})["report"]
    told = compared([SOLVED, SOLVED], [SOLVED, SOLVED], loss_on="report", target_loss=fair.target_loss)["sentences"]
    assert any("The target is as hard under each: a loss of 0.0031 of chance." in sentence for sentence in told)


def test_equally_hard_targets_are_the_same_share_of_chance_and_leave_the_first_as_it_is():
    scaled = equally_hard({"lab": LAB, "longer": replace(LAB, seq_len_min=10, seq_len_max=11), "wide": LONGER})
    assert scaled["lab"] == LAB
    assert scaled["longer"].target_loss == pytest.approx(1e-4 * (1 / 30) / LAB_CHANCE)
    assert replace(scaled["wide"], target_loss=1e-4) == LONGER


# Chance


@pytest.mark.parametrize(("more", "fewer"), [(0, 0), (1, 0), (3, 3), (7, 1), (8, 0), (2, 9)])
def test_the_sign_test_sums_all_splits_that_are_no_more_probable(more, fewer):
    count = more + fewer
    splits = [comb(count, rarer) / 2**count for rarer in range(count + 1)]
    assert sign_test(more, fewer) == pytest.approx(sum(each for each in splits if each <= splits[more]))
    assert sign_test(more, fewer) == sign_test(fewer, more)


def test_what_the_sign_test_tells_is_said_in_words(compared):
    def told(*horizons_ms: int) -> str:
        return compared(solved(*[30] * len(horizons_ms)), solved(*horizons_ms))["sentences"][2]

    assert "of 6 seeds 6 improved; the horizon is 3.3 times as long in the median" in told(*[100] * 6)
    assert "would rarely divide the seeds so unevenly (sign test, p = 0.031)" in told(*[100] * 6)
    assert "could well divide the seeds so unevenly (sign test, p = 0.22)" in told(*[100] * 5, 20)
    assert "Too few seeds changed (5)" in told(*[100] * 5, 30)


def test_horizons_at_the_end_of_the_sweep_are_said_to_be_open(compared):
    told = compared(solved(1000, 70), solved(500, 0))["sentences"]
    assert told[-2:] == [
        "Horizons at the longest delay that was tried, 1,000 ms (1 of 4), may be longer.",
        "Where not even 1 ms is remembered (1 of 4), the horizon counts as 0.5 ms when horizons are divided.",
    ]


# Real networks


def test_each_setting_has_the_networks_that_its_training_alone_would_have():
    comparison = MemoryComparison({"lab": LAB, "longer": LONGER})
    run(comparison)
    result = comparison.report()
    assert json.loads(json.dumps(result, allow_nan=False)) == result
    assert result["seeds"] == [5, 6]
    for told, settings, best in zip(result["settings"], (LAB, LONGER), comparison.best_networks(), strict=True):
        alone = MemoryTraining(settings)
        run(alone)
        report = alone.report()
        assert told["history"] == report["history"]
        for network, expected in zip(told["networks"], report["networks"], strict=True):
            assert network.items() >= expected.items()
        assert weights_bytes(best) == weights_bytes(alone.networks()[report["best"]])


def test_saved_and_restored_anywhere_it_ends_with_the_same_bits():
    settings = {"lab": LAB, "two units": replace(LONGER, hidden_size=2, curriculum=True)}
    through, interrupted = MemoryComparison(settings), MemoryComparison(settings)
    while not through.is_finished:
        through.advance()
        interrupted.advance()
        state = interrupted.state()
        interrupted = MemoryComparison(settings)
        interrupted.restore(state)
        assert interrupted.state() == state
        assert (interrupted.step, interrupted.metrics) == (through.step, through.metrics)
    assert interrupted.is_finished
    assert interrupted.state() == through.state()
    assert interrupted.report() == through.report()


def test_a_state_from_before_the_first_slice_is_restored_too():
    comparison = MemoryComparison({"lab": LAB, "longer": LONGER})
    begun = comparison.state()
    comparison.advance()
    comparison.restore(begun)
    assert (comparison.step, comparison.state()) == (0, begun)


def test_progress_is_over_all_settings_and_metrics_are_those_of_the_one_at_hand():
    comparison = MemoryComparison({"lab": replace(LAB, max_steps=600, target_loss=1), "longer": LONGER})
    assert (comparison.total, comparison.metrics) == (640, {"setting": 0})
    steps = [0]
    while not comparison.is_finished:
        comparison.advance()
        steps.append(comparison.step)
        if comparison.metrics["setting"] == 0 and comparison.step == 500:
            assert comparison.metrics["chance_loss"] == pytest.approx(LAB_CHANCE)
    assert steps == sorted(steps)
    assert 600 in steps, "a training that ended early counts in full"
    assert steps[-1] == 640
    assert comparison.metrics["setting"] == 1
    assert comparison.metrics["chance_loss"] == pytest.approx(chance_loss(range(5, 30)))


def test_a_state_of_another_comparison_is_refused_and_changes_nothing():
    comparison = MemoryComparison({"lab": LAB, "longer": LONGER})
    comparison.advance()
    before = comparison.state()
    other = MemoryComparison({"lab": replace(LAB, seed=6), "longer": replace(LONGER, seed=6)})
    other.advance()
    three = MemoryComparison({name: replace(LAB, max_steps=1) for name in ("one", "two", "three")})
    run(three)
    for state in (other.state(), three.state(), b"nonsense", before[:-20]):
        with pytest.raises(CorruptCheckpoint):
            comparison.restore(state)
    assert comparison.state() == before


def test_global_generators_are_neither_read_nor_moved():
    torch_state, numpy_state = torch.random.get_rng_state(), repr(np.random.get_state())
    comparison = MemoryComparison({"lab": replace(LAB, max_steps=2), "longer": replace(LONGER, max_steps=2)})
    run(comparison)
    comparison.report()
    assert torch.equal(torch.random.get_rng_state(), torch_state)
    assert repr(np.random.get_state()) == numpy_state


@pytest.mark.parametrize("settings", [{"lab": LAB}, {"lab": LAB, "other": replace(LAB, seed=6)}])
def test_what_makes_no_pairs_is_refused(settings):
    with pytest.raises(InvalidAnalysis) as refusal:
        MemoryComparison(settings)
    assert refusal.value.pointer == "/settings"
