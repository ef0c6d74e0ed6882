"""From `patchclamp serve` to its first ready answer, against `import torch` alone; and the memory of the API."""

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

import psutil

from benchmarks.timing import Ratio


def start() -> tuple[Ratio, float]:
    """The ratio (above 1/3 is what we promise) and the API's resident memory when it is ready, in MB."""
    _import_torch()
    pairs = [(*_serve(), _import_torch()) for _ in range(3)]
    ready, memory, torch_alone = sorted(pairs)[1]
    return Ratio("patchclamp serve to ready", "import torch, alone", ready, torch_alone), memory


def _import_torch() -> float:
    began = time.perf_counter()
    subprocess.run([sys.executable, "-c", "import torch"], check=True)
    return time.perf_counter() - began


def _serve() -> tuple[float, float]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with tempfile.TemporaryDirectory() as data:
        environment = {**os.environ, "PATCHCLAMP_DATA": data, "PATCHCLAMP_PORT": str(port)}
        began = time.perf_counter()
        service = subprocess.Popen(
            [sys.executable, "-m", "service.cli", "serve"],
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            _await(f"http://127.0.0.1:{port}/readyz")
            seconds = time.perf_counter() - began
            api = next(child for child in psutil.Process(service.pid).children() if "api" in child.cmdline())
            return seconds, api.memory_info().rss / 2**20
        finally:
            service.send_signal(signal.SIGTERM)
            service.wait(30)


def _await(url: str) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            # The address is that of the service it started.
            with urllib.request.urlopen(url, timeout=5) as response:  # nosec B310
                if response.status == 200:
                    return
        except (urllib.error.URLError, ConnectionError):
            time.sleep(0.02)  # no event tells another process that a port is open
    raise TimeoutError("the service was not ready within a minute")
