"""Servers, ours and others, each on the same core where nothing else is said; only the one that is asked runs."""

import os
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from benchmarks.http.wrk import pinned
from tests.service_process import free_port

ROOT = Path(__file__).resolve().parents[2]
PEERS = ROOT / ".venv-peers" / "bin"


@dataclass(frozen=True)
class Server:
    """A server's processes, one group of them."""

    port: int
    process: "subprocess.Popen[bytes]"

    @contextmanager
    def awake(self) -> Iterator[None]:
        """Lets it run for a while; else it stands still, so that servers which poll take nothing from the others."""
        os.killpg(self.process.pid, signal.SIGCONT)
        try:
            yield
        finally:
            os.killpg(self.process.pid, signal.SIGSTOP)


@contextmanager
def running(
    command: Sequence[str],
    path: str = "/",
    environment: Mapping[str, str] | None = None,
    port_variable: str = "PORT",
    cores: Sequence[int] = (0,),
) -> Iterator[Server]:
    """A server, once `path` answers; it stands still until it is awakened.

    Its port is told to it in place of ``{port}`` in the command, and in an environment variable.
    """
    port = free_port()
    with tempfile.TemporaryDirectory() as home:
        process = subprocess.Popen(
            [*pinned(cores), *(part.format(port=port) for part in command)],
            env={**os.environ, "PYTHONPATH": str(ROOT), "HOME": home, port_variable: str(port), **(environment or {})},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            _await(f"http://127.0.0.1:{port}{path}", process)
            os.killpg(process.pid, signal.SIGSTOP)
            yield Server(port, process)
        finally:
            for number in (signal.SIGCONT, signal.SIGTERM):
                _tell(process, number)
            with suppress(subprocess.TimeoutExpired):
                process.wait(15)
            _tell(process, signal.SIGKILL)
            process.wait()


def _tell(process: "subprocess.Popen[bytes]", number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, number)


def _await(url: str, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and process.poll() is None:
        try:
            # The address is that of the server it started.
            with urllib.request.urlopen(url, timeout=5):  # nosec B310
                return
        except urllib.error.HTTPError:
            return
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            time.sleep(0.05)  # no event tells another process that a port is open
    raise TimeoutError(f"{process.args} does not answer")


def uvicorn(app: str) -> list[str]:
    """The command that serves an application with as little around it as uvicorn can."""
    return [sys.executable, "-m", "uvicorn", app, "--port", "{port}", "--no-access-log", "--log-level", "warning"]
