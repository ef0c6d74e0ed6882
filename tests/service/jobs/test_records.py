"""A job's own row, on both databases: its end is told once."""

import sqlalchemy as sa

from models.memory_lstm import MemoryLSTM
from service import database
from service.jobs import records
from service.jobs.kinds import NewModel, Outcome
from tests.service.jobs.queue import Queue

_jobs = database.jobs


def ended(queue: Queue, job_id: str) -> tuple[object, ...]:
    columns = (_jobs.c.result, _jobs.c.problem, _jobs.c.finished_at, _jobs.c.state)
    with queue.engine.connect() as connection:
        return tuple(connection.execute(sa.select(*columns).where(_jobs.c.id == job_id)).one())


def models(queue: Queue) -> list[tuple[object, ...]]:
    with queue.engine.connect() as connection:
        return [tuple(row) for row in connection.execute(sa.select(database.models))]


def test_a_worker_that_wakes_too_late_does_not_end_its_job_again(queue: Queue) -> None:
    queue.send("a")
    job_id = queue.take()
    outcome = Outcome({"loss": 1}, [NewModel("m", "memory-lstm", MemoryLSTM(1), {})])
    records.save_outcome(queue.engine, job_id, outcome)
    first, made = ended(queue, job_id), models(queue)
    records.save_outcome(queue.engine, job_id, outcome)
    records.save_problem(queue.engine, job_id, {"detail": "too late"})
    assert (ended(queue, job_id), models(queue)) == (first, made)
    assert len(made) == 1


def test_a_failure_is_told_once_and_a_late_result_has_the_same_end(queue: Queue) -> None:
    queue.send("a")
    job_id = queue.take()
    records.save_state(queue.engine, job_id, {}, b"state")
    records.save_problem(queue.engine, job_id, {"detail": "first"})
    result, problem, finished_at, state = ended(queue, job_id)
    assert (result, problem, state) == (None, {"detail": "first"}, None)
    records.save_problem(queue.engine, job_id, {"detail": "second"})
    assert ended(queue, job_id) == (None, {"detail": "first"}, finished_at, None)
    records.save_outcome(queue.engine, job_id, Outcome({}))
    assert ended(queue, job_id)[2] == finished_at


def test_a_job_that_a_worker_takes_while_it_is_cancelled_does_not_begin_after_its_end(queue: Queue) -> None:
    job_id = queue.send("a").id
    told = queue.jobs.cancel(job_id)
    records.begin(queue.engine, job_id)
    assert (told.status, told.finished_at is None) == ("cancelled", False)
    assert queue.jobs.get(job_id).finished_at == told.finished_at
