"""The service is there quickly, and small."""

import ctypes
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.start import start
from tests.service_process import ROOT

# Each of 16 threads allocates while the others hold on to what they have; then glibc tells its heaps.
_THREADS = """
import ctypes, sys, threading
from service.cli import _share_memory_among_threads

if sys.argv[1] == "shared":
    _share_memory_among_threads()
libc, everyone = ctypes.CDLL(None), threading.Barrier(16)
libc.fopen.restype = ctypes.c_void_p

def allocate():
    everyone.wait()
    libc.malloc(1000)
    everyone.wait()

threads = [threading.Thread(target=allocate) for _ in range(16)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
file = ctypes.c_void_p(libc.fopen(sys.argv[2].encode(), b"w"))
libc.malloc_info(0, file)
libc.fclose(file)
"""


def test_it_is_ready_within_three_times_the_import_of_torch_and_stays_below_450_mb() -> None:
    assert [line.claim for line in start() if not line.is_kept] == []


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "malloc_info"), reason="needs glibc, whose heaps are counted")
def test_the_api_s_threads_share_two_heaps(tmp_path: Path) -> None:
    def heaps(how: str) -> int:
        file = tmp_path / how
        subprocess.run([sys.executable, "-c", _THREADS, how, str(file)], cwd=ROOT, check=True)
        return file.read_text("utf-8").count("<heap nr=")

    assert heaps("shared") == 2
    assert heaps("as it comes") > 2
