"""The database is full, gone, damaged or not one at all: what is accepted stays, what cannot be is refused in words."""

import os
import random
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psutil
import pytest
import sqlalchemy as sa

from service import database, doctor
from service.settings import Settings
from tests.faults.asking import ended, is_refused, progress, submit, until
from tests.faults.undisturbed import LONG_TRAINING, SHORT_TUNING, Undisturbed
from tests.postgresql import running_cluster
from tests.service_process import ROOT, await_ready, serving, settings_of

LEASE_SECONDS = 2


@pytest.mark.parametrize("kind_of_database", ["sqlite", "postgresql"])
def test_a_full_disk_loses_nothing_that_was_accepted_and_passes(
    kind_of_database: str, tmp_path: Path, expected: Undisturbed
) -> None:
    with ExitStack() as stack:
        environment = {"PATCHCLAMP_LEASE_SECONDS": str(LEASE_SECONDS)}
        if kind_of_database == "postgresql":
            environment["PATCHCLAMP_DATABASE_URL"] = stack.enter_context(running_cluster()).url
        service = stack.enter_context(serving(tmp_path, environment=environment))
        client = stack.enter_context(service.client())
        job = submit(client, LONG_TRAINING, "before").json()["id"]
        until(lambda: progress(client, job)["step"] > 0)
        full = full_disk(service.process.pid) if kind_of_database == "sqlite" else read_only(environment)
        with full:
            until(lambda: client.get("/readyz").status_code == 503)
            assert client.get("/readyz").json()["checks"]["job_store"] != "ok"
            refused = submit(client, SHORT_TUNING, "during")
            assert is_refused(refused)
            time.sleep(2 * LEASE_SECONDS)  # long enough for workers to lose their leases
        until(lambda: client.get("/readyz").status_code == 200)
        again = submit(client, SHORT_TUNING, "during").json()["id"]
        assert submit(client, LONG_TRAINING, "before").json()["id"] == job
        assert ended(client, job) == expected.result(LONG_TRAINING, job)
        assert ended(client, again) == expected.result(SHORT_TUNING, again)
        assert len(client.get("/jobs").json()["jobs"]) == 2


@contextmanager
def full_disk(supervisor: int) -> Iterator[None]:
    """No byte can be added to any file by the processes of the service, as where no space is left."""
    processes = psutil.Process(supervisor).children()
    _, most = resource.getrlimit(resource.RLIMIT_FSIZE)
    for process in processes:
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (0, most))
    yield
    for process in processes:
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (most, most))


@contextmanager
def read_only(environment: dict[str, str]) -> Iterator[None]:
    """PostgreSQL takes nothing in, as it is set by providers and operators when its disk is full."""
    engine = database.connect(environment["PATCHCLAMP_DATABASE_URL"]).execution_options(isolation_level="AUTOCOMMIT")
    for state in ("on", "off"):
        with engine.connect() as connection:
            connection.execute(sa.text(f"ALTER SYSTEM SET default_transaction_read_only = {state}"))
            connection.execute(sa.text("SELECT pg_reload_conf()"))
        if state == "on":
            yield
    engine.dispose()


def test_an_outage_of_postgresql_is_waited_for_at_the_start_and_in_the_middle_of_work(
    tmp_path: Path, expected: Undisturbed
) -> None:
    with running_cluster() as server, ExitStack() as stack:
        server.stop()
        environment = {"PATCHCLAMP_DATABASE_URL": server.url, "PATCHCLAMP_LEASE_SECONDS": str(LEASE_SECONDS)}
        service = stack.enter_context(serving(tmp_path, environment=environment, is_awaited=False))
        until(lambda: service.log.read_text().count("trying again") >= 2)
        server.start()
        await_ready(service)
        client = stack.enter_context(service.client())
        processes = {child.pid for child in psutil.Process(service.process.pid).children()}
        job = submit(client, LONG_TRAINING, "before").json()["id"]
        until(lambda: progress(client, job)["step"] > 0)
        with client.stream("GET", f"/jobs/{job}/events", timeout=120) as events:
            server.stop()
            until(lambda: client.get("/readyz").status_code == 503, seconds=LEASE_SECONDS)
            for request in (
                lambda: submit(client, SHORT_TUNING, "during"),
                lambda: client.get(f"/jobs/{job}"),
                lambda: client.get("/jobs"),
                lambda: client.post(f"/jobs/{job}/cancel"),
                lambda: client.get("/models"),
            ):
                assert is_refused(request())
            server.start()
            told = [line for line in events.iter_lines() if line.startswith("event: ")]
        assert told[-1] == "event: succeeded"
        assert ended(client, job) == expected.result(LONG_TRAINING, job)
        until(lambda: client.get("/readyz").status_code == 200)
        assert {child.pid for child in psutil.Process(service.process.pid).children()} == processes


def overwritten(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[4096:] = random.Random(1).randbytes(len(content) - 4096)
    file.write_bytes(content)


def truncated(file: Path) -> None:
    os.truncate(file, file.stat().st_size // 2)


def no_database(file: Path) -> None:
    file.write_text("The students' grades, which somebody has put here by mistake.\n" * 100)


@pytest.mark.parametrize("damage", [overwritten, truncated, no_database])
def test_a_damaged_database_file_is_refused_at_the_start_and_left_as_it_is(
    tmp_path: Path, damage: Callable[[Path], None]
) -> None:
    settings = Settings(data=tmp_path)  # pyright: ignore[reportCallIssue]
    engine = database.connect(settings.database_url)
    database.prepare(settings.database_url, engine)
    engine.dispose()
    file = tmp_path / "patchclamp.db"
    damage(file)
    damaged = file.read_bytes()
    served = subprocess.run(
        [sys.executable, "-m", "service.cli", "serve"],
        env=settings_of(tmp_path, 18643),
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert served.returncode == 2
    assert f"{file} is damaged" in served.stderr
    assert "put a backup in their place" in served.stderr
    assert "Traceback" not in served.stderr
    assert file.read_bytes() == damaged
    assert doctor._database(settings).verdict is doctor.Verdict.PROBLEM
    assert file.read_bytes() == damaged
