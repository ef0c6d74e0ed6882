"""What a process spends on something: time, and on Linux its memory's peak."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def sparing(pid: int, seconds: float, mebibytes: float) -> Iterator[None]:
    """Holds what is done within to so much time and, on Linux, to so much more memory of the process at its peak."""
    process = Path(f"/proc/{pid}")
    before = None
    if (process / "clear_refs").exists():
        (process / "clear_refs").write_text("5")  # the peak begins anew
        before = _mebibytes(process, "VmRSS")
    began = time.monotonic()
    yield
    assert time.monotonic() - began < seconds
    if before is not None:
        assert _mebibytes(process, "VmHWM") - before < mebibytes


def _mebibytes(process: Path, name: str) -> float:
    (line,) = (line for line in (process / "status").read_text().splitlines() if line.startswith(f"{name}:"))
    return int(line.split()[1]) / 1024
