import numpy as np
import pytest

from models.errors import InvalidTask
from models.memory_task import (
    chance_loss,
    memory_trials,
    memory_trials_with_delay,
    trials_from_inputs,
)


def test_shapes_and_ranges_are_as_documented():
    trials = memory_trials(seq_len=20, n_repeat=3, batch_size=16, seed=1)
    assert trials.inputs.shape == (16, 60, 3)
    assert trials.target.shape == (16, 60)
    assert trials.memorize_times.shape == trials.report_times.shape == trials.delays_ms.shape == (16, 3)
    assert trials.inputs.dtype == trials.target.dtype == np.float32
    assert trials.memorize_times.dtype == trials.report_times.dtype == np.int64
    assert np.abs(trials.inputs[..., 0]).max() <= 1
    assert set(np.unique(trials.inputs[..., 1:])) == {0, 1}


@pytest.mark.parametrize("seq_len", [3, 4, 5, 20])
def test_memorize_is_in_the_first_half_and_report_in_the_second_but_never_on_the_last_step(seq_len):
    trials = memory_trials(seq_len=seq_len, n_repeat=2, batch_size=2000, seed=0)
    starts = np.array([0, seq_len])
    assert set(np.unique(trials.memorize_times - starts)) == set(range(seq_len // 2))
    assert set(np.unique(trials.report_times - starts)) == set(range(seq_len // 2, seq_len - 1))
    assert trials.delays_ms.min() == 1
    assert trials.delays_ms.max() == seq_len - 2


def test_the_delay_averages_half_of_the_sequence():
    delays = memory_trials(seq_len=100, n_repeat=1, batch_size=20_000, seed=0).delays_ms
    assert delays.mean() == pytest.approx(
        49, abs=0.5
    )  # means of 0…49 and 50…98: 24.5 and 74, less 0.5 for the last step


def test_the_target_is_the_value_at_memorize_and_zero_elsewhere():
    trials = memory_trials(seq_len=20, n_repeat=3, batch_size=8, seed=2)
    expected = np.zeros_like(trials.target)
    for trial in range(8):
        for memorize, report in zip(trials.memorize_times[trial], trials.report_times[trial], strict=True):
            assert trials.inputs[trial, memorize, 1] == trials.inputs[trial, report, 2] == 1
            expected[trial, report] = trials.inputs[trial, memorize, 0]
    np.testing.assert_array_equal(trials.target, expected)
    assert trials.inputs[..., 1:].sum() == 2 * 8 * 3


@pytest.mark.parametrize("delay", [1, 15, 300])
def test_a_delay_asked_for_is_the_true_delay_of_every_sequence(delay):
    trials = memory_trials_with_delay(delay=delay, n_repeat=3, batch_size=64, seed=0)
    assert (trials.delays_ms == delay).all()
    assert trials.inputs.shape[1] == 3 * (delay + 6)
    assert len(np.unique(trials.memorize_times[:, 0])) == 5
    assert not trials.inputs[:, -1, 2].any()


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others():
    def stream(seed: int) -> bytes:
        return memory_trials(seq_len=20, n_repeat=2, batch_size=4, seed=seed).inputs.tobytes()

    assert stream(7) == stream(7)
    assert stream(7) != stream(8)


def test_numpys_global_generator_is_neither_read_nor_moved():
    np.random.seed(0)
    expected = np.random.random()
    np.random.seed(0)
    memory_trials(seq_len=20, n_repeat=2, batch_size=4, seed=1)
    memory_trials_with_delay(delay=3, n_repeat=2, batch_size=4, seed=1)
    assert np.random.random() == expected


def test_each_step_is_in_exactly_one_period():
    trials = memory_trials(seq_len=20, n_repeat=3, batch_size=16, seed=3)
    periods = trials.periods()
    assert set(periods) == {"memorize", "delay", "report", "other"}
    assert (np.sum(list(periods.values()), axis=0) == 1).all()
    assert periods["delay"].sum() == (trials.delays_ms - 1).sum()


def test_the_delay_lies_strictly_between_memorize_and_report():
    trials = trials_from_inputs(stream("..M...R.M.MRR."))
    masks = trials.periods()
    assert steps(masks["memorize"]) == [2, 8, 10]
    assert steps(masks["delay"]) == [3, 4, 5]
    assert steps(masks["report"]) == [6, 11, 12]
    assert steps(masks["other"]) == [0, 1, 7, 9, 13]


def test_events_come_in_time_order_with_their_true_delay():
    trials = memory_trials_with_delay(delay=9, n_repeat=2, batch_size=4, seed=0)
    events = trials.events(3)
    assert [event["kind"] for event in events] == ["memorize", "report", "memorize", "report"]
    assert [event["delay_ms"] for event in events] == [9, 9, 9, 9]
    assert events[1]["time_ms"] - events[0]["time_ms"] == 9
    assert [event["time_ms"] for event in events] == sorted(event["time_ms"] for event in events)


def test_a_report_in_ones_own_stream_asks_for_the_latest_memorize():
    trials = trials_from_inputs(stream("M..M.R..R", values=[0.5, 0, 0, -0.25, 0, 1, 1, 1, 1]))
    assert trials.target[0].tolist() == [0, 0, 0, 0, 0, -0.25, 0, 0, -0.25]
    assert trials.delays_ms.tolist() == [[2, 5]]
    assert [(event["kind"], event["delay_ms"]) for event in trials.events(0)] == [
        ("memorize", None),
        ("memorize", 2),
        ("report", 2),
        ("report", 5),
    ]


@pytest.mark.parametrize(
    "inputs",
    [
        [],
        [[0, 1, 0]],
        [[0, 0], [1, 0]],
        [[0, 1, 0], [0, 0]],
        "nonsense",
        [[1.5, 1, 0], [0, 0, 1]],
        [[float("nan"), 1, 0], [0, 0, 1]],
        [[0, 0.5, 0], [0, 0, 1]],
        [[0, 0, 1], [0, 1, 0]],
        [[0, 1, 0], [0, 1, 1]],
        [[0, 1, 0], [0, 0, 0]],
    ],
    ids=[
        "empty",
        "one step",
        "two columns",
        "ragged",
        "text",
        "too strong",
        "not a number",
        "half a pulse",
        "report first",
        "both pulses at once",
        "no report",
    ],
)
def test_a_stream_that_is_no_task_is_refused(inputs):
    with pytest.raises(InvalidTask) as refusal:
        trials_from_inputs(inputs)
    assert refusal.value.pointer == "/inputs"


def test_a_sequence_too_short_for_a_memorize_and_a_report_is_refused():
    with pytest.raises(InvalidTask) as refusal:
        memory_trials(seq_len=2, n_repeat=1, batch_size=1, seed=0)
    assert refusal.value.pointer == "/seq_len"
    with pytest.raises(InvalidTask) as refusal:
        memory_trials_with_delay(delay=0, n_repeat=1, batch_size=1, seed=0)
    assert refusal.value.pointer == "/delay"


@pytest.mark.parametrize("empty", ["n_repeat", "batch_size"])
def test_an_empty_batch_is_refused(empty):
    counts = {"n_repeat": 1, "batch_size": 1, empty: 0}
    with pytest.raises(InvalidTask) as refusal:
        memory_trials(seq_len=20, seed=0, **counts)
    assert refusal.value.pointer == f"/{empty}"


def test_chance_is_what_always_answering_zero_scores():
    trials = memory_trials(seq_len=8, n_repeat=3, batch_size=5000, seed=0)
    assert trials.chance_mse == pytest.approx(np.mean(trials.target.astype(float) ** 2))
    assert trials.chance_mse == pytest.approx(chance_loss([8]), rel=0.03)
    assert trials.chance_rmse**2 == pytest.approx(chance_loss([8], "report"), rel=0.03)


def test_chance_on_the_notebooks_mix_is_what_its_step_500_scored():
    assert chance_loss(range(5, 20)) == pytest.approx(0.0325, abs=5e-5)


def stream(pulses: str, values: list[float] | None = None) -> np.ndarray:
    """(time, 3) from a picture: M memorize, R report, a dot for neither."""
    stimulus = values or [0.5] * len(pulses)
    return np.array(
        [[value, pulse == "M", pulse == "R"] for value, pulse in zip(stimulus, pulses, strict=True)], dtype=np.float32
    )


def steps(mask: np.ndarray) -> list[int]:
    return np.flatnonzero(mask[0]).tolist()
