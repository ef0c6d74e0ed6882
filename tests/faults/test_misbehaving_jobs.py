"""A job may hang, raise, kill its process or want all memory: it ends as it should, and the next one is done."""

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from service import database
from service.jobs.engine import Job, Jobs, Settled
from service.lab import Lab
from service.operations import KINDS
from service.schemas.jobs import Status
from service.settings import Settings
from tests.faults.misbehaving import FEAST_MEGABYTES
from tests.faults.parts import History, Part
from tests.service_process import settings_of

MEMORY_MEGABYTES = 1500
STUCK_SECONDS = 2
GOOD = {"layer": "y", "unit": 3, "starts": 4, "steps": 20, "seed": 1}


class Classroom:
    """A worker that takes jobs which misbehave, and is started again when it ends."""

    def __init__(self, folder: Path) -> None:
        settings = Settings(data=folder)  # pyright: ignore[reportCallIssue]
        self.engine = database.connect(settings.database_url)
        database.prepare(settings.database_url, self.engine)
        self.jobs = Jobs(self.engine, settings)
        self._lab = Lab(settings, self.engine)
        environment = {
            **settings_of(folder, 1),
            "PATCHCLAMP_STUCK_SECONDS": str(STUCK_SECONDS),
            "PATCHCLAMP_WORKER_MEMORY_MB": str(MEMORY_MEGABYTES),
        }
        command = ["tests.faults.misbehaving", "worker"]
        self.worker = Part("worker", command, environment, folder, History())

    def submit(self, kind: str) -> str:
        """The id of a new job."""
        return self.jobs.submit(kind, {}, lambda: Settled({}, 1.0, 0)).id

    def ended(self, job_id: str, seconds: float = 120) -> Job:
        """The job when it has ended."""
        deadline = time.monotonic() + seconds
        while not (job := self.jobs.get(job_id)).status.is_terminal:
            assert time.monotonic() < deadline, f"{job.status}: {self.worker.told()}"
            time.sleep(0.05)
        return job

    def does_the_next_job(self) -> bool:
        """Whether the worker goes on."""
        kind = KINDS["cnn.tune"]
        request = kind.settle(kind.schema.model_validate_json(json.dumps(GOOD)), self._lab)
        settled = Settled(request.model_dump(mode="json"), kind.size(request), kind.models(request))
        job = self.jobs.submit(kind.name, GOOD, lambda: settled)
        return self.ended(job.id).status is Status.SUCCEEDED


@pytest.fixture(scope="module")
def classroom(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Classroom]:
    room = Classroom(tmp_path_factory.mktemp("classroom"))
    yield room
    room.worker.close()
    room.jobs.close()
    room.engine.dispose()


def test_a_job_that_raises_fails_and_tells_nothing_of_the_fault(classroom: Classroom) -> None:
    job = classroom.ended(classroom.submit("raise"))
    assert job.status is Status.FAILED
    assert job.error is not None
    assert job.error["type"] == "/problems/internal-error"
    assert "foreseen" not in json.dumps(job.error)
    assert "nobody has foreseen this" in classroom.worker.told()
    assert classroom.does_the_next_job()


def test_a_job_that_wants_all_memory_fails_and_the_worker_goes_on(classroom: Classroom) -> None:
    starts = classroom.worker.starts
    job = classroom.ended(classroom.submit("devour"))
    assert job.status is Status.FAILED
    assert job.error is not None
    assert job.error["type"] == "/problems/out-of-memory"
    assert classroom.does_the_next_job()
    assert classroom.worker.starts == starts
    assert MEMORY_MEGABYTES < FEAST_MEGABYTES


def test_a_job_that_hangs_is_cancelled_and_its_worker_starts_again(classroom: Classroom) -> None:
    job_id = classroom.submit("hang")
    while classroom.jobs.get(job_id).started_at is None:
        time.sleep(0.02)
    starts = classroom.worker.starts
    assert classroom.jobs.cancel(job_id).status is Status.CANCELLED
    assert classroom.does_the_next_job()
    assert classroom.worker.starts == starts + 1
    assert classroom.jobs.get(job_id).status is Status.CANCELLED


def test_a_job_that_kills_its_process_fails_after_five_starts_and_the_next_one_is_done(classroom: Classroom) -> None:
    starts = classroom.worker.starts
    job = classroom.ended(classroom.submit("die"))
    assert job.status is Status.FAILED
    assert job.error is not None
    assert job.error["type"] == "/problems/lost-job"
    assert classroom.worker.starts == starts + 5
    assert classroom.does_the_next_job()
