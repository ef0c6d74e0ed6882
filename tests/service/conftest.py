"""The equipment of one process: a database of its own, the shipped models, MNIST where there is one."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from service import database
from service.lab import Lab
from service.settings import Settings


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[sa.Engine]:
    settings = Settings(data=tmp_path)  # pyright: ignore[reportCallIssue]
    engine = database.connect(settings.database_url)
    database.prepare(settings.database_url, engine)
    yield engine
    engine.dispose()


@pytest.fixture
def lab(tmp_path: Path, engine: sa.Engine) -> Lab:
    return Lab(Settings(data=tmp_path), engine)  # pyright: ignore[reportCallIssue]
