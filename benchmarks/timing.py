"""How two things are timed against each other."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True)
class Ratio:
    """One line of the table: how many times as fast as the peer, from pairs measured in turn."""

    claim: str
    peer: str
    seconds: float
    peer_seconds: float
    promise: float | None = None

    @property
    def factor(self) -> float:
        """The peer's time over ours."""
        return self.peer_seconds / self.seconds


@dataclass(frozen=True)
class Figure:
    """One line of the table that is no ratio of times: a number, its unit, and what was promised."""

    claim: str
    value: float
    unit: str
    promise: str


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
