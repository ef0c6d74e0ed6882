"""How two things are timed against each other."""

import time
from collections.abc import Callable
from statistics import median

from benchmarks.table import Ratio


def compare(
    claim: str,
    ours: Callable[[], object],
    peer: str,
    theirs: Callable[[], object],
    pairs: int = 3,
    promise: float | None = None,
) -> Ratio:
    """Runs both in turn, once unmeasured and then `pairs` times, and keeps the medians."""
    for warm_up in (ours, theirs):
        warm_up()
    timed = [(seconds(ours), seconds(theirs)) for _ in range(pairs)]
    return Ratio(claim, peer, median(pair[0] for pair in timed), median(pair[1] for pair in timed), promise)


def seconds(run: Callable[[], object]) -> float:
    """How long it takes."""
    began = time.perf_counter()
    run()
    return time.perf_counter() - began
