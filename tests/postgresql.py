"""A throwaway PostgreSQL cluster on a free loopback port, made with the machine's own initdb and pg_ctl."""

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.conftest import leave_out
from tests.service_process import Service, free_port, serving

ABSENT = "install PostgreSQL (its initdb and pg_ctl)"


class Cluster:
    """A PostgreSQL that can be stopped, as a crash would do it, and started again."""

    def __init__(self, binaries: Path, folder: Path, port: int, user: str | None, is_durable: bool) -> None:
        self.url = f"postgresql://patchclamp@127.0.0.1:{port}/postgres"
        self._binaries, self._folder, self._port, self._user = binaries, folder, port, user
        self._data = folder / "data"
        self._fsync = "on" if is_durable else "off"

    def create(self) -> None:
        """Makes the empty cluster."""
        self._run("initdb", "--username", "patchclamp", "--auth", "trust", "--no-sync")

    def start(self) -> None:
        """Returns when the server answers."""
        options = f"-p {self._port} -h 127.0.0.1 -k {self._folder} -c fsync={self._fsync}"
        self._run("pg_ctl", "--wait", "--log", str(self._folder / "log"), "--options", options, "start")

    def stop(self) -> None:
        """Ends the server without a word to its clients, if it runs."""
        if (self._data / "postmaster.pid").exists():
            self._run("pg_ctl", "--mode", "immediate", "stop")

    def _run(self, program: str, *arguments: str) -> None:
        user = self._user
        as_user = {} if user is None else {"user": user, "group": pwd.getpwnam(user).pw_gid, "extra_groups": []}
        subprocess.run(
            [str(self._binaries / program), "--pgdata", str(self._data), *arguments],
            check=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd="/tmp",
            **as_user,  # type: ignore[arg-type]
        )


ABSENT = "install PostgreSQL (its initdb and pg_ctl)"


@contextmanager
def running_cluster(is_durable: bool = False) -> Iterator[Cluster]:
    """A cluster of its own with an empty database; skips the test where there is no PostgreSQL.

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
    server = Cluster(binaries, folder, free_port(), user, is_durable)
    try:
        server.create()
        server.start()
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def cluster(is_durable: bool = False) -> Iterator[str]:
    """The address of the database of such a cluster."""
    with running_cluster(is_durable) as server:
        yield server.url


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
