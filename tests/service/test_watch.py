"""Following jobs: one question to the database for all followers, each told of its own job, through outages."""

import asyncio
from collections.abc import Callable

import pytest
import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.exc import OperationalError

from service.errors import UnknownJob
from service.jobs import watch
from service.jobs.engine import EVENTS
from service.jobs.watch import Standing, Watch

QUEUED = Standing("ENQUEUED", 0)


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "LOOK_EVERY_SECONDS", 0.01)


@pytest.fixture
def questions(engine: sa.Engine) -> list[str]:
    """The statements that read how jobs stand."""
    asked: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        if "streams" in statement and statement.startswith("SELECT"):
            asked.append(statement)

    event.listen(engine, "before_cursor_execute", note)
    return asked


def submit(engine: sa.Engine, job_id: str) -> None:
    run(
        engine,
        "insert into workflow_status (workflow_uuid, status, created_at, updated_at, priority) "
        "values (:job, 'ENQUEUED', 0, 0, 0)",
        job=job_id,
    )


def tell(engine: sa.Engine, job_id: str, number: int) -> None:
    run(
        engine,
        "insert into streams (workflow_uuid, key, value, \"offset\", function_id) values (:job, :key, '', :number, 0)",
        job=job_id,
        key=EVENTS,
        number=number,
    )


def end(engine: sa.Engine, job_id: str) -> None:
    run(engine, "update workflow_status set status = 'SUCCESS' where workflow_uuid = :job", job=job_id)


def run(engine: sa.Engine, statement: str, **values: object) -> None:
    with engine.begin() as connection:
        connection.execute(sa.text(statement), values)


async def several(questions: list[str], count: int = 3) -> None:
    """Returns when so many more questions were asked."""
    enough = len(questions) + count
    async with asyncio.timeout(10):
        while len(questions) < enough:
            await asyncio.sleep(0.001)


def test_a_follower_is_told_of_events_and_of_the_end_of_its_own_job(engine: sa.Engine, questions: list[str]) -> None:
    async def follow() -> None:
        watch = Watch(engine, EVENTS)
        submit(engine, "a")
        submit(engine, "b")
        assert await watch.standing("a") == QUEUED
        change = asyncio.create_task(watch.change("a", QUEUED))
        tell(engine, "b", 0)
        await several(questions)
        assert not change.done()
        tell(engine, "a", 0)
        assert await change == Standing("ENQUEUED", 1)
        end(engine, "a")
        assert await watch.change("a", Standing("ENQUEUED", 1)) == Standing("SUCCESS", 1)

    asyncio.run(follow())


def test_a_hundred_followers_are_one_question_at_a_time(engine: sa.Engine, questions: list[str]) -> None:
    async def follow() -> None:
        watch, jobs = Watch(engine, EVENTS), [f"job {number}" for number in range(100)]
        for job in jobs:
            submit(engine, job)
        changes = [asyncio.create_task(watch.change(job, QUEUED)) for job in jobs]
        await several(questions)
        asked = len(questions)
        assert asked < 20
        for job in jobs:
            end(engine, job)
        assert set(await asyncio.gather(*changes)) == {Standing("SUCCESS", 0)}

    asyncio.run(follow())


def test_nobody_asks_when_nobody_follows(engine: sa.Engine, questions: list[str]) -> None:
    async def follow() -> None:
        watch = Watch(engine, EVENTS)
        submit(engine, "a")
        change = asyncio.create_task(watch.change("a", QUEUED))
        await several(questions)
        change.cancel()
        async with asyncio.timeout(10):
            while watch._looking is None or not watch._looking.done():
                await asyncio.sleep(0.001)
        assert watch._followers == {}

    asyncio.run(follow())


def test_a_job_that_is_no_more_is_told(engine: sa.Engine, questions: list[str]) -> None:
    async def follow() -> None:
        watch = Watch(engine, EVENTS)
        with pytest.raises(UnknownJob):
            await watch.standing("a")
        submit(engine, "a")
        change = asyncio.create_task(watch.change("a", QUEUED))
        await several(questions, 1)
        run(engine, "delete from workflow_status")
        with pytest.raises(UnknownJob):
            await change

    asyncio.run(follow())


def failing(first: Exception, then: Callable[..., object]) -> Callable[..., object]:
    failures = [first]

    def read(*arguments: object) -> object:
        if failures:
            raise failures.pop()
        return then(*arguments)

    return read


def test_followers_outlast_a_database_that_cannot_be_reached(
    engine: sa.Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def follow() -> None:
        watch = Watch(engine, EVENTS)
        submit(engine, "a")
        end(engine, "a")
        outage = OperationalError("select", None, Exception("gone"))
        monkeypatch.setattr(watch, "_standings", failing(outage, watch._standings))
        assert await watch.change("a", QUEUED) == Standing("SUCCESS", 0)

    asyncio.run(follow())


def test_any_other_fault_reaches_the_followers_instead_of_leaving_them_to_wait(
    engine: sa.Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def follow() -> None:
        watch = Watch(engine, EVENTS)
        submit(engine, "a")
        monkeypatch.setattr(watch, "_standings", failing(RuntimeError("odd"), watch._standings))
        with pytest.raises(RuntimeError, match="odd"):
            await watch.change("a", QUEUED)

    asyncio.run(follow())
