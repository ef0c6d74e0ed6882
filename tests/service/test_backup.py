"""Backup and restore: what a class has made comes back in another place, and nothing is half copied or overwritten."""

import os
import re
import shutil
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import sqlalchemy as sa

from service import backup, database
from tests.conftest import leave_out
from tests.postgresql import cluster
from tests.service_process import ROOT, serving

TRAINING = {"max_steps": 20, "seed": 5, "name": "kept"}


def documented(command: str) -> str:
    """The line of docs/operations.md that begins with this command."""
    page = (ROOT / "docs" / "operations.md").read_text("utf-8")
    (line,) = re.findall(rf"^```sh\n({re.escape(command)} .*)\n```$", page, re.MULTILINE)
    return line


def run(line: str, folder: Path, environment: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """Runs a documented line in the folder, with our commands on the path."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("PATCHCLAMP_")}
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        ["bash", "-euo", "pipefail", "-c", line],
        cwd=folder,
        env={**inherited, "PATH": path, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


@contextmanager
def places(kind: str, folder: Path) -> Iterator[tuple[Mapping[str, str], Mapping[str, str]]]:
    """The settings of a service, and of one in another place with an empty database."""
    first, second = folder / "first", folder / "second"
    first.mkdir()
    second.mkdir()
    settings = {"PATCHCLAMP_DATA": str(first)}, {"PATCHCLAMP_DATA": str(second)}
    if kind == "sqlite":
        yield settings
        return
    if shutil.which("pg_dump") is None:
        leave_out("postgresql", "install PostgreSQL (its pg_dump and pg_restore)")
    with cluster() as url:
        other = sa.make_url(url).set(database="other").render_as_string(hide_password=False)
        maintenance = sa.create_engine(
            sa.make_url(url).set(drivername="postgresql+psycopg"), isolation_level="AUTOCOMMIT"
        )
        with maintenance.connect() as connection:
            connection.execute(sa.text("create database other"))
        maintenance.dispose()
        yield (
            {**settings[0], "PATCHCLAMP_DATABASE_URL": url},
            {**settings[1], "PATCHCLAMP_DATABASE_URL": other},
        )


def kept(client: httpx.Client, job: str, model: str) -> dict[str, Any]:
    """All that has to come back, by its address."""
    addresses = [f"/jobs/{job}", f"/jobs/{job}/events", f"/models/{model}", f"/models/{model}/weights", "/jobs"]
    return {address: client.get(address).raise_for_status().content for address in addresses}


@pytest.mark.parametrize(
    ("kind", "back_up", "restore"),
    [("sqlite", "patchclamp backup", "patchclamp restore"), ("postgresql", "pg_dump", "pg_restore")],
)
def test_what_a_running_service_holds_is_the_same_in_another_place(
    tmp_path: Path, kind: str, back_up: str, restore: str
) -> None:
    with places(kind, tmp_path) as (here, there):
        with serving(Path(here["PATCHCLAMP_DATA"]), environment=here) as service, service.client() as client:
            job = client.post("/lstm/train", json=TRAINING, headers={"Prefer": "wait=60"}).raise_for_status().json()
            model = job["result"]["model"]["id"]
            copied = run(documented(back_up), tmp_path, here)
            assert copied.returncode == 0, copied.stderr
            before = kept(client, job["id"], model)
        restored = run(documented(restore), tmp_path, there)
        assert restored.returncode == 0, restored.stderr
        with serving(Path(there["PATCHCLAMP_DATA"]), environment=there) as service, service.client() as client:
            assert kept(client, job["id"], model) == before
            client.post("/lstm/simulate", json={"model": model, "seed": 1}).raise_for_status()
            again = client.post("/lstm/train", json=TRAINING, headers={"Prefer": "wait=60"}).raise_for_status().json()
            assert again["result"]["model"]["sha256"] == job["result"]["model"]["sha256"]


@pytest.fixture
def copied(tmp_path: Path, engine: sa.Engine) -> Path:
    """A backup of a database with some pages of jobs."""
    with engine.begin() as connection:
        row = {"kind": "lstm.train", "fingerprint": "", "progress": {}, "created_at": 0}
        connection.execute(
            sa.insert(database.jobs), [{**row, "id": str(n), "request": {"name": "x" * 200}} for n in range(500)]
        )
    file = tmp_path / "backup.db"
    backup.back_up(address(tmp_path / "patchclamp.db"), file)
    return file


def address(file: Path) -> str:
    return f"sqlite:///{file}"


def rows(file: Path) -> int:
    connection = sqlite3.connect(file)
    (count,) = connection.execute("select count(*) from patchclamp_jobs").fetchone()
    connection.close()
    return count


def test_a_backup_is_one_file_for_its_owner_alone(copied: Path) -> None:
    assert rows(copied) == 500
    assert [file.name for file in copied.parent.glob("backup.db*")] == ["backup.db"]
    assert stat.S_IMODE(copied.stat().st_mode) == 0o600


@pytest.mark.parametrize("part", [0.0, 0.001, 0.1, 0.5, 0.9, 0.999])
def test_a_backup_that_was_cut_short_is_refused(tmp_path: Path, copied: Path, part: float) -> None:
    size = copied.stat().st_size
    for length in {int(size * part), int(size * part) // 4096 * 4096}:
        os.truncate(copied, length)
        with pytest.raises(backup.Refused):
            backup.restore(copied, address(tmp_path / "new" / "restored.db"))
        assert list((tmp_path / "new").iterdir()) == []


def test_a_damaged_backup_is_refused(tmp_path: Path, copied: Path) -> None:
    content = bytearray(copied.read_bytes())
    middle = len(content) // 2 // 4096 * 4096
    content[middle : middle + 4096] = b"\xff" * 4096
    copied.write_bytes(content)
    with pytest.raises(backup.Refused, match="damaged"):
        backup.restore(copied, address(tmp_path / "restored.db"))
    assert not (tmp_path / "restored.db").exists()


def test_another_program_s_database_is_refused(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "other.db") as connection:
        connection.execute("create table letters (text)")
    connection.close()
    with pytest.raises(backup.Refused, match="no database of this service"):
        backup.restore(tmp_path / "other.db", address(tmp_path / "restored.db"))


@pytest.mark.parametrize("companion", ["", "-wal", "-shm"])
def test_nothing_is_overwritten(tmp_path: Path, copied: Path, companion: str) -> None:
    there = tmp_path / f"restored.db{companion}"
    there.write_bytes(b"precious")
    with pytest.raises(backup.Refused, match="move it away"):
        backup.restore(copied, address(tmp_path / "restored.db"))
    with pytest.raises(backup.Refused, match="move it away"):
        backup.back_up(address(tmp_path / "patchclamp.db"), copied)
    assert there.read_bytes() == b"precious"
    assert rows(copied) == 500


def test_what_cannot_be_copied_is_told_in_a_sentence_and_ends_with_1(tmp_path: Path) -> None:
    nothing = run("patchclamp backup backup.db", tmp_path, {"PATCHCLAMP_DATA": str(tmp_path / "empty")})
    postgresql = run("patchclamp backup backup.db", tmp_path, {"PATCHCLAMP_DATABASE_URL": "postgresql://lab@nowhere/x"})
    assert (nothing.returncode, postgresql.returncode) == (1, 1)
    assert "nothing can be copied" in nothing.stderr
    assert "pg_dump" in postgresql.stderr
    assert "Traceback" not in nothing.stderr + postgresql.stderr
    assert list(tmp_path.iterdir()) == []
