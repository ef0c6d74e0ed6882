"""APIs and workers as children of one process that restarts each when it dies.

It listens itself, and hands the socket down: APIs beside each other share one port, and while one is started again,
whoever calls waits instead of being refused.
"""

import logging
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from service.settings import CannotStart, Settings

log = logging.getLogger(__name__)

CANNOT_START = 2  # the exit status of a process that says why it cannot start; starting it again would not help
BACKLOG = 2048  # connections that wait to be taken, as uvicorn has it
COUNTED_TOGETHER = "PROMETHEUS_MULTIPROC_DIR"  # where prometheus-client keeps the counts of several processes
GRACE_SECONDS = 15.0
HASTY_SECONDS = 5.0
LONGEST_PAUSE_SECONDS = 10.0


def supervise(settings: Settings) -> int:
    """Runs APIs and workers until SIGTERM or SIGINT, then ends them in good order; returns the exit status.

    Where one of them cannot start here at all, everything ends.

    Raises:
        CannotStart: The address cannot be listened on.
    """
    with _listening(settings) as port, TemporaryDirectory(prefix="patchclamp-") as counts:
        return _supervise(settings, port, counts)


def _listening(settings: Settings) -> socket.socket:
    """A socket that takes connections at the settings' address.

    Raises:
        CannotStart: There is none to be had.
    """
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    try:
        return socket.create_server((settings.host, settings.port), family=family, backlog=BACKLOG)
    except OSError as error:
        raise CannotStart(
            f"It cannot listen on {settings.host}:{settings.port}: {error.strerror}. End what listens there, or choose "
            "another PATCHCLAMP_PORT or PATCHCLAMP_HOST."
        ) from error


def _supervise(settings: Settings, port: socket.socket, counts: str) -> int:
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    children = [_api(number, settings.apis, port, counts) for number in range(1, settings.apis + 1)]
    home = _identity(settings.data)
    children += [
        _Child(f"worker {number}", ["worker", "--id", f"{home}-{number}"]) for number in range(1, settings.workers + 1)
    ]
    watchers = [threading.Thread(target=child.keep_running, args=(stop,)) for child in children]
    for watcher in watchers:
        watcher.start()
    print(f"Patchclamp serves on http://{settings.host}:{settings.port} (documentation: /docs)", flush=True)
    stop.wait()
    for child in children:
        child.terminate()
    deadline = time.monotonic() + GRACE_SECONDS
    for child, watcher in zip(children, watchers, strict=True):
        watcher.join(max(0.0, deadline - time.monotonic()))
        child.kill()
        watcher.join()
    return CANNOT_START if any(child.cannot_start for child in children) else 0


def _api(number: int, of: int, port: socket.socket, counts: str) -> "_Child":
    """One of so many API processes, which count together what they answer."""
    arguments = ["api", "--socket", str(port.fileno())]
    if of == 1:
        return _Child("api", arguments, handed_down=(port.fileno(),))
    together = {**os.environ, COUNTED_TOGETHER: counts}
    return _Child(f"api {number}", arguments, handed_down=(port.fileno(),), environment=together)


@dataclass
class _Child:
    """One process that is to run for as long as the supervisor does."""

    name: str
    arguments: list[str]
    handed_down: Sequence[int] = ()
    environment: Mapping[str, str] | None = None
    cannot_start: bool = field(default=False, init=False)
    _process: subprocess.Popen[bytes] | None = field(default=None, init=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False)

    def keep_running(self, stop: threading.Event) -> None:
        """Starts the process, and starts it again whenever it ends; hastily ending ones wait longer each time."""
        pause = 0.0
        while not stop.wait(pause):
            began = time.monotonic()
            with self._lock:
                if stop.is_set():
                    return
                self._process = subprocess.Popen(
                    [sys.executable, "-m", "service.cli", *self.arguments, "--with-parent"],
                    stdin=subprocess.PIPE,
                    pass_fds=self.handed_down,
                    env=self.environment,
                )
            status = self._process.wait()
            if stop.is_set():
                return
            if status == CANNOT_START:  # it has said why
                self.cannot_start = True
                stop.set()
                return
            was_hasty = time.monotonic() - began < HASTY_SECONDS
            pause = min(max(0.5, 2 * pause), LONGEST_PAUSE_SECONDS) if was_hasty else 0.0
            log.warning("%s ended with status %d and is started again", self.name, status)

    def terminate(self) -> None:
        """Asks the process to end."""
        with self._lock:
            if self._process is not None:
                self._process.terminate()

    def kill(self) -> None:
        """Ends the process if it has not ended."""
        with self._lock:
            if self._process is not None:
                self._process.kill()


def _identity(data: Path) -> str:
    """A name of this installation that lasts: its workers find their own jobs again after a restart."""
    data.mkdir(parents=True, exist_ok=True)
    path = data / "worker-id"
    try:
        with path.open("x", encoding="ascii") as file:
            file.write(uuid.uuid4().hex[:12])
    except FileExistsError:
        pass
    return path.read_text("ascii") or os.uname().nodename
