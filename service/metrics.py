"""The service in numbers for Prometheus: what this process has answered, and how the jobs of all processes stand."""

import logging
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from functools import cache
from threading import Lock, Thread
from typing import Any

import sqlalchemy as sa
from prometheus_client import (
    CollectorRegistry,
    Counter,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.core import GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector
from sqlalchemy.exc import SQLAlchemyError

from service import database
from service.access_log import EndedRequest
from service.jobs.engine import STATUS
from service.lab import Lab
from service.operations import KINDS
from service.schemas.jobs import Status
from service.supervisor import COUNTED_TOGETHER

log = logging.getLogger(__name__)

LONGEST_READING_SECONDS = 2.0
_REQUEST_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
_JOB_SECONDS = (0.5, 1, 2, 5, 10, 30, 60, 120, 300, 600, 1800)

disable_created_metrics()  # when a series began is told by nobody's panel, and doubles their number


class Metrics:
    """The numbers of one application; `lab` is asked for when they are read, for it is made when the service starts.

    API processes on one port count in files that they share, so that each tells what all of them have answered.
    """

    def __init__(self, lab: Callable[[], Lab]) -> None:
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "patchclamp_http_requests",
            "Requests that have been answered; streams are counted when they end.",
            ("method", "route", "status"),
            registry=self._registry,
        )
        self._seconds = Histogram(
            "patchclamp_http_request_duration_seconds",
            "From a request's arrival to the end of its answer.",
            ("method", "route"),
            buckets=_REQUEST_SECONDS,
            registry=self._registry,
        )
        self._refusals = Counter(
            "patchclamp_http_refusals",
            "Requests that have been answered with a problem, by the last part of its type.",
            ("problem",),
            registry=self._registry,
        )
        self._series = cache(self._labelled)  # to find one by its labels takes as long as to count
        self._told = _counted_together() or self._registry
        ProcessCollector(registry=self._told)
        self._told.register(_Store(lab))

    def count(self, request: EndedRequest) -> None:
        """Counts a request that has ended."""
        answered, took = self._series(request.method, request.route, request.status or "unanswered")
        answered.inc()
        took.observe(request.seconds)
        if request.problem is not None:
            self._refusals.labels(request.problem).inc()

    def _labelled(self, method: str, route: str, status: int | str) -> tuple[Counter, Histogram]:
        return self._requests.labels(method, route, status), self._seconds.labels(method, route)

    def exposition(self) -> bytes:
        """All numbers as they stand now, in Prometheus' text format."""
        return generate_latest(self._told)


def _counted_together() -> CollectorRegistry | None:
    """What several API processes have counted, where they do so together."""
    if COUNTED_TOGETHER not in os.environ:
        return None
    registry = CollectorRegistry()
    MultiProcessCollector(registry)
    return registry


class _Store(Collector):
    """What the database knows, read anew for each scrape, so that every API process tells the same.

    A database that does not answer in time is told as such. Its reading is then waited for by later scrapes instead of
    being begun once more beside it.
    """

    def __init__(self, lab: Callable[[], Lab]) -> None:
        self._lab = lab
        self._reading: Future[_Figures] | None = None
        self._lock = Lock()

    def collect(self) -> Iterator[Metric]:
        try:
            figures = self._begun().result(LONGEST_READING_SECONDS)
        except (SQLAlchemyError, TimeoutError) as error:
            log.warning("the database tells no numbers: %s", type(error).__name__)
            figures = None
        is_up = figures is not None
        yield GaugeMetricFamily("patchclamp_database_up", "1 if the database told the numbers of this scrape.", is_up)
        if figures is not None:
            yield from _job_families(figures.jobs)
            yield _worker_family(figures.beat_ages)
            yield _model_family(figures.models)

    def _begun(self) -> "Future[_Figures]":
        with self._lock:
            if self._reading is None or self._reading.done():
                self._reading = Future()
                Thread(target=_read_into, args=(self._reading, self._lab()), name="metrics", daemon=True).start()
            return self._reading


@dataclass(frozen=True)
class _Figures:
    """What is read at once.

    Attributes:
        jobs: A row for each kind and status: how many, how old the oldest is, and how long they took, in µs.
        beat_ages: Seconds since the last beat of each worker.
        models: How many of each family and origin.
    """

    jobs: Sequence[sa.Row[Any]]
    beat_ages: Mapping[str, float]
    models: Mapping[tuple[str, str], int]


def _read_into(reading: "Future[_Figures]", lab: Lab) -> None:
    try:
        reading.set_result(_read(lab))
    except Exception as error:
        reading.set_exception(error)


def _read(lab: Lab) -> _Figures:
    now, workers = database.now(lab.engine), database.workers
    with lab.engine.connect() as connection:
        jobs = connection.execute(_jobs_by_kind_and_status(lab.engine)).all()
        beats = connection.execute(sa.select(workers.c.id, now - workers.c.beaten_at)).all()
    return _Figures(
        jobs=jobs,
        beat_ages={worker: _seconds(age) for worker, age in beats},
        models=lab.catalogue.count(),
    )


def _jobs_by_kind_and_status(engine: sa.Engine) -> sa.Select[Any]:
    jobs, workflow = database.jobs, database.workflow_status(engine)
    each = (
        sa.select(
            jobs.c.kind,
            sa.case(STATUS, value=workflow.c.status).label("status"),
            jobs.c.created_at,
            (jobs.c.finished_at - jobs.c.started_at).label("took"),
        )
        .join_from(jobs, workflow, workflow.c.workflow_uuid == jobs.c.id)
        .subquery()
    )
    took_at_most = [
        sa.func.count(sa.case((each.c.took <= bound * database.MICROSECONDS, 1))).label(f"took_at_most_{bound}")
        for bound in _JOB_SECONDS
    ]
    return sa.select(
        each.c.kind,
        each.c.status,
        sa.func.count().label("jobs"),
        (database.now(engine) - sa.func.min(each.c.created_at)).label("oldest"),
        sa.func.coalesce(sa.func.sum(each.c.took), 0).label("took"),
        sa.func.count(each.c.took).label("timed"),
        *took_at_most,
    ).group_by(each.c.kind, each.c.status)


def _job_families(rows: Sequence[sa.Row[Any]]) -> Iterator[Metric]:
    queued = GaugeMetricFamily("patchclamp_jobs_queued", "Jobs that wait for a worker.", labels=["kind"])
    oldest = GaugeMetricFamily(
        "patchclamp_jobs_queued_oldest_age_seconds",
        "Since the oldest job that waits for a worker was submitted; 0 where none waits.",
        labels=["kind"],
    )
    running = GaugeMetricFamily("patchclamp_jobs_running", "Jobs that a worker has taken.", labels=["kind"])
    durations = HistogramMetricFamily(
        "patchclamp_job_duration_seconds",
        "From its first beginning to its end, of each finished job that is kept; a job that is deleted counts no more.",
        labels=["kind", "status"],
    )
    found = {(row.kind, row.status): row for row in rows}
    for kind in sorted({*KINDS, *(row.kind for row in rows)}):
        waiting, taken = found.get((kind, Status.QUEUED)), found.get((kind, Status.RUNNING))
        queued.add_metric([kind], waiting.jobs if waiting else 0)
        oldest.add_metric([kind], _seconds(waiting.oldest) if waiting else 0)
        running.add_metric([kind], taken.jobs if taken else 0)
    for (kind, status), row in sorted(found.items()):
        if Status(status).is_terminal:
            durations.add_metric([kind, status], _buckets(row), _seconds(row.took))
    yield from (queued, oldest, running, durations)


def _buckets(row: sa.Row[Any]) -> list[tuple[str, float]]:
    within = [(str(float(bound)), row._mapping[f"took_at_most_{bound}"]) for bound in _JOB_SECONDS]
    return [*within, ("+Inf", row.timed)]


def _worker_family(beat_ages: Mapping[str, float]) -> Metric:
    ages = GaugeMetricFamily(
        "patchclamp_worker_beat_age_seconds",
        "Since the worker's last beat, by the database's clock.",
        labels=["worker"],
    )
    for worker, age in sorted(beat_ages.items()):
        ages.add_metric([worker], age)
    return ages


def _model_family(models: Mapping[tuple[str, str], int]) -> Metric:
    family = GaugeMetricFamily("patchclamp_models", "Models that can be asked.", labels=["family", "origin"])
    for labels, count in sorted(models.items()):
        family.add_metric(labels, count)
    return family


def _seconds(microseconds: Any) -> float:
    """Not below 0, though one machine's clock be behind another's; sums come as Decimal from PostgreSQL."""
    return max(0.0, float(microseconds) / database.MICROSECONDS)
