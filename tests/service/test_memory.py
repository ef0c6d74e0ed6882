"""What is freed goes back to the system."""

import ctypes
import subprocess
import sys

import pytest

from tests.service_process import ROOT

# Every hundredth of many small pieces stays, and keeps glibc from giving back what lies between them by itself.
_PIECES = """
import psutil
from service.memory import give_back

def megabytes():
    return psutil.Process().memory_info().rss / 2**20

before = megabytes()
pieces = [bytearray(10_000) for _ in range(10_000)]
kept = pieces[::100]
del pieces
free = megabytes() - before
give_back()
print(free, megabytes() - before)
"""


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "malloc_trim"), reason="needs glibc")
def test_what_lies_free_between_pieces_that_stay_is_given_back() -> None:
    told = subprocess.run([sys.executable, "-c", _PIECES], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    free, left = map(float, told.split())
    assert free > 50
    assert left < free / 4
