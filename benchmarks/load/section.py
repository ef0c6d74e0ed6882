"""One part of what is measured, as Markdown, with what was promised of it."""

from collections.abc import Iterator, Sequence
from typing import Protocol


class Section(Protocol):
    """What was measured."""

    def lines(self) -> Iterator[str]:
        """The figures as Markdown."""
        ...

    def broken(self) -> Iterator[str]:
        """Each promise that the figures do not keep."""
        ...


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """A Markdown table, closed by an empty line; the first column is words, the others numbers."""
    for row in (head, ["---", *["---:"] * (len(head) - 1)], *rows):
        yield f"| {' | '.join(row)} |"
    yield ""
