"""From `patchclamp serve` to its first ready answer, against `import torch` alone; and the memory of its processes."""

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import psutil

from benchmarks.table import Figure, Line, Ratio
from benchmarks.timing import seconds
from tests.service_process import serving

API_MEGABYTES = 450
PARTS = ("api", "worker")


def start(starts: int = 3) -> Iterator[Line]:
    """The median of so many starts, and what each process holds when the service is ready."""
    _import_torch()  # from the disk
    found = sorted(((*_serve(), seconds(_import_torch)) for _ in range(starts)), key=lambda each: each[0])
    ready, memory, torch_alone = found[starts // 2]
    yield Ratio("patchclamp serve to ready", "import torch, alone", ready, torch_alone, promise=1 / 3)
    yield Figure("memory of the API process when ready", memory["api"], "MB", at_most=API_MEGABYTES)
    yield Figure("memory of the worker when ready", memory["worker"], "MB")
    yield Figure("memory of the process that looks after both", memory["serve"], "MB")


def _import_torch() -> None:
    subprocess.run([sys.executable, "-c", "import torch"], check=True)


def _serve() -> tuple[float, dict[str, float]]:
    """Seconds until the service is ready, and the resident megabytes of each of its processes."""
    with TemporaryDirectory() as data:
        began = time.perf_counter()
        with serving(Path(data)) as service:
            ready = time.perf_counter() - began
            supervisor = psutil.Process(service.process.pid)
            parts = {part: each for each in supervisor.children() for part in PARTS if part in each.cmdline()}
            return ready, {
                part: each.memory_info().rss / 2**20 for part, each in {"serve": supervisor, **parts}.items()
            }
