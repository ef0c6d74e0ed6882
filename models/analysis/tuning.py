"""The preferred stimulus of a unit, found by climbing its response (notebook, section 1: tuning analysis)."""

import time
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from typing import Any, Literal, NamedTuple

import numpy as np
import torch
from torch import Tensor

from models.checkpoints import pack, unpack
from models.digit_net import PIXEL_MEAN, PIXEL_SD, DigitNet, Response, layer
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
    "ascent": {"steps": 200, "learning_rate": 0.1, "penalty": 1.0},
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
            message = (
                "The notebook's rule squares the activity and knows no direction; use the method ascent to inhibit."
            )
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

    It works on a copy of the network, and no global RNG is touched.
    """

    def __init__(self, network: DigitNet, settings: TuningSettings, device: str = "cpu") -> None:
        self.settings = settings.complete()
        self._network = deepcopy(network).to(device).requires_grad_(False)
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
        images = self._final_images()
        best = self._readings(images).measure.argmax(dim=1)
        return self._per_unit(images)[torch.arange(len(self.units)), best]

    def report(self, digits: Digits | None) -> dict[str, Any]:
        """The answer, ready for JSON; comparisons with real digits are None without `digits`.

        Per unit: `best_start` is the start that ended best by the method's own measure, and each number of
        `drive_before`, `drive_after` and `layer_*` comes from showing that image alone, as predict and activations do.
        `optima` counts distinct final images: going from the best start down, one counts as new when it differs from
        all that counted before by more than 0.1, root mean square over the receptive field. `dead` is a unit whose
        activity is 0 for each of the 2,000 digits. Ranks and the percentile are by drive.
        """
        images = self._final_images()
        before, after = self._readings(self._initial_images()), self._readings(images)
        reference = None if digits is None else self._responses_to(digits)
        return {
            "layer": self._layer.name,
            "direction": self.settings.direction,
            "method": self.settings.method,
            "settings": self._settings_used(),
            "steps": self._step,
            "stopped": self.stopped,
            "units": [
                {
                    "unit": unit.as_json(),
                    "label": unit.label,
                    "trace": trace,
                    **self._before_and_after(unit, final, int(measure.argmax())),
                    **_endings(started, ended, self._distinct(final, measure, field)),
                    **_among_digits(unit, unit.read(self._shown(final[measure.argmax()]).drive), reference),
                    "prior": self._prior_used(float(scale)),
                }
                for unit, trace, final, measure, started, ended, field, scale in zip(
                    self.units,
                    self._traces,
                    self._per_unit(images),
                    after.measure,
                    before.drive,
                    after.drive,
                    self._fields,
                    self._scales,
                    strict=True,
                )
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
        gradient, readings = self._gradient()
        if self._step % -(-self.total // _TRACE_POINTS) == 0:
            self._trace(readings)
        self._step += 1
        self._adam(gradient)
        if self.settings.method == "ascent":
            self._images.clamp_(0, 1)
        if self._step == self.total:
            self._trace(self._readings(self._final_images()))

    def _adam(self, gradient: Tensor) -> None:
        assert self.settings.learning_rate is not None
        self._mean.lerp_(gradient, 1 - 0.9)
        self._square.lerp_(gradient.square(), 1 - 0.999)
        unbiased = self._mean / (1 - 0.9**self._step)
        # torch's own 1e-8 would make weak units climb more slowly than strong ones.
        smallest = 1e-8 if self.settings.method == "notebook" else 1e-16
        spread = (self._square / (1 - 0.999**self._step)).sqrt_().add_(smallest)
        self._images.addcdiv_(unbiased, spread, value=self.settings.learning_rate)

    def _gradient(self) -> tuple[Tensor, "_Readings"]:
        """The objective's gradient (unit x start, row, column), and what was read on the way."""
        gradients, readings = [], []
        with torch.enable_grad():
            for images, unit in self._batches(self._images):
                reading = self._read(images.requires_grad_(), unit)
                gradients += torch.autograd.grad((reading.measure - reading.prior).sum(), images)
                readings.append(_Readings(*(value.detach() for value in reading)))
        return torch.cat(gradients), self._gathered(readings)

    @torch.no_grad()
    def _readings(self, images: Tensor) -> "_Readings":
        return self._gathered([self._read(*batch) for batch in self._batches(images)])

    def _gathered(self, readings: list["_Readings"]) -> "_Readings":
        return _Readings(*(self._per_unit(torch.cat(values)) for values in zip(*readings, strict=True)))

    def _per_unit(self, values: Tensor) -> Tensor:
        """(unit x start, …) as (unit, start, …)."""
        return values.unflatten(0, (len(self.units), self.settings.starts))

    def _batches(self, images: Tensor) -> list[tuple[Tensor, Tensor]]:
        """Images with the position of the unit that each is meant for, in batches that stay in the cache."""
        unit = torch.arange(len(self.units), device=self._device).repeat_interleave(self.settings.starts)
        return list(zip(images.detach().split(_BATCH), unit.split(_BATCH), strict=True))

    def _read(self, images: Tensor, unit: Tensor) -> "_Readings":
        response = self._network.responses(images, (self._layer.name,))[self._layer.name]
        prior = self._prior(images, unit)
        drive = self._pick(response.drive, unit)
        if self.settings.method == "notebook":
            return _Readings(drive, self._pick(response.activity, unit).square(), prior)
        return _Readings(drive, drive if self.settings.direction == "excite" else -drive, prior)

    def _pick(self, values: Tensor, unit: Tensor) -> Tensor:
        """For each image the value of the unit that it is meant for (image,)."""
        columns = values.flatten(start_dim=1)
        if self._layer.kind == "conv":
            columns = torch.cat([columns, values.mean(dim=(2, 3))], dim=1)
        return columns.gather(1, self._columns[unit][:, None])[:, 0]

    @cached_property
    def _columns(self) -> Tensor:
        size = self._layer.size
        columns = [unit.index if unit.channel is None else size + unit.channel for unit in self.units]
        return torch.tensor(columns, device=self._device)

    def _prior(self, images: Tensor, unit: Tensor) -> Tensor:
        """The pull towards paper, or by the notebook's rule towards grey (image,)."""
        assert self.settings.penalty is not None
        if self.settings.method == "notebook":
            return self.settings.penalty * ((images - PIXEL_MEAN) / PIXEL_SD).square().mean(dim=(1, 2))
        field = self._fields[unit]
        mean_square = (images * field).square().sum(dim=(1, 2)) / field.sum(dim=(1, 2))
        return self.settings.penalty * self._scales[unit] * mean_square

    def _prior_used(self, scale: float) -> dict[str, Any]:
        prior: dict[str, Any] = {"penalty": self.settings.penalty}
        if self.settings.method == "notebook":
            term = "penalty x mean square of the normalised pixels"
            return prior | {"towards": PIXEL_MEAN, "scale": None, "term": term}
        term = "penalty x scale x mean square of the pixels in the receptive field"
        return prior | {"towards": 0.0, "scale": scale, "term": term}

    def _trace(self, readings: "_Readings") -> None:
        best = readings.measure.argmax(dim=1, keepdim=True)
        drives, priors = (values.gather(1, best)[:, 0].tolist() for values in (readings.drive, readings.prior))
        for trace, drive, prior in zip(self._traces, drives, priors, strict=True):
            trace.append({"step": self._step, "drive": drive, "penalty": prior})

    def _initial_images(self) -> Tensor:
        return self._starts.repeat(len(self.units), 1, 1)

    def _final_images(self) -> Tensor:
        return self._images.clamp(0, 1)

    def _before_and_after(self, unit: Unit, final: Tensor, best: int) -> dict[str, Any]:
        """The best start's two images, each shown alone, and what the unit and its layer answered."""
        answer: dict[str, Any] = {
            "best_start": best,
            "initial_image": self._starts[best].tolist(),
            "optimized_image": final[best].tolist(),
        }
        for when, image in (("before", self._starts[best]), ("after", final[best])):
            response = self._shown(image)
            answer |= {
                f"drive_{when}": float(unit.read(response.drive)),
                f"layer_{when}": response.activity[0].tolist(),
                f"layer_drive_{when}": response.drive[0].tolist(),
                f"rank_{when}": unit.rank(response.drive)[0],
            }
        return answer

    @torch.no_grad()
    def _shown(self, image: Tensor) -> Response:
        return self._network.responses(image[None], (self._layer.name,))[self._layer.name]

    @torch.no_grad()
    def _responses_to(self, digits: Digits) -> Response:
        batches = (digits.split("test")[0][:SAMPLES].to(self._device).float() / 255).split(_BATCH)
        responses = [self._network.responses(batch, (self._layer.name,))[self._layer.name] for batch in batches]
        return Response(*(torch.cat(values) for values in zip(*responses, strict=True)))

    def _distinct(self, final: Tensor, measure: Tensor, field: Tensor) -> int:
        """How many of the final images differ from each better one that counted."""
        pixels = final[:, field > 0]
        distance = torch.cdist(pixels, pixels, compute_mode="donot_use_mm_for_euclid_dist") / pixels.shape[1] ** 0.5
        counted: list[int] = []
        for start in measure.argsort(descending=True, stable=True).tolist():
            if all(distance[start, other] > _SAME_OPTIMUM for other in counted):
                counted.append(start)
        return len(counted)

    def _settings_used(self) -> dict[str, Any]:
        units = [unit.as_json() for unit in self.units]
        return {name: value for name, value in asdict(self.settings).items() if name != "units"} | {"units": units}


class _Readings(NamedTuple):
    """Per image, or (unit, start): the drive, what the method climbs, and the prior it pays."""

    drive: Tensor
    measure: Tensor
    prior: Tensor


def _endings(before: Tensor, after: Tensor, optima: int) -> dict[str, Any]:
    return {
        "starts": [
            {"before": began, "after": ended} for began, ended in zip(before.tolist(), after.tolist(), strict=True)
        ],
        "signs": {"positive": int((after > 0).sum()), "negative": int((after < 0).sum())},
        "optima": optima,
    }


def _among_digits(unit: Unit, drive: Tensor, reference: Response | None) -> dict[str, Any]:
    if reference is None:
        return dict.fromkeys(("dataset_maximum", "dataset_minimum", "dataset_percentile", "dead"))
    drives = unit.read(reference.drive)
    return {
        "dataset_maximum": float(drives.max()),
        "dataset_minimum": float(drives.min()),
        "dataset_percentile": 100 * float((drives < drive).double().mean()),
        "dead": bool((unit.read(reference.activity) == 0).all()),
    }
