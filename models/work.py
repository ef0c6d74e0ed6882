"""Work that goes on for a while: done in slices, so that it can be watched, cancelled, saved and resumed."""

from collections.abc import Mapping
from typing import Protocol

Metrics = Mapping[str, float | int | bool | list[float] | None]
"""Figures worth watching by their names; finite numbers."""


class Work(Protocol):
    """What training and tuning have in common.

    Slices are short (a tenth of a second or so) and deterministic: wherever the work was saved and restored, it ends
    with the same bits as if it had run through.
    """

    @property
    def step(self) -> int:
        """Steps done."""
        ...

    @property
    def total(self) -> int:
        """Steps at which the work ends at the latest."""
        ...

    @property
    def is_finished(self) -> bool:
        """Whether nothing is left to do: the target was met, or steps or seconds are used up."""
        ...

    @property
    def metrics(self) -> Metrics:
        """The latest figures worth watching, such as the loss."""
        ...

    def advance(self) -> None:
        """Does one slice."""
        ...

    def state(self) -> bytes:
        """All that `restore` needs to go on from here (safetensors)."""
        ...

    def restore(self, state: bytes) -> None:
        """Goes back to where `state` was taken.

        Raises:
            CorruptCheckpoint: The bytes are no state of this work.
        """
        ...


def run(work: Work) -> None:
    """Runs the work to its end in this thread."""
    while not work.is_finished:
        work.advance()
