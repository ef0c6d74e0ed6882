"""The one database: jobs, checkpoints, results, trained models, keys, worker beats. Nothing else must last.

The tables stand here as they are today; a change to them needs a file in `service/migrations/versions/` as well.
"""

import logging
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import sqlalchemy as sa
from dbos import DBOS
from dbos._migration import get_migration_versions, get_sqlite_migration_versions  # private; held by a test
from sqlalchemy import event
from sqlalchemy.exc import DatabaseError, DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from service import migrations
from service.settings import CannotStart

log = logging.getLogger(__name__)

metadata = sa.MetaData()
MICROSECONDS = 1_000_000
RETRY_SECONDS = 0.5
CONNECT_SECONDS = 5
LOCK_SECONDS = 30
READ_ONLY = "25006"  # PostgreSQL made read-only, as providers do when its disk is full

Arguments = ParamSpec("Arguments")
Answer = TypeVar("Answer")


class NewerDatabase(CannotStart):
    """A database that a newer version has written."""


class UnusableDatabase(CannotStart):
    """A database file that is damaged or no database at all, or that cannot be opened."""


jobs = sa.Table(
    "patchclamp_jobs",
    metadata,
    sa.Column("id", sa.String(36), primary_key=True),
    sa.Column("kind", sa.String(40), nullable=False),
    sa.Column("request", sa.JSON, nullable=False),
    sa.Column("fingerprint", sa.String(64), nullable=False, comment="SHA-256 of kind and body, for Idempotency-Key"),
    sa.Column("size", sa.Float, nullable=False, server_default="1", comment="how much work, in the kind's own measure"),
    sa.Column("models", sa.Integer, nullable=False, server_default="0", comment="how many it will publish"),
    # Times are the database's clock (see `now`); DBOS rounds its own to whole seconds on SQLite.
    sa.Column("created_at", sa.BigInteger, nullable=False, index=True),
    sa.Column("started_at", sa.BigInteger, comment="when it first began"),
    sa.Column("finished_at", sa.BigInteger),
    sa.Column("progress", sa.JSON, nullable=False),
    sa.Column("state", sa.LargeBinary, comment="where the work goes on after a restart (safetensors)"),
    sa.Column("starts", sa.Integer, nullable=False, default=0, comment="beginnings since the last saved state"),
    sa.Column("result", sa.LargeBinary, comment="JSON"),
    sa.Column("problem", sa.JSON, comment="RFC 9457, of a job that failed"),
    sa.Column(
        "principal", sa.String, nullable=False, index=True, server_default="anonymous", comment="who submitted it"
    ),
    sa.Column("course", sa.String, nullable=False, server_default="", comment="theirs"),
    sa.Column("role", sa.String(20), nullable=False, server_default="admin", comment="theirs at that time"),
    sa.Column("request_id", sa.String(128), comment="of the request that submitted it"),
    sa.Index("ix_patchclamp_jobs_kind_finished_at", "kind", "finished_at"),
)

models = sa.Table(
    "patchclamp_models",
    metadata,
    sa.Column("id", sa.String(80), primary_key=True),
    sa.Column("family", sa.String(40), nullable=False),
    sa.Column("job_id", sa.String(36), nullable=False, index=True),
    sa.Column("made_at", sa.BigInteger, nullable=False),
    sa.Column("sha256", sa.String(64), nullable=False),
    sa.Column("card", sa.JSON, nullable=False),
    sa.Column("weights", sa.LargeBinary, nullable=False, comment="safetensors"),
    sa.Column("owner", sa.String, nullable=False, index=True, server_default="anonymous", comment="whose job made it"),
    sa.Column("course", sa.String, nullable=False, server_default="", comment="the owner's"),
    sa.Column("is_shared", sa.Boolean, nullable=False, server_default=sa.false(), comment="everybody sees it"),
)

defaults = sa.Table(
    "patchclamp_defaults",
    metadata,
    sa.Column("family", sa.String(40), primary_key=True),
    sa.Column("model_id", sa.String(80), nullable=False),
)

keys = sa.Table(
    "patchclamp_keys",
    metadata,
    sa.Column("id", sa.String(16), primary_key=True),
    sa.Column("secret_sha256", sa.String(64), nullable=False),
    sa.Column("name", sa.String, nullable=False),
    sa.Column("course", sa.String, nullable=False),
    sa.Column("role", sa.String(20), nullable=False),
    sa.Column("created_at", sa.BigInteger, nullable=False),
    sa.Column("expires_at", sa.BigInteger),
    sa.Column("revoked_at", sa.BigInteger),
)

workers = sa.Table(
    "patchclamp_workers",
    metadata,
    sa.Column("id", sa.String(200), primary_key=True),
    sa.Column("beat", sa.String(32), nullable=False, comment="another random word each time"),
    sa.Column("beaten_at", sa.BigInteger, nullable=False),
)

turns = sa.Table(
    "patchclamp_turns",
    metadata,
    sa.Column("principal", sa.String, primary_key=True),
    sa.Column("turn", sa.Integer, nullable=False, comment="the last one they were served in"),
)


def workflow_status(engine: sa.Engine) -> sa.TableClause:
    """The documented columns of DBOS's table that we read; DBOS keeps it in a schema of its own on PostgreSQL."""
    columns = ("workflow_uuid", "status", "executor_id", "recovery_attempts", "queue_name", "priority")
    return _of_dbos(engine, "workflow_status", *columns, "authenticated_user")


def is_published(engine: sa.Engine) -> sa.ColumnElement[bool]:
    """Whether a trained model is there: exactly when its job has succeeded, or is known no more."""
    status = workflow_status(engine)
    return ~sa.exists().where(status.c.workflow_uuid == models.c.job_id, status.c.status != "SUCCESS")


def streams(engine: sa.Engine) -> sa.TableClause:
    """Where DBOS keeps what jobs tell of themselves; documented columns."""
    return _of_dbos(engine, "streams", "workflow_uuid", "key", "offset")


def _of_dbos(engine: sa.Engine, name: str, *columns: str) -> sa.TableClause:
    schema = "dbos" if engine.dialect.name == "postgresql" else None
    return sa.table(name, *map(sa.column, columns), schema=schema)


def connect(url: str) -> sa.Engine:
    """The engine that our tables and DBOS share in this process."""
    if url.startswith("sqlite"):
        engine = sa.create_engine(url)
        event.listen(engine, "connect", _patient_writers)
        return engine
    address = sa.make_url(url).set(drivername="postgresql+psycopg")
    patience = {"connect_timeout": CONNECT_SECONDS}
    return sa.create_engine(address, pool_pre_ping=True, pool_size=10, max_overflow=10, connect_args=patience)


def prepare(url: str, engine: sa.Engine) -> None:
    """Creates all tables or brings them up to date; any process may do so at any time.

    Waits for a server that cannot be reached yet.

    Raises:
        NewerDatabase: A newer version has written it; nothing is changed then.
        UnusableDatabase: The file is damaged, or no database at all; nothing is changed then.
    """
    if file := sqlite_file(url):
        file.parent.mkdir(parents=True, exist_ok=True)
        _refuse_damaged(file)
    else:
        through_outages(lambda: engine.connect().close())()
    refuse_newer(engine)
    if file:
        _keep_write_ahead_log(file)
    DBOS.migrate(url)
    with engine.begin() as connection:
        if engine.dialect.name == "postgresql":
            # Two processes that start together would both create the tables.
            connection.execute(sa.text("select pg_advisory_xact_lock(hashtext('patchclamp'))"))
        else:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        migrations.upgrade(connection)


def refuse_newer(engine: sa.Engine) -> None:
    """Refuses a database that a newer version has written; reads only.

    Raises:
        NewerDatabase: It is one.
    """
    with engine.connect() as connection:
        is_newer = bool(migrations.unknown_revisions(connection))
    there, wanted = dbos_versions(engine)
    if is_newer or there > wanted:
        raise NewerDatabase(
            "The database was written by a newer version of Patchclamp and is left as it is. "
            "Install that version again, or restore a backup of before."
        )


def dbos_versions(engine: sa.Engine) -> tuple[int, int]:
    """The versions of DBOS's own tables: that which is there (0: none), and that which is wanted."""
    if engine.dialect.name == "postgresql":
        return get_migration_versions(engine, "dbos", True)
    return get_sqlite_migration_versions(engine)


@contextmanager
def soon(engine: sa.Engine) -> Iterator[sa.Connection]:
    """A connection that waits for no other writer longer than it would for a server."""
    with engine.connect() as connection:
        if engine.dialect.name != "sqlite":
            yield connection
            return
        driver: Any = connection.connection.driver_connection
        driver.execute(f"PRAGMA busy_timeout={1000 * CONNECT_SECONDS}")
        try:
            yield connection
        finally:
            driver.execute(f"PRAGMA busy_timeout={1000 * LOCK_SECONDS}")


def now(engine: sa.Engine) -> sa.ColumnElement[int]:
    """The database's own clock in microseconds since 1970: one clock for every machine, in numbers that are exact."""
    if engine.dialect.name == "postgresql":
        seconds = sa.func.extract("epoch", sa.func.clock_timestamp())
    else:
        seconds = (sa.func.julianday("now") - 2440587.5) * 86400
    return sa.cast(seconds * MICROSECONDS, sa.BigInteger)


def is_outage(error: BaseException) -> bool:
    """Whether the database itself is what is wrong: out of reach, full, locked for long or damaged."""
    if isinstance(error, PoolTimeout):  # every connection of this process is taken
        return True
    if isinstance(error, DBAPIError) and isinstance(error.orig, sqlite3.Error):
        # SQLITE_ERROR is what a wrong statement gives.
        return type(error) in (OperationalError, DatabaseError) and error.orig.sqlite_errorcode != sqlite3.SQLITE_ERROR
    if isinstance(error, DBAPIError) and getattr(error.orig, "sqlstate", None) == READ_ONLY:
        return True
    return isinstance(error, OperationalError | InterfaceError)


def through_outages(act: Callable[Arguments, Answer]) -> Callable[Arguments, Answer]:
    """`act`, done again for as long as an outage of the database is all that goes wrong."""

    @wraps(act)
    def persistent(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Answer:
        while True:
            try:
                return act(*args, **kwargs)
            except Exception as error:
                if not is_outage(error):
                    raise
                log.warning("the database cannot be used, trying again: %s", error)
                time.sleep(RETRY_SECONDS)  # no event tells that a database is back

    return persistent


def _refuse_damaged(path: Path) -> None:
    if not path.exists():
        return
    try:
        # A connection that cannot write neither copies a write-ahead log into the file nor anything else.
        connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=LOCK_SECONDS)
        complaints = [complaint for (complaint,) in connection.execute("PRAGMA quick_check(3)")]
        connection.close()
    except sqlite3.OperationalError as error:
        raise UnusableDatabase(
            f"The database {path} cannot be opened: {error}. See that the user that runs the service may read and "
            "write it and its folder."
        ) from error
    except sqlite3.DatabaseError as error:
        complaints = [str(error)]
    if complaints != ["ok"]:
        raise UnusableDatabase(
            f"The database {path} is damaged ({'; '.join(complaints)}) and was left as it is. Move it and its -wal and "
            "-shm away together and put a backup in their place; or name another file in PATCHCLAMP_DATABASE_URL."
        )


def sqlite_file(url: str) -> Path | None:
    """Where a SQLite database lies; None for PostgreSQL."""
    if not url.startswith("sqlite"):
        return None
    path = sa.make_url(url).database
    if path is None:
        raise ValueError("a SQLite database has to be a file: sqlite:///FILE")
    return Path(path)


def _keep_write_ahead_log(file: Path) -> None:
    """Lets readers go on while somebody writes; the file remembers it."""
    with sqlite3.connect(file, timeout=LOCK_SECONDS) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
    connection.close()


def _patient_writers(connection: Any, _record: Any) -> None:
    connection.isolation_level = "IMMEDIATE"
    connection.execute(f"PRAGMA busy_timeout={1000 * LOCK_SECONDS}")
    connection.execute("PRAGMA foreign_keys=ON")
