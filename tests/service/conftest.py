"""The equipment of one process: a database of its own, the shipped models, MNIST where there is one."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from service import database
from service.lab import Lab
from service.settings import Settings
from tests.postgresql import cluster


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


@pytest.fixture(scope="session")
def postgresql_engine() -> Iterator[sa.Engine]:
    """A prepared PostgreSQL database for the whole session; tests leave it as empty as they found it."""
    with cluster() as url:
        engine = database.connect(url)
        database.prepare(url, engine)
        yield engine
        engine.dispose()


@pytest.fixture(params=["sqlite", "postgresql"])
def either_engine(request: pytest.FixtureRequest) -> sa.Engine:
    """A database without jobs, of either sort."""
    if request.param == "sqlite":
        return request.getfixturevalue("engine")
    engine: sa.Engine = request.getfixturevalue("postgresql_engine")
    with engine.begin() as connection:
        for table in reversed(database.metadata.sorted_tables):
            connection.execute(sa.delete(table))
        connection.execute(sa.text("delete from dbos.workflow_status"))
    return engine
