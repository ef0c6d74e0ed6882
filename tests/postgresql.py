"""A throwaway PostgreSQL cluster on a free loopback port, made with the machine's own initdb and pg_ctl."""

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.conftest import leave_out
from tests.service_process import Service, serving

ABSENT = "install PostgreSQL (its initdb and pg_ctl)"


@contextmanager
def cluster(is_durable: bool = False) -> Iterator[str]:
    """The address of an empty database in a cluster of its own; skips the test where there is no PostgreSQL.

    Only a durable one waits for its disk, as one in earnest does.
    """
    binaries = _binaries()
    if binaries is None:
        leave_out("postgresql", ABSENT)
        raise AssertionError
    # Sockets want a short path, and the server an owner that is not root.
    folder = Path(tempfile.mkdtemp(prefix="pg-", dir="/tmp"))
    user = "postgres" if os.getuid() == 0 else None
    if user is not None:
        shutil.chown(folder, user)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    data = folder / "data"
    options = f"-p {port} -h 127.0.0.1 -k {folder} -c fsync={'on' if is_durable else 'off'}"
    try:
        _run(user, binaries / "initdb", "--pgdata", data, "--username", "patchclamp", "--auth", "trust", "--no-sync")
        _run(
            user,
            binaries / "pg_ctl",
            "--pgdata",
            data,
            "--wait",
            "--log",
            folder / "log",
            "--options",
            options,
            "start",
        )
        yield f"postgresql://patchclamp@127.0.0.1:{port}/postgres"
    finally:
        if (data / "postmaster.pid").exists():
            _run(user, binaries / "pg_ctl", "--pgdata", data, "--mode", "immediate", "stop")
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def serving_on(
    database: str, data: Path, environment: Mapping[str, str] | None = None, is_durable: bool = False
) -> Iterator[Service]:
    """The whole service on "sqlite" (as it is by default) or on a "postgresql" cluster of its own."""
    given = environment or {}
    if database == "sqlite":
        with serving(data, environment=given) as running:
            yield running
    else:
        with (
            cluster(is_durable) as url,
            serving(data, environment={**given, "PATCHCLAMP_DATABASE_URL": url}) as running,
        ):
            yield running


def is_installed() -> bool:
    """Whether `cluster` can be made on this machine."""
    return _binaries() is not None


def _binaries() -> Path | None:
    found = [Path(path).parent for path in (shutil.which("initdb"),) if path]
    found += [path.parent for path in sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), reverse=True)]
    return found[0] if found else None


def _run(user: str | None, *command: str | Path) -> None:
    as_user = {} if user is None else {"user": user, "group": pwd.getpwnam(user).pw_gid, "extra_groups": []}
    subprocess.run(
        [str(part) for part in command],
        check=True,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd="/tmp",
        **as_user,  # type: ignore[arg-type]
    )
