"""Whose turn it is, on both databases, against a queue whose order can be worked out on paper."""

from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa

from service import database
from tests.service.jobs.queue import Queue


def test_one_principal_s_jobs_go_in_the_order_in_which_they_came(queue: Queue) -> None:
    made = queue.submit("a", 5)
    assert [queue.jobs.get(job).position for job in made] == [1, 2, 3, 4, 5]
    assert [queue.take() for _ in made] == made


def test_fifty_jobs_of_one_hold_up_nobody_s_first(queue: Queue) -> None:
    queue.submit("a", 50)
    assert queue.do(3) == "aaa"
    (first,) = queue.submit("b")
    assert queue.jobs.get(first).position == 1
    assert queue.do(2) == "ba"


def test_a_newcomer_has_no_turns_to_make_up_for(queue: Queue) -> None:
    queue.submit("a", 20)
    assert queue.do(5) == "aaaaa"
    queue.submit("b", 3)
    assert queue.do(6) == "bababa"


def test_principals_take_turns_whatever_order_their_jobs_came_in(queue: Queue) -> None:
    for principal, jobs in (("a", 4), ("b", 1), ("c", 3)):
        queue.submit(principal, jobs)
    assert queue.do(8) == "abcacaca"


def test_positions_are_the_order_in_which_jobs_are_taken(queue: Queue) -> None:
    made = [job for principal in "abcabaa" for job in queue.submit(principal)]
    told = sorted(made, key=lambda job: queue.jobs.get(job).position or 0)
    assert [queue.jobs.get(job).position for job in told] == list(range(1, 8))
    assert [queue.take() for _ in made] == told


def test_whoever_asks_anew_after_each_job_does_not_starve_a_backlog(queue: Queue) -> None:
    """Three principals who always have one job waiting, beside one who submitted ten at first."""
    queue.submit("a", 10)
    for principal in "bcd":
        queue.submit(principal)
    served = ""
    while served.count("a") < 10:
        taken = queue.do(1)
        served += taken
        if taken != "a":
            queue.submit(taken)
        assert len(served) <= 40
    assert all(served.count(principal) == pytest.approx(10, abs=1) for principal in "bcd")


def test_a_job_that_was_cancelled_before_it_began_costs_no_turn(queue: Queue) -> None:
    queue.submit("b", 3)
    for job in queue.submit("a", 20):
        queue.set(job, "CANCELLED")
    queue.submit("a")
    assert queue.do(4) == "babb"


def test_a_job_deleted_after_it_ran_still_cost_its_turn(queue: Queue) -> None:
    queue.submit("a", 3)
    for principal in "bc":
        queue.submit(principal)
    assert queue.do(3) == "abc"
    for job in queue.jobs.list(None, None, 10, None):
        if job.status.is_terminal:
            queue.jobs.delete(job.id)
    queue.submit("b")
    assert queue.do(2) == "ab"


def test_a_lost_worker_s_job_goes_first_again(queue: Queue) -> None:
    queue.submit("a", 3)
    lost = queue.take()
    queue.submit("b", 2)
    queue.set(lost, "ENQUEUED")  # as DBOS hands it back
    assert queue.jobs.get(lost).position == 1
    assert queue.take() == lost
    assert queue.do(4) == "baba"


def test_turns_begin_afresh_when_nothing_is_left_to_do(queue: Queue) -> None:
    queue.submit("a", 9)
    queue.do(9)
    queue.submit("a", 2)
    queue.submit("b", 2)
    assert queue.do(4) == "abab"
    with queue.engine.connect() as connection:
        assert connection.scalar(sa.select(sa.func.max(database.turns.c.turn))) == 2


def test_submissions_at_the_same_moment_get_priorities_of_their_own(queue: Queue) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(queue.submit, "abcdefgh" * 6))
    workflow = database.workflow_status(queue.engine)
    with queue.engine.connect() as connection:
        priorities = connection.scalars(sa.select(workflow.c.priority)).all()
    assert len(set(priorities)) == len(priorities) == 48
    assert [sorted(queue.do(8)) for _ in range(6)] == [sorted("abcdefgh")] * 6
