"""Refusals for want of room, over HTTP and with students' own keys, on SQLite and on PostgreSQL."""

import time
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx
import pytest

from service import database, keys
from tests.contract.refusals import refusal
from tests.postgresql import cluster
from tests.service_process import Service, await_ready, serving

TRAINING = {"max_steps": 1, "seed": 1}
LONG = {"networks": 8, "target_loss": 1e-9, "max_steps": 100_000, "seed": 1}
SOME_SECONDS = {"networks": 8, "target_loss": 1e-9, "max_steps": 8000, "seed": 1}
STUDENTS = ("anna", "ben", "cleo", "dora", "eva", "finn")
LIMITS = {
    "PATCHCLAMP_WORKERS": "2",
    "PATCHCLAMP_JOBS_PER_STUDENT": "3",
    "PATCHCLAMP_RUNNING_JOBS_PER_STUDENT": "1",
    "PATCHCLAMP_MODELS_PER_STUDENT": "5",
    "PATCHCLAMP_REQUESTS_PER_MINUTE": "600",
}


class Class:
    """A service with two workers, and these students of it."""

    def __init__(self, service: Service, secrets: dict[str, str]) -> None:
        self._service, self._secrets = service, secrets
        self._stack = ExitStack()

    def __getitem__(self, name: str) -> httpx.Client:
        """A client with the key of this student."""
        headers = {"Authorization": f"Bearer {self._secrets[name]}"}
        return self._stack.enter_context(self._service.client(headers=headers))

    def close(self) -> None:
        self._stack.close()


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def members(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Class]:
    folder = tmp_path_factory.mktemp("limits")
    with ExitStack() as stack:
        is_sqlite = request.param == "sqlite"
        url = f"sqlite:///{folder / 'patchclamp.db'}" if is_sqlite else stack.enter_context(cluster())
        engine = database.connect(url)
        database.prepare(url, engine)
        people = {name: keys.make(engine, name, "neuro", "student", None) for name in STUDENTS}
        people["smith"] = keys.make(engine, "smith", "neuro", "lecturer", None)
        engine.dispose()
        service = stack.enter_context(serving(folder, environment={**LIMITS, "PATCHCLAMP_DATABASE_URL": url}))
        known = Class(service, people)
        stack.callback(known.close)
        for _ in range(3):  # so that it has seen what such a job takes, on a worker that is warm
            ended(known["smith"], train(known["smith"], SOME_SECONDS))
        yield known


@pytest.fixture
def students(members: Class) -> Iterator[Class]:
    """All of them, whose jobs are cancelled when the test ends."""
    yield members
    smith = members["smith"]
    for status in ("queued", "running"):
        for job in smith.get("/jobs", params={"status": status, "limit": 200}).json()["jobs"]:
            smith.post(job["links"]["cancel"])


def train(client: httpx.Client, training: dict[str, Any], **headers: str) -> dict[str, Any]:
    response = client.post("/lstm/train?renderings=none", json=training, headers=headers)
    assert response.status_code in (200, 202), response.text
    return response.json()


def begun(client: httpx.Client, job: dict[str, Any]) -> None:
    """Returns when the job has told of its first slice."""
    with client.stream("GET", job["links"]["events"]) as events:
        next(line for line in events.iter_lines() if line.startswith("event: progress"))


def ended(client: httpx.Client, job: dict[str, Any]) -> dict[str, Any]:
    with client.stream("GET", job["links"]["events"], timeout=120) as events:
        for _ in events.iter_lines():
            pass
    return client.get(f"{job['links']['self']}?renderings=none").json()


def seconds(moment: str) -> float:
    return datetime.fromisoformat(moment).timestamp()


def test_a_student_who_asks_too_fast_is_told_when_to_go_on_and_nobody_else_is_held_up(students: Class) -> None:
    anna = students["anna"]
    answers = [anna.get("/models/digit-net") for _ in range(130)]  # a hundred may come at once, ten more a second
    refused = [answer for answer in answers if answer.status_code != 200]
    assert refused
    assert [answer.status_code for answer in answers[:100]] == [200] * 100
    problem = refusal(refused[-1], 429, "too-many-requests")
    assert "600 requests a minute" in problem["detail"]
    for other in ("ben", "smith"):
        assert students[other].get("/models/digit-net").status_code == 200
    time.sleep(int(refused[-1].headers["Retry-After"]))  # which is what is to be kept
    assert anna.get("/models/digit-net").status_code == 200


def test_a_student_s_job_too_many_is_refused_until_the_time_told_and_a_retry_is_not(students: Class) -> None:
    ben = students["ben"]
    first = train(ben, SOME_SECONDS, **{"Idempotency-Key": "first"})
    for _ in range(2):
        train(ben, SOME_SECONDS)
    began = time.monotonic()
    refused = ben.post("/lstm/train", json=SOME_SECONDS)
    assert refusal(refused, 429, "too-many-jobs")["detail"].startswith("3 of your jobs are queued or running")
    assert train(ben, SOME_SECONDS, **{"Idempotency-Key": "first"})["id"] == first["id"]
    assert train(students["cleo"], TRAINING)["position"] in (None, 1, 2)
    ended(ben, first)
    came = time.monotonic() - began
    assert int(refused.headers["Retry-After"]) <= 2 * came + 1
    assert came <= 2 * int(refused.headers["Retry-After"]) + 1
    assert train(ben, TRAINING)["status"] == "queued"


def test_a_student_s_model_too_many_is_refused_until_one_is_deleted(students: Class) -> None:
    dora = students["dora"]
    five = {**TRAINING, "networks": 5, "keep": "all"}
    made = train(dora, five, Prefer="wait=60")["result"]["networks"]
    problem = refusal(dora.post("/lstm/train", json=TRAINING), 409, "model-quota")
    assert "5 is as many as one student may keep" in problem["detail"]
    assert dora.delete(f"/models/{made[0]['model']}").status_code == 204
    assert train(dora, TRAINING, Prefer="wait=60")["status"] == "succeeded"


def test_a_student_runs_one_job_at_a_time_beside_a_free_worker_and_is_told_when_the_next_one_begins(
    students: Class,
) -> None:
    eva, finn = students["eva"], students["finn"]
    made = [train(eva, {**SOME_SECONDS, "seed": seed}) for seed in range(3)]
    other = train(finn, {**SOME_SECONDS, "seed": 3})
    for student, job in ((eva, made[0]), (finn, other)):
        begun(student, job)
    queued = [eva.get(job["links"]["self"]).json() for job in made[1:]]
    asked = time.time()
    assert [job["position"] for job in queued] == [1, 2]
    hers, his = [ended(eva, job) for job in made], ended(finn, other)
    times = [(seconds(job["started_at"]), seconds(job["finished_at"])) for job in hers]
    assert all(before[1] <= after[0] for before, after in pairwise(times)), times
    assert seconds(his["started_at"]) < times[0][1]  # beside her first one
    for told, (start, _) in zip(queued, times[1:], strict=True):
        assert 0.5 <= told["starts_in_seconds"] / (start - asked) <= 2, (told["starts_in_seconds"], start - asked)


def test_a_lecturer_runs_jobs_on_every_worker(students: Class) -> None:
    smith = students["smith"]
    made = [train(smith, LONG) for _ in range(2)]
    for job in made:
        begun(smith, job)  # the second one before the first one ends
    running = smith.get("/jobs?status=running").json()["jobs"]
    assert {job["id"] for job in made} <= {job["id"] for job in running}


def test_a_full_queue_is_a_503_that_says_when_to_come_again_but_never_to_a_retry(tmp_path: Path) -> None:
    limits = {"PATCHCLAMP_QUEUED_JOBS": "2", "PATCHCLAMP_REQUESTS_PER_MINUTE": "1"}
    with serving(tmp_path, "api", environment=limits, is_awaited=False) as api, api.client() as client:
        await_ready(api, "/livez")
        first = client.post("/lstm/train", json=TRAINING, headers={"Idempotency-Key": "first"})
        second = client.post("/lstm/train", json=TRAINING)
        assert [job.json()["position"] for job in (first, second)] == [1, 2]
        # Nobody can tell when it begins: there is no worker.
        assert second.json()["starts_in_seconds"] is second.json()["progress"]["eta_seconds"] is None
        full = client.post("/lstm/train", json=TRAINING)
        assert refusal(full, 503, "queue-full")["detail"].startswith("2 jobs wait already")
        assert int(full.headers["retry-after"]) >= 1
        again = client.post("/lstm/train", json=TRAINING, headers={"Idempotency-Key": "first"})
        assert (again.status_code, again.json()["id"]) == (202, first.json()["id"])
        client.post(f"/jobs/{second.json()['id']}/cancel")
        assert client.post("/lstm/train", json=TRAINING).status_code == 202
