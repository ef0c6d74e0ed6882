"""Metrics: what each process counts of itself, and what all of them read from the database."""

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path
from threading import Event

import httpx
import pytest
import sqlalchemy as sa
from fastapi import FastAPI, Response
from prometheus_client.parser import text_string_to_metric_families
from starlette.responses import StreamingResponse

from service import database, metrics
from service.access_log import AccessLog, EndedRequest
from service.app import create_app
from service.lab import Lab
from service.metrics import Metrics
from service.operations import KINDS
from service.settings import Settings

SECOND = database.MICROSECONDS


class Told:
    """The samples of an exposition."""

    def __init__(self, exposition: bytes) -> None:
        self.samples = {
            (sample.name, frozenset(sample.labels.items())): sample.value
            for family in text_string_to_metric_families(exposition.decode("utf-8"))
            for sample in family.samples
        }

    def value(self, name: str, **labels: str) -> float | None:
        return self.samples.get((f"patchclamp_{name}", frozenset(labels.items())))

    def labels(self, name: str, label: str) -> set[str]:
        return {dict(labels)[label] for found, labels in self.samples if found == f"patchclamp_{name}"}


def told_by(lab: Lab) -> Told:
    return Told(Metrics(lambda: lab).exposition())


def submit(engine: sa.Engine, job_id: str, kind: str, status: str, ago: float = 0, took: float | None = None) -> None:
    """Puts a job into our table and DBOS's: submitted and begun `ago` seconds before now, it took `took` seconds."""
    submitted = database.now(engine) - int(ago * SECOND)
    row = {"id": job_id, "kind": kind, "request": {}, "fingerprint": "", "progress": {}, "created_at": submitted}
    if took is not None:
        row |= {"started_at": 0, "finished_at": int(took * SECOND)}
    with engine.begin() as connection:
        connection.execute(sa.insert(database.jobs).values(**row))
        connection.execute(
            sa.text(
                "insert into workflow_status (workflow_uuid, status, created_at, updated_at, priority) "
                "values (:job, :status, 0, 0, 0)"
            ),
            {"job": job_id, "status": status},
        )


def test_without_jobs_every_kind_is_told_as_empty(lab: Lab) -> None:
    told = told_by(lab)
    for name in ("jobs_queued", "jobs_queued_oldest_age_seconds", "jobs_running"):
        assert told.labels(name, "kind") == set(KINDS)
        assert {told.value(name, kind=kind) for kind in KINDS} == {0}


def test_the_queue_is_told_by_kind_with_the_age_of_its_oldest_job(lab: Lab) -> None:
    for job_id, ago in (("a", 100), ("b", 300), ("c", 200)):
        submit(lab.engine, job_id, "cnn.tune", "ENQUEUED", ago)
    submit(lab.engine, "d", "lstm.train", "PENDING", 900)
    told = told_by(lab)
    assert told.value("jobs_queued", kind="cnn.tune") == 3
    assert told.value("jobs_queued_oldest_age_seconds", kind="cnn.tune") == pytest.approx(300, abs=30)
    assert told.value("jobs_running", kind="cnn.tune") == 0
    assert told.value("jobs_queued", kind="lstm.train") == 0
    assert told.value("jobs_running", kind="lstm.train") == 1


def test_durations_are_told_by_kind_and_end(lab: Lab) -> None:
    for job_id, status, took in (
        ("a", "SUCCESS", 0.4),
        ("b", "SUCCESS", 3.0),
        ("c", "SUCCESS", 4000.0),
        ("d", "ERROR", 1.5),
        ("e", "MAX_RECOVERY_ATTEMPTS_EXCEEDED", 2.5),
    ):
        submit(lab.engine, job_id, "cnn.tune", status, took=took)
    told = told_by(lab)
    succeeded = {"kind": "cnn.tune", "status": "succeeded"}
    within = [told.value("job_duration_seconds_bucket", le=le, **succeeded) for le in ("0.5", "2.0", "5.0", "+Inf")]
    assert within == [1, 1, 2, 3]
    assert told.value("job_duration_seconds_sum", **succeeded) == pytest.approx(4003.4)
    assert told.value("job_duration_seconds_count", kind="cnn.tune", status="failed") == 2


def test_a_job_cancelled_before_it_began_has_no_duration(lab: Lab) -> None:
    submit(lab.engine, "a", "cnn.tune", "CANCELLED")
    assert told_by(lab).value("job_duration_seconds_count", kind="cnn.tune", status="cancelled") == 0


def test_each_worker_s_silence_is_told(lab: Lab) -> None:
    with lab.engine.begin() as connection:
        for worker, ago in (("calm", 100), ("ahead", -100)):
            beaten_at = database.now(lab.engine) - ago * SECOND
            connection.execute(sa.insert(database.workers).values(id=worker, beat="x", beaten_at=beaten_at))
    told = told_by(lab)
    assert told.value("worker_beat_age_seconds", worker="calm") == pytest.approx(100, abs=30)
    assert told.value("worker_beat_age_seconds", worker="ahead") == 0


def test_models_are_told_by_family(lab: Lab) -> None:
    told = told_by(lab)
    assert told.value("models", family="digit-net", origin="shipped") == 2
    assert told.value("models", family="memory-lstm", origin="shipped") == 3


def test_two_processes_tell_the_same_of_the_database(lab: Lab, tmp_path: Path) -> None:
    submit(lab.engine, "a", "cnn.tune", "ENQUEUED")
    other = Lab(lab.settings, database.connect(lab.settings.database_url))
    told, other_s = told_by(lab), told_by(other)
    other.engine.dispose()
    assert told.value("jobs_queued", kind="cnn.tune") == other_s.value("jobs_queued", kind="cnn.tune") == 1


def test_without_its_database_a_process_still_tells_of_itself(tmp_path: Path) -> None:
    engine = database.connect(f"sqlite:///{tmp_path / 'empty.db'}")
    of_process = Metrics(lambda: Lab(Settings(data=tmp_path), engine))  # pyright: ignore[reportCallIssue]
    of_process.count(EndedRequest("GET", "/jobs", 500, 0.01, None))
    told = Told(of_process.exposition())
    engine.dispose()
    assert told.value("database_up") == 0
    assert told.labels("jobs_queued", "kind") == set()
    assert told.value("http_requests_total", method="GET", route="/jobs", status="500") == 1
    assert told.samples["process_resident_memory_bytes", frozenset()] > 2**20


def test_a_database_that_hangs_holds_no_scrape_and_is_asked_once(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    asked, answered = 0, Event()
    read = metrics._read

    def hanging(lab: Lab) -> metrics._Figures:
        nonlocal asked
        asked += 1
        answered.wait(30)
        return read(lab)

    monkeypatch.setattr(metrics, "_read", hanging)
    monkeypatch.setattr(metrics, "LONGEST_READING_SECONDS", 0.1)
    of_process, began = Metrics(lambda: lab), time.monotonic()
    assert [Told(of_process.exposition()).value("database_up") for _ in range(3)] == [0, 0, 0]
    assert time.monotonic() - began < 5
    assert asked == 1
    answered.set()
    monkeypatch.setattr(metrics, "LONGEST_READING_SECONDS", 30)
    assert Told(of_process.exposition()).value("database_up") == 1


def test_applications_of_one_process_count_apart(tmp_path: Path) -> None:
    first, second = (create_app(Settings(data=tmp_path)) for _ in range(2))  # pyright: ignore[reportCallIssue]
    first.state.metrics.count(EndedRequest("GET", "/jobs", 200, 0.01, None))
    told = [each.state.metrics._requests.collect() for each in (first, second)]
    assert [len(family.samples) for (family,) in told] == [1, 0]


@pytest.fixture
def ended() -> list[EndedRequest]:
    return []


@pytest.fixture
def client(ended: list[EndedRequest]) -> httpx.AsyncClient:
    """A client of a small application, with nothing but the log of its requests before it."""
    app = FastAPI(openapi_url="/openapi.json")

    @app.get("/items/{name}")
    async def item(name: str) -> Response:
        return Response(name)

    @app.get("/slow")
    async def slow() -> Response:
        async def parts() -> AsyncIterator[bytes]:
            for _ in range(3):
                await asyncio.sleep(0.05)
                assert ended == []
                yield b"part"

        return StreamingResponse(parts())

    @app.get("/broken")
    async def broken() -> Response:
        raise RuntimeError

    app.add_middleware(AccessLog, count=ended.append)
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="http://test")


def routes_of(client: httpx.AsyncClient, ended: list[EndedRequest], *requests: tuple[str, str]) -> list[str]:
    async def send() -> None:
        async with client:
            for method, path in requests:
                await client.request(method, path)

    asyncio.run(send())
    return [each.route for each in ended]


def test_addresses_are_counted_by_their_template(client: httpx.AsyncClient, ended: list[EndedRequest]) -> None:
    requests = [("GET", f"/items/{name}") for name in "abc"] + [("DELETE", "/items/d"), ("GET", "/openapi.json")]
    assert routes_of(client, ended, *requests) == ["/items/{name}"] * 4 + ["/openapi.json"]
    assert [each.status for each in ended] == [200, 200, 200, 405, 200]


def test_addresses_and_methods_that_nobody_knows_share_one_name(
    client: httpx.AsyncClient, ended: list[EndedRequest]
) -> None:
    requests = [("GET", f"/nowhere/{number}") for number in range(5)] + [("BREW", "/a"), ("MILK", "/b")]
    assert set(routes_of(client, ended, *requests)) == {"unmatched"}
    assert {each.method for each in ended} == {"GET", "other"}


def test_a_stream_is_counted_once_when_it_has_ended(client: httpx.AsyncClient, ended: list[EndedRequest]) -> None:
    assert routes_of(client, ended, ("GET", "/slow")) == ["/slow"]
    assert ended[0].seconds >= 0.15


def test_a_request_that_got_no_answer_is_counted_as_such(client: httpx.AsyncClient, ended: list[EndedRequest]) -> None:
    assert routes_of(client, ended, ("GET", "/broken")) == ["/broken"]
    assert ended[0].status is None
