"""What several units prefer, side by side: units, layers, networks, moments of one training (notebook, section 1)."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from itertools import pairwise
from typing import Any, NamedTuple

import torch
from torch import Tensor

from models.analysis.activity import record
from models.analysis.comparison_sentences import sentences
from models.analysis.image_statistics import image_statistics
from models.analysis.tuning import Tuning
from models.analysis.tuning_report import class_means, nearest_class_mean, sample
from models.analysis.tuning_settings import TuningSettings
from models.checkpoints import load_weights, pack, unpack, weights_bytes, weights_sha256
from models.digit_net import DigitNet, layer
from models.digits import Digits
from models.errors import CorruptCheckpoint, DatasetUnavailable, InvalidAnalysis, UnknownLayer, UnknownUnit
from models.training.digit_net import DigitNetTraining, DigitNetTrainingSettings
from models.units import Unit

_CORRELATIONS = ("image_correlation", "response_correlation")


@dataclass(frozen=True)
class ComparedModel:
    """A network to compare.

    Attributes:
        network: As its training left it.
        training: How it was trained, where that is known.
        steps: How many steps that took.
    """

    network: DigitNet
    training: DigitNetTrainingSettings | None = None
    steps: int | None = None


@dataclass(frozen=True)
class Subject:
    """One of the units to compare.

    Attributes:
        model: What its model is called.
        layer: Where the unit is.
        unit: Which, in request form.
        step: The network is meant as it was after so many training steps, 0 being untrained; None for the model itself.
    """

    model: str
    layer: str
    unit: int | Mapping[str, int]
    step: int | None = None

    @property
    def moment(self) -> "_Moment":
        """Which network it is a unit of."""
        return _Moment(self.model, self.step)


class Comparison:
    """The comparison as resumable work (`models.work.Work`); `report` gives the answer once it is finished.

    First the networks as they were at some step are made by training again (nothing was stored of them), then each
    unit's preferred stimulus is sought, from the same random starts. It works on copies of the networks.

    Args:
        models: By the names that the subjects use.
        subjects: What to compare.
        digits: For training again, and for the responses to real digits.
        starts: Random beginnings of each search.
        steps: Steps of each search.
        seed: Decides the starts.
        device: Where to compute.

    Raises:
        UnknownLayer: A subject's layer does not exist.
        UnknownUnit: A subject's unit is outside its layer.
        InvalidAnalysis: There are not two subjects, or a subject's step is outside its model's training, or nothing is
            known of that.
    """

    def __init__(
        self,
        models: Mapping[str, ComparedModel],
        subjects: Sequence[Subject],
        digits: Digits | None,
        *,
        starts: int = 32,
        steps: int = 200,
        seed: int = 0,
        device: str = "cpu",
    ) -> None:
        if len(subjects) < 2:
            raise InvalidAnalysis("One subject has nothing to be compared with; name at least two.", "/subjects")
        self._models, self._subjects, self._digits, self._device = models, tuple(subjects), digits, device
        self._units = [_unit_of(number, subject) for number, subject in enumerate(subjects)]
        for number, subject in enumerate(subjects):
            _refuse_step(number, subject, models[subject.model])
        self._search = TuningSettings("y", starts=starts, steps=steps, seed=seed)
        self._phases: list[_Training | _Search] = [*self._trainings(), *self._searches()]
        self._phase = 0
        self._work: DigitNetTraining | Tuning | None = None
        self._retrained: dict[_Moment, bytes] = {}
        self._images: dict[int, Tensor] = {}

    @property
    def step(self) -> int:
        """Steps of training and of searches done; a search that stopped early counts in full."""
        done = sum(phase.length for phase in self._phases[: self._phase])
        return done if self._work is None else done + self._work.step - self._phases[self._phase].begin

    @property
    def total(self) -> int:
        """Steps of training and of searches in all."""
        return sum(phase.length for phase in self._phases)

    @property
    def is_finished(self) -> bool:
        """Whether each subject's image is found."""
        return self._phase == len(self._phases)

    @property
    def metrics(self) -> dict[str, Any]:
        """How many images are found, and what the training or the search at hand says of itself."""
        return {"images_found": len(self._images), **({} if self._work is None else self._work.metrics)}

    def advance(self) -> None:
        """Does one slice of the training or search at hand."""
        if self.is_finished:
            return
        phase = self._phases[self._phase]
        self._work = self._work or self._begun(phase)
        if isinstance(phase, _Training):
            self._train(phase)
        else:
            self._seek(phase)

    @torch.inference_mode()
    def report(self) -> dict[str, Any]:
        """The answer, ready for JSON; what needs real digits is None without them.

        Matrices have a row for each subject's image and a column for each subject. `cross_drive` is the drive of the
        column's unit for the row's image, each image shown alone; `cross_relative` is that as a share of the drive for
        the unit's own image, None where that is not above 0. `image_correlation` is over pixels, `response_correlation`
        over the units' drives for the first 2,000 test digits: a unit's number means nothing in another network, this
        does. Correlations with what never varies are None.
        """
        images = torch.stack([self._images[number] for number in range(len(self._subjects))])
        cross = [[self._drive(number, image) for number in range(len(self._subjects))] for image in images]
        answers = self._answers_to_digits()
        result: dict[str, Any] = {
            "subjects": [
                {**self._described(number, image, cross[number][number]), **self._among_digits(number, image, answers)}
                for number, image in enumerate(images)
            ],
            "cross_drive": cross,
            "cross_relative": [
                [drive / cross[unit][unit] if cross[unit][unit] > 0 else None for unit, drive in enumerate(row)]
                for row in cross
            ],
            "image_correlation": _correlations(images.flatten(start_dim=1)),
            "response_correlation": answers and _correlations(torch.stack([each.drives for each in answers])),
            "retraining": self._retraining(),
        }
        result["development"] = _development(result)
        return {**result, "sentences": sentences(result)}

    def state(self) -> bytes:
        """All that `restore` needs to go on from here."""
        tensors = {f"image.{number}": image for number, image in self._images.items()}
        tensors |= {f"weights.{step}.{model}": _as_tensor(data) for (model, step), data in self._retrained.items()}
        if self._work is not None:
            tensors["work"] = _as_tensor(self._work.state())
        return pack(tensors, {"identity": self._identity, "phase": self._phase})

    def restore(self, state: bytes) -> None:
        """Goes back to where `state` was taken.

        Raises:
            CorruptCheckpoint: The bytes are no state of this comparison.
        """
        tensors, notes = unpack(state)
        if notes.get("identity") != self._identity:
            raise CorruptCheckpoint("The saved state belongs to another comparison; start this one anew.")
        try:
            self._phase, self._images, self._retrained = int(notes["phase"]), {}, {}
            for name, tensor in tensors.items():
                match name.split(".", 2):
                    case ["image", number]:
                        self._images[int(number)] = tensor.to(self._device)
                    case ["weights", step, model]:
                        self._retrained[_Moment(model, int(step))] = _as_bytes(tensor)
            self._work = self._begun(self._phases[self._phase]) if "work" in tensors else None
        except (KeyError, IndexError, TypeError, ValueError) as error:
            raise CorruptCheckpoint("The saved state is damaged; start the comparison anew.") from error
        if self._work is not None:
            self._work.restore(_as_bytes(tensors["work"]))

    def _trainings(self) -> list["_Training"]:
        """For each model of which steps are wanted, the stretches of its training from each such step to the next."""
        wanted: dict[str, set[int]] = {}
        for subject in self._subjects:
            if subject.step is not None:
                wanted.setdefault(subject.model, set()).add(subject.step)
        return [
            _Training(model, begin, end)
            for model, steps in wanted.items()
            for begin, end in pairwise([0, *sorted(steps)])
        ]

    def _searches(self) -> list["_Search"]:
        """A search for all units of one network's layer."""
        together: dict[tuple[_Moment, str], list[int]] = {}
        for number, subject in enumerate(self._subjects):
            together.setdefault((subject.moment, subject.layer), []).append(number)
        assert self._search.steps is not None
        return [_Search(*place, tuple(numbers), self._search.steps) for place, numbers in together.items()]

    def _begun(self, phase: "_Training | _Search") -> DigitNetTraining | Tuning:
        if isinstance(phase, _Search):
            units = tuple(self._units[number].as_json() for number in phase.subjects)
            settings = replace(self._search, layer=phase.layer, units=units)
            return Tuning(self._network(phase.moment), settings, self._device)
        settings = self._models[phase.model].training
        assert settings is not None
        if self._digits is None:
            raise DatasetUnavailable(
                "A network at a step is made by training again, which needs MNIST; leave step out."
            )
        # A target decides only when to stop; where rounding differs it might be met before the last step wanted.
        return DigitNetTraining(replace(settings, target_accuracy=None), self._digits, self._device)

    def _train(self, phase: "_Training") -> None:
        assert isinstance(self._work, DigitNetTraining)
        with torch.enable_grad():
            self._work.advance(until=phase.end)
        if self._work.step == phase.end:
            self._retrained[_Moment(phase.model, phase.end)] = weights_bytes(self._work.network)
            self._go_on()

    def _seek(self, phase: "_Search") -> None:
        assert isinstance(self._work, Tuning)
        self._work.advance()
        if self._work.is_finished:
            self._images |= zip(phase.subjects, self._work.best_images(), strict=True)
            self._go_on()

    def _go_on(self) -> None:
        """To the next phase; one that does not begin at 0 goes on with the training before it."""
        self._phase += 1
        if self.is_finished or self._phases[self._phase].begin == 0:
            self._work = None

    def _network(self, moment: "_Moment") -> DigitNet:
        network = DigitNet.initialised(0)
        load_weights(network, self._weights(moment))
        return network.to(self._device).eval().requires_grad_(False)

    def _weights(self, moment: "_Moment") -> bytes:
        return self._retrained.get(moment) or weights_bytes(self._models[moment.model].network)

    @cached_property
    def _networks(self) -> dict["_Moment", DigitNet]:
        """Those that subjects are units of, once all are there."""
        return {moment: self._network(moment) for moment in {subject.moment: None for subject in self._subjects}}

    def _drive(self, number: int, image: Tensor) -> float:
        subject = self._subjects[number]
        responses = self._networks[subject.moment].responses_one_by_one(image[None], (subject.layer,))
        return float(self._units[number].read(responses[subject.layer].drive))

    def _answers_to_digits(self) -> list["_Answers"] | None:
        """What each subject's unit and network answer to the test digits."""
        if self._digits is None:
            return None
        images, labels = sample(self._digits)
        answers = []
        for subject, unit in zip(self._subjects, self._units, strict=True):
            responses = record(self._networks[subject.moment], images, (subject.layer, "y"))
            is_right = responses["y"].drive.argmax(dim=1).cpu() == labels
            answers.append(_Answers(unit.read(responses[subject.layer].drive), float(is_right.double().mean())))
        return answers

    def _described(self, number: int, image: Tensor, drive: float) -> dict[str, Any]:
        subject, unit = self._subjects[number], self._units[number]
        statistics = image_statistics(image)
        return {
            "name": self._name(number),
            "model": subject.model,
            "step": subject.step,
            "sha256": weights_sha256(self._weights(subject.moment)),
            "layer": subject.layer,
            "kind": unit.layer.kind,
            "unit": unit.as_json(),
            "label": unit.label,
            "optimized_image": image.tolist(),
            "drive": drive,
            "receptive_field": unit.receptive_field._asdict(),
            "extent": {"box": statistics["extent"], "inked_fraction": 1 - statistics["near_paper"]},
            "spectrum": statistics["power_spectrum"],
        }

    def _name(self, number: int) -> str:
        """The unit, its model where there are several, and its step."""
        subject, others = self._subjects[number], self._subjects
        name = self._units[number].label
        name += f" of {subject.model}" if len({other.model for other in others}) > 1 else ""
        return name if subject.step is None else f"{name} after {subject.step} training steps"

    def _among_digits(self, number: int, image: Tensor, answers: "list[_Answers] | None") -> dict[str, Any]:
        if answers is None:
            return dict.fromkeys(("accuracy", "dataset_maximum", "nearest_class"))
        return {
            "accuracy": answers[number].accuracy,
            "dataset_maximum": float(answers[number].drives.max()),
            "nearest_class": _nearest_class(image, self._class_means),
        }

    @cached_property
    def _class_means(self) -> dict[int, Tensor]:
        assert self._digits is not None
        return class_means(self._digits)

    def _retraining(self) -> list[dict[str, Any]]:
        """Which models were trained again; whether that came to the model's own bits shows only at its last step."""
        steps: dict[str, list[int]] = {}
        for phase in self._phases:
            if isinstance(phase, _Training):
                steps.setdefault(phase.model, []).append(phase.end)
        return [self._retrained_model(name, self._models[name], reached) for name, reached in steps.items()]

    def _retrained_model(self, name: str, model: ComparedModel, steps: list[int]) -> dict[str, Any]:
        assert model.training is not None
        ended = self._retrained.get(_Moment(name, model.steps))
        return {
            "model": name,
            "seed": model.training.seed,
            "steps": steps,
            "steps_of_the_model": model.steps,
            "repeats_the_model": None if ended is None else ended == weights_bytes(model.network),
        }

    @cached_property
    def _identity(self) -> list[Any]:
        """What makes this comparison another than others, as JSON gives it back."""
        search = self._search
        models = [
            [name, weights_sha256(weights_bytes(model.network)), model.training and asdict(model.training)]
            for name, model in self._models.items()
        ]
        subjects = [
            [subject.model, subject.layer, unit.as_json(), subject.step]
            for subject, unit in zip(self._subjects, self._units, strict=True)
        ]
        return [models, subjects, search.starts, search.steps, search.seed]


class _Moment(NamedTuple):
    """A model, as it is or as it was at some step of its training."""

    model: str
    step: int | None


class _Training(NamedTuple):
    """A stretch of a model's training, done again."""

    model: str
    begin: int
    end: int

    @property
    def length(self) -> int:
        return self.end - self.begin


class _Search(NamedTuple):
    """The subjects whose images are sought together."""

    moment: _Moment
    layer: str
    subjects: tuple[int, ...]
    length: int
    begin: int = 0


class _Answers(NamedTuple):
    """A unit's drives for the test digits (image,), and the share of them that its network tells right."""

    drives: Tensor
    accuracy: float


def _unit_of(number: int, subject: Subject) -> Unit:
    try:
        return Unit.of(layer(subject.layer), subject.unit)
    except (UnknownLayer, UnknownUnit) as error:
        error.pointer = f"/subjects/{number}{error.pointer}"
        raise


def _refuse_step(number: int, subject: Subject, model: ComparedModel) -> None:
    if subject.step is None:
        return
    pointer = f"/subjects/{number}/step"
    if model.training is None or model.steps is None:
        message = f"Nobody noted how {subject.model} was trained, so it cannot be trained again; leave step out."
        raise InvalidAnalysis(message, pointer)
    if not 0 <= subject.step <= model.steps:
        message = (
            f"The training of {subject.model} took {model.steps} steps; choose a step from 0 (untrained) to "
            f"{model.steps}."
        )
        raise InvalidAnalysis(message, pointer)


def _correlations(rows: Tensor) -> list[list[float | None]]:
    """Pearson's correlation of each two rows (row, value); None for a row that never varies."""
    table = torch.corrcoef(rows.double())
    is_flat = rows.amin(dim=1) == rows.amax(dim=1)
    table[is_flat], table[:, is_flat] = torch.nan, torch.nan
    return [[None if math.isnan(value) else value for value in row] for row in table.tolist()]


def _nearest_class(image: Tensor, class_means: dict[int, Tensor]) -> dict[str, Any] | None:
    nearest = nearest_class_mean(image.cpu(), class_means)
    return None if nearest["label"] is None else {name: nearest[name] for name in ("label", "correlation")}


def _as_tensor(data: bytes) -> Tensor:
    return torch.frombuffer(bytearray(data), dtype=torch.uint8)


def _as_bytes(tensor: Tensor) -> bytes:
    return tensor.numpy().tobytes()


def _development(result: Mapping[str, Any]) -> list[dict[str, Any]] | None:
    """One unit over the steps of one training, in their order; None where the subjects are no such thing.

    Correlations are those with the last of the steps.
    """
    subjects = result["subjects"]
    timed = [number for number, subject in enumerate(subjects) if subject["step"] is not None]
    units = {(subject["model"], subject["label"]) for subject in subjects}
    if len(units) > 1 or len({subjects[number]["step"] for number in timed}) < 2:
        return None
    timed.sort(key=lambda number: subjects[number]["step"])
    return [
        {
            "subject": number,
            **{name: subjects[number][name] for name in ("step", "drive", "accuracy")},
            **{name: result[name] and result[name][number][timed[-1]] for name in _CORRELATIONS},
        }
        for number in timed
    ]
