"""Forecasts that can be worked out on paper."""

import pytest

from service.database import MICROSECONDS
from service.jobs.forecast import HAND_OUT_SECONDS as GAP
from service.jobs.forecast import Durations, foretell


def of_seconds(*jobs: tuple[float, float]) -> Durations:
    return Durations({"cnn.tune": [(size, round(seconds * MICROSECONDS)) for size, seconds in jobs]})


def test_one_worker_does_one_job_after_the_other() -> None:
    told = foretell({"running": 4.0}, 0, {"a": 10.0, "b": 1.0})
    assert told.starts == {"a": 4 + GAP, "b": pytest.approx(14 + 2 * GAP)}
    assert told.ends == {"running": 4.0, "a": 14 + GAP, "b": pytest.approx(15 + 2 * GAP)}


def test_the_worker_that_is_free_first_takes_the_next_job() -> None:
    told = foretell({"long": 9.0, "short": 2.0}, 1, {"a": 5.0, "b": 1.0, "c": 1.0})
    assert told.starts == {"a": GAP, "b": 2 + GAP, "c": pytest.approx(3 + 2 * GAP)}


def test_without_a_worker_nothing_is_foretold() -> None:
    told = foretell({}, 0, {"a": 1.0})
    assert told.starts == told.ends == {"a": None}


def test_behind_a_job_that_nobody_knows_nothing_is_foretold_unless_another_worker_is_free() -> None:
    assert foretell({"new": None}, 0, {"a": 1.0}).starts == {"a": None}
    told = foretell({"new": None}, 1, {"a": 1.0, "newer": None, "b": 1.0})
    assert told.starts == {"a": GAP, "newer": pytest.approx(1 + 2 * GAP), "b": None}
    assert told.ends == {"new": None, "a": 1 + GAP, "newer": None, "b": None}


def test_of_a_student_who_may_have_one_running_the_next_job_waits_for_the_one_before() -> None:
    whose = {"a1": "a", "a2": "a", "a3": "a", "b1": "b"}
    told = foretell({"a1": 9.0}, 1, {"a2": 5.0, "b1": 2.0, "a3": 1.0}, whose, limit=1)
    assert told.starts == {"a2": pytest.approx(9 + GAP), "b1": GAP, "a3": pytest.approx(14 + 2 * GAP)}
    assert told.ends["a3"] == pytest.approx(15 + 2 * GAP)
    nobody_knows = foretell({"a1": None}, 1, {"a2": 5.0, "c": 1.0}, whose, limit=1)
    assert nobody_knows.starts == {"a2": None, "c": GAP}


def test_a_student_who_may_have_two_running_takes_two_workers_of_three() -> None:
    whose = {"a1": "a", "a2": "a", "a3": "a"}
    told = foretell({}, 3, {"a1": 4.0, "a2": 3.0, "a3": 1.0, "lecturer": 1.0}, whose, limit=2)
    assert told.starts == {"a1": GAP, "a2": GAP, "a3": pytest.approx(3 + 2 * GAP), "lecturer": GAP}


def test_a_job_takes_what_the_middle_one_of_its_like_took() -> None:
    assert of_seconds((100, 1.0), (100, 2.0), (100, 60.0)).of("cnn.tune", 100) == 2.0


def test_jobs_of_a_like_size_are_believed_before_others() -> None:
    like = [(100.0, 2.0)] * 5
    assert of_seconds(*like, *[(10_000.0, 50.0)] * 15).of("cnn.tune", 110) == pytest.approx(2.0, rel=0.1)


def test_between_sizes_half_of_the_work_is_taken_to_grow() -> None:
    assert of_seconds((100, 2.0)).of("cnn.tune", 400) == 4.0
    assert of_seconds((400, 4.0)).of("cnn.tune", 100) == 2.0


def test_of_a_kind_that_nobody_has_seen_end_nothing_is_foretold() -> None:
    assert of_seconds((100, 2.0)).of("cnn.train", 100) is None
