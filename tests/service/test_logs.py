"""Log lines: one record a line whatever it holds, for people and for machines, and one for each request."""

import json
import logging
import re
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from service import logs
from tests.service_process import ROOT, Service, await_ready, serving

FORGED = "2026-01-01 00:00:00,000 INFO service.app forged"
SEPARATORS = ["\n", "\r", "\r\n", "\x0b", "\x0c", "\x1c", "\x85", "\u2028", "\u2029"]
CLIENT_S_SECRET = "sesame"


def record(message: str, error: BaseException | None = None, **facts: Any) -> logging.LogRecord:
    trace = None if error is None else (type(error), error, error.__traceback__)
    made = logging.LogRecord("service.test", logging.INFO, __file__, 1, message, (), trace)
    made.__dict__.update(facts)
    return made


def raised(message: str) -> Exception:
    try:
        raise RuntimeError(message)
    except RuntimeError as error:
        return error


@pytest.mark.parametrize("separator", SEPARATORS)
def test_no_message_and_no_trace_can_look_like_a_line_of_its_own(separator: str) -> None:
    text = f"harmless{separator}{FORGED}"
    for told in (record(text), record("a fault", raised(text))):
        lines = logs.formatter("text").format(told).splitlines()
        assert all(line.startswith("    ") for line in lines[1:])
        (line,) = logs.formatter("json").format(told).splitlines()
        assert FORGED in json.loads(line).get("trace", "") + json.loads(line)["message"]


def test_terminals_get_no_control_characters() -> None:
    for log_format in ("text", "json"):
        assert "\x1b" not in logs.formatter(log_format).format(record("\x1b[2Jgone"))


def test_what_no_encoding_can_say_is_logged_as_well() -> None:
    assert json.loads(logs.formatter("json").format(record("\ud800")))["message"] == "\ud800"


def test_a_line_names_the_request_and_the_job_it_belongs_to(monkeypatch: pytest.MonkeyPatch) -> None:
    of_request, of_job = logs.request_id.set("r1"), logs.job_id_of_this_thread.set("j1")
    try:
        assert "service.test request=r1 job=j1 hello" in logs.formatter("text").format(record("hello"))
        told = json.loads(logs.formatter("json").format(record("hello")))
    finally:
        logs.request_id.reset(of_request)
        logs.job_id_of_this_thread.reset(of_job)
    assert (told["request_id"], told["job_id"], told["message"]) == ("r1", "j1", "hello")
    assert "request_id" not in json.loads(logs.formatter("json").format(record("hello")))


def test_a_record_s_facts_and_trace_are_fields() -> None:
    told = json.loads(logs.formatter("json").format(record("hello", raised("why"), status=500, milliseconds=1.5)))
    assert (told["status"], told["milliseconds"], told["level"], told["logger"]) == (500, 1.5, "INFO", "service.test")
    assert told["trace"].endswith("RuntimeError: why")


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """An API without a worker, which logs JSON."""
    folder = tmp_path_factory.mktemp("api")
    with serving(folder, "api", environment={"PATCHCLAMP_LOG_FORMAT": "json"}, is_awaited=False) as running:
        await_ready(running, "/livez")
        yield running


def lines(service: Service) -> list[dict[str, Any]]:
    return [json.loads(line) for line in service.log.read_text("utf-8").splitlines()]


def told_of(service: Service, identity: str, count: int = 1) -> list[dict[str, Any]]:
    """The lines of these requests, at least so many: they are written when the client has its answer already."""
    deadline = time.monotonic() + 10
    while True:
        told = [line for line in lines(service) if line.get("request_id") == identity]
        if len(told) >= count:
            return told
        assert time.monotonic() < deadline, "the lines were never written"
        time.sleep(0.02)


def test_every_line_of_a_process_is_an_object(api: Service) -> None:
    assert all({"time", "level", "logger", "message"} <= set(line) for line in lines(api))
    assert any("Uvicorn running" in line["message"] for line in lines(api))


def test_each_request_is_one_line_with_its_route_status_and_time(api: Service) -> None:
    with api.client() as client:
        client.get("/models/digit-net", headers={"X-Request-ID": "one-line"})
    (line,) = told_of(api, "one-line")
    assert (line["method"], line["route"], line["status"]) == ("GET", "/models/{model_id}", 200)
    assert line["level"] == "INFO"
    assert 0 < line["milliseconds"] < 60_000


def test_nothing_that_the_client_wrote_is_in_its_line(api: Service) -> None:
    headers = {"X-Request-ID": "discreet", "Authorization": f"Bearer {CLIENT_S_SECRET}"}
    with api.client(headers=headers) as client:
        client.get(f"/models/{CLIENT_S_SECRET}?key={CLIENT_S_SECRET}")
        client.get(f"/{CLIENT_S_SECRET}%0a%0d{CLIENT_S_SECRET}%1b")
        client.get(f"/web/{CLIENT_S_SECRET}")
        client.post("/lstm/simulate", json={CLIENT_S_SECRET: CLIENT_S_SECRET})
    told = told_of(api, "discreet", 4)
    assert [line["problem"] for line in told] == ["unknown-model", "not-found", "not-found", "invalid-request"]
    assert [(line["route"], line["status"]) for line in told] == [
        ("/models/{model_id}", 404),
        ("unmatched", 404),
        ("/web/{path}", 404),
        ("/lstm/simulate", 422),
    ]
    assert CLIENT_S_SECRET not in api.log.read_text("utf-8")


def test_the_line_of_a_request_names_the_job_that_it_made_or_asked_for(api: Service) -> None:
    with api.client(headers={"X-Request-ID": "about-a-job"}) as client:
        job = client.post("/lstm/train", json={"seed": 1}).json()["id"]
        client.post(f"/jobs/{job}/cancel")
        client.get("/jobs/nobody-s")
    assert [line.get("job_id") for line in told_of(api, "about-a-job", 3)] == [job, job, None]


def test_what_a_worker_says_of_a_job_names_it_and_the_request_that_submitted_it(tmp_path: Path) -> None:
    with serving(tmp_path, environment={"PATCHCLAMP_LOG_FORMAT": "json"}) as service, service.client() as client:
        made = {}
        for request in ("first", "second"):
            wanted = {"X-Request-ID": request, "Prefer": "wait=60"}
            made[request] = client.post("/lstm/train", json={"max_steps": 1, "seed": 1}, headers=wanted).json()["id"]
    logged = map(json.loads, filter(lambda line: line.startswith("{"), service.log.read_text("utf-8").splitlines()))
    of_worker = [line for line in logged if line["logger"] == "service.jobs.worker" and "job_id" in line]
    assert [(line["request_id"], line["job_id"], line["message"]) for line in of_worker] == [
        (request, job, message)
        for request, job in made.items()
        for message in ("a job of kind lstm.train begins", "the job has succeeded")
    ]


def test_a_server_s_fault_is_an_error_with_its_trace_beside_it(tmp_path: Path) -> None:
    settings = {"PATCHCLAMP_LOG_FORMAT": "json"}
    with serving(tmp_path, "api", environment=settings, is_awaited=False) as api, api.client() as client:
        await_ready(api, "/livez")
        with sqlite3.connect(tmp_path / "patchclamp.db") as connection:
            connection.execute("drop table patchclamp_jobs")
        connection.close()
        assert client.get("/jobs", headers={"X-Request-ID": "faulty"}).status_code == 500
        trace, access = told_of(api, "faulty", 2)
    assert (trace["level"], access["level"]) == ("ERROR", "ERROR")
    assert "Traceback" in trace["trace"]
    assert (access["route"], access["status"]) == ("/jobs", 500)


def test_people_get_lines_to_read(tmp_path: Path) -> None:
    with serving(tmp_path, "api", is_awaited=False) as api:
        await_ready(api, "/livez")
    told = api.log.read_text("utf-8")
    assert re.search(
        r"^[\d-]+ [\d:,]+ INFO service\.access_log request=\w+ GET /livez 200 in [\d.]+ ms$", told, re.MULTILINE
    )


def test_warnings_and_a_process_s_last_words_are_lines_as_well() -> None:
    program = "import warnings; from service import logs; logs.configure('INFO', 'json'); warnings.warn('odd'); 1 / 0"
    ended = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)
    warning, last_words = map(json.loads, ended.stderr.splitlines())
    assert ended.returncode == 1
    assert (warning["level"], last_words["level"]) == ("WARNING", "CRITICAL")
    assert "odd" in warning["message"]
    assert last_words["trace"].endswith("ZeroDivisionError: division by zero")
