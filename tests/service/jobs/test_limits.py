"""One job too many, on both databases."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import NoResultFound

from service import database
from service.database import MICROSECONDS
from service.errors import ModelQuota, QueueFull, TooManyJobs
from service.jobs.limits import let_in
from service.settings import Settings
from tests.service.jobs.queue import Queue


def model(queue: Queue, model_id: str, owner: str, job_id: str = "forgotten", made_at: int = 0) -> None:
    row: dict[str, Any] = {"id": model_id, "family": "memory-lstm", "job_id": job_id, "made_at": made_at, "sha256": ""}
    with queue.engine.begin() as connection:
        connection.execute(sa.insert(database.models).values(**row, owner=owner, card={}, weights=b""))


def test_a_student_has_so_many_unfinished_jobs_and_no_more(queue: Queue) -> None:
    made = [queue.send("a", "student").id for _ in range(3)]
    with pytest.raises(TooManyJobs, match=r"3 of your jobs .*/cancel"):
        queue.send("a", "student")
    queue.send("b", "student")
    queue.end(queue.take())
    queue.send("a", "student")
    queue.jobs.cancel(made[2])
    queue.send("a", "student")
    with pytest.raises(TooManyJobs):
        queue.send("a", "student")


def test_a_refused_job_leaves_nothing_behind(queue: Queue) -> None:
    for _ in range(3):
        queue.send("a", "student")
    with pytest.raises(TooManyJobs):
        queue.send("a", "student", key="refused")
    assert len(queue.jobs.list(None, None, 10, None)) == 3
    queue.end(queue.take())
    assert queue.send("a", "student", key="refused").position == 3


def test_a_retry_of_an_accepted_job_is_never_refused(queue: Queue) -> None:
    first = queue.send("a", "student", models=4, key="first")
    for _ in range(2):
        queue.send("a", "student")
    assert queue.send("a", "student", models=4, key="first").id == first.id
    for _ in range(57):
        queue.send("lecturer")
    with pytest.raises(QueueFull):
        queue.send("b")
    assert queue.send("a", "student", models=4, key="first").id == first.id


def test_two_api_processes_let_in_no_job_too_many(queue: Queue) -> None:
    other = Queue(queue.engine, jobs_per_student=3)

    def is_let_in(number: int) -> bool:
        try:
            (queue, other)[number % 2].send("a", "student")
        except TooManyJobs:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(is_let_in, range(24))) == 3
    other.jobs.close()


def test_simultaneous_retries_of_the_last_job_let_in_are_all_answered_with_it(queue: Queue) -> None:
    for _ in range(2):
        queue.send("a", "student")
    with ThreadPoolExecutor(8) as pool:
        jobs = list(pool.map(lambda _: queue.send("a", "student", key="last").id, range(8)))
    assert len(set(jobs)) == 1


def test_the_queue_takes_so_many_jobs_of_all_together(queue: Queue) -> None:
    for number in range(60):
        queue.send(f"student-{number}", "student")
    with pytest.raises(QueueFull, match="60 jobs wait already"):
        queue.send("lecturer")
    queue.take()
    queue.send("lecturer")


def test_a_student_keeps_so_many_models_counting_those_on_their_way(queue: Queue) -> None:
    model(queue, "later", "a", made_at=2)
    model(queue, "oldest", "a", made_at=1)
    model(queue, "other-s", "b")
    queue.send("a", "student", models=1)
    queue.send("a", "student")
    with pytest.raises(ModelQuota, match=r"keep 2 models.* will make 1, and 4 is .* would make 2.*such as oldest"):
        queue.send("a", "student", models=2)
    queue.send("a", "student", models=1)


def test_a_model_is_counted_once_while_its_job_is_about_to_end(queue: Queue) -> None:
    job = queue.send("a", "student", models=1)
    queue.take()
    model(queue, "made", "a", job_id=job.id)
    with pytest.raises(ModelQuota, match="keep 0 models, your unfinished jobs will make 1,"):
        queue.send("a", "student", models=4)
    queue.set(job.id, "SUCCESS")
    with pytest.raises(ModelQuota, match="keep 1 models, your unfinished jobs will make 0,"):
        queue.send("a", "student", models=4)


@pytest.fixture
def narrow(either_engine: sa.Engine) -> Iterator[Queue]:
    """A queue in which each student may have one job running."""
    queue = Queue(either_engine, running_jobs_per_student=1)
    yield queue
    queue.jobs.close()


def position(queue: Queue, job_id: str) -> int | None:
    return queue.jobs.get(job_id).position


def test_a_student_runs_so_many_jobs_at_once_whatever_worker_is_free(narrow: Queue) -> None:
    a1, a2, a3 = (narrow.send("a", "student").id for _ in range(3))
    b1, b2 = (narrow.send("b", "student").id for _ in range(2))
    assert [position(narrow, job) for job in (a1, b1, a2, b2, a3)] == [1, 2, 3, 4, 5]
    assert [narrow.take(), narrow.take()] == [a1, b1]
    with pytest.raises(NoResultFound):
        narrow.take()  # a third worker has nothing to do
    assert [position(narrow, job) for job in (a2, b2, a3)] == [1, 2, 3]
    narrow.end(b1)
    assert [position(narrow, job) for job in (b2, a2, a3)] == [1, 2, 3]
    assert narrow.take() == b2
    narrow.end(a1)
    assert narrow.take() == a2
    assert position(narrow, a3) == 1


def test_a_running_job_that_is_cancelled_lets_the_student_s_next_one_in(narrow: Queue) -> None:
    first, second, third = (narrow.send("a", "student").id for _ in range(3))
    narrow.take()
    narrow.jobs.cancel(first)
    assert narrow.take() == second
    narrow.jobs.cancel(third)
    narrow.end(second)
    assert narrow.send("a", "student").position == 1


def test_lecturers_run_as_many_as_there_are_workers(narrow: Queue) -> None:
    made = narrow.submit("lecturer", 3)
    assert [narrow.take() for _ in made] == made


def test_what_was_set_aside_is_let_in_where_the_limit_is_off_again(narrow: Queue) -> None:
    made = [narrow.send("a", "student").id for _ in range(3)]
    let_in(narrow.engine, Settings(running_jobs_per_student=2))  # pyright: ignore[reportCallIssue]
    assert [narrow.take(), narrow.take()] == made[:2]
    let_in(narrow.engine, Settings())  # pyright: ignore[reportCallIssue]
    assert narrow.take() == made[2]


def test_simultaneous_ends_let_in_no_job_too_many(either_engine: sa.Engine) -> None:
    queue = Queue(either_engine, running_jobs_per_student=2)
    waiting = {queue.send("a", "student").id for _ in range(12)}
    running = {queue.take(), queue.take()}
    while running:
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(queue.end, [*running] * 4))
        waiting -= running
        running = {queue.take() for _ in range(min(2, len(waiting)))}
        if waiting:
            with pytest.raises(NoResultFound):
                queue.take()
    assert waiting == set()
    queue.jobs.close()


def test_zero_switches_a_limit_off(queue: Queue) -> None:
    free = Queue(queue.engine, jobs_per_student=0, queued_jobs=0, models_per_student=0)
    for _ in range(70):
        free.send("a", "student", models=1)
    free.jobs.close()


def test_refusals_tell_when_to_try_again(queue: Queue) -> None:
    """A job like theirs took 20 s; the first of theirs has run for 5 s on the only worker."""
    made = [queue.send("a", "student").id for _ in range(3)]
    now = database.now(queue.engine)
    with queue.engine.begin() as connection:
        connection.execute(sa.insert(database.workers).values(id="worker", beat="", beaten_at=now))
    queue.take()
    workflow, jobs = database.workflow_status(queue.engine), database.jobs
    seen = {"kind": "lstm.train", "request": {}, "fingerprint": "", "progress": {}, "result": b"{}"}
    with queue.engine.begin() as connection:
        running = workflow.c.workflow_uuid == made[0]
        connection.execute(sa.update(workflow).where(running).values({"executor_id": "worker"}))
        ran = sa.update(jobs).where(jobs.c.id == made[0])
        connection.execute(ran.values(started_at=now - 5 * MICROSECONDS))
        took = {"created_at": 0, "started_at": 0, "finished_at": 20 * MICROSECONDS}
        connection.execute(sa.insert(jobs).values(id="seen", **seen, **took))
    fresh = Queue(queue.engine, jobs_per_student=3)  # one that has not just looked
    with pytest.raises(TooManyJobs) as refused:
        fresh.send("a", "student")
    assert refused.value.retry_after_seconds == pytest.approx(15, abs=1)
    fresh.jobs.close()
    full = Queue(queue.engine, queued_jobs=2)
    with pytest.raises(QueueFull) as refused_by_queue:
        full.send("b")
    assert refused_by_queue.value.retry_after_seconds == pytest.approx(15.1, abs=1)
    full.jobs.close()
