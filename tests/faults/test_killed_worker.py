"""A worker that is killed in the middle of training loses nothing: the job ends, with the same weights."""

import json
import signal
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import psutil
import pytest

from tests.faults.asking import ended, progress, submit, until
from tests.faults.undisturbed import Submission, Undisturbed
from tests.postgresql import cluster
from tests.service_process import Service, await_ready, serving

DIGIT_TRAINING = Submission("cnn.train", '{"target_accuracy": 1.0, "max_steps": 1800, "seed": 11}')
MEMORY_TRAINING = Submission(
    "lstm.train", '{"target_loss": 1e-9, "max_steps": 6000, "hidden_size": 8, "networks": 4, "seed": 11}'
)


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'jobs.db'}"
    else:
        with cluster() as url:
            yield url


def test_a_restarted_worker_goes_on_where_it_was_killed(tmp_path: Path, expected: Undisturbed) -> None:
    with serving(tmp_path) as service, service.client() as client:
        job = submit(client, DIGIT_TRAINING, "killed").json()["id"]
        for step in (700, 1300):
            until(lambda step=step: progress(client, job)["step"] >= step)
            worker_of(service).kill()
        assert ended(client, job) == expected.result(DIGIT_TRAINING, job)
        assert client.get(f"/jobs/{job}").json()["attempts"] == 3
        # It went on, rather than began again: no killed attempt's first hundred steps were done twice.
        assert steps_told(client, job).count(100) == 1


def test_another_worker_takes_over_from_one_that_is_gone(tmp_path: Path, database: str, expected: Undisturbed) -> None:
    environment = {"PATCHCLAMP_DATABASE_URL": database, "PATCHCLAMP_LEASE_SECONDS": "2"}
    with ExitStack() as stack:
        first = stack.enter_context(serving(tmp_path, "worker", environment=environment, is_awaited=False))
        api = stack.enter_context(serving(tmp_path, "api", environment=environment))
        client = stack.enter_context(api.client())
        job = submit(client, MEMORY_TRAINING, "killed").json()["id"]
        until(lambda: progress(client, job)["step"] >= 600)
        first.process.send_signal(signal.SIGKILL)
        stack.enter_context(serving(tmp_path, "worker", environment=environment, is_awaited=False))
        assert ended(client, job) == expected.result(MEMORY_TRAINING, job)


def test_a_frozen_worker_that_wakes_is_fenced(tmp_path: Path, database: str, expected: Undisturbed) -> None:
    environment = {"PATCHCLAMP_DATABASE_URL": database, "PATCHCLAMP_LEASE_SECONDS": "2"}
    with ExitStack() as stack:
        frozen = stack.enter_context(serving(tmp_path, "worker", environment=environment, is_awaited=False))
        api = stack.enter_context(serving(tmp_path, "api", environment=environment))
        client = stack.enter_context(api.client())
        job = submit(client, MEMORY_TRAINING, "killed").json()["id"]
        until(lambda: progress(client, job)["step"] >= 500)
        frozen.process.send_signal(signal.SIGSTOP)
        stack.enter_context(serving(tmp_path, "worker", environment=environment, is_awaited=False))
        until(lambda: client.get(f"/jobs/{job}").json()["attempts"] == 2)
        frozen.process.send_signal(signal.SIGCONT)
        assert ended(client, job) == expected.result(MEMORY_TRAINING, job)
        models = [model for model in client.get("/models").json()["models"] if model["card"].get("job") == job]
    assert len(models) == 1


def test_readiness_tells_the_truth_about_the_worker_within_the_lease(tmp_path: Path) -> None:
    environment = {"PATCHCLAMP_LEASE_SECONDS": "2"}
    with serving(tmp_path, "api", environment=environment, is_awaited=False) as api:
        await_ready(api, "/livez")
        with api.client() as client:
            alone = client.get("/readyz")
            assert alone.status_code == 503
            assert alone.json()["checks"]["worker"] != "ok"
            with serving(tmp_path, "worker", environment=environment, is_awaited=False) as worker:
                until(lambda: client.get("/readyz").status_code == 200)
                worker.process.send_signal(signal.SIGKILL)
                until(lambda: client.get("/readyz").status_code == 503, seconds=6)


def steps_told(client: httpx.Client, job: str) -> list[int]:
    """The steps of all progress events, of all attempts."""
    with client.stream("GET", f"/jobs/{job}/events") as response:
        lines = [line.removeprefix("data: ") for line in response.iter_lines() if line.startswith("data: ")]
    return [event["step"] for event in map(json.loads, lines) if "step" in event]


def worker_of(service: Service) -> psutil.Process:
    children = psutil.Process(service.process.pid).children()
    return next(child for child in children if "worker" in child.cmdline())
