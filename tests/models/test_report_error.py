import math

import numpy as np
import pytest

from models.analysis.report_error import error_parts, first_and_later_r2, report_error
from models.memory_task import memory_trials, memory_trials_with_delay, trials_from_inputs

TRIALS = memory_trials_with_delay(delay=15, n_repeat=2, batch_size=64, seed=0)


def test_perfect_answers_score_perfectly():
    error = report_error(TRIALS, TRIALS.target)
    assert error["mse"] == error["report_rmse"] == error["leak_rms"] == 0
    assert error["r2"] == 1
    assert error["gain"] == error["correlation"] == pytest.approx(1)
    assert error["reports"] == 128


def test_a_silent_network_scores_chance_and_every_figure_is_finite():
    error = report_error(TRIALS, np.zeros_like(TRIALS.target))
    assert all(math.isfinite(value) for value in error.values())
    assert error["mse"] == pytest.approx(error["chance_mse"])
    assert error["report_rmse"] == pytest.approx(error["chance_rmse"])
    assert error["r2"] == pytest.approx(0, abs=0.05)
    assert error["r2"] <= 0
    assert error["gain"] == error["correlation"] == error["leak_rms"] == 0


def test_a_memory_that_fades_keeps_its_correlation_and_loses_r2_and_gain():
    error = report_error(TRIALS, 0.2 * TRIALS.target)
    assert error["correlation"] == pytest.approx(1)
    assert error["gain"] == pytest.approx(0.2)
    assert error["r2"] == pytest.approx(1 - 0.8**2, abs=0.02)


def test_a_constant_answer_correlates_with_nothing_even_when_rounded():
    answer = np.full_like(TRIALS.target, 0.3)
    answer[::2] = np.nextafter(np.float32(0.3), np.float32(1))
    assert report_error(TRIALS, answer)["correlation"] == 0


def test_a_single_report_is_finite():
    trials = trials_from_inputs([[0.5, 1, 0], [0.1, 0, 0], [0.2, 0, 1]])
    error = report_error(trials, trials.target)
    assert all(math.isfinite(value) for value in error.values())
    assert error["report_rmse"] == 0
    assert error["reports"] == 1


def test_an_offset_costs_r2_but_neither_gain_nor_correlation():
    error = report_error(TRIALS, TRIALS.target + np.float32(0.5))
    assert error["gain"] == error["correlation"] == pytest.approx(1)
    assert error["r2"] == pytest.approx(1 - 0.25 / TRIALS.wanted.var(), abs=1e-5)


def test_the_leak_is_what_is_answered_unasked():
    answer = TRIALS.target.copy()
    answer[TRIALS.inputs[..., 2] == 0] = -0.25
    error = report_error(TRIALS, answer)
    assert error["leak_rms"] == pytest.approx(0.25)
    assert error["report_rmse"] == 0


def test_the_loss_stands_beside_the_chance_level_of_the_same_trials():
    trials = memory_trials(seq_len=12, n_repeat=3, batch_size=16, seed=0)
    error = report_error(trials, np.zeros_like(trials.target))
    assert error["chance_mse"] == trials.chance_mse
    assert 0.02 < error["chance_mse"] < 0.04


@pytest.mark.parametrize(
    ("slope", "offset", "noise"), [(1, 0, 0), (0.25, 0, 0), (1, -0.5, 0), (1, 0, 0.3), (1.5, 0.25, 0.1), (0, 0, 0)]
)
def test_the_parts_of_the_error_are_those_that_were_put_in_and_add_up_to_it(slope, offset, noise):
    drawn = np.random.default_rng(0).normal(size=TRIALS.target.shape)
    answer = slope * TRIALS.target + offset + noise * drawn
    parts = error_parts(TRIALS, answer)
    assert sum(part**2 for part in parts.values()) == pytest.approx(report_error(TRIALS, answer)["report_rmse"] ** 2)
    mean_shift = (slope - 1) * TRIALS.wanted.mean() + offset
    assert parts["offset"] == pytest.approx(abs(mean_shift), abs=0.25 * noise + 1e-6)
    assert parts["gain"] == pytest.approx(abs(slope - 1) * TRIALS.wanted.std(), abs=0.25 * noise + 1e-6)
    assert parts["noise"] == pytest.approx(noise, rel=0.2, abs=1e-6)


def test_the_first_report_of_a_trial_is_told_apart_from_the_later_ones():
    answer = TRIALS.target.copy()
    rows = np.arange(len(answer))
    answer[rows, TRIALS.report_times[:, 1]] = 0
    first, later = first_and_later_r2(TRIALS, answer)
    assert first == 1
    assert later == pytest.approx(0, abs=0.05)


def test_where_there_is_one_report_there_is_no_later_one():
    trials = memory_trials_with_delay(delay=3, n_repeat=1, batch_size=8, seed=0)
    assert first_and_later_r2(trials, trials.target) == (1, None)
