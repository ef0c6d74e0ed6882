"""What is forgotten of finished jobs, on both databases and by the database's own clock."""

from typing import Any

import pytest
import sqlalchemy as sa

from service import database
from service.jobs import retention
from service.jobs.retention import Retention
from service.settings import Settings
from tests.service.jobs.queue import Queue

DAY = 86_400 * database.MICROSECONDS


@pytest.fixture
def old(queue: Queue) -> list[str]:
    """Four finished jobs of long ago, two of today, one that waits since long ago."""
    made = queue.submit("a", 7)
    for job, status in zip(made[:6], ("SUCCESS", "SUCCESS", "ERROR", "CANCELLED", "SUCCESS", "ERROR"), strict=True):
        queue.end(job, status)
    for job in (*made[:4], made[6]):
        age(queue, job, 31)
    return made


def age(queue: Queue, job_id: str, days: int) -> None:
    jobs = database.jobs.c
    with queue.engine.begin() as connection:
        older = {"created_at": jobs.created_at - days * DAY, "finished_at": jobs.finished_at - days * DAY}
        connection.execute(sa.update(database.jobs).where(jobs.id == job_id).values(older))


def forget(queue: Queue, rounds: int = 1, **settings: Any) -> None:
    keep = Settings(**{"keep_days": 0, "keep_per_student": 0, **settings})
    kept = Retention(queue.engine, keep, lambda jobs: queue.jobs._client.delete_workflows(list(jobs)))
    for _ in range(rounds):
        kept.each_round()


def kept(queue: Queue) -> set[str]:
    return {job.id for job in queue.jobs.list(None, None, 200, None)}


def rows(queue: Queue, table: str) -> int:
    schema = "dbos." if queue.engine.dialect.name == "postgresql" else ""
    with queue.engine.connect() as connection:
        return connection.scalar(sa.text(f"select count(*) from {schema}{table}")) or 0


def test_finished_jobs_are_forgotten_after_so_many_days_and_waiting_ones_never(queue: Queue, old: list[str]) -> None:
    forget(queue, keep_days=32)
    assert kept(queue) == set(old)
    forget(queue, keep_days=30)
    assert kept(queue) == {*old[4:]}


def test_a_job_that_waited_long_is_kept_from_its_end_on(queue: Queue) -> None:
    (job,) = queue.submit("a")
    age(queue, job, 40)
    queue.end(job)
    forget(queue, keep_days=30)
    assert kept(queue) == {job}


def test_of_each_student_the_latest_jobs_are_kept(queue: Queue) -> None:
    made: dict[str, list[str]] = {"a": [], "b": []}
    for principal in "aabbaaab":
        job = queue.send(principal, "student").id
        queue.end(job)
        made[principal].append(job)
    of_lecturer = queue.submit("lecturer", 5)
    for job in of_lecturer:
        queue.end(job)
    unfinished = queue.send("a", "student").id
    forget(queue, rounds=2, keep_per_student=3)
    assert kept(queue) == {*made["a"][2:], *made["b"], *of_lecturer, unfinished}


def test_with_a_job_go_its_stream_and_all_that_dbos_has_of_it_but_not_its_model(queue: Queue, old: list[str]) -> None:
    model: dict[str, Any] = {"family": "memory-lstm", "made_at": 0, "sha256": "", "card": {}, "weights": b""}
    schema = "dbos." if queue.engine.dialect.name == "postgresql" else ""
    stream = (
        f"insert into {schema}streams (workflow_uuid, key, value, \"offset\", function_id) values (:job, 'k', '', 0, 1)"
    )
    output = (
        f"insert into {schema}operation_outputs (workflow_uuid, function_id, function_name, retention_timestamp) "
        "values (:job, 1, 'do', 0)"
    )
    with queue.engine.begin() as connection:
        for number, job in enumerate(old[:4]):
            connection.execute(sa.insert(database.models).values(id=f"model-{number}", job_id=job, **model))
            connection.execute(sa.text(stream), {"job": job})
            connection.execute(sa.text(output), {"job": job})
    forget(queue, keep_days=30)
    assert [rows(queue, table) for table in ("streams", "operation_outputs", "workflow_status")] == [0, 0, 3]
    with queue.engine.connect() as connection:
        assert set(connection.scalars(sa.select(database.models.c.id))) == {"model-0", "model-1"}


def test_a_round_is_bounded_and_the_next_one_goes_on(
    queue: Queue, old: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "AT_ONCE", 3)
    forget(queue, rounds=1, keep_days=30)
    assert len(kept(queue)) == 4
    forget(queue, rounds=2, keep_days=30)
    assert len(kept(queue)) == 3


def test_what_a_crash_left_half_forgotten_goes_too(queue: Queue, old: list[str]) -> None:
    queue.jobs._client.delete_workflows([old[0]])
    forget(queue, keep_days=30)
    with queue.engine.connect() as connection:
        assert set(connection.scalars(sa.select(database.jobs.c.id))) == {*old[4:]}


def test_zero_keeps_everything(queue: Queue, old: list[str]) -> None:
    forget(queue)
    assert kept(queue) == set(old)
