"""What a process spends on something: its processors' time, and on Linux its memory's peak."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil


@contextmanager
def sparing(pid: int, seconds: float, mebibytes: float) -> Iterator[None]:
    """Holds a process to so much work and, on Linux, to so much more memory at its peak.

    Its processors' time counts, over all its threads, not the watch's: other tests run beside this one.
    """
    process, proc = psutil.Process(pid), Path(f"/proc/{pid}")
    resident = None
    if (proc / "clear_refs").exists():
        (proc / "clear_refs").write_text("5")  # the peak begins anew
        resident = _mebibytes(proc, "VmRSS")
    before = _seconds_spent(process)
    yield
    assert _seconds_spent(process) - before < seconds
    if resident is not None:
        assert _mebibytes(proc, "VmHWM") - resident < mebibytes


def _seconds_spent(process: psutil.Process) -> float:
    spent = process.cpu_times()
    return spent.user + spent.system


def _mebibytes(proc: Path, name: str) -> float:
    (line,) = (line for line in (proc / "status").read_text().splitlines() if line.startswith(f"{name}:"))
    return int(line.split()[1]) / 1024
