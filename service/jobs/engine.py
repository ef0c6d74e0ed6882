"""Jobs as the API sees them: submitted, listed, watched, cancelled, deleted. Nothing is computed here."""

import asyncio
import hashlib
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from contextlib import aclosing, suppress
from copy import copy
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid4, uuid5

import orjson
import sqlalchemy as sa
from dbos import DBOSClient, DBOSPortableJSONSerializer
from sqlalchemy.exc import IntegrityError

from service import database
from service.errors import HTTP_PROBLEMS, IdempotencyConflict, QueueFull, TooManyJobs, UnfinishedJob, UnknownJob
from service.jobs import turns
from service.jobs.forecast import Outlook
from service.jobs.limits import check_limits, let_in, queue_of_new_job
from service.jobs.records import NO_PROGRESS
from service.jobs.retention import forget
from service.jobs.watch import Watch
from service.logs import request_id
from service.principals import ANYBODY, Principal
from service.schemas.jobs import Status
from service.settings import Settings

log = logging.getLogger(__name__)

APPLICATION = "patchclamp"
WORKFLOW = "job"
VERSION = "1"  # raised only when a saved state can no longer be read: jobs of another version wait for their worker
SERIALIZER = DBOSPortableJSONSerializer()
EVENTS = "events"

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_jobs = database.jobs


STATUS = {
    "ENQUEUED": Status.QUEUED,
    "DELAYED": Status.QUEUED,
    "PENDING": Status.RUNNING,
    "SUCCESS": Status.SUCCEEDED,
    "ERROR": Status.FAILED,
    "MAX_RECOVERY_ATTEMPTS_EXCEEDED": Status.FAILED,
    "CANCELLED": Status.CANCELLED,
}


@dataclass(frozen=True)
class Job:
    """A job as it stood when it was read; `result` is None also where it was not asked for.

    Attributes:
        position: In the queue, 1 is next; None of a job that is not queued.
        starts_in_seconds: As it is foretold; None where that cannot be told, and of a job that is not queued.
    """

    id: str
    kind: str
    status: Status
    position: int | None
    starts_in_seconds: float | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    progress: Mapping[str, Any]
    request: Mapping[str, Any]
    result: Mapping[str, Any] | None
    error: Mapping[str, Any] | None
    attempts: int
    owner: str

    @property
    def place(self) -> tuple[int, str]:
        """Where it stands in the list of all jobs."""
        return (self.created_at - _EPOCH) // timedelta(microseconds=1), self.id

    def document(self) -> dict[str, Any]:
        """The job as the API shows it."""
        address = f"/jobs/{self.id}"
        return {
            "id": self.id,
            "kind": self.kind,
            "status": self.status,
            "position": self.position,
            "starts_in_seconds": self.starts_in_seconds,
            "created_at": self.created_at,
            "started_at": self.started_at,
            "finished_at": self.finished_at,
            "progress": self.progress,
            "request": self.request,
            "result": self.result,
            "error": self.error,
            "attempts": self.attempts,
            "owner": self.owner,
            "links": {
                "self": address,
                "events": f"{address}/events",
                "cancel": f"{address}/cancel",
                "result": f"{address}/result",
            },
        }


@dataclass(frozen=True)
class Settled:
    """What a job is to do.

    Attributes:
        request: With all that chance or a default decides.
        size: How much work it is, in its kind's own measure.
        models: How many models it will publish.
    """

    request: Mapping[str, Any]
    size: float
    models: int


@dataclass(frozen=True)
class Event:
    """Something a job said of itself: ``progress``, ``preview``, or at last the status it ended with and the `Job`."""

    id: int
    name: str
    data: Any


class Jobs:
    """The API's hold on the job store. What a principal does not see is not there for them."""

    def __init__(self, engine: sa.Engine, settings: Settings) -> None:
        self._engine = engine
        self._settings = settings
        self._outlook = Outlook(engine, settings)
        self._principal = ANYBODY
        self._status = database.workflow_status(engine)
        self._watch = Watch(engine, EVENTS)
        self._client = DBOSClient(
            system_database_engine=engine,
            serializer=SERIALIZER,
            application_name=APPLICATION,
            retry_connection_errors=False,
        )

    def close(self) -> None:
        """Lets go of the job store."""
        self._client.destroy()

    def seen_by(self, principal: Principal) -> "Jobs":
        """The job store as this principal sees it."""
        jobs = copy(self)
        jobs._principal = principal
        return jobs

    def submit(
        self,
        kind: str,
        asked: Mapping[str, Any],
        settle: Callable[[], Settled],
        *,
        key: str | None = None,
    ) -> Job:
        """Accepts a job: once this returns, it will end, whatever dies meanwhile.

        `asked` is the request as it came; `settle` completes it. With a `key` (Idempotency-Key) that this principal
        has used before, the job of that time comes back.

        Raises:
            IdempotencyConflict: The key was used for another kind of job or another body.
            QueueFull, TooManyJobs, ModelQuota: It is one too many; never of a job that was accepted before.
        """
        fingerprint = hashlib.sha256(orjson.dumps([kind, asked], option=orjson.OPT_SORT_KEYS)).hexdigest()
        job_id = str(uuid4() if key is None else _name_based(self._principal, key))
        if key is not None and (job := self._earlier(job_id, fingerprint)):
            return job
        try:
            self._insert(job_id, kind, settle(), fingerprint)
        except IntegrityError:  # the same key, at the same moment
            if job := self._earlier(job_id, fingerprint):
                return job
            raise
        except QueueFull as refusal:
            refusal.retry_after_seconds = self._outlook.next_start()
            raise
        except TooManyJobs as refusal:
            refusal.retry_after_seconds = self._outlook.first_end(refusal.unfinished)
            raise
        return self.get(job_id)

    def get(self, job_id: str, with_result: bool = True) -> Job:
        """The job of this id.

        Raises:
            UnknownJob: There is none.
        """
        result = _jobs.c.result if with_result else sa.null().label("result")
        query = self._select(result).where(_jobs.c.id == job_id)
        with self._engine.connect() as connection:
            row = connection.execute(query).first()
        if row is None:
            raise UnknownJob("No job has this id; GET /jobs lists them.")
        return self._job(row)

    def list(
        self,
        status: Status | None,
        kind: str | None,
        limit: int,
        before: tuple[int, str] | None,
        owner: str | None = None,
    ) -> list[Job]:
        """Jobs without their results, newest first, those before the place `before`."""
        created, job_id = _jobs.c.created_at, _jobs.c.id
        query = self._select(sa.null().label("result")).order_by(created.desc(), job_id.desc()).limit(limit)
        if status is not None:
            query = query.where(self._status.c.status.in_([name for name, ours in STATUS.items() if ours is status]))
        if kind is not None:
            query = query.where(_jobs.c.kind == kind)
        if owner is not None:
            query = query.where(_jobs.c.principal == owner)
        if before is not None:
            query = query.where(sa.tuple_(created, job_id) < sa.tuple_(*map(sa.literal, before)))
        with self._engine.connect() as connection:
            return [self._job(row) for row in connection.execute(query)]

    def cancel(self, job_id: str) -> Job:
        """Ends a queued job at once and a running one at its next slice; a job that has ended stays as it is."""
        if not self.get(job_id, with_result=False).status.is_terminal:
            # Its end first, which shows only once there is one: killed in between, nothing is half done.
            ended = sa.func.coalesce(_jobs.c.finished_at, database.now(self._engine))
            with self._engine.begin() as connection:
                connection.execute(sa.update(_jobs).where(_jobs.c.id == job_id).values(finished_at=ended))
            self._client.cancel_workflow(job_id)
            let_in(self._engine, self._settings)
        return self.get(job_id)

    def delete(self, job_id: str) -> None:
        """Forgets a job that has ended; models that it published stay.

        Raises:
            UnfinishedJob: It is queued or running.
        """
        job = self.get(job_id, with_result=False)
        if not job.status.is_terminal:
            raise UnfinishedJob("The job has not ended; cancel it first with POST /jobs/{id}/cancel.")
        forget(self._engine, [job_id], lambda job_ids: self._client.delete_workflows(list(job_ids)))

    async def events(self, job_id: str, first: int = 0) -> AsyncIterator[Event]:
        """What the job says of itself from event number `first` on, and at last how it ended."""
        number = first
        while True:
            try:
                async with aclosing(self._events(job_id, number)) as events:
                    async for event in events:
                        yield event
                        number = event.id + 1
                return
            except Exception as error:
                if not database.is_outage(error):
                    raise
                log.warning("the events of job %s wait for the database: %s", job_id, error)
                await asyncio.sleep(database.RETRY_SECONDS)  # no event tells that a database is back

    async def _events(self, job_id: str, first: int) -> AsyncGenerator[Event, None]:
        number, standing = first, await self._watch.standing(job_id)
        while True:
            is_terminal = STATUS[standing.status].is_terminal
            count = None if is_terminal else max(0, standing.events - number)
            for told in await asyncio.to_thread(self._told, job_id, number, count):
                yield Event(number, told["event"], told["data"])
                number += 1
            if is_terminal:
                break
            standing = await self._watch.change(job_id, standing)
        job = await asyncio.to_thread(self.get, job_id, False)
        yield Event(number, job.status, job)

    async def wait(self, job: Job, seconds: float) -> Job:
        """The job as it stands when it has ended, or when so many seconds have passed."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                async for _ in self.events(job.id):
                    pass
        try:
            return await asyncio.to_thread(self.get, job.id)
        except Exception as error:
            if not database.is_outage(error):
                raise
            return job  # it is accepted, which is good to know even now

    def check_writable(self) -> None:
        """Writes to the job store, leaving nothing behind; raises what the database raises, and soon."""
        nothing = database.defaults.c.family == ""
        with database.soon(self._engine) as connection, connection.begin():
            # Committed: what is taken back instead never reaches the disk, which may be full.
            connection.execute(sa.insert(database.defaults).values(family="", model_id=""))
            connection.execute(sa.delete(database.defaults).where(nothing))

    def _told(self, job_id: str, first: int, count: int | None) -> Sequence[Mapping[str, Any]]:
        """`count` events that are there, from number `first` on; without a count all that an ended job told."""
        return list(islice(self._client.read_stream(job_id, EVENTS, offset=first), count))

    def _earlier(self, job_id: str, fingerprint: str) -> Job | None:
        with self._engine.connect() as connection:
            known = connection.scalar(
                sa.select(_jobs.c.fingerprint).where(_jobs.c.id == job_id, self._is_known(_jobs.c.id))
            )
        if known is None:
            return None
        if known != fingerprint:
            raise IdempotencyConflict("This Idempotency-Key was used with another body; use a new key for a new job.")
        return self.get(job_id)

    def _insert(self, job_id: str, kind: str, settled: Settled, fingerprint: str) -> None:
        principal = self._principal
        row = {"id": job_id, "kind": kind, **vars(settled), "fingerprint": fingerprint, "progress": NO_PROGRESS}
        row |= {"principal": principal.id, "course": principal.course, "role": principal.role}
        row |= {"request_id": request_id.get()}
        half_deleted = sa.delete(_jobs).where(_jobs.c.id == job_id, ~self._is_known(_jobs.c.id))
        with self._engine.begin() as connection:
            turns.lock(connection)
            connection.execute(half_deleted)
            connection.execute(sa.insert(_jobs).values(**row, created_at=database.now(self._engine)))
            check_limits(connection, self._settings, principal, settled.models)
            self._client.enqueue_in_transaction(
                connection,
                {
                    "workflow_name": WORKFLOW,
                    "queue_name": queue_of_new_job(connection, self._settings, principal),
                    "workflow_id": job_id,
                    "app_version": VERSION,
                    "authenticated_user": principal.id,
                    "priority": turns.next_priority(connection, principal.id),
                },
                job_id,
            )

    def _is_known(self, job_id: sa.ColumnElement[str]) -> sa.ColumnElement[bool]:
        """Whether DBOS knows the job: a deletion that was cut short leaves our row alone."""
        return sa.exists().where(self._status.c.workflow_uuid == job_id)

    def _select(self, result: sa.ColumnElement[Any]) -> sa.Select[*tuple[Any, ...]]:
        status = self._status
        ahead = status.alias("ahead")
        is_ahead = sa.and_(ahead.c.status == "ENQUEUED", turns.order(ahead) < turns.order(status))
        position = sa.select(sa.func.count() + 1).where(turns.is_unfinished(ahead), is_ahead).scalar_subquery()
        query = sa.select(
            *(_jobs.c.id, _jobs.c.kind, _jobs.c.request, _jobs.c.progress, _jobs.c.problem, result),
            *(_jobs.c.created_at, _jobs.c.started_at, _jobs.c.finished_at, _jobs.c.principal),
            *(status.c.status, status.c.recovery_attempts),
            sa.case((status.c.status == "ENQUEUED", position)).label("position"),
        )
        seen = query.join_from(_jobs, status, status.c.workflow_uuid == _jobs.c.id)
        return seen.where(self._principal.reaches(_jobs.c.principal, _jobs.c.course))

    def _job(self, row: Any) -> Job:
        status = STATUS[row.status]
        starts, ends = self._outlook.of(row.id) if status is Status.QUEUED else (None, None)
        problem = row.problem
        if status is Status.FAILED and problem is None:
            problem = HTTP_PROBLEMS[500].document("The job failed; the server's log tells more under the job's id.")
        return Job(
            id=row.id,
            kind=row.kind,
            status=status,
            position=row.position,
            starts_in_seconds=starts,
            created_at=_EPOCH + timedelta(microseconds=row.created_at),
            started_at=_time(row.started_at),
            finished_at=_ended(row) if status.is_terminal else None,
            progress=row.progress if ends is None else {**row.progress, "eta_seconds": ends},
            request=row.request,
            result=orjson.loads(row.result) if row.result and status is Status.SUCCEEDED else None,
            error=problem if status is Status.FAILED else None,
            attempts=row.recovery_attempts or 0,
            owner=row.principal,
        )


def _ended(row: Any) -> datetime | None:
    """Never before it began, though the database's clock was set back meanwhile."""
    return row.finished_at and _time(max(filter(None, (row.created_at, row.started_at, row.finished_at))))


def _name_based(principal: Principal, key: str) -> UUID:
    """An id that this principal's key stands for, and no other principal's."""
    return uuid5(NAMESPACE_URL, f"patchclamp:{principal.id.replace(':', '%3A')}:{key}")


def _time(microseconds: int | None) -> datetime | None:
    return None if microseconds is None else _EPOCH + timedelta(microseconds=microseconds)
