"""The one database: jobs, checkpoints, results, trained models, worker beats. Nothing else must last."""

import sqlite3
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from dbos import DBOS
from sqlalchemy import event

metadata = sa.MetaData()
MICROSECONDS = 1_000_000

jobs = sa.Table(
    "patchclamp_jobs",
    metadata,
    sa.Column("id", sa.String(36), primary_key=True),
    sa.Column("kind", sa.String(40), nullable=False),
    sa.Column("request", sa.JSON, nullable=False),
    sa.Column("fingerprint", sa.String(64), nullable=False, comment="SHA-256 of kind and body, for Idempotency-Key"),
    # Times are the database's clock (see `now`); DBOS rounds its own to whole seconds on SQLite.
    sa.Column("created_at", sa.BigInteger, nullable=False, index=True),
    sa.Column("started_at", sa.BigInteger, comment="when it first began"),
    sa.Column("finished_at", sa.BigInteger),
    sa.Column("progress", sa.JSON, nullable=False),
    sa.Column("state", sa.LargeBinary, comment="where the work goes on after a restart (safetensors)"),
    sa.Column("starts", sa.Integer, nullable=False, default=0, comment="beginnings since the last saved state"),
    sa.Column("result", sa.LargeBinary, comment="JSON"),
    sa.Column("problem", sa.JSON, comment="RFC 9457, of a job that failed"),
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
)

defaults = sa.Table(
    "patchclamp_defaults",
    metadata,
    sa.Column("family", sa.String(40), primary_key=True),
    sa.Column("model_id", sa.String(80), nullable=False),
)

workers = sa.Table(
    "patchclamp_workers",
    metadata,
    sa.Column("id", sa.String(200), primary_key=True),
    sa.Column("beat", sa.String(32), nullable=False, comment="another random word each time"),
    sa.Column("beaten_at", sa.BigInteger, nullable=False),
)


def workflow_status(engine: sa.Engine) -> sa.TableClause:
    """The documented columns of DBOS's table that we read; DBOS keeps it in a schema of its own on PostgreSQL."""
    return _of_dbos(engine, "workflow_status", "workflow_uuid", "status", "executor_id", "recovery_attempts")


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
    return sa.create_engine(address, pool_pre_ping=True, pool_size=10, max_overflow=10)


def prepare(url: str, engine: sa.Engine) -> None:
    """Creates all tables or brings them up to date; any process may do so at any time."""
    if url.startswith("sqlite"):
        _prepare_file(url)
    DBOS.migrate(url)
    with engine.begin() as connection:
        if engine.dialect.name == "postgresql":
            # Two processes that start together would both create the tables.
            connection.execute(sa.text("select pg_advisory_xact_lock(hashtext('patchclamp'))"))
        else:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        metadata.create_all(connection)


def now(engine: sa.Engine) -> sa.ColumnElement[int]:
    """The database's own clock in microseconds since 1970: one clock for every machine, in numbers that are exact."""
    if engine.dialect.name == "postgresql":
        seconds = sa.func.extract("epoch", sa.func.clock_timestamp())
    else:
        seconds = (sa.func.julianday("now") - 2440587.5) * 86400
    return sa.cast(seconds * MICROSECONDS, sa.BigInteger)


def _prepare_file(url: str) -> None:
    path = sa.make_url(url).database
    if path is None:
        raise ValueError("a SQLite database has to be a file: sqlite:///FILE")
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    # Write-ahead logging lets readers go on while somebody writes; the file remembers it.
    with sqlite3.connect(path, timeout=30) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
    connection.close()


def _patient_writers(connection: Any, _record: Any) -> None:
    connection.isolation_level = "IMMEDIATE"
    connection.execute("PRAGMA busy_timeout=30000")
    connection.execute("PRAGMA foreign_keys=ON")
