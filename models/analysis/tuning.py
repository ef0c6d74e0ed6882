"""The preferred stimulus of a unit, found by climbing its response (notebook, section 1: tuning analysis)."""

import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from models.checkpoints import pack, unpack
from models.digit_net import PIXEL_MEAN, PIXEL_SD, DigitNet, layer
from models.digits import Digits
from models.errors import CorruptCheckpoint, InvalidTraining
from models.units import Unit

IMAGES_AT_MOST = 8192
"""Units times starts that one tuning climbs at once."""

SAMPLES = 2000
"""Test digits with which a tuned response is compared."""

_IMAGES_PER_SLICE = 2048
_BATCH = 256
_TRACE_POINTS = 100
_SAME_OPTIMUM = 0.1
_METHODS: dict[str, dict[str, Any]] = {
    "ascent": {"steps": 200, "learning_rate": 0.05, "penalty": 1.0},
    "notebook": {"steps": 1000, "learning_rate": 0.01, "penalty": 100.0},
}


@dataclass(frozen=True)
class TuningSettings:
    """What to look for and how.

    Attributes:
        layer: Where the units are.
        units: Which, in request form; None takes the unit whose mean drive over the random starts is largest.
        direction: Whether the drive is to rise or to fall.
        method: "ascent" climbs the signed drive, every image within 0 to 1 at each step. "notebook" repeats the lab's
            own rule: the square of the activity after the ReLU, and a pull towards grey that knows no unit.
        starts: Independent random beginnings, the same for each unit.
        steps: Steps of Adam; None for the method's own.
        learning_rate: Of Adam; None for the method's own.
        penalty: Weight of the prior; None for the method's own.
        max_seconds: Computing time after which the best so far is given.
        seed: Decides the random starts.
    """

    layer: str
    units: tuple[int | Mapping[str, int], ...] | None = None
    direction: Literal["excite", "inhibit"] = "excite"
    method: Literal["ascent", "notebook"] = "ascent"
    starts: int = 64
    steps: int | None = None
    learning_rate: float | None = None
    penalty: float | None = None
    max_seconds: float | None = None
    seed: int = 0

    def complete(self) -> "TuningSettings":
        """The same with the method's own numbers where none were given.

        Raises:
            InvalidTraining: The settings contradict each other.
        """
        given = {name: value for name, value in asdict(self).items() if value is not None}
        own = {name: value for name, value in _METHODS[self.method].items() if name not in given}
        settings = replace(self, **own)
        settings._refuse_contradictions()
        return settings

    def _refuse_contradictions(self) -> None:
        if self.method == "notebook" and self.direction == "inhibit":
            message = "The notebook's rule squares the activity and knows no direction; use the method ascent to inhibit."
            raise InvalidTraining(message, pointer="/direction")
        if self.units is not None and not self.units:
            raise InvalidTraining("The list of units is empty; name one, or leave it out.", pointer="/units")
        positive = {"starts": self.starts, "steps": self.steps, "learning_rate": self.learning_rate}
        for name, value in positive.items():
            if value is None or value <= 0:
                raise InvalidTraining(f"{name} must be above 0.", pointer=f"/{name}")
        for name, value in {"penalty": self.penalty, "max_seconds": self.max_seconds, "seed": self.seed}.items():
            if value is not None and value < 0:
                raise InvalidTraining(f"{name} must be at least 0.", pointer=f"/{name}")
        images = self.starts * (len(self.units) if self.units else 1)
        if images > IMAGES_AT_MOST:
            message = f"Units times starts are {images}, at most {IMAGES_AT_MOST} fit; take fewer starts."
            raise InvalidTraining(message, pointer="/starts")


class Tuning:
    """The search as resumable work (`models.work.Work`); `report` gives the answer at any time.

    The network is only read: its gradients, flags and mode stay as they are, and no global RNG is touched.
    """

    def __init__(self, network: DigitNet, settings: TuningSettings, device: str = "cpu") -> None:
        self.settings = settings.complete()
        self._network = network.to(device)
        self._device = torch.device(device)
        self._layer = layer(settings.layer)
        self._starts = self._random_images("starts")
        self.units = self._chosen_units()
        self._scales = self._response_scales()  # (unit,)
        self._images = (self._starts * self._fields[:, None]).flatten(end_dim=1)  # (unit x start, row, column)
        self._mean, self._square = torch.zeros_like(self._images), torch.zeros_like(self._images)  # Adam's moments
        self._step = 0
        self._seconds = 0.0
        self._traces: list[list[dict[str, Any]]] = [[] for _ in self.units]

    @property
    def step(self) -> int:
        """Steps done."""
        return self._step

    @property
    def total(self) -> int:
        """Steps at which the search ends at the latest."""
        assert self.settings.steps is not None
        return self.settings.steps

    @property
    def stopped(self) -> Literal["steps", "seconds"] | None:
        """Why the search is over; None while it is not."""
        if self._step >= self.total:
            return "steps"
        limit = self.settings.max_seconds
        return "seconds" if limit is not None and self._seconds >= limit else None

    @property
    def is_finished(self) -> bool:
        """Whether steps or seconds are used up."""
        return self.stopped is not None

    @property
    def metrics(self) -> dict[str, Any]:
        """Drive and prior of the best start, averaged over the units."""
        latest = [trace[-1] for trace in self._traces if trace]
        return {
            name: float(np.mean([point[name] for point in latest])) if latest else None for name in ("drive", "penalty")
        }

    def advance(self) -> None:
        """Does a fixed number of steps: about a tenth of a second's work, one step where there are many images."""
        began = time.perf_counter()
        for _ in range(max(1, _IMAGES_PER_SLICE // len(self._images))):
            if self._step >= self.total:
                break
            self._climb()
        self._seconds += time.perf_counter() - began

    def best_images(self) -> Tensor:
        """Each unit's best image so far (unit, row, column), 0 to 1."""
        final = self._final_images()
        best = self._scores(self._drives(final)).argmax(dim=1)
        return final.unflatten(0, (len(self.units), -1))[torch.arange(len(self.units)), best]

    def report(self, digits: Digits | None) -> dict[str, Any]:
        """The answer, ready for JSON; comparisons with real digits are None without `digits`.

        Per unit: `best_start` is the start that ended best by the method's own measure, and each number of
        `drive_before`, `drive_after` and `layer_*` comes from showing that image alone, as predict and activations do.
        `optima` counts distinct final images: going from the best start down, one counts as new when it differs from
        all that counted before by more than 0.1, root mean square over the receptive field. `dead` is a unit whose
        activity is 0 for each of the 2,000 digits. Ranks and the percentile are by drive.
        """
        final = self._final_images()
        before = self._drives(self._initial_images())
        after = self._drives(final)
        final = final.unflatten(0, (len(self.units), -1))
        with torch.inference_mode():
            reference = _dataset_response(self._network, self._layer.name, digits, self._device)
        return {
            "layer": self._layer.name,
            "direction": self.settings.direction,
            "method": self.settings.method,
            "settings": self._settings_used(),
            "steps": self._step,
            "stopped": self.stopped,
            "units": [
                self._unit_report(position, before[position], after[position], final[position], reference)
                for position in range(len(self.units))
            ],
        }

    def state(self) -> bytes:
        """All that `restore` needs to go on from here."""
        tensors = {"images": self._images, "mean": self._mean, "square": self._square}
        notes = {
            "settings": self._settings_used(),
            "step": self._step,
            "seconds": self._seconds,
            "traces": self._traces,
        }
        return pack(tensors, notes)

    def restore(self, state: bytes) -> None:
        """Goes back to where `state` was taken.

        Raises:
            CorruptCheckpoint: The bytes are no state of this search.
        """
        tensors, notes = unpack(state)
        if notes.get("settings") != self._settings_used():
            raise CorruptCheckpoint("The saved state belongs to another search; start this one anew.")
        try:
            if any(tensors[name].shape != self._images.shape for name in ("images", "mean", "square")):
                raise CorruptCheckpoint("The saved state holds images of another shape; start the search anew.")
            self._images, self._mean, self._square = (
                tensors[name].to(self._device) for name in ("images", "mean", "square")
            )
            self._step, self._seconds = int(notes["step"]), float(notes["seconds"])
            self._traces = [list(trace) for trace in notes["traces"]]
        except (KeyError, TypeError, ValueError) as error:
            raise CorruptCheckpoint("The saved state is damaged; start the search anew.") from error

    def _random_images(self, purpose: Literal["starts", "scale"]) -> Tensor:
        count = self.settings.starts if purpose == "starts" else 64
        generator = np.random.default_rng((self.settings.seed, ("starts", "scale").index(purpose)))
        return torch.from_numpy(generator.random((count, 28, 28), dtype=np.float32)).to(self._device)

    @torch.no_grad()
    def _chosen_units(self) -> list[Unit]:
        if self.settings.units is not None:
            return [Unit.of(self._layer, spec) for spec in self.settings.units]
        drive = self._network.drive(self._starts, self._layer.name)
        return [Unit(self._layer, index=int(drive.mean(dim=0).argmax()))]

    @torch.no_grad()
    def _response_scales(self) -> Tensor:
        drive = self._network.drive(self._random_images("scale"), self._layer.name)
        return torch.stack([unit.read(drive).std() for unit in self.units])

    @cached_property
    def _fields(self) -> Tensor:
        """Which pixels can reach each unit: 0 or 1 (unit, row, column); the notebook's rule knows no fields."""
        fields = torch.zeros(len(self.units), 28, 28, device=self._device)
        for field, unit in zip(fields, self.units, strict=True):
            box = unit.receptive_field
            field[box.top : box.bottom, box.left : box.right] = 1
        return fields if self.settings.method == "ascent" else torch.ones_like(fields)

    def _climb(self) -> None:
        """One step of Adam for every image; the notebook clamps before the forward pass, we project after the step."""
        if self.settings.method == "notebook":
            self._images.clamp_(0, 1)
        gradient, drives, priors = self._gradient()
        if self._step % -(-self.total // _TRACE_POINTS) == 0:
            self._trace(drives, priors)
        self._step += 1
        self._mean.lerp_(gradient, 0.1)
        self._square.lerp_(gradient.square_(), 0.001)
        unbiased = self._mean / (1 - 0.9**self._step)
        spread = (self._square / (1 - 0.999**self._step)).sqrt_().add_(1e-8)
        assert self.settings.learning_rate is not None
        self._images.addcdiv_(unbiased, spread, value=self.settings.learning_rate)
        if self.settings.method == "ascent":
            self._images.clamp_(0, 1)
        if self._step == self.total:
            self._trace(*self._responses(self._final_images()))

    def _gradient(self) -> tuple[Tensor, Tensor, Tensor]:
        """The objective's gradient (unit x start, row, column), with drives and priors (unit, start)."""
        parts = []
        with torch.enable_grad():
            for images, unit in self._batches(self._images):
                images.requires_grad_()
                drive, measure = self._measured(images, unit)
                prior = self._prior(images, unit)
                (gradient,) = torch.autograd.grad((measure - prior).sum(), images)
                parts.append((gradient, drive.detach(), prior.detach()))
        gradient, drives, priors = (torch.cat(part) for part in zip(*parts, strict=True))
        return gradient, drives.unflatten(0, (len(self.units), -1)), priors.unflatten(0, (len(self.units), -1))

    def _measured(self, images: Tensor, unit: Tensor) -> tuple[Tensor, Tensor]:
        """Drive (image,), and what the method climbs."""
        response = self._network.responses(images, (self._layer.name,))[self._layer.name]
        drive = self._read(response.drive, unit)
        if self.settings.method == "notebook":
            return drive, self._read(response.activity, unit).square()
        return drive, drive if self.settings.direction == "excite" else -drive
