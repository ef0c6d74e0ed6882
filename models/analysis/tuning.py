"""The preferred stimulus of a unit, found by climbing its response (notebook, section 1: tuning analysis).

This is the search; what it found is told by `models.analysis.tuning_report`.
"""

import time
from collections.abc import Callable
from copy import deepcopy
from dataclasses import asdict
from functools import cached_property
from typing import Any, Literal, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from models.analysis.tuning_settings import Transform, TuningSettings
from models.checkpoints import pack, unpack
from models.digit_net import PIXEL_MEAN, PIXEL_SD, DigitNet, Layer, layer
from models.errors import CorruptCheckpoint, InvalidAnalysis
from models.units import Unit

STALL_STEPS = 50
STALL_GAIN = 0.001
"""A search has converged when within so many steps the starts of each unit gain less than this share of its best."""

_BETAS = {"ascent": (0.5, 0.9), "notebook": (0.9, 0.999)}
_WARM_UP = 0.25
_FIRST_RATE = 0.1

_IMAGES_PER_SLICE = 2048
_BATCH = 256
_TRACE_POINTS = 100
_STREAMS = ("starts", "scale", "unit", "transform")  # what chance decides, each from a stream of its own


class Found(NamedTuple):
    """Where every start of every unit stands.

    Attributes:
        images: (unit, start, row, column), 0 to 1.
        before: The drive at its beginning (unit, start).
        after: The drive now (unit, start).
        measure: What the method climbs and ranks the starts by (unit, start).
    """

    images: Tensor
    before: Tensor
    after: Tensor
    measure: Tensor


class Tuning:
    """The search as resumable work (`models.work.Work`).

    It works on a copy of the network, and no global RNG is touched.

    Every image climbs by Adam. With the method "ascent" the learning rate begins at a tenth, is whole after a quarter
    of the steps and from there falls to 0 in a straight line, the one-cycle policy of Smith and Topin (2018): large
    steps leave poor optima behind, small ones find the top of the last. The betas are 0.5 and 0.9: with the usual long
    memory an image goes on for many steps where it should turn. Against a constant 0.1 and the usual betas the best
    start of 200 steps reaches a tenth more in dense layers and 1% more in convolutional ones, whose learning rate is
    lower; of ten freshly trained networks the output that is hardest to drive reaches 2.2 times its best digit, not 1.9
    (64 starts). Of 161 units of `l4`, 8 reach less than 95% of what they did, and 135 more than 105%.

    With `early_stop` it ends as converged when, in each unit, the mean over the starts of the best objective so far has
    risen by less than 0.1% of the unit's best during 50 steps, looked at every 50 steps. Measured in 292 searches for
    single units of all layers of the shipped networks, exciting and inhibiting: against all 200 steps the best drive
    never loses more than 0.5% with 32 starts or 8, and in 4% with a single one, which the large steps can deceive, most
    of them in `l2`. Within 200 steps this ends most searches in `l1`, at step 100, and hardly any other.

    Attributes:
        settings: As asked for, completed.
        network: The copy.
        layer: Where the units are.
        units: What is tuned.
        starts: The random beginnings (start, row, column), shared by all units.
        scales: The standard deviation of each unit's drive over 64 random images (unit,).
        traces: For each unit, the drive and the penalties of its best start at about a hundred steps.
    """

    def __init__(self, network: DigitNet, settings: TuningSettings, device: str = "cpu") -> None:
        self.settings = settings.complete()
        self.network = deepcopy(network).to(device).requires_grad_(False)
        self.layer = layer(settings.layer)
        self._device = torch.device(device)
        self.starts = self._random_images("starts", self.settings.starts)
        self.units = self._chosen_units()
        self.scales = self._response_scales()
        self._images = (self.starts * self.fields[:, None]).flatten(end_dim=1)  # (unit x start, row, column)
        self._mean, self._square = torch.zeros_like(self._images), torch.zeros_like(self._images)  # Adam's moments
        self._best = torch.full((len(self.units), len(self.starts)), -torch.inf, device=device)  # objective so far
        self._level = torch.full((len(self.units),), -torch.inf, device=device)  # its mean when last looked at
        self._leaders = torch.zeros(len(self.units), dtype=torch.int64, device=device)  # best start when last traced
        self._is_converged = False
        self._step = 0
        self._seconds = 0.0
        self.traces: list[list[dict[str, Any]]] = [[] for _ in self.units]

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
    def stopped(self) -> Literal["steps", "converged", "seconds"] | None:
        """Why the search is over; None while it is not."""
        if self._step >= self.total:
            return "steps"
        if self._is_converged:
            return "converged"
        limit = self.settings.max_seconds
        return "seconds" if limit is not None and self._seconds >= limit else None

    @property
    def is_finished(self) -> bool:
        """Whether steps or seconds are used up, or nothing improves any more."""
        return self.stopped is not None

    @property
    def metrics(self) -> dict[str, Any]:
        """Drive and penalties of the best start, averaged over the units."""
        latest = [trace[-1] for trace in self.traces if trace]
        return {
            name: float(np.mean([point[name] for point in latest])) if latest else None for name in ("drive", "penalty")
        }

    @property
    def settings_used(self) -> dict[str, Any]:
        """The settings ready for JSON, with the units that were chosen."""
        return asdict(self.settings) | {"units": [unit.as_json() for unit in self.units]}

    def advance(self) -> None:
        """Does a fixed number of steps: about a tenth of a second's work, one step where there are many images."""
        began = time.perf_counter()
        for _ in range(max(1, _IMAGES_PER_SLICE // len(self._images))):
            if self.is_finished:
                break
            self._climb()
        self._seconds += time.perf_counter() - began
        if self.is_finished:
            self._trace(self._readings(self._final_images()))

    def best_images(self) -> Tensor:
        """The image (unit, row, column), 0 to 1, of each unit's best start, as the trace last saw it."""
        return self._per_unit(self._final_images())[torch.arange(len(self.units)), self._leaders]

    def found(self) -> Found:
        """Where every start stands; images are the last ones of their way, not the best on it."""
        images = self._final_images()
        before, now = self._readings(self.starts.repeat(len(self.units), 1, 1)), self._readings(images)
        return Found(self._per_unit(images), before.drive, now.drive, now.measure)

    def prior(self, number: int) -> dict[str, Any]:
        """Which penalties the unit of that number pays, ready for JSON."""
        settings = self.settings
        if settings.method == "notebook":
            term = "penalty x mean square of the normalised pixels"
            return {"penalty": settings.penalty, "towards": PIXEL_MEAN, "scale": None, "term": term}
        terms = {
            "penalty": "mean square of the pixels in the receptive field",
            "smoothness": "sum of squared differences of neighbouring pixels / pixels in the receptive field",
            "diversity": "mean cosine of the angle to the other starts' images",
        }
        weights = {name: getattr(settings, name) for name in terms}
        paid = " + ".join(f"{name} x scale x {terms[name]}" for name in terms if name == "penalty" or weights[name])
        return {**weights, "towards": 0.0, "scale": float(self.scales[number]), "term": paid}

    @cached_property
    def fields(self) -> Tensor:
        """Which pixels can reach each unit: 0 or 1 (unit, row, column); the notebook's rule knows no fields."""
        fields = torch.zeros(len(self.units), 28, 28, device=self._device)
        for field, unit in zip(fields, self.units, strict=True):
            box = unit.receptive_field
            field[box.top : box.bottom, box.left : box.right] = 1
        return fields if self.settings.method == "ascent" else torch.ones_like(fields)

    def state(self) -> bytes:
        """All that `restore` needs to go on from here."""
        notes = {
            "settings": self.settings_used,
            "step": self._step,
            "seconds": self._seconds,
            "is_converged": self._is_converged,
            "traces": self.traces,
        }
        return pack({name: getattr(self, f"_{name}") for name in _STATE}, notes)

    def restore(self, state: bytes) -> None:
        """Goes back to where `state` was taken.

        Raises:
            CorruptCheckpoint: The bytes are no state of this search.
        """
        tensors, notes = unpack(state)
        if notes.get("settings") != self.settings_used:
            raise CorruptCheckpoint("The saved state belongs to another search; start this one anew.")
        try:
            if any(tensors[name].shape != getattr(self, f"_{name}").shape for name in _STATE):
                raise CorruptCheckpoint("The saved state holds images of another shape; start the search anew.")
            for name in _STATE:
                setattr(self, f"_{name}", tensors[name].to(self._device))
            self._step, self._seconds = int(notes["step"]), float(notes["seconds"])
            self._is_converged = bool(notes["is_converged"])
            self.traces = [list(trace) for trace in notes["traces"]]
        except (KeyError, TypeError, ValueError) as error:
            raise CorruptCheckpoint("The saved state is damaged; start the search anew.") from error

    def _generator(self, stream: str, *more: int) -> np.random.Generator:
        return np.random.default_rng((self.settings.seed, _STREAMS.index(stream), *more))

    def _random_images(self, stream: Literal["starts", "scale"], count: int = 64) -> Tensor:
        images = self._generator(stream).random((count, 28, 28), dtype=np.float32)
        return torch.from_numpy(images).to(self._device)

    @torch.no_grad()
    def _chosen_units(self) -> list[Unit]:
        match self.settings.units:
            case "all":
                return _whole(self.layer)
            case "any":
                return [Unit(self.layer, index=int(self._generator("unit").choice(self._varying_units())))]
            case None:
                drive = self.network.drive(self.starts, self.layer.name)
                return [Unit(self.layer, index=int(drive.mean(dim=0).argmax()))]
            case specs:
                return [Unit.of(self.layer, spec) for spec in specs]

    def _varying_units(self) -> list[int]:
        """Flat indices of the units whose drive depends on the image; no search moves the others."""
        drive = self.network.drive(self._random_images("scale"), self.layer.name)
        spread = drive.flatten(start_dim=1).std(dim=0)
        varying = (spread > 1e-6 * drive.abs().max()).nonzero()[:, 0].tolist()
        if not varying:
            message = f"No image changes the drive of any unit of {self.layer.name}; take another layer or model."
            raise InvalidAnalysis(message, pointer="/layer")
        return varying

    @torch.no_grad()
    def _response_scales(self) -> Tensor:
        drive = self.network.drive(self._random_images("scale"), self.layer.name)
        return torch.stack([unit.read(drive).std() for unit in self.units])

    def _climb(self) -> None:
        """One step of Adam for every image; the notebook clamps before the forward pass, we project after the step."""
        if self.settings.method == "notebook":
            self._images.clamp_(0, 1)
        gradient, readings = self._gradient()
        if self.settings.early_stop and self._has_stalled(readings):
            self._is_converged = True
            return
        if self._step % -(-self.total // _TRACE_POINTS) == 0:
            self._trace(self._readings(self._images) if self.settings.robustness else readings)
        self._step += 1
        self._adam(gradient)
        if self.settings.method == "ascent":
            self._images.clamp_(0, 1)

    def _adam(self, gradient: Tensor) -> None:
        first, second = _BETAS[self.settings.method]
        self._mean.lerp_(gradient, 1 - first)
        self._square.lerp_(gradient.square(), 1 - second)
        unbiased = self._mean / (1 - first**self._step)
        # torch's own 1e-8 would make weak units climb more slowly than strong ones.
        smallest = 1e-8 if self.settings.method == "notebook" else 1e-16
        spread = (self._square / (1 - second**self._step)).sqrt_().add_(smallest)
        self._images.addcdiv_(unbiased, spread, value=self._learning_rate())

    def _learning_rate(self) -> float:
        """Of the step at hand."""
        assert self.settings.learning_rate is not None
        if self.settings.method == "notebook":
            return self.settings.learning_rate
        done = (self._step - 1) / self.total
        warming_up = _FIRST_RATE + (1 - _FIRST_RATE) * done / _WARM_UP
        cooling_down = (1 - done) / (1 - _WARM_UP)
        return self.settings.learning_rate * min(warming_up, cooling_down)

    def _has_stalled(self, readings: "_Readings") -> bool:
        self._best = torch.maximum(self._best, readings.measure - readings.prior)
        if self._step % STALL_STEPS:
            return False
        level = self._best.mean(dim=1)
        gain, self._level = level - self._level, level
        return bool((gain <= STALL_GAIN * self._best.amax(dim=1).abs()).all())

    def _gradient(self) -> tuple[Tensor, "_Readings"]:
        """The objective's gradient (unit x start, row, column), and what was read on the way."""
        transform = self._transform()
        gradients, readings = [], []
        for images, unit in self._batches(self._images):
            with torch.enable_grad():
                shown = images.requires_grad_() if transform is None else transform.of(images.requires_grad_())
                drive, measure = self._response(self._climbable_drive(shown), unit)
                (gradient,) = torch.autograd.grad(measure.sum(), images)
            prior, of_prior = self._prior(images.detach(), unit)
            gradient -= of_prior
            # Shifted, an image reaches the unit from outside its field, too.
            gradients.append(gradient if transform is None else gradient * self.fields[unit])
            readings.append(_Readings(drive.detach(), measure.detach(), prior))
        gradient, gathered = torch.cat(gradients), self._gathered(readings)
        if not self.settings.diversity:
            return gradient, gathered
        with torch.enable_grad():
            images = self._images.detach().requires_grad_()
            likeness = self._likeness_paid(images)
            (of_likeness,) = torch.autograd.grad(likeness.sum(), images)
        return gradient - of_likeness, gathered._replace(prior=gathered.prior + likeness.detach())

    def _transform(self) -> "Transform | None":
        """This step's change to all images, or None where they are shown as they are."""
        if not self.settings.robustness:
            return None
        return Transform.drawn(self._generator("transform", self._step), self.settings.robustness, self.layer)

    @torch.no_grad()
    def _readings(self, images: Tensor) -> "_Readings":
        """What the images (unit x start, row, column) do as they are."""
        readings = []
        for batch, unit in self._batches(images):
            response = self._response(self.network.drive(batch, self.layer.name), unit)
            readings.append(_Readings(*response, self._prior(batch, unit)[0]))
        gathered = self._gathered(readings)
        if not self.settings.diversity:
            return gathered
        return gathered._replace(prior=gathered.prior + self._likeness_paid(images))

    def _gathered(self, readings: list["_Readings"]) -> "_Readings":
        return _Readings(*(self._per_unit(torch.cat(values)) for values in zip(*readings, strict=True)))

    def _per_unit(self, values: Tensor) -> Tensor:
        """(unit x start, …) as (unit, start, …)."""
        return values.unflatten(0, (len(self.units), self.settings.starts))

    def _batches(self, images: Tensor) -> list[tuple[Tensor, Tensor]]:
        """Images with the position of the unit that each is meant for, in batches that stay in the cache."""
        return list(zip(images.detach().split(_BATCH), self._unit.split(_BATCH), strict=True))

    @cached_property
    def _unit(self) -> Tensor:
        """The position of the unit that each image is meant for (unit x start,)."""
        return torch.arange(len(self.units), device=self._device).repeat_interleave(self.settings.starts)

    @cached_property
    def _climbable_drive(self) -> Callable[[Tensor], Tensor]:
        """The layer's drive, to be climbed."""
        return self.network.compiled_drive(self.layer.name)

    def _response(self, drives: Tensor, unit: Tensor) -> tuple[Tensor, Tensor]:
        """From the layer's drives, for each image its unit's drive and what the method climbs (image,)."""
        drive = self._pick(drives, unit)
        if self.settings.method == "notebook":
            activities = drives if self.layer.name == "y" else drives.relu()
            return drive, self._pick(activities, unit).square()
        return drive, drive if self.settings.direction == "excite" else -drive

    def _pick(self, values: Tensor, unit: Tensor) -> Tensor:
        """For each image the value of the unit that it is meant for (image,)."""
        columns = values.flatten(start_dim=1)
        if self.layer.kind == "conv":
            columns = torch.cat([columns, values.mean(dim=(2, 3))], dim=1)
        return columns.gather(1, self._columns[unit][:, None])[:, 0]

    @cached_property
    def _columns(self) -> Tensor:
        size = self.layer.size
        columns = [unit.index if unit.channel is None else size + unit.channel for unit in self.units]
        return torch.tensor(columns, device=self._device)

    def _prior(self, images: Tensor, unit: Tensor) -> tuple[Tensor, Tensor]:
        """What each image pays (image,), and its gradient (image, row, column).

        The pull is towards paper, and towards smoothness, or by the notebook's rule towards grey.
        """
        assert self.settings.penalty is not None
        if self.settings.method == "notebook":
            away = (images - PIXEL_MEAN) / PIXEL_SD
            weight = self.settings.penalty / away[0].numel()
            return weight * away.square().sum(dim=(1, 2)), away * (2 * weight / PIXEL_SD)
        weight = self.settings.penalty * self.scales[unit] / self._pixels[unit]
        # Outside their fields the images are paper.
        paid, gradient = weight * images.square().sum(dim=(1, 2)), images * (2 * weight)[:, None, None]
        if self.settings.smoothness:
            weight = self.settings.smoothness * self.scales[unit] / self._pixels[unit]
            for axis in (1, 2):
                rises = images.diff(dim=axis)
                paid = paid + weight * rises.square().sum(dim=(1, 2))
                edges = F.pad(rises, (0, 0, 1, 1) if axis == 1 else (1, 1))
                gradient -= (2 * weight)[:, None, None] * edges.diff(dim=axis)
        return paid, gradient

    @cached_property
    def _pixels(self) -> Tensor:
        """How many pixels each unit's field has (unit,)."""
        return self.fields.sum(dim=(1, 2))

    def _likeness_paid(self, images: Tensor) -> Tensor:
        """What each image pays for its likeness to the unit's other starts (unit, start)."""
        directions = self._per_unit(F.normalize(images.flatten(start_dim=1), dim=1))
        others = directions.sum(dim=1, keepdim=True) - directions
        likeness = (directions * others).sum(dim=2) / (self.settings.starts - 1)
        return self.settings.diversity * self.scales[:, None] * likeness

    def _trace(self, readings: "_Readings") -> None:
        self._leaders = readings.measure.argmax(dim=1)
        leaders = self._leaders[:, None]
        drives, priors = (values.gather(1, leaders)[:, 0].tolist() for values in (readings.drive, readings.prior))
        for trace, drive, prior in zip(self.traces, drives, priors, strict=True):
            trace.append({"step": self._step, "drive": drive, "penalty": prior})

    def _final_images(self) -> Tensor:
        return self._images.clamp(0, 1)


def _whole(layer: Layer) -> list[Unit]:
    """Every unit of a dense layer; of a convolutional one the middle of every channel's map."""
    if layer.kind == "dense":
        return [Unit(layer, index=index) for index in range(layer.size)]
    channels, rows, columns = layer.shape
    middle = {"row": rows // 2, "column": columns // 2}
    return [Unit.of(layer, {"channel": channel, **middle}) for channel in range(channels)]


_STATE = ("images", "mean", "square", "best", "level", "leaders")


class _Readings(NamedTuple):
    """Per image, or (unit, start): the drive, what the method climbs, and the penalties it pays."""

    drive: Tensor
    measure: Tensor
    prior: Tensor
