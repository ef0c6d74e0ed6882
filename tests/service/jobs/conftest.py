"""A queue on either database."""

from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from tests.service.jobs.queue import Queue


@pytest.fixture
def queue(either_engine: sa.Engine) -> Iterator[Queue]:
    queue = Queue(either_engine, jobs_per_student=3, queued_jobs=60, models_per_student=4)
    yield queue
    queue.jobs.close()
