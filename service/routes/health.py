"""Whether the service lives, and whether it can serve."""

import logging
from typing import Any

from fastapi import APIRouter, Response
from sqlalchemy.exc import SQLAlchemyError

from service.answers import json_response
from service.catalogue import BUILDERS
from service.errors import PROBLEMS, NotReady, UnknownModel
from service.jobs.engine import Jobs
from service.jobs.lease import living_workers
from service.lab import Lab
from service.problems import problem_response
from service.routes.access import WholeJobStore, WholeLab, problems

router = APIRouter(tags=["service"])
log = logging.getLogger(__name__)

OK = "ok"


@router.get("/livez", response_model=dict[str, str], responses=problems())
async def livez() -> Response:
    """Say that the process lives."""
    return json_response({"status": "alive"})


@router.get("/readyz", response_model=dict[str, Any], responses=problems(503))
def readyz(lab: WholeLab, jobs: WholeJobStore) -> Response:
    """Say whether models are loaded, the job store is writable and a worker was seen lately, each by name."""
    models, has_defaults = _models(lab)
    checks = {"models": models, "job_store": _job_store(jobs), "worker": _worker(lab)}
    failing = {name: finding for name, finding in checks.items() if finding != OK}
    if has_defaults:  # any other model may be damaged without keeping the rest from working
        failing.pop("models", None)
    if failing:
        detail = " ".join(f"{name}: {finding}" for name, finding in failing.items())
        return problem_response({**PROBLEMS[NotReady].document(detail), "checks": checks})
    return json_response({"status": "ready", "checks": checks})


def _models(lab: Lab) -> tuple[str, bool]:
    """The finding, and whether every family's default model can be used."""
    try:
        damaged = lab.catalogue.damaged()
        has_defaults = all(lab.catalogue.default(family).id not in damaged for family in BUILDERS)
    except (UnknownModel, SQLAlchemyError) as error:
        log.warning("models cannot be loaded: %s", error)
        return "A default model cannot be loaded; restore the artifacts folder and the database.", False
    if damaged:
        return f"{', '.join(damaged)} cannot be loaded; restore the artifacts folder and the database.", has_defaults
    return OK, True


def _job_store(jobs: Jobs) -> str:
    try:
        jobs.check_writable()
    except SQLAlchemyError as error:
        log.warning("the job store cannot be written: %s", error)
        return "The database cannot be written; see that it runs and that its disk has room."
    return OK


def _worker(lab: Lab) -> str:
    try:
        workers = living_workers(lab.engine, lab.settings.lease_seconds)
    except SQLAlchemyError:
        workers = []
    return OK if workers else "No worker was seen lately; start one with patchclamp worker."
