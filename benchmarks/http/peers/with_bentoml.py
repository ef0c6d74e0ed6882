"""BentoML: one service, one worker."""

from typing import Any

import bentoml
from PIL.Image import Image

from benchmarks.http.peers.network import Reader


@bentoml.service(workers=1)
class Digits:
    """Tells the digit of an uploaded picture."""

    def __init__(self) -> None:
        self._reader = Reader()

    @bentoml.api()
    def predict(self, image: Image) -> dict[str, Any]:
        """Its digit."""
        return self._reader.predict(image)
