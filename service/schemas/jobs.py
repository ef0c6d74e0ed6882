"""Jobs as they are shown."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from pydantic import BaseModel, Field

from service.schemas.common import ProblemDocument


class Status(StrEnum):
    """How a job stands."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def is_terminal(self) -> bool:
        """Whether the job has ended."""
        return self not in (Status.QUEUED, Status.RUNNING)


class Progress(BaseModel):
    """How far a job is; `metrics` are the figures worth watching."""

    step: int
    total: int | None
    fraction: float
    eta_seconds: float | None = Field(description="Until it ends, of a queued or a running job.")
    metrics: dict[str, float | int | bool | list[float] | None]


class Links(BaseModel):
    """Where to go from a job."""

    self: str
    events: str
    cancel: str
    result: str


class JobDocument(BaseModel):
    """A job; `position` 1 is next, null when it is not queued. Principals take turns, one job each."""

    id: str
    kind: str
    status: Status
    position: int | None
    starts_in_seconds: float | None = Field(
        description="Of a queued job, foretold from how long jobs like those before it took; null where none was seen."
    )
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    progress: Progress
    request: dict[str, Any]
    result: dict[str, Any] | None
    error: ProblemDocument | None
    attempts: int
    owner: str
    links: Links


class JobList(BaseModel):
    """Jobs, newest first; their results are at links.result. `next` is the cursor of the next page."""

    jobs: list[JobDocument]
    next: str | None
