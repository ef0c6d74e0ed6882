"""A picture as the API hands it out."""

import base64
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from PIL import Image

from service.rendering.png import encoded

MEDIA_TYPE = "image/png"


@dataclass(frozen=True)
class Rendering:
    """A picture that is drawn only when it is asked for.

    Attributes:
        name: What `?rendering=` calls it.
        title: The line above it.
        alt: What it shows, with its key numbers, for those who cannot see it.
        draw: Draws it.
    """

    name: str
    title: str
    alt: str
    draw: Callable[[], Image.Image] = field(repr=False, compare=False)

    def png(self) -> bytes:
        """The picture as a PNG; the same numbers always give the same bytes."""
        return encoded(self.draw())

    def as_json(self) -> dict[str, Any]:
        """The picture in base64 with what belongs to it."""
        image = self.draw()
        return {
            "name": self.name,
            "title": self.title,
            "alt": self.alt,
            "media_type": MEDIA_TYPE,
            "width": image.width,
            "height": image.height,
            "data": base64.b64encode(encoded(image)).decode("ascii"),
        }
