"""What an operation gives back: numbers, and the pictures that can be drawn of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from service.rendering.rendering import Rendering


@dataclass(frozen=True)
class Answered:
    """The result (JSON) and its renderings, which are drawn only when somebody looks."""

    result: Mapping[str, Any]
    renderings: Sequence[Rendering]
