"""The one table: what is claimed, ours and a peer's, and how near it comes to a floor that nothing can undercut.

What was once measured is recorded in ``recorded.json``, as ratios and never as seconds, so that a change that costs
much is seen on any machine.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

RECORDED = Path(__file__).with_name("recorded.json")


@dataclass(frozen=True)
class Ratio:
    """How many times as fast as the peer, from times measured in turn.

    Attributes:
        seconds: Ours; for what is done many times, of one.
        peer_seconds: The peer's.
        promise: So many times as fast at least.
        floor_seconds: What it cannot be quicker than, where that is known.
        promised_share: So much of our time at least is the floor's.
    """

    claim: str
    peer: str
    seconds: float
    peer_seconds: float
    promise: float | None = None
    floor_seconds: float | None = None
    promised_share: float | None = None

    @property
    def factor(self) -> float:
        """The peer's time over ours."""
        return self.peer_seconds / self.seconds

    @property
    def share(self) -> float | None:
        """The floor's time over ours."""
        return None if self.floor_seconds is None else self.floor_seconds / self.seconds

    @property
    def is_kept(self) -> bool:
        """Whether it is as good as promised."""
        return self.factor >= (self.promise or 0) and (self.share or 0) >= (self.promised_share or 0)

    def cells(self) -> list[str]:
        """As the table has it."""
        share = "" if self.share is None else f"{self.share:.0%}"
        floor = "" if self.floor_seconds is None else _milliseconds(self.floor_seconds)
        promised = [] if self.promise is None else [f"{self.promise:.3g}"]
        promised += [] if self.promised_share is None else [f"{self.promised_share:.0%} of the floor"]
        times = _milliseconds(self.seconds), self.peer, _milliseconds(self.peer_seconds), f"{self.factor:.3g}"
        return [self.claim, *times, ", ".join(promised), floor, share]


@dataclass(frozen=True)
class Figure:
    """A number that is no ratio of times."""

    claim: str
    value: float
    unit: str
    at_least: float | None = None
    at_most: float | None = None

    @property
    def is_kept(self) -> bool:
        """Whether it is within what is promised."""
        return (self.at_least is None or self.value >= self.at_least) and (
            self.at_most is None or self.value <= self.at_most
        )

    def cells(self) -> list[str]:
        """As the table has it."""
        bounds = [] if self.at_least is None else [f"at least {self.at_least:g}"]
        bounds += [] if self.at_most is None else [f"at most {self.at_most:g}"]
        return [self.claim, f"{self.value:.3g} {self.unit}", "", "", "", ", ".join(bounds), "", ""]


Line = Ratio | Figure
HEADINGS = ["what", "ours", "peer", "its", "times as fast", "promised", "floor", "share of the floor"]


class Table:
    """Prints lines as they come, in Markdown, and remembers what is not as it should be."""

    def __init__(self, recorded: Path = RECORDED) -> None:
        self._recorded = recorded
        self._lines: list[Line] = []

    def fill(self, lines: Iterable[Line]) -> None:
        """Prints each line."""
        for cells in (HEADINGS, ["---"] * len(HEADINGS)):
            print(_row(cells), flush=True)
        for line in lines:
            self._lines.append(line)
            print(_row(line.cells()), flush=True)

    def broken(self) -> Iterator[str]:
        """The promises that these lines do not keep."""
        for line in self._lines:
            if not line.is_kept:
                yield f"{line.claim} is not as promised"

    def regressions(self, at_least: float) -> Iterator[str]:
        """What is slower, in relation to its peer, than `at_least` times what is recorded; times are not compared."""
        recorded = self._read()
        for line in self._lines:
            if isinstance(line, Ratio) and line.factor < at_least * recorded.get(_key(line), 0):
                yield (
                    f"{line.claim}, against {line.peer}: {line.factor:.3g} times as fast, "
                    f"{recorded[_key(line)]:g} when it was recorded"
                )

    def record(self) -> None:
        """Keeps these ratios; of claims that were not measured, those that are there."""
        measured = {_key(line): float(f"{line.factor:.3g}") for line in self._lines if isinstance(line, Ratio)}
        kept = {**self._read(), **measured}
        self._recorded.write_text(json.dumps(kept, indent=2, sort_keys=True, ensure_ascii=False) + "\n", "utf-8")

    def _read(self) -> dict[str, float]:
        return json.loads(self._recorded.read_text("utf-8")) if self._recorded.exists() else {}


def _key(line: Ratio) -> str:
    return f"{line.claim} | {line.peer}"


def _row(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _milliseconds(seconds: float) -> str:
    return f"{1000 * seconds:.3g} ms" if seconds < 1 else f"{seconds:.3g} s"
