"""A real service in processes of its own, as a user starts it."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import httpx

START_SECONDS = 60
ROOT = Path(__file__).resolve().parent.parent


class Service:
    """A running service: where it is, and the processes it consists of."""

    def __init__(self, process: subprocess.Popen[bytes], url: str, log: Path) -> None:
        self.process = process
        self.url = url
        self.log = log

    def client(self, **options: object) -> httpx.Client:
        """A client that knows the address."""
        return httpx.Client(base_url=self.url, timeout=60, **options)  # type: ignore[arg-type]


def settings_of(data: Path, port: int) -> dict[str, str]:
    """The environment of a service with its data in `data`, with the tests' MNIST and no other setting of theirs."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("PATCHCLAMP_")}
    settings = {"PATCHCLAMP_DATA": str(data), "PATCHCLAMP_PORT": str(port)}
    if "PATCHCLAMP_DATASETS" in os.environ:
        settings["PATCHCLAMP_DATASETS"] = str(Path(os.environ["PATCHCLAMP_DATASETS"]).resolve())
    return {**inherited, **settings}


@contextmanager
def serving(
    data: Path,
    *command: str,
    environment: Mapping[str, str] | None = None,
    is_awaited: bool = True,
    program: Sequence[str] = ("service.cli",),
) -> Iterator[Service]:
    """`patchclamp COMMAND` (default: serve) on a free port with its data in `data`, ended on leaving."""
    port = free_port()
    log = data / f"{'-'.join(command) or 'serve'}-{port}.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", *program, *(command or ("serve",))],
            env={**settings_of(data, port), **(environment or {})},
            cwd=ROOT,
            stdout=output,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
        )
    service = Service(process, f"http://127.0.0.1:{port}", log)
    try:
        if is_awaited:
            await_ready(service)
        yield service
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def await_ready(service: Service, path: str = "/readyz") -> None:
    """Returns as soon as the service says that it is ready (no event tells it to another process)."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if service.process.poll() is not None:
            raise AssertionError(f"the service ended: {service.log.read_text()}")
        try:
            if httpx.get(f"{service.url}{path}", timeout=5).status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.05)
    raise AssertionError(f"the service is not ready after {START_SECONDS} s: {service.log.read_text()}")


def free_port() -> int:
    """A port of the loopback address that nobody listens on."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]
