"""A SQLite database copied while the service goes on, and brought back. PostgreSQL has pg_dump and pg_restore."""

import os
import sqlite3
from pathlib import Path

from service.database import sqlite_file

TABLES = {"patchclamp_jobs", "patchclamp_models", "workflow_status"}


class Refused(Exception):
    """What cannot be copied or brought back; the message says why and what to do."""


def back_up(url: str, backup: Path) -> None:
    """Copies the database into one new file, as it stands at one moment, and looks whether the copy is whole.

    Raises:
        Refused: There is no database, or something is in the copy's place.
    """
    source = _file(url)
    if not source.exists():
        raise Refused(f"{source} is not there; nothing can be copied.")
    _copy(source, backup)


def restore(backup: Path, url: str) -> None:
    """Puts a backup in the place of the database, where nothing may be yet.

    Raises:
        Refused: The backup is not whole or none of ours, or something is in the database's place.
    """
    target = _file(url)
    for companion in ("-wal", "-shm"):
        if target.with_name(target.name + companion).exists():
            raise Refused(f"{target}{companion} is left of another database; stop the service and move it away first.")
    if not backup.exists():
        raise Refused(f"{backup} is not there.")
    target.parent.mkdir(parents=True, exist_ok=True)
    _copy(backup, target)


def _file(url: str) -> Path:
    file = sqlite_file(url)
    if file is None:
        raise Refused("The database is PostgreSQL: use pg_dump and pg_restore, as docs/operations.md shows.")
    return file


def _copy(source: Path, target: Path) -> None:
    """Appears under its name only when it is whole and on the disk; never takes another file's place."""
    if target.exists():
        raise Refused(f"{target} is there already and is not overwritten; move it away first, or name another file.")
    part = target.with_name(f"{target.name}.part")
    part.unlink(missing_ok=True)
    try:
        with part.open("xb") as file:  # jobs, models and hashed keys are nobody else's to read
            os.fchmod(file.fileno(), 0o600)
        _copy_pages(source, part)
        with part.open("rb") as file:
            os.fsync(file.fileno())
        os.link(part, target)
    except sqlite3.DatabaseError as error:
        raise Refused(f"{source} is damaged or no database ({error}); use another backup.") from error
    except OSError as error:
        raise Refused(f"{target} cannot be written: {error.strerror}.") from error
    finally:
        part.unlink(missing_ok=True)


def _copy_pages(source: Path, target: Path) -> None:
    reader = sqlite3.connect(f"{source.absolute().as_uri()}?mode=rw", uri=True, timeout=30)
    writer = sqlite3.connect(target)
    try:
        reader.backup(writer)
        writer.execute("PRAGMA journal_mode=DELETE")  # one file, without companions
        complaints = [complaint for (complaint,) in writer.execute("PRAGMA integrity_check(3)")]
        if complaints != ["ok"]:
            raise Refused(f"{source} is damaged ({'; '.join(complaints)}); use another backup.")
        tables = {name for (name,) in writer.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        if missing := TABLES - tables:
            raise Refused(f"{source} is no database of this service: it has no {', '.join(sorted(missing))}.")
    finally:
        reader.close()
        writer.close()
