"""A queue without workers: jobs as the API submits them, taken in the order in which DBOS hands them out."""

from typing import Any

import sqlalchemy as sa

from service import database
from service.jobs import records
from service.jobs.engine import Job, Jobs, Settled
from service.jobs.kinds import Outcome
from service.jobs.limits import let_in
from service.jobs.turns import QUEUE
from service.principals import Principal, Role
from service.settings import Settings


class Queue:
    """The jobs of a database, and the worker that DBOS is to a queue: it takes the one of smallest priority."""

    def __init__(self, engine: sa.Engine, **settings: Any) -> None:
        self.engine = engine
        self.settings = Settings(**settings)
        self.jobs = Jobs(engine, self.settings)
        self._owners: dict[str, str] = {}

    def send(self, principal: str, role: Role = "lecturer", models: int = 0, key: str | None = None) -> Job:
        job = self.jobs.seen_by(Principal(principal, role)).submit(
            "lstm.train", {}, lambda: Settled({}, 1.0, models), key=key
        )
        self._owners[job.id] = principal
        return job

    def submit(self, principal: str, jobs: int = 1) -> list[str]:
        return [self.send(principal).id for _ in range(jobs)]

    def take(self) -> str:
        """Begins the next job; tells its id."""
        workflow = database.workflow_status(self.engine)
        is_waiting = sa.and_(workflow.c.status == "ENQUEUED", workflow.c.queue_name == QUEUE)
        waiting = sa.select(workflow.c.workflow_uuid).where(is_waiting)
        with self.engine.connect() as connection:
            job_id = connection.scalars(waiting.order_by(workflow.c.priority).limit(1)).one()
        self.set(job_id, "PENDING")
        records.begin(self.engine, job_id)
        return job_id

    def set(self, job_id: str, status: str) -> None:
        workflow = database.workflow_status(self.engine)
        with self.engine.begin() as connection:
            connection.execute(sa.update(workflow).where(workflow.c.workflow_uuid == job_id).values({"status": status}))

    def end(self, job_id: str, status: str = "SUCCESS") -> None:
        records.save_outcome(self.engine, job_id, Outcome({}))
        let_in(self.engine, self.settings)
        self.set(job_id, status)

    def do(self, jobs: int) -> str:
        """Takes so many jobs one after the other, each to its end; tells whose they were."""
        whose = ""
        for _ in range(jobs):
            job_id = self.take()
            whose += self._owners[job_id]
            self.end(job_id)
        return whose
