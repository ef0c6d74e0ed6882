"""What is freed goes back to the system."""

import ctypes
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import uvicorn

from service import logs, memory
from service.cli import main
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


# As a request draws: some pictures' megabytes at once, all of them freed when it is answered.
_PICTURES = """
import threading
import numpy as np
import psutil
from service.memory import give_back, share_and_keep

def megabytes():
    return psutil.Process().memory_info().rss / 2**20

def draw():
    [np.ones(2**20, np.uint8) for _ in range(16)]

def look():
    draw()
    give_back()
    before = megabytes()
    draw()
    kept = megabytes() - before
    give_back()
    print(kept, megabytes() - before)

share_and_keep()
thread = threading.Thread(target=look)
thread.start()
thread.join()
"""


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "malloc_trim"), reason="needs glibc")
def test_what_a_request_s_pictures_have_freed_is_kept_for_the_next_one_s_until_it_is_given_back() -> None:
    told = subprocess.run(
        [sys.executable, "-c", _PICTURES], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout
    kept, left = map(float, told.split())
    assert kept > 12
    assert left < 4


def test_an_api_process_gives_back_now_and_then(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATCHCLAMP_DATA", str(tmp_path))
    monkeypatch.setattr(logs, "configure", lambda *_: None)
    monkeypatch.setattr(memory, "share_and_keep", lambda: None)
    monkeypatch.setattr(memory, "GIVEN_BACK_SECONDS", 0.01)
    given_back = threading.Event()
    monkeypatch.setattr(memory, "give_back", given_back.set)
    monkeypatch.setattr(uvicorn.Server, "run", lambda *_: given_back.wait(30))
    main(["api"])
    assert given_back.is_set()
