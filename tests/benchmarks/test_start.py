"""The service is there quickly, and small."""

import ctypes
import io
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest

from benchmarks.start import start
from tests.service_process import await_ready, serving

HEAP_BYTES = 64 * 2**20  # of glibc, on machines of 64 bits


def test_it_is_ready_within_three_times_the_import_of_torch_and_stays_below_450_mb() -> None:
    assert [line.claim for line in start() if not line.is_kept] == []


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "malloc_info"), reason="needs glibc, whose heaps are counted")
def test_the_api_s_threads_share_a_heap_beside_the_main_one(tmp_path: Path) -> None:
    with serving(tmp_path, "api", is_awaited=False) as service, service.client() as client:
        await_ready(service, "/livez")
        trials = [{"seed": seed, "seq_len": 300} for seed in range(64)]
        with ThreadPoolExecutor(16) as students:
            answers = list(students.map(lambda trial: client.post("/lstm/gates", json=trial), trials))
        assert {answer.status_code for answer in answers} == {200}
        assert psutil.Process(service.process.pid).num_threads() > 4
        assert _heaps_of_threads(service.process.pid) == 1


def _heaps_of_threads(process_id: int) -> int:
    """How many places of 64 MiB, at a multiple of that, glibc has reserved and begun to hand out.

    Each begins with the address of its arena, which lies in one of them; a large array may lie at such a place, too.
    """
    starts: set[int] = set()
    for line in Path(f"/proc/{process_id}/maps").read_text("ascii").splitlines():
        place, permissions, _, _, inode = line.split()[:5]
        start, end = (int(bound, 16) for bound in place.split("-"))
        if permissions == "rw-p" and inode == "0" and start % HEAP_BYTES == 0 and end - start <= HEAP_BYTES:
            starts.add(start)
    with Path(f"/proc/{process_id}/mem").open("rb", buffering=0) as memory:
        arenas = [_word_at(memory, start) for start in starts]
    return sum(arena // HEAP_BYTES * HEAP_BYTES in starts for arena in arenas)


def _word_at(memory: io.FileIO, place: int) -> int:
    memory.seek(place)
    return int.from_bytes(memory.read(8), sys.byteorder)
