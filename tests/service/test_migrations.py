"""The tables from version to version, on both databases."""

import hashlib
import shutil
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext

from service import database
from service.doctor import Verdict, examine
from service.settings import Settings
from service.supervisor import CANNOT_START
from tests import earlier_version
from tests.postgresql import cluster
from tests.service_process import ROOT, serving

DATABASES = pytest.mark.parametrize("kind", ["sqlite", "postgresql"])


@contextmanager
def empty(kind: str, folder: Path) -> Iterator[str]:
    """The address of an empty database."""
    if kind == "sqlite":
        yield f"sqlite:///{folder / 'patchclamp.db'}"
    else:
        with cluster() as url:
            yield url


def prepare(url: str) -> None:
    engine = database.connect(url)
    database.prepare(url, engine)
    engine.dispose()


def differences(url: str) -> list[object]:
    """What would have to be done to our tables, for them to be those of `database.metadata`."""
    engine = database.connect(url)
    options = {"include_name": lambda name, kind, _: kind != "table" or name.startswith("patchclamp")}
    with engine.connect() as connection:
        found = compare_metadata(MigrationContext.configure(connection, opts=options), database.metadata)
    engine.dispose()
    return [each for each in found if "remove_table" not in str(each)]


@DATABASES
def test_new_tables_and_migrated_ones_are_those_that_the_code_reads(kind: str, tmp_path: Path) -> None:
    with empty(kind, tmp_path) as url:
        prepare(url)
        assert differences(url) == []
        engine = database.connect(url)
        with engine.begin() as connection:
            for table in (*database.metadata.tables, "alembic_version"):
                connection.execute(sa.text(f"drop table {table}"))
            tables = ["dbos"] if kind == "postgresql" else sa.inspect(connection).get_table_names()
            for table in tables:
                what = "schema dbos cascade" if kind == "postgresql" else f'table "{table}"'
                connection.execute(sa.text(f"drop {what}"))
        engine.dispose()
        earlier_version.restore(url)
        assert differences(url) != []
        prepare(url)
        assert differences(url) == []


@DATABASES
def test_processes_that_start_together_make_the_tables_once(kind: str, tmp_path: Path) -> None:
    with empty(kind, tmp_path) as url:
        earlier_version.restore(url)
        with ThreadPoolExecutor(6) as pool:
            assert list(pool.map(prepare, [url] * 6)) == [None] * 6
        assert differences(url) == []


def test_what_was_there_is_nobody_s_in_particular_and_the_default_is_shared(tmp_path: Path) -> None:
    with empty("sqlite", tmp_path) as url:
        earlier_version.restore(url)
        prepare(url)
        engine = database.connect(url)
        jobs, models = database.jobs.c, database.models.c
        with engine.connect() as connection:
            owners = connection.execute(sa.select(jobs.principal, jobs.course, jobs.role)).all()
            model = connection.execute(sa.select(models.id, models.owner, models.course, models.is_shared)).one()
        engine.dispose()
    assert owners == [("anonymous", "", "admin")] * 2
    assert tuple(model) == (earlier_version.MODEL, "anonymous", "", True)


@pytest.fixture
def newer(tmp_path: Path, request: pytest.FixtureRequest) -> str:
    """A database that a newer version has changed like this."""
    url = f"sqlite:///{tmp_path / 'patchclamp.db'}"
    prepare(url)
    engine = database.connect(url)
    with engine.begin() as connection:
        connection.execute(sa.text(request.param))
    engine.dispose()
    return url


OUR_TABLES = "update alembic_version set version_num = '9999'"
TABLES_OF_DBOS = "update dbos_migrations set version = version + 1"


@pytest.mark.parametrize("newer", [OUR_TABLES, TABLES_OF_DBOS], ids=["our tables", "DBOS's tables"], indirect=True)
def test_a_database_of_a_newer_version_is_refused(newer: str, tmp_path: Path) -> None:
    with pytest.raises(database.NewerDatabase):
        prepare(newer)
    own = Settings(data=tmp_path)  # pyright: ignore[reportCallIssue]
    found = next(finding for finding in examine(own) if finding.check == "database")
    assert (found.verdict, "newer version" in found.finding) == (Verdict.PROBLEM, True)


@pytest.mark.parametrize("newer", [OUR_TABLES], indirect=True)
def test_with_a_database_of_a_newer_version_all_parts_end_in_good_order_and_it_stays_as_it_is(
    newer: str, tmp_path: Path
) -> None:
    file = tmp_path / "patchclamp.db"
    written = hashlib.sha256(file.read_bytes()).hexdigest()
    with serving(tmp_path, is_awaited=False) as service:
        assert service.process.wait(60) == CANNOT_START
    told = service.log.read_text("utf-8")
    assert "written by a newer version" in told
    assert "Traceback" not in told
    assert "started again" not in told
    assert hashlib.sha256(file.read_bytes()).hexdigest() == written


def test_the_migrations_are_part_of_what_is_installed(tmp_path: Path) -> None:
    build = tmp_path / "build"
    build.mkdir()
    for name in ("pyproject.toml", "README.md", "LICENSE", "models", "service"):
        (shutil.copytree if (ROOT / name).is_dir() else shutil.copy)(ROOT / name, build / name)
    subprocess.run(
        [sys.executable, "-c", "from setuptools import setup; setup()", "--quiet", "build", "--build-lib", tmp_path],
        cwd=build,
        check=True,
    )
    installed = {path.relative_to(tmp_path / "service") for path in (tmp_path / "service" / "migrations").rglob("*.py")}
    ours = {path.relative_to(ROOT / "service") for path in (ROOT / "service" / "migrations").rglob("*.py")}
    assert installed == ours
