"""Jobs as they are shown."""

from datetime import datetime
from typing import Any

from pydantic import BaseModel

from service.jobs.engine import Status
from service.schemas.common import ProblemDocument


class Progress(BaseModel):
    """How far a job is; `metrics` are the figures worth watching."""

    step: int
    total: int | None
    fraction: float
    eta_seconds: float | None
    metrics: dict[str, float | int | bool | None]


class Links(BaseModel):
    """Where to go from a job."""

    self: str
    events: str
    cancel: str
    result: str


class JobDocument(BaseModel):
    """A job; `position` 1 is next, null when it is not queued."""

    id: str
    kind: str
    status: Status
    position: int | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    progress: Progress
    request: dict[str, Any]
    result: dict[str, Any] | None
    error: ProblemDocument | None
    attempts: int
    links: Links


class JobList(BaseModel):
    """Jobs, newest first; their results are at links.result. `next` is the cursor of the next page."""

    jobs: list[JobDocument]
    next: str | None
