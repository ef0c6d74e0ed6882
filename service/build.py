"""Which build of the service answers: the same one gives the same bytes to the same request."""

import hashlib
import platform
from importlib.metadata import version
from pathlib import Path

import torch

_CODE = ("models", "service")
_LIBRARIES = ("numba", "numpy", "orjson", "pillow", "torch")


def fingerprint() -> str:
    """A word that differs where the code, a library that computes or draws, or the processor's arithmetic differs."""
    digest = hashlib.sha256()
    root = Path(__file__).resolve().parent.parent
    for path in sorted(path for place in _CODE for path in (root / place).rglob("*.py")):
        digest.update(path.read_bytes())
    arithmetic = (platform.machine(), torch.backends.cpu.get_cpu_capability(), str(torch.get_num_threads()))
    digest.update(" ".join([*map(version, _LIBRARIES), *arithmetic]).encode())
    return digest.hexdigest()
