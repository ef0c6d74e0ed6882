"""What an operation gives back: numbers, and the pictures that can be drawn of them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from service.rendering.rendering import Rendering


@dataclass(frozen=True)
class Answered:
    """The result (JSON) and a way to its renderings, which are made only when somebody looks."""

    result: Mapping[str, Any]
    pictured: Callable[[], Sequence[Rendering]]

    @cached_property
    def renderings(self) -> Sequence[Rendering]:
        """The pictures of the result."""
        return self.pictured()
