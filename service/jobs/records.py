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

_jobs = database.jobs
NO_PROGRESS: Mapping[str, Any] = {"step": 0, "total": None, "fraction": 0.0, "eta_seconds": None, "metrics": {}}


@dataclass(frozen=True)
class Beginning:
    """What a worker needs to begin a job, or to go on with it.

    Attributes:
        starts: How often it was begun since a state was last saved, this time included.
        is_done: Whether its outcome is kept already: only the word that it has ended is missing.
    """

    kind: str
    request: dict[str, Any]
    state: bytes | None
    starts: int
    is_done: bool


@database.through_outages
def begin(engine: sa.Engine, job_id: str) -> Beginning:
    """Notes that the job begins (again)."""
    first = sa.func.coalesce(_jobs.c.started_at, database.now(engine))
    begun = sa.update(_jobs).where(_jobs.c.id == job_id).values(starts=_jobs.c.starts + 1, started_at=first)
    with engine.begin() as connection:
        connection.execute(begun)
        turns.note_served(connection, job_id)
        is_done = _jobs.c.result.is_not(None).label("is_done")
        row = connection.execute(
            sa.select(_jobs.c.kind, _jobs.c.request, _jobs.c.state, _jobs.c.starts, is_done).where(_jobs.c.id == job_id)
        ).one()
    return Beginning(row.kind, row.request, row.state, row.starts, bool(row.is_done))


def save_progress(engine: sa.Engine, job_id: str, progress: Mapping[str, Any]) -> None:
    """Notes how far the job is, for whoever asks."""
    _update(engine, job_id, progress=progress)


def save_state(engine: sa.Engine, job_id: str, progress: Mapping[str, Any], state: bytes) -> None:
    """Notes how far the job is and where it goes on after a restart."""
    _update(engine, job_id, progress=progress, state=state, starts=0)


def save_problem(engine: sa.Engine, job_id: str, problem: Mapping[str, Any]) -> None:
    """Notes why the job failed."""
    _update(engine, job_id, problem=problem, state=None, finished_at=database.now(engine))


@database.through_outages
def save_outcome(engine: sa.Engine, job_id: str, outcome: Outcome) -> None:
    """Keeps the result and the models, together; doing so twice changes nothing, nor does it for a deleted job."""
    ended = {"result": orjson.dumps(outcome.result), "state": None, "finished_at": database.now(engine)}
    with engine.begin() as connection:
        if not connection.execute(sa.update(_jobs).where(_jobs.c.id == job_id).values(**ended)).rowcount:
            return
        connection.execute(sa.delete(database.models).where(database.models.c.job_id == job_id))
        if outcome.models:
            now = connection.execute(sa.select(database.now(engine))).scalar_one()
            connection.execute(sa.insert(database.models), [_row(job_id, model, now) for model in outcome.models])


def model_id(family: str, job_id: str, number: int | None = None) -> str:
    """The id of a model that a job makes: the same each time the job is done over."""
    mark = hashlib.sha256(job_id.encode()).hexdigest()[:10]
    return f"{family}-{mark}" if number is None else f"{family}-{mark}-{number}"


def _row(job_id: str, model: NewModel, made_at: int) -> dict[str, Any]:
    reference = model.reference
    card = {**model.card, "family": model.family, "sha256": reference["sha256"], "job": job_id}
    return {**reference, "job_id": job_id, "made_at": made_at, "card": card, "weights": model.weights}


@database.through_outages
def _update(engine: sa.Engine, job_id: str, **values: Any) -> None:
    with engine.begin() as connection:
        connection.execute(sa.update(_jobs).where(_jobs.c.id == job_id).values(**values))
