"""What a search for preferred stimuli looks for, and how; and how images are shaken on the way."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from models.digit_net import Layer, layer
from models.errors import InvalidTraining

IMAGES_AT_MOST = 8192
"""Units times starts that one tuning climbs at once."""

_METHODS: dict[str, dict[str, Any]] = {
    "ascent": {"steps": 200, "penalty": 1.0, "early_stop": True},
    "notebook": {"steps": 1000, "learning_rate": 0.01, "penalty": 100.0, "early_stop": False},
}

_ASCENT_LEARNING_RATES = {"conv": 0.2, "dense": 0.5}


@dataclass(frozen=True)
class TuningSettings:
    """What to look for and how.

    Attributes:
        layer: Where the units are.
        units: Which, in request form. "all" takes every unit of a dense layer, and of a convolutional one the central
            unit of every channel, of which the others are shifted copies; "any" lets chance choose one whose drive
            varies; None takes the unit whose mean drive over the random starts is largest.
        direction: Whether the drive is to rise or to fall.
        method: "ascent" climbs the signed drive, every image within 0 to 1 at each step. "notebook" repeats the lab's
            own rule: the square of the activity after the ReLU, and a pull towards grey that knows no unit.
        starts: Independent random beginnings, the same for each unit.
        steps: Steps of Adam; None for the method's own.
        learning_rate: Of Adam, the highest on the way (`Tuning`); None for the method's own, which depends on the
            kind of layer.
        penalty: Weight of the prior; None for the method's own.
        robustness: From 0 to 1: how much the image is shifted, paled and speckled, anew at each step, before it is
            shown during the search (ascent only).
        smoothness: Weight of the squared differences of neighbouring pixels (ascent only).
        diversity: Weight of the likeness among one unit's starts (ascent only).
        early_stop: Whether to end when nothing improves any more; None for the method's own.
        max_seconds: Computing time after which the best so far is given.
        seed: Decides the random starts.
    """

    layer: str
    units: tuple[int | Mapping[str, int], ...] | Literal["all", "any"] | None = None
    direction: Literal["excite", "inhibit"] = "excite"
    method: Literal["ascent", "notebook"] = "ascent"
    starts: int = 64
    steps: int | None = None
    learning_rate: float | None = None
    penalty: float | None = None
    robustness: float = 0.0
    smoothness: float = 0.0
    diversity: float = 0.0
    early_stop: bool | None = None
    max_seconds: float | None = None
    seed: int = 0

    def complete(self) -> "TuningSettings":
        """The same with the method's own numbers where none were given.

        Raises:
            UnknownLayer: The network has no such layer.
            InvalidTraining: The settings contradict each other.
        """
        rate = _ASCENT_LEARNING_RATES[layer(self.layer).kind]
        own = {"learning_rate": rate, **_METHODS[self.method]}
        settings = replace(self, **{name: value for name, value in own.items() if getattr(self, name) is None})
        settings._refuse_contradictions()
        settings._refuse_numbers_out_of_range()
        return settings

    @property
    def image_steps(self) -> int:
        """The work at most: images times steps."""
        return self._count * self.starts * (self.complete().steps or 0)

    def _refuse_contradictions(self) -> None:
        if self.method == "notebook":
            self._refuse_what_the_notebook_lacks()
        if self.units == ():
            raise InvalidTraining("The list of units is empty; name one, or leave it out.", pointer="/units")
        if self.diversity and self.starts == 1:
            message = "A single start has no others to differ from; take more starts, or leave diversity out."
            raise InvalidTraining(message, pointer="/diversity")

    def _refuse_what_the_notebook_lacks(self) -> None:
        if self.direction == "inhibit":
            message = (
                "The notebook's rule squares the activity and knows no direction; use the method ascent to inhibit."
            )
            raise InvalidTraining(message, pointer="/direction")
        for name in ("robustness", "smoothness", "diversity"):
            if getattr(self, name):
                message = f"The notebook's rule knows no {name}; leave it out, or use the method ascent."
                raise InvalidTraining(message, pointer=f"/{name}")

    def _refuse_numbers_out_of_range(self) -> None:
        for name in ("starts", "steps", "learning_rate"):
            if getattr(self, name) <= 0:
                raise InvalidTraining(f"{name} must be above 0.", pointer=f"/{name}")
        for name in ("penalty", "robustness", "smoothness", "diversity", "max_seconds", "seed"):
            value = getattr(self, name)
            if value is not None and value < 0:
                raise InvalidTraining(f"{name} must be at least 0.", pointer=f"/{name}")
        if self.robustness > 1:
            raise InvalidTraining("robustness must be at most 1.", pointer="/robustness")
        images = self.starts * self._count
        if images > IMAGES_AT_MOST:
            message = f"Units times starts are {images}, at most {IMAGES_AT_MOST} fit; take fewer starts."
            raise InvalidTraining(message, pointer="/starts")

    @property
    def _count(self) -> int:
        """How many units are meant."""
        described = layer(self.layer)
        if self.units == "all":
            return described.shape[0]
        return len(self.units) if isinstance(self.units, tuple) else 1


def transforms_at(robustness: float, layer: Layer) -> dict[str, Any]:
    """How far an image is changed at most during the search, ready for JSON.

    `shift_pixels` each way and direction, at most 2, and 1 for the small fields of convolutional units; its ink is
    multiplied by 1 plus or minus `contrast`; `noise_sd` is the standard deviation of noise added to every pixel.
    """
    shift = round(robustness * {"conv": 1, "dense": 2}[layer.kind])
    return {"shift_pixels": shift, "contrast": 0.2 * robustness, "noise_sd": 0.1 * robustness}


class Transform(NamedTuple):
    """One random change of an image, the same for all images of a step.

    Attributes:
        down: Pixels by which it is shifted.
        right: The same to the right.
        contrast: By which its ink is multiplied.
        noise: Added to its pixels (row, column).
    """

    down: int
    right: int
    contrast: float
    noise: Tensor

    @classmethod
    def drawn(cls, generator: np.random.Generator, robustness: float, layer: Layer) -> "Transform":
        """A change of at most the size that `transforms_at` tells."""
        most = transforms_at(robustness, layer)
        down, right = generator.integers(-most["shift_pixels"], most["shift_pixels"], 2, endpoint=True).tolist()
        contrast = 1 + most["contrast"] * generator.uniform(-1, 1)
        noise = most["noise_sd"] * generator.standard_normal((28, 28), dtype=np.float32)
        return cls(down, right, contrast, torch.from_numpy(noise))

    def of(self, images: Tensor) -> Tensor:
        """The changed images; what is shifted in is paper."""
        shifted = F.pad(images, (self.right, -self.right, self.down, -self.down))
        return self.contrast * shifted + self.noise.to(images.device)
