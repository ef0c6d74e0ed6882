"""A job's own row: the request it came with, how far it is, and what came of it."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson
import sqlalchemy as sa

from service import database
from service.jobs import turns
from service.jobs.kinds import NewModel, Outcome
from service.principals import Principal

_jobs = database.jobs
NO_PROGRESS: Mapping[str, Any] = {"step": 0, "total": None, "fraction": 0.0, "eta_seconds": None, "metrics": {}}


@dataclass(frozen=True)
class Beginning:
    """What a worker needs to begin a job, or to go on with it.

    Attributes:
        starts: How often it was begun since a state was last saved, this time included.
        is_done: Whether its outcome is kept already: only the word that it has ended is missing.
        principal: Who submitted it, in the role of that time.
        request_id: Of the request by which they did.
    """

    kind: str
    request: dict[str, Any]
    state: bytes | None
    starts: int
    is_done: bool
    principal: Principal
    request_id: str | None


@database.through_outages
def begin(engine: sa.Engine, job_id: str) -> Beginning:
    """Notes that the job begins (again); one that is being cancelled just then does not begin after its end."""
    first = sa.func.coalesce(_jobs.c.started_at, _jobs.c.finished_at, database.now(engine))
    begun = sa.update(_jobs).where(_jobs.c.id == job_id).values(starts=_jobs.c.starts + 1, started_at=first)
    with engine.begin() as connection:
        connection.execute(begun)
        turns.note_served(connection, job_id)
        is_done = _jobs.c.result.is_not(None).label("is_done")
        names = ("kind", "request", "state", "starts", "principal", "role", "course", "request_id")
        query = sa.select(*(_jobs.c[name] for name in names), is_done)
        row = connection.execute(query.where(_jobs.c.id == job_id)).one()
    principal = Principal(row.principal, row.role, row.course)
    return Beginning(row.kind, row.request, row.state, row.starts, bool(row.is_done), principal, row.request_id)


def save_progress(engine: sa.Engine, job_id: str, progress: Mapping[str, Any]) -> None:
    """Notes how far the job is, for whoever asks."""
    _update(engine, job_id, progress=progress)


def save_state(engine: sa.Engine, job_id: str, progress: Mapping[str, Any], state: bytes) -> None:
    """Notes how far the job is and where it goes on after a restart."""
    _update(engine, job_id, progress=progress, state=state, starts=0)


@database.through_outages
def save_problem(engine: sa.Engine, job_id: str, problem: Mapping[str, Any]) -> None:
    """Notes why the job failed, unless its end is kept already."""
    with engine.begin() as connection:
        connection.execute(_end(engine, job_id).where(_jobs.c.problem.is_(None)).values(problem=problem))


@database.through_outages
def save_outcome(engine: sa.Engine, job_id: str, outcome: Outcome) -> None:
    """Keeps the result and the models, together; doing so twice changes nothing, nor does it for a deleted job."""
    with engine.begin() as connection:
        if not connection.execute(_end(engine, job_id).values(result=orjson.dumps(outcome.result))).rowcount:
            return
        connection.execute(sa.delete(database.models).where(database.models.c.job_id == job_id))
        if outcome.models:
            origin = sa.select(_jobs.c.principal.label("owner"), _jobs.c.course, database.now(engine).label("made_at"))
            told = connection.execute(origin.where(_jobs.c.id == job_id)).mappings().one()
            rows = [{**_row(job_id, model), **told} for model in outcome.models]
            connection.execute(sa.insert(database.models), rows)


def model_id(family: str, job_id: str, number: int | None = None) -> str:
    """The id of a model that a job makes: the same each time the job is done over."""
    mark = hashlib.sha256(job_id.encode()).hexdigest()[:10]
    return f"{family}-{mark}" if number is None else f"{family}-{mark}-{number}"


def _end(engine: sa.Engine, job_id: str) -> sa.Update:
    """The end of a job that has no result, the first time that it is told.

    A worker that was taken for lost, and wakes when another one has done its job, comes too late.
    """
    finished_at = sa.func.coalesce(_jobs.c.finished_at, database.now(engine))
    return (
        sa.update(_jobs)
        .where(_jobs.c.id == job_id, _jobs.c.result.is_(None))
        .values(state=None, finished_at=finished_at)
    )


def _row(job_id: str, model: NewModel) -> dict[str, Any]:
    reference = model.reference
    card = {**model.card, "family": model.family, "sha256": reference["sha256"], "job": job_id}
    return {**reference, "job_id": job_id, "card": card, "weights": model.weights}


@database.through_outages
def _update(engine: sa.Engine, job_id: str, **values: Any) -> None:
    with engine.begin() as connection:
        connection.execute(sa.update(_jobs).where(_jobs.c.id == job_id).values(**values))
