"""When queued jobs will begin and end, foretold from how long jobs like them have taken."""

import heapq
import math
import time
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

import sqlalchemy as sa

from service import database
from service.jobs.lease import living_workers
from service.jobs.turns import is_unfinished
from service.settings import Settings

HAND_OUT_SECONDS = 0.1  # from the end of a job to the beginning of the next one, as measured
_GOOD_FOR_SECONDS = 1.0
_RECENT = 20  # jobs of a kind are looked at,
_ALIKE = 5  # and those of them that are nearest in size are believed

_jobs = database.jobs


@dataclass(frozen=True)
class Forecast:
    """What can be told of the queue.

    None where nothing can be told: no worker lives, or a job is before it of a kind that nobody has seen end.

    Attributes:
        starts: Seconds until each queued job begins.
        ends: Seconds until each job ends that is queued or running.
    """

    starts: Mapping[str, float | None]
    ends: Mapping[str, float | None]


class Outlook:
    """The forecast for all who ask within a second; None stands for what cannot be told."""

    def __init__(self, engine: sa.Engine, settings: Settings) -> None:
        self._engine = engine
        self._settings = settings
        self._last = Forecast({}, {}), -_GOOD_FOR_SECONDS

    def of(self, job_id: str) -> tuple[float | None, float | None]:
        """Seconds until an unfinished job begins and until it ends."""
        forecast, age = self._forecast([job_id])
        return _left(forecast.starts.get(job_id), age), _left(forecast.ends.get(job_id), age)

    def next_start(self) -> float | None:
        """Seconds until the next job of the queue begins."""
        forecast, age = self._forecast()
        return _soonest(forecast.starts.values(), age)

    def first_end(self, job_ids: Collection[str]) -> float | None:
        """Seconds until the first of these unfinished jobs ends."""
        forecast, age = self._forecast(job_ids)
        return _soonest(map(forecast.ends.get, job_ids), age)

    def _forecast(self, job_ids: Collection[str] = ()) -> tuple[Forecast, float]:
        """A forecast that knows of these jobs, and how many seconds ago it was made."""
        forecast, made_at = self._last
        if time.monotonic() - made_at > _GOOD_FOR_SECONDS or not forecast.ends.keys() >= set(job_ids):
            made_at = time.monotonic()
            forecast = read_forecast(self._engine, self._settings)
            self._last = forecast, made_at
        return forecast, time.monotonic() - made_at


def _left(seconds: float | None, age: float) -> float | None:
    return None if seconds is None else round(max(0.0, seconds - age), 1)


def _soonest(times: Iterable[float | None], age: float) -> float | None:
    return min((left for seconds in times if (left := _left(seconds, age)) is not None), default=None)


def read_forecast(engine: sa.Engine, settings: Settings) -> Forecast:
    """The forecast as things stand, by the database's own clock."""
    workers = living_workers(engine, settings.lease_seconds)
    workflow = database.workflow_status(engine)
    unfinished = (
        sa.select(
            *(_jobs.c.id, _jobs.c.kind, _jobs.c.size, _jobs.c.progress, _jobs.c.principal, _jobs.c.role),
            *(workflow.c.status, workflow.c.executor_id),
            (database.now(engine) - _jobs.c.started_at).label("elapsed"),
        )
        .join_from(workflow, _jobs, workflow.c.workflow_uuid == _jobs.c.id)
        .where(is_unfinished(workflow))
        .order_by(workflow.c.priority)
    )
    with engine.connect() as connection:
        rows = connection.execute(unfinished).all()
        durations = Durations.read(connection, {row.kind for row in rows})
    held = {row.executor_id: row for row in rows if row.status == "PENDING" and row.executor_id in workers}
    running = {row.id: _remaining(row, durations) for row in held.values()}
    waiting = [row for row in rows if row.id not in running]
    waiting.sort(key=lambda row: row.status != "PENDING")  # what a lost worker held comes first
    idle = len(workers) - len(running)
    limit = settings.running_jobs_per_student
    limited = {row.id: row.principal for row in rows if limit and row.role == "student"}
    return foretell(running, idle, {row.id: durations.of(row.kind, row.size) for row in waiting}, limited, limit)


def foretell(
    running: Mapping[str, float | None],
    idle: int,
    waiting: Mapping[str, float | None],
    limited: Mapping[str, str] = {},  # only read
    limit: int = 0,
) -> Forecast:
    """The forecast for as many workers as run jobs or are idle, each of which takes the next job when it is free.

    Args:
        running: Seconds until each running job ends; None where nobody can tell.
        idle: So many workers do nothing yet.
        waiting: Seconds that each queued job takes, in their order; None where nobody can tell.
        limited: Whose the jobs are of those who may have only so many running at once.
        limit: How many that is.
    """
    free_at = [seconds for seconds in (*running.values(), *[0.0] * idle) if seconds is not None]
    heapq.heapify(free_at)
    starts: dict[str, float | None] = dict.fromkeys(waiting)
    ends: dict[str, float | None] = {**running, **starts}
    under_way = [(math.inf if seconds is None else seconds, job) for job, seconds in running.items() if job in limited]
    heapq.heapify(under_way)
    taken = Counter(limited[job] for _, job in under_way)
    left = dict(waiting)
    while free_at and left:
        now = heapq.heappop(free_at)
        while under_way and under_way[0][0] <= now:
            taken[limited[heapq.heappop(under_way)[1]]] -= 1
        job = next((job for job in left if job not in limited or taken[limited[job]] < limit), None)
        if job is None:  # this worker waits until somebody whose jobs wait may have another one
            if under_way[0][0] < math.inf:
                heapq.heappush(free_at, under_way[0][0])
            continue
        seconds = left.pop(job)
        begins = starts[job] = now + HAND_OUT_SECONDS
        if seconds is not None:
            ends[job] = begins + seconds
            heapq.heappush(free_at, begins + seconds)
        if job in limited:
            taken[limited[job]] += 1
            heapq.heappush(under_way, (math.inf if seconds is None else begins + seconds, job))
    return Forecast(starts, ends)


class Durations:
    """How long jobs have taken lately.

    Args:
        taken: For each kind, size and microseconds of some jobs.
    """

    def __init__(self, taken: Mapping[str, Sequence[tuple[float, int]]]) -> None:
        self._taken = taken

    @classmethod
    def read(cls, connection: sa.Connection, kinds: Iterable[str]) -> "Durations":
        """Those of these kinds that have succeeded last."""
        took = _jobs.c.finished_at - _jobs.c.started_at
        taken = {}
        for kind in kinds:
            recent = (
                sa.select(_jobs.c.size, took)
                .where(_jobs.c.kind == kind, _jobs.c.result.is_not(None), _jobs.c.started_at.is_not(None))
                .order_by(_jobs.c.finished_at.desc())
                .limit(_RECENT)
            )
            taken[kind] = [(size, took) for size, took in connection.execute(recent)]
        return cls(taken)

    def of(self, kind: str, size: float) -> float | None:
        """The seconds that a job of this kind and size takes, or None while nobody has seen one of its kind end.

        Of jobs of other sizes only the square root of the ratio counts: some of their work grows with size, some not.
        """
        recent = self._taken.get(kind, ())
        alike = sorted(recent, key=lambda job: abs(math.log(job[0] / size)))[:_ALIKE]
        if not alike:
            return None
        return median(math.sqrt(size / other) * took for other, took in alike) / database.MICROSECONDS


def _remaining(row: Any, durations: Durations) -> float | None:
    """What a running job has still to do: what is missing to its like, or at its own pace where there is none."""
    elapsed, at_its_pace = (row.elapsed or 0) / database.MICROSECONDS, row.progress["eta_seconds"]
    expected = durations.of(row.kind, row.size)
    if expected is None:
        return at_its_pace
    if elapsed < expected:
        return expected - elapsed
    return 0.0 if at_its_pace is None else min(at_its_pace, expected)
