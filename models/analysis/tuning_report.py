"""What tuning found: the stimulus a unit prefers, what it does to the network, and how it compares with real digits."""

from typing import Any, NamedTuple

import torch
from torch import Tensor

from models.analysis.activity import predict, record
from models.analysis.image_statistics import image_statistics
from models.analysis.tuning import Found, Tuning
from models.analysis.tuning_settings import transforms_at
from models.digit_net import DigitNet, Layer, Response
from models.digits import Digits
from models.units import Unit

SAMPLES = 2000
"""Test digits with which a tuned unit is compared."""

NEIGHBOURS = 8
"""Of these digits, how many that drive a unit most, and least, are named."""

_SAME_OPTIMUM = 0.1
_COMPARISONS = (
    *("dataset_maximum", "dataset_minimum", "dataset_percentile", "dead"),
    *("top_digits", "bottom_digits", "nearest_class_mean"),
)


def report(tuning: Tuning, digits: Digits | None) -> dict[str, Any]:
    """The answer of a search as it stands, ready for JSON; comparisons with real digits are None without `digits`.

    Per unit: `best_start` is the start that ended best by the method's own measure, and each number of `drive_before`,
    `drive_after` and `layer_*` comes from showing that image alone, as predict and activations do. `margin_*` is its
    drive less that of its strongest peer. `optima` counts distinct final images: going from the best start down, one
    counts as new when it differs from all that counted before by more than 0.1, root mean square over the receptive
    field. Ranks, margins and the percentile are by drive. Of the test digits the first 2,000 are taken; `dead` is a
    unit whose activity is 0 for each of them. `nearest_class_mean` is the mean digit of the class whose pixels
    correlate best with the tuned image's; distances are root mean square over the pixels.
    """
    found = tuning.found()
    reference = None if digits is None else _Reference.of(tuning.network, tuning.layer, digits)
    units = [_unit_report(tuning, number, found, reference) for number in range(len(tuning.units))]
    listed = {"excite": "top_digits", "inhibit": "bottom_digits"}[tuning.settings.direction]
    settings = tuning.settings
    return {
        "layer": tuning.layer.name,
        "direction": settings.direction,
        "method": settings.method,
        "settings": tuning.settings_used,
        "transforms": transforms_at(settings.robustness, tuning.layer) if settings.robustness else None,
        "steps": tuning.step,
        "stopped": tuning.stopped,
        "class_means": None if reference is None else reference.mean_pictures,
        "digits": None if reference is None else reference.pictures([unit[listed] for unit in units]),
        "units": units,
    }


class _Reference(NamedTuple):
    """The test digits that tuned units are compared with.

    Attributes:
        images: uint8 (image, row, column).
        labels: (image,).
        response: The layer's, (image, *layer shape).
        class_means: The mean digit (row, column), 0 to 1, of each class that there is.
    """

    images: Tensor
    labels: Tensor
    response: Response
    class_means: dict[int, Tensor]

    @classmethod
    def of(cls, network: DigitNet, layer: Layer, digits: Digits) -> "_Reference":
        images, labels = sample(digits)
        response = record(network, images, (layer.name,))[layer.name]
        return cls(images, labels, response, class_means(digits))

    @property
    def mean_pictures(self) -> list[dict[str, Any]]:
        """The mean digits, ready for JSON."""
        return [{"label": label, "image": _rounded(image)} for label, image in self.class_means.items()]

    def pictures(self, lists: list[list[dict[str, Any]]]) -> list[dict[str, Any]]:
        """The digits that any of the lists names, once each."""
        indices = sorted({digit["index"] for digits in lists for digit in digits})
        return [
            {"index": index, "label": int(self.labels[index]), "image": _rounded(self.images[index] / 255)}
            for index in indices
        ]

    def extremes(self, unit: Unit, largest: bool) -> list[dict[str, Any]]:
        """The digits that drive the unit most, or least, the extreme one first."""
        drives = unit.read(self.response.drive)
        indices = drives.argsort(descending=largest, stable=True)[:NEIGHBOURS].tolist()
        return [{"index": index, "label": int(self.labels[index]), "drive": float(drives[index])} for index in indices]


def sample(digits: Digits) -> tuple[Tensor, Tensor]:
    """The test digits that tuned stimuli are compared with: uint8 images (image, row, column) and labels (image,)."""
    images, labels = digits.split("test")
    return images[:SAMPLES], labels[:SAMPLES]


def class_means(digits: Digits) -> dict[int, Tensor]:
    """The mean digit (row, column), 0 to 1, of each class among the `sample`."""
    images, labels = sample(digits)
    return {label: (images[labels == label] / 255).mean(dim=0) for label in labels.unique().tolist()}


def nearest_class_mean(image: Tensor, class_means: dict[int, Tensor]) -> dict[str, Any]:
    """The class whose mean digit correlates best with `image` over the pixels, and how near all of them are."""
    classes = [
        {"label": label, "correlation": _correlation(image, mean), "distance": _distance(image, mean)}
        for label, mean in class_means.items()
    ]
    related = [each for each in classes if each["correlation"] is not None]
    nearest = max(related, key=lambda each: each["correlation"], default=dict.fromkeys(("label", "correlation")))
    return {"label": nearest["label"], "correlation": nearest["correlation"], "classes": classes}


def _unit_report(tuning: Tuning, number: int, found: Found, reference: _Reference | None) -> dict[str, Any]:
    unit, measure, final = tuning.units[number], found.measure[number], found.images[number]
    best = int(measure.argmax())
    image = final[best]
    before = _shown(tuning, unit, tuning.starts[best], "before")
    after = _shown(tuning, unit, image, "after")
    (prediction,) = predict(tuning.network, image[None])
    return {
        "unit": unit.as_json(),
        "label": unit.label,
        "trace": tuning.traces[number],
        "best_start": best,
        "initial_image": tuning.starts[best].tolist(),
        "optimized_image": image.tolist(),
        **before,
        **after,
        **_endings(found.before[number], found.after[number]),
        "optima": _distinct(final, measure, tuning.fields[number]),
        "image_statistics": {
            "before": image_statistics(tuning.starts[best]),
            "after": image_statistics(image),
        },
        "class_logits": prediction["logits"],
        "prediction": {name: prediction[name] for name in ("label", "probability")},
        **_among_digits(unit, after["drive_after"], image, reference),
        "prior": tuning.prior(number),
    }


@torch.no_grad()
def _shown(tuning: Tuning, unit: Unit, image: Tensor, when: str) -> dict[str, Any]:
    """What the unit and its layer answer to an image that is shown alone."""
    response = tuning.network.responses_one_by_one(image[None], (tuning.layer.name,))[tuning.layer.name]
    drive = float(unit.read(response.drive))
    return {
        f"drive_{when}": drive,
        f"margin_{when}": _margin(unit.peers(response.drive)[0], drive),
        f"rank_{when}": unit.rank(response.drive)[0],
        f"layer_{when}": response.activity[0].tolist(),
        f"layer_drive_{when}": response.drive[0].tolist(),
    }


def _margin(peers: Tensor, drive: float) -> float:
    first, second = peers.topk(2).values.tolist()
    return drive - (second if drive >= first else first)


def _endings(before: Tensor, after: Tensor) -> dict[str, Any]:
    return {
        "starts": [
            {"before": began, "after": ended} for began, ended in zip(before.tolist(), after.tolist(), strict=True)
        ],
        "signs": {"positive": int((after > 0).sum()), "negative": int((after < 0).sum())},
    }


def _distinct(final: Tensor, measure: Tensor, field: Tensor) -> int:
    """How many of the final images differ from each better one that counted."""
    pixels = final[:, field > 0]
    distance = torch.cdist(pixels, pixels, compute_mode="donot_use_mm_for_euclid_dist") / pixels.shape[1] ** 0.5
    differ = (distance > _SAME_OPTIMUM).tolist()
    counted: list[int] = []
    for start in measure.argsort(descending=True, stable=True).tolist():
        if all(differ[start][other] for other in counted):
            counted.append(start)
    return len(counted)


def _among_digits(unit: Unit, drive: float, image: Tensor, reference: _Reference | None) -> dict[str, Any]:
    if reference is None:
        return dict.fromkeys(_COMPARISONS)
    drives = unit.read(reference.response.drive)
    return {
        "dataset_maximum": float(drives.max()),
        "dataset_minimum": float(drives.min()),
        "dataset_percentile": 100 * float((drives < drive).double().mean()),
        "dead": bool((unit.read(reference.response.activity) == 0).all()),
        "top_digits": reference.extremes(unit, largest=True),
        "bottom_digits": reference.extremes(unit, largest=False),
        "nearest_class_mean": nearest_class_mean(image.cpu(), reference.class_means),
    }


def _correlation(one: Tensor, other: Tensor) -> float | None:
    """Pearson's, over the pixels; None where one of them is of one grey."""
    one, other = (image.double() - image.double().mean() for image in (one, other))
    spread = float(one.norm() * other.norm())
    return float((one * other).sum()) / spread if spread > 1e-9 else None


def _distance(one: Tensor, other: Tensor) -> float:
    return float((one - other).square().mean().sqrt())


def _rounded(image: Tensor) -> list[list[float]]:
    """Pixels to four decimals: real digits have 256 greys."""
    return image.double().mul(1e4).round().div(1e4).tolist()
