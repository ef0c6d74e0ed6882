"""What one student may have under way and in store, and how long the queue may get.

Counted in the transaction that submits, under its lock, so that API processes side by side let in no job too many.

A limit on jobs that run at once is kept by what is in the queue: of a student's unfinished jobs no more than may run,
the others are set aside and let in one by one as jobs end. So it does not matter which workers are free when.
"""

from collections.abc import Collection

import sqlalchemy as sa

from service import database
from service.errors import ModelQuota, QueueFull, TooManyJobs
from service.jobs.turns import ASIDE, QUEUE, is_unfinished, order
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


def queue_of_new_job(connection: sa.Connection, settings: Settings, principal: Principal) -> str:
    """Where a job that this principal submits now goes. Needs `turns.lock`."""
    limit = settings.running_jobs_per_student
    if not limit or principal.role != "student":
        return QUEUE
    workflow = database.workflow_status(connection.engine)
    theirs = is_unfinished(workflow) & (workflow.c.authenticated_user == principal.id)
    unfinished = connection.scalar(sa.select(sa.func.count()).where(theirs)) or 0
    return ASIDE if unfinished >= limit else QUEUE


def let_in(engine: sa.Engine, settings: Settings) -> None:
    """Lets jobs set aside into the queue where others of theirs have ended; any process may do so at any time."""
    workflow = database.workflow_status(engine)
    is_aside = workflow.c.queue_name == ASIDE
    place = sa.func.row_number().over(partition_by=workflow.c.authenticated_user, order_by=order(workflow).clauses)
    ranked = (
        sa.select(workflow.c.workflow_uuid, is_aside.label("is_aside"), place.label("place"))
        .join_from(workflow, _jobs, _jobs.c.id == workflow.c.workflow_uuid)
        # What has its outcome runs no more, though DBOS may not have noted it yet.
        .where(is_unfinished(workflow), _jobs.c.finished_at.is_(None))
        .subquery()
    )
    has_room = ranked.c.place <= settings.running_jobs_per_student if settings.running_jobs_per_student else sa.true()
    with engine.connect() as connection:
        free = list(connection.scalars(sa.select(ranked.c.workflow_uuid).where(ranked.c.is_aside, has_room)))
    if free:
        chosen = sa.update(workflow).where(workflow.c.workflow_uuid.in_(free), is_aside)
        with engine.begin() as connection:
            connection.execute(chosen.values({"queue_name": QUEUE}))


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
