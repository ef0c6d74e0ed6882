"""Finished jobs are kept for a while, then forgotten; the models they published stay."""

import logging
import time
from collections.abc import Callable, Sequence

import sqlalchemy as sa

from service import database
from service.settings import Settings

log = logging.getLogger(__name__)

AT_ONCE = 20  # jobs; a round stays short beside the beats of the lease
EVERY_SECONDS = 60.0
_DAY = 86_400 * database.MICROSECONDS

_jobs = database.jobs


class Retention:
    """Forgets, a few at a time, what is older or more than the settings keep. Any number of processes may do so."""

    def __init__(
        self, engine: sa.Engine, settings: Settings, delete_workflows: Callable[[Sequence[str]], None]
    ) -> None:
        self._engine = engine
        self._settings = settings
        self._delete_workflows = delete_workflows
        self._due = time.monotonic()

    def each_round(self) -> None:
        """Does a round if it is time for one; while there is more to forget it always is."""
        if time.monotonic() < self._due:
            return
        forgotten = forget(self._engine, self._outlived(), self._delete_workflows)
        if forgotten:
            log.info("forgot %d finished jobs", forgotten)
        self._due = time.monotonic() + (0.0 if forgotten else EVERY_SECONDS)

    def _outlived(self) -> Sequence[str]:
        with self._engine.connect() as connection:
            return self._too_old(connection) or self._too_many(connection)

    def _too_old(self, connection: sa.Connection) -> Sequence[str]:
        if not self._settings.keep_days:
            return ()
        earliest = database.now(self._engine) - self._settings.keep_days * _DAY
        ended = sa.func.coalesce(_jobs.c.finished_at, _jobs.c.created_at)
        old = self._finished().where(_jobs.c.created_at < earliest, ended < earliest)
        return list(connection.scalars(old.order_by(_jobs.c.created_at).limit(AT_ONCE)))

    def _too_many(self, connection: sa.Connection) -> Sequence[str]:
        kept = self._settings.keep_per_student
        if not kept:
            return ()
        rich = sa.select(_jobs.c.principal).group_by(_jobs.c.principal).having(sa.func.count() > kept)
        for principal in list(connection.scalars(rich)):
            theirs = self._finished().where(_jobs.c.principal == principal, _jobs.c.role == "student")
            surplus = theirs.order_by(_jobs.c.created_at.desc(), _jobs.c.id).offset(kept).limit(AT_ONCE)
            if found := list(connection.scalars(surplus)):
                return found
        return ()

    def _finished(self) -> sa.Select[str]:
        """The ids of jobs that have ended, or that a crash left behind half forgotten."""
        workflow = database.workflow_status(self._engine)
        is_unfinished = sa.exists().where(
            workflow.c.workflow_uuid == _jobs.c.id, workflow.c.status.in_(("ENQUEUED", "DELAYED", "PENDING"))
        )
        return sa.select(_jobs.c.id).where(~is_unfinished)


def forget(engine: sa.Engine, job_ids: Sequence[str], delete_workflows: Callable[[Sequence[str]], None]) -> int:
    """Deletes finished jobs with all that DBOS knows of them, but not the models they published; tells how many.

    What a job that did not succeed left in the models' table goes before DBOS forgets that it did not, and our own row
    goes last: killed in between, this can be done again.
    """
    if not job_ids:
        return 0
    models = database.models
    with engine.begin() as connection:
        connection.execute(sa.delete(models).where(models.c.job_id.in_(job_ids), ~database.is_published(engine)))
    delete_workflows(job_ids)
    with engine.begin() as connection:
        connection.execute(sa.delete(_jobs).where(_jobs.c.id.in_(job_ids)))
    return len(job_ids)
