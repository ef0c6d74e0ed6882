"""The lease: a worker says that it lives, and the work of one that stopped saying so goes back to the queue.

DBOS gives a job back only to the worker that held it. Here every worker watches the others' beats against its own
monotonic clock (how long *we* saw nothing new), so that clocks that disagree or jump do no harm; and a worker that was
only frozen is fenced by DBOS when it wakes: its next write fails and it drops the job.
"""

import logging
import threading
import time
import uuid
from collections.abc import Callable

import sqlalchemy as sa
from dbos._dbos import _get_dbos_instance

from service import database
from service.jobs.turns import QUEUE

log = logging.getLogger(__name__)

_workers = database.workers


class Lease:
    """One worker's beat, and its watch over the others."""

    def __init__(self, engine: sa.Engine, worker_id: str, seconds: float, each_round: Callable[[], None]) -> None:
        self._engine = engine
        self._worker_id = worker_id
        self._seconds = seconds
        self._each_round = each_round
        self._seen: dict[str, tuple[str | None, float]] = {}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="lease", daemon=True)

    def beat(self) -> None:
        """Says that this worker lives."""
        row = {"id": self._worker_id, "beat": uuid.uuid4().hex, "beaten_at": database.now(self._engine)}
        with self._engine.begin() as connection:
            updated = connection.execute(sa.update(_workers).where(_workers.c.id == self._worker_id).values(**row))
            if not updated.rowcount:
                connection.execute(sa.insert(_workers).values(**row))

    def start(self) -> None:
        """Beats and watches in a thread of its own from now on."""
        self._thread.start()

    def release(self) -> None:
        """Stops, and leaves this worker's jobs to the others at once."""
        self._stop.set()
        self._thread.join(5)
        with self._engine.begin() as connection:
            connection.execute(sa.delete(_workers).where(_workers.c.id == self._worker_id))

    def _run(self) -> None:
        while not self._stop.wait(min(1.0, self._seconds / 4)):
            try:
                self.beat()
                self._hand_back_lost_jobs()
                self._each_round()
            except Exception:
                log.exception("a lease round failed; the next one begins afresh")
                self._seen.clear()

    def _hand_back_lost_jobs(self) -> None:
        beats = self._beats()
        held = jobs_held(self._engine)
        gone = [worker for worker in {*held.values(), *beats} - {self._worker_id} if not self._lives(worker, beats)]
        for job_id, worker in held.items():
            if worker in gone:
                told = "worker %s is gone, its job %s goes back to the queue"
                log.warning(told, worker, job_id, extra={"job_id": job_id})
                hand_back(job_id, worker)
        for worker in set(gone).difference(held.values()):
            self._forget(worker)

    def _lives(self, worker: str, beats: dict[str, str]) -> bool:
        """Whether a new beat was seen within the lease; a worker that signed off has none and is gone at once."""
        now = time.monotonic()
        beat, since = self._seen.get(worker, (None, now))
        if beat != beats.get(worker):
            beat, since = beats.get(worker), now
        self._seen[worker] = (beat, since)
        return worker in beats and now - since <= self._seconds

    def _beats(self) -> dict[str, str]:
        with self._engine.connect() as connection:
            return dict(connection.execute(sa.select(_workers.c.id, _workers.c.beat)).tuples().all())

    def _forget(self, worker: str) -> None:
        self._seen.pop(worker, None)
        with self._engine.begin() as connection:
            connection.execute(sa.delete(_workers).where(_workers.c.id == worker))


def jobs_held(engine: sa.Engine) -> dict[str, str]:
    """The running jobs, each with the worker that holds it."""
    status = database.workflow_status(engine)
    running = sa.select(status.c.workflow_uuid, status.c.executor_id).where(
        status.c.status == "PENDING", status.c.executor_id.is_not(None)
    )
    with engine.connect() as connection:
        return dict(connection.execute(running).tuples().all())


def hand_back(job_id: str, worker_id: str) -> None:
    """Returns a running job to the queue, provided that this worker still holds it; only in a worker's process."""
    # Private; the tests in tests/faults hold it.
    _get_dbos_instance()._sys_db.reenqueue_for_recovery(job_id, [worker_id], QUEUE)


def living_workers(engine: sa.Engine, seconds: float) -> list[str]:
    """The workers whose last beat is younger than the lease, by the database's own clock."""
    age, lease = database.now(engine) - _workers.c.beaten_at, seconds * database.MICROSECONDS
    with engine.connect() as connection:
        return list(connection.scalars(sa.select(_workers.c.id).where(sa.func.abs(age) <= lease)))
