"""What a class asked and how it was answered."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

WAITING_STATUSES = ("429", "503")


@dataclass(frozen=True)
class Latency:
    """How long the answers of one endpoint took: 50th, 95th and 99th percentile in milliseconds."""

    endpoint: str
    count: int
    percentiles: Sequence[float]


@dataclass
class Ledger:
    """Everything that a class has asked for, written down as it was answered.

    Attributes:
        refusals: How often each endpoint answered with each status other than success; also what broke on the way.
        dishonest: Of these, what is no 429 or 503 that says when to come again.
        accepted: The ids of all jobs that were accepted.
    """

    refusals: Counter[tuple[str, str]] = field(default_factory=Counter)
    dishonest: Counter[tuple[str, str]] = field(default_factory=Counter)
    accepted: list[str] = field(default_factory=list)
    _seconds: defaultdict[str, list[float]] = field(default_factory=lambda: defaultdict(list))

    def answered(self, endpoint: str, seconds: float) -> None:
        """Notes an answer that is what was asked for."""
        self._seconds[endpoint].append(seconds)

    def refused(self, endpoint: str, status: str, retry_after: str | None = None) -> None:
        """Notes a refusal, or whatever came in place of an answer."""
        self.refusals[endpoint, status] += 1
        if status not in WAITING_STATUSES or retry_after is None:
            self.dishonest[endpoint, status] += 1

    @property
    def requests(self) -> int:
        """How many were answered as asked."""
        return sum(map(len, self._seconds.values()))

    def latencies(self) -> Iterator[Latency]:
        """A line for each endpoint, the busiest first."""
        for endpoint, seconds in sorted(self._seconds.items(), key=lambda item: -len(item[1])):
            yield Latency(endpoint, len(seconds), [1000 * float(p) for p in np.percentile(seconds, [50, 95, 99])])
