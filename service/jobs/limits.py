"""What one student may have under way and in store, and how long the queue may get.

Counted in the transaction that submits, under its lock, so that API processes side by side let in no job too many.
"""

from collections.abc import Collection

import sqlalchemy as sa

from service import database
from service.errors import ModelQuota, QueueFull, TooManyJobs
from service.jobs.turns import is_unfinished
from service.principals import Principal
from service.settings import Settings

_jobs, _models = database.jobs, database.models


def check_limits(connection: sa.Connection, settings: Settings, principal: Principal, models: int) -> None:
    """Refuses a job of this principal, which would publish so many models, where it is one too many.

    Needs `turns.lock`. Only students have shares of their own: where nobody needs a key all are one admin, and the
    queue alone is bounded.

    Raises:
        QueueFull: So many jobs wait already.
        TooManyJobs: So many of theirs are queued or running already.
        ModelQuota: They keep so many models already, counting those that their unfinished jobs will publish.
    """
    workflow = database.workflow_status(connection.engine)
    if principal.role == "student":
        theirs = sa.select(workflow.c.workflow_uuid).where(
            is_unfinished(workflow), workflow.c.authenticated_user == principal.id
        )
        unfinished = list(connection.scalars(theirs))
        _check_jobs(settings.jobs_per_student, unfinished)
        if models and settings.models_per_student:
            _check_models(connection, settings.models_per_student, principal, unfinished, models)
    if settings.queued_jobs:
        _check_queue(connection, settings.queued_jobs, workflow)


def _check_queue(connection: sa.Connection, limit: int, workflow: sa.TableClause) -> None:
    waiting = sa.select(sa.func.count()).where(is_unfinished(workflow), workflow.c.status == "ENQUEUED")
    if (connection.scalar(waiting) or 0) >= limit:
        raise QueueFull(
            f"{limit} jobs wait already, as many as may; send this one again after the time in Retry-After."
        )


def _check_jobs(limit: int, unfinished: Collection[str]) -> None:
    if limit and len(unfinished) >= limit:
        raise TooManyJobs(
            f"{limit} of your jobs are queued or running, as many as one student may have; send this one again when "
            "one of them has ended, or cancel one with POST /jobs/{id}/cancel.",
            unfinished,
        )


def _check_models(
    connection: sa.Connection, limit: int, principal: Principal, unfinished: Collection[str], models: int
) -> None:
    is_kept = sa.and_(_models.c.owner == principal.id, database.is_published(connection.engine))
    kept = list(connection.scalars(sa.select(_models.c.id).where(is_kept).order_by(_models.c.made_at)))
    coming = connection.scalar(sa.select(sa.func.sum(_jobs.c.models)).where(_jobs.c.id.in_(unfinished))) or 0
    if len(kept) + coming + models > limit:
        oldest = f", such as {kept[0]}, your oldest," if kept else ""
        raise ModelQuota(
            f"You keep {len(kept)} models, your unfinished jobs will make {coming}, and {limit} is as many as one "
            f"student may keep; this job would make {models}. Delete some first{oldest} with DELETE /models/{{id}}."
        )
