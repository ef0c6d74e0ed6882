"""The worker process: takes one job at a time, does it in slices, and can be killed at any moment."""

import logging
import os
import resource
import signal
import socket
import sys
import threading
import time
import uuid
from base64 import b64encode
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from dbos import DBOS, DBOSConfig

from models import kernels
from models.errors import LabError
from models.work import Work
from service import database
from service.errors import HTTP_PROBLEMS, LostJob, OutOfMemory, ServiceError, problem_of
from service.jobs import records
from service.jobs.engine import APPLICATION, EVENTS, SERIALIZER, VERSION, WORKFLOW
from service.jobs.kinds import Kind, Outcome
from service.jobs.lease import Lease, hand_back, jobs_held
from service.jobs.limits import let_in
from service.jobs.retention import Retention
from service.jobs.turns import QUEUE
from service.lab import Lab
from service.logs import job_id_of_this_thread, request_id
from service.settings import Settings
from service.warming import warm_in_background

log = logging.getLogger(__name__)

STATE_EVERY_SECONDS = 1.0
PREVIEW_EVERY_SECONDS = 0.25  # forms before the eye
STARTS_WITHOUT_PROGRESS = 5
# DBOS counts every return to the queue, also by an orderly restart; what ends a job that kills its worker is our own
# count of starts without progress.
RECOVERIES = 10_000


def run_worker(settings: Settings, kinds: Mapping[str, Kind[Any, Any]], worker_id: str | None = None) -> None:
    """Does jobs of these kinds until SIGTERM or SIGINT."""
    worker_id = worker_id or f"{socket.gethostname()}-{uuid.uuid4().hex[:12]}"
    engine = database.connect(settings.database_url)
    database.prepare(settings.database_url, engine)  # it may wait for the database, and can be ended meanwhile

    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    torch.set_num_threads(settings.threads)
    _limit_memory(settings)

    worker = Worker(Lab(settings, engine), kinds, worker_id)
    retention = Retention(engine, settings, lambda job_ids: DBOS.delete_workflows(list(job_ids)))

    def each_round() -> None:
        worker.look_after_jobs()
        let_in(engine, settings)
        retention.each_round()

    lease = Lease(engine, worker_id, settings.lease_seconds, each_round)
    lease.beat()  # before the first job: none may be held without a lease
    worker.launch()
    lease.start()
    log.info("worker %s is ready", worker_id)
    warm_in_background(kernels.warm)
    stop.wait()
    DBOS.destroy(workflow_completion_timeout_sec=0)
    lease.release()
    os._exit(0)  # a slice may still be computing; its job goes on elsewhere from the last saved state


@dataclass
class _Attempt:
    """A job that a thread of this worker is at, and when it last ended a slice."""

    job_id: str
    sign_of_life: float = field(default_factory=time.monotonic)


class Worker:
    """Does jobs, in the thread that DBOS gives each."""

    def __init__(self, lab: Lab, kinds: Mapping[str, Kind[Any, Any]], worker_id: str) -> None:
        self._lab = lab
        self._kinds = kinds
        self._engine = lab.engine
        self._worker_id = worker_id
        # One at a time; but one that was frozen for long may wake beside the one that goes on with its job.
        self._attempts: list[_Attempt] = []
        self._forgotten: dict[str, float] = {}

    def launch(self) -> None:
        """Begins to take jobs from the queue, the ones this worker left behind first."""

        @DBOS.step(name="do")
        def do(job_id: str) -> None:
            self.do(job_id)

        @DBOS.workflow(name=WORKFLOW, max_recovery_attempts=RECOVERIES)
        def job(job_id: str) -> None:
            database.through_outages(do)(job_id)  # again, if what DBOS notes of a step could not be written

        config: DBOSConfig = {
            "name": APPLICATION,
            "application_version": VERSION,
            "executor_id": self._worker_id,
            "system_database_engine": self._engine,
            "serializer": SERIALIZER,
            "enable_otlp": False,
            "log_level": "WARNING",
            "run_migrations": False,
            "notification_listener_polling_interval_sec": 0.25,
        }
        DBOS(config=config)
        DBOS.launch()
        DBOS.register_queue(QUEUE, worker_concurrency=1, polling_interval_sec=0.1, on_conflict="always_update")

    def do(self, job_id: str) -> None:
        """Does a job, or the rest of it.

        Cancellation and loss of the lease arrive as exceptions that are no `Exception`, at the next word to the stream.
        """
        job_id_of_this_thread.set(job_id)
        request_id.set(None)
        attempt = _Attempt(job_id)
        self._attempts.append(attempt)
        try:
            if outcome := self._outcome(attempt):
                records.save_outcome(self._engine, job_id, outcome)
            log.info("the job has succeeded")
        except (LabError, ServiceError) as error:
            log.info("the job failed: %s", error)
            records.save_problem(self._engine, job_id, problem_of(error))
            raise
        except Exception as error:
            if _is_out_of_memory(error):
                lost = OutOfMemory("The job wants more memory than a worker may take; try it with smaller numbers.")
                log.warning("the job failed: %s", error)
                records.save_problem(self._engine, job_id, problem_of(lost))
                raise
            log.exception("the job failed")
            detail = f"The job failed unexpectedly; the server's log tells more under the job's id {job_id}."
            records.save_problem(self._engine, job_id, HTTP_PROBLEMS[500].document(detail))
            raise
        finally:
            self._attempts.remove(attempt)
            self._let_next_in()

    def _let_next_in(self) -> None:
        try:
            let_in(self._engine, self._lab.settings)
        except Exception as error:
            if not database.is_outage(error):
                raise  # else the lease's next round does it

    def look_after_jobs(self) -> None:
        """Sees to it that neither this worker waits for a job that is not its own, nor a job for this worker."""
        held = {job_id for job_id, worker in jobs_held(self._engine).items() if worker == self._worker_id}
        self._leave_if_stuck(held)
        self._hand_back_forgotten(held)

    def _leave_if_stuck(self, held: Collection[str]) -> None:
        """Ends this process when its job is no longer its own, yet its slice does not end: the slot is needed."""
        for attempt in tuple(self._attempts):
            silent_for = time.monotonic() - attempt.sign_of_life
            if silent_for >= self._lab.settings.stuck_seconds and attempt.job_id not in held:
                told = "job %s is this worker's no more, yet does not stop since %.0f s; the worker restarts"
                log.error(told, attempt.job_id, silent_for, extra={"job_id": attempt.job_id})
                os._exit(3)

    def _hand_back_forgotten(self, held: Collection[str]) -> None:
        """Returns a job to the queue that stands in this worker's name although no thread is at it.

        It comes to that when the database fails in the very moment in which a job is taken or its end is noted.
        """
        now, at_work = time.monotonic(), {attempt.job_id for attempt in self._attempts}
        self._forgotten = {job_id: self._forgotten.get(job_id, now) for job_id in held if job_id not in at_work}
        for job_id, since in self._forgotten.items():
            if now - since > self._lab.settings.lease_seconds:
                told = "job %s was taken or ended during an outage, it goes back to the queue"
                log.warning(told, job_id, extra={"job_id": job_id})
                hand_back(job_id, self._worker_id)

    def _outcome(self, attempt: _Attempt) -> Outcome | None:
        """What the job ends with; None if that is kept already."""
        beginning = records.begin(self._engine, attempt.job_id)
        request_id.set(beginning.request_id)
        if beginning.is_done:
            return None
        log.info("a job of kind %s %s", beginning.kind, "begins" if beginning.state is None else "goes on")
        if beginning.starts > STARTS_WITHOUT_PROGRESS:
            raise LostJob(
                f"The job ended its worker {STARTS_WITHOUT_PROGRESS} times without getting any further; "
                "try it with smaller numbers."
            )
        kind = self._kinds[beginning.kind]
        request = kind.schema.model_validate(beginning.request)
        lab = self._lab.seen_by(beginning.principal)
        work = database.through_outages(kind.begin)(request, lab)
        if beginning.state is not None:
            work.restore(beginning.state)
        self._do_slices(attempt, kind, work)
        return database.through_outages(kind.finish)(request, work, lab, attempt.job_id)

    def _do_slices(self, attempt: _Attempt, kind: Kind[Any, Any], work: Work) -> None:
        preview, state = _Pace(PREVIEW_EVERY_SECONDS), _Pace(STATE_EVERY_SECONDS)
        estimate = _Estimate(work)
        say = database.through_outages(DBOS.write_stream)
        while not work.is_finished:
            work.advance()
            attempt.sign_of_life = time.monotonic()
            progress = estimate.progress()
            # The stream is the fence: a job that was cancelled or taken over ends here, before anything is saved.
            say(EVENTS, {"event": "progress", "data": progress})
            if kind.preview is not None and (preview.is_due or work.is_finished):
                with preview.kept():
                    say(EVENTS, {"event": "preview", "data": _preview(kind.preview(work))})
            if state.is_due:
                with state.kept():
                    records.save_state(self._engine, attempt.job_id, progress, work.state())
            else:
                records.save_progress(self._engine, attempt.job_id, progress)


def _limit_memory(settings: Settings) -> None:
    """Lets an allocation fail in good time, and the job with it, where the machine would end whom it likes.

    Data, not address space: torch reserves much that it never uses. What CUDA maps is beyond counting.
    """
    if settings.worker_memory_mb and sys.platform == "linux" and settings.device == "cpu":
        limit = settings.worker_memory_mb * 2**20
        _, most = resource.getrlimit(resource.RLIMIT_DATA)
        resource.setrlimit(resource.RLIMIT_DATA, (limit if most == resource.RLIM_INFINITY else min(limit, most), most))


def _is_out_of_memory(error: Exception) -> bool:
    """Torch tells the CPU's lack of memory in words only."""
    return isinstance(error, MemoryError | torch.OutOfMemoryError) or "can't allocate memory" in str(error)


class _Estimate:
    """How far the work is, and how long the rest takes at the pace so far."""

    def __init__(self, work: Work) -> None:
        self._work = work
        self._first_step = work.step
        self._began = time.monotonic()

    def progress(self) -> Mapping[str, Any]:
        work = self._work
        done = work.step - self._first_step
        seconds = time.monotonic() - self._began
        remaining = 0 if work.is_finished else work.total - work.step
        return {
            "step": work.step,
            "total": work.total,
            "fraction": 1.0 if work.is_finished else work.step / work.total,
            "eta_seconds": round(seconds / done * remaining, 1) if done else None,
            "metrics": dict(work.metrics),
        }


def _preview(png: bytes) -> dict[str, str]:
    return {"media_type": "image/png", "data": b64encode(png).decode("ascii")}


class _Pace:
    """Every so many seconds, yet never more than a twentieth of the time: a large state is saved more rarely."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._due = time.monotonic() + seconds

    @property
    def is_due(self) -> bool:
        return time.monotonic() >= self._due

    @contextmanager
    def kept(self) -> Iterator[None]:
        began = time.monotonic()
        yield
        ended = time.monotonic()
        self._due = ended + max(self._seconds, 20 * (ended - began))
