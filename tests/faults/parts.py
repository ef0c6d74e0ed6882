"""The parts of an installation, each a process of its own, and a record of when each could serve."""

import signal
import subprocess
import sys
import threading
import time
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

from tests.service_process import ROOT

State = Literal["starting", "up", "down", "frozen"]


class History:
    """What state each thing was in, and since when."""

    def __init__(self) -> None:
        self._changes: dict[str, list[tuple[float, State]]] = {}
        self._lock = threading.Lock()

    def note(self, name: str, state: State) -> None:
        """Notes that `name` is in this state from now on."""
        with self._lock:
            self._changes.setdefault(name, [(0.0, "down")]).append((time.monotonic(), state))

    def at(self, name: str, moment: float) -> State:
        """The state at this moment."""
        changes = self._changes[name]
        return changes[bisect_right(changes, (moment, "~")) - 1][1]

    def moments(self, first: float, last: float) -> list[float]:
        """The first moment, and every one up to the last at which something changed."""
        changes = (moment for changes in self._changes.values() for moment, _ in changes)
        return [first, *(moment for moment in changes if first < moment <= last)]


class Part:
    """One process, started again by a thread of its own whenever it has ended, as a supervisor would do it."""

    def __init__(
        self, name: str, command: Sequence[str], environment: Mapping[str, str], folder: Path, history: History
    ) -> None:
        self.name = name
        self.starts = 0
        self.statuses: list[int] = []
        self._command, self._environment = command, environment
        self._folder, self._history = folder, history
        self._pause = 0.0
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._keeper = threading.Thread(target=self._keep_running, name=name)
        self._keeper.start()

    def end(self, number: signal.Signals, pause: float) -> None:
        """Sends a signal that ends the process; its successor comes after the pause."""
        with self._lock:
            if self._process is not None and self._process.poll() is None:
                self._pause = pause
                self._history.note(self.name, "down")
                self._process.send_signal(number)

    def freeze(self, seconds: float) -> None:
        """Stops the process where it stands and lets it go on after a while."""
        with self._lock:
            process = self._process
            if process is None or process.poll() is not None:
                return
            before = self._history.at(self.name, time.monotonic())
            self._history.note(self.name, "frozen")
            process.send_signal(signal.SIGSTOP)
            time.sleep(seconds)
            process.send_signal(signal.SIGCONT)
            # It is not at work at once: what it had under way may have been taken from it.
            self._history.note(self.name, "starting" if before == "starting" else "up")

    def close(self) -> None:
        """Ends the process for good."""
        self._stop.set()
        with self._lock:
            if self._process is not None:
                self._process.kill()
        self._keeper.join()

    def told(self) -> str:
        """What all processes of this part have logged."""
        return "".join(path.read_text() for path in sorted(self._folder.glob(f"{self.name}-*.log")))

    def _keep_running(self) -> None:
        while not self._stop.is_set():
            with self._lock:
                if self._stop.is_set():
                    return
                self.starts += 1
                log = self._folder / f"{self.name}-{self.starts:03}.log"
                with log.open("wb") as output:
                    process = self._process = subprocess.Popen(
                        [sys.executable, "-m", *self._command],
                        env=dict(self._environment),
                        cwd=ROOT,
                        stdin=subprocess.DEVNULL,
                        stdout=output,
                        stderr=subprocess.STDOUT,
                    )
                self._history.note(self.name, "starting")
            self._await_ready(process, log)
            self.statuses.append(process.wait())
            self._history.note(self.name, "down")
            self._stop.wait(self._pause)
            self._pause = 0.0

    def _await_ready(self, process: subprocess.Popen[bytes], log: Path) -> None:
        """Returns once the process has said that it is ready, or has ended (no event tells it to another process)."""
        while process.poll() is None:
            if b"is ready" in log.read_bytes() or b"startup complete" in log.read_bytes():
                with self._lock:
                    if self._history.at(self.name, time.monotonic()) == "starting":
                        self._history.note(self.name, "up")
                return
            time.sleep(0.05)
