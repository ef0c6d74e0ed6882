"""How does a unit's drive change with one property of the stimulus? The tuning curves of visual physiology.

Gratings are shown in all phases, as if they drifted. Of the drive over one cycle physiology keeps two numbers: F0, its
mean, and F1, the amplitude of its modulation. A unit that sums its pixels, as a simple cell does, is tuned in F1, one
that answers to all phases alike, as a complex cell does, in F0 (Skottun et al. 1991). Curves are fitted and indices are
taken where the unit is tuned: in the one of both that rises more above the response to plain grey.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from math import isnan, sqrt
from typing import Any, Literal, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.analysis.activity import record
from models.analysis.census import unit_statistics
from models.analysis.curve_fit import (
    CurveFit,
    MapFit,
    difference_of_gaussians,
    gaussian_map,
    log_gaussian,
    naka_rushton,
    von_mises,
)
from models.analysis.receptive_field import Respond, Values, unit_drives
from models.digit_net import DigitNet
from models.digits import Digits
from models.errors import DatasetUnavailable, InvalidAnalysis
from models.stimuli import GREY, blank, gratings, spots
from models.units import Field, Unit

Stimulus = Literal["class", "orientation", "spatial_frequency", "position", "size", "contrast"]
RANGES: Mapping[str, tuple[float, float]] = {
    "orientation_deg": (0, 180),
    "cycles_per_pixel": (0.005, 0.5),  # pixels show none finer
    "diameter": (0, 40),  # the image's diagonal
    "contrast": (0, 1),
    "phases": (4, 32),
    "spot_pixels": (1, 14),
    "per_class": (2, 800),
}
FEWEST_VALUES, MOST_VALUES = 6, 64
FEWEST_CYCLES = 0.25
"""In the field: of a slower grating it holds little more than one level of grey."""

SMALLEST_SIZED = 6
"""In pixels: in a smaller field, such as those of `l1`, discs of different size are hardly different."""

_ROUNDING = 1e-6  # of float32
_LINE_POINTS = 121
_FINEST_PREFERRED = 1 / 3  # cycles per pixel; with fewer pixels to a cycle one hardly sees how bars are oriented
_SWEPT: Mapping[str, str] = {
    "orientation": "orientation_deg",
    "spatial_frequency": "cycles_per_pixel",
    "size": "diameter",
    "contrast": "contrast",
}
_HELD: Mapping[str, Sequence[str]] = {
    "class": ("per_class",),
    "orientation": ("cycles_per_pixel", "contrast", "phases"),
    "spatial_frequency": ("orientation_deg", "contrast", "phases"),
    "position": ("spot_pixels", "contrast"),
    "size": ("orientation_deg", "cycles_per_pixel", "contrast", "phases"),
    "contrast": ("orientation_deg", "cycles_per_pixel", "phases"),
}


@dataclass(frozen=True)
class TuningCurveSettings:
    """What is swept and what is held; None leaves a number to its default.

    Attributes:
        stimulus: What is swept.
        values: Where it is measured: in degrees, cycles per pixel, pixels, or contrast.
        orientation_deg: Of gratings that hold it; by default that of the grating which drives the unit most.
        cycles_per_pixel: Of gratings that hold it; by default that of the grating which drives the unit most.
        contrast: Of gratings and spots that hold it; by default 1.
        phases: In which each grating is shown, evenly over its cycle; by default 12.
        spot_pixels: Side of the spot whose position is swept; by default an eighth of the field.
        per_class: Digits shown of each class; by default 100.
        seed: Decides which digits.
    """

    stimulus: Stimulus
    values: tuple[float, ...] | None = None
    orientation_deg: float | None = None
    cycles_per_pixel: float | None = None
    contrast: float | None = None
    phases: int | None = None
    spot_pixels: int | None = None
    per_class: int | None = None
    seed: int = 0


class Shown(NamedTuple):
    """A stimulus that was shown: its pixels (row, column), the value it stands for, and the drive it gave."""

    pixels: NDArray[np.float32]
    value: float
    drive: float


class TuningCurve(NamedTuple):
    """The answer, ready for JSON, and at each value the stimulus that drove the unit most."""

    answer: dict[str, Any]
    shown: list[Shown]


def tuning_curve(
    network: DigitNet, unit: Unit, settings: TuningCurveSettings, digits: Digits | None = None
) -> TuningCurve:
    """The tuning of a unit's drive to one property of what it sees.

    Returns:
        `response`: what is fitted, in words; of the drive to gratings it is the `component` "F0" or "F1". `blank`: the
        drive to plain grey. `held`: the stimulus's other properties. `curve`: at each value the `mean`, `sd` and number
        `n` of the drives (over phases, digits, or places along the other axis) and their `f1`. `fit`: None where no
        curve explains anything. `indices`: None for a unit that answers everything alike. `map`: of position, the
        drives to spots of ink and of paper.

    Raises:
        InvalidAnalysis: The settings contradict each other, or make no sense for the unit's receptive field.
        DatasetUnavailable: Tuning to classes was asked for without digits.
    """
    if settings.stimulus == "class":
        return _class_tuning(network, unit, settings, digits)
    return measure(partial(unit_drives, network, unit), unit.receptive_field, settings)


def measure(respond: Respond, field: Field, settings: TuningCurveSettings) -> TuningCurve:
    """The same, but for classes, of anything that responds to images and looks at `field`.

    Raises:
        InvalidAnalysis: The settings contradict each other, or make no sense for this field.
    """
    if settings.stimulus == "position":
        return _position_tuning(respond, field, settings)
    return _grating_tuning(respond, field, settings)


def _grating_tuning(respond: Respond, field: Field, settings: TuningCurveSettings) -> TuningCurve:
    stimulus, held, values = settings.stimulus, _held(settings, field), _values(settings, field)
    held |= _preferred_grating(respond, field, held)
    phases_deg = _phases_deg(held["phases"])
    grating = {name: value for name, value in held.items() if name != "phases"} | {_SWEPT[stimulus]: values[:, None]}
    images = gratings(**grating, phase_deg=phases_deg, field=field)  # (value, phase, row, column)
    drives, rest = _responses(respond, images), _rest(respond)
    rise, f1 = _components(drives, rest, phases_deg)
    is_modulated = f1.max() > rise.max()
    response, level = (f1, 0.0) if is_modulated else (rise + rest, rest)
    above = f1 if is_modulated else np.maximum(rise, 0)
    fit = None if _is_flat(response, drives) else _fitted(stimulus, values, response, level)
    best = int(above.argmax())
    modulation = {"modulation_ratio": _ratio(f1[best], rise[best])}
    answer = {
        "response": "amplitude of the drive's modulation over phases" if is_modulated else "mean drive over phases",
        "component": "F1" if is_modulated else "F0",
        **_described(stimulus, rest, held),
        "curve": [_point(*point) for point in zip(values, drives, f1, strict=True)],
        "fit": None if fit is None else _fit_told(fit, _between(stimulus, values)),
        "indices": None if _is_flat(drives, drives) else _INDICES[stimulus](values, above, fit) | modulation,
        "map": None,
    }
    return TuningCurve(answer, _best_shown(images, values, drives))


def _position_tuning(respond: Respond, field: Field, settings: TuningCurveSettings) -> TuningCurve:
    held = _held(settings, field)
    side, contrast = held["spot_pixels"], held["contrast"]
    images = torch.stack([spots(field, side, GREY + GREY * contrast * sign) for sign in (1, -1)], dim=2)
    drives, rest = _responses(respond, images), _rest(respond)  # (spot row, spot column, ink or paper)
    best = drives.max(axis=2)
    rows, columns = (
        first + (side - 1) / 2 + np.arange(count)
        for first, count in zip((field.top, field.left), best.shape, strict=True)
    )
    ink, paper = np.maximum(drives - rest, 0).max(axis=(0, 1))
    fit, is_flat = gaussian_map(rows, columns, best, rest), _is_flat(drives, drives)
    answer = {
        "response": "drive to a spot of ink or of paper, whichever drives more",
        "component": None,
        **_described("position", rest, held),
        "curve": [
            *(_point(*point, axis="row") for point in zip(rows, best, strict=True)),
            *(_point(*point, axis="column") for point in zip(columns, best.T, strict=True)),
        ],
        "fit": None if is_flat or fit.r2 <= 0 else _map_fit_told(fit, rows, columns),
        "indices": None if is_flat else {"polarity_index": _ratio(ink - paper, ink + paper)},
        "map": {
            "rows": rows.tolist(),
            "columns": columns.tolist(),
            "ink": drives[..., 0].tolist(),
            "paper": drives[..., 1].tolist(),
        },
    }
    row = best.max(axis=1).argmax()
    return TuningCurve(answer, _best_shown(images[row], columns, drives[row]))


def _class_tuning(network: DigitNet, unit: Unit, settings: TuningCurveSettings, digits: Digits | None) -> TuningCurve:
    held = _held(settings, unit.receptive_field)
    if digits is None:
        raise DatasetUnavailable("Tuning to classes shows digits of MNIST; without them choose another stimulus.")
    sample = digits.sample_per_class(held["per_class"], settings.seed)
    response = record(network, sample.images, (unit.layer.name,))[unit.layer.name]
    drive = unit.read(response.drive).double().cpu()
    drives = drive.numpy().reshape(-1, held["per_class"])  # (class, digit)
    answer = {
        "response": "mean drive over the digits of a class",
        "component": None,
        **_described("class", None, held),
        "curve": [_point(digit, each) for digit, each in enumerate(drives)],
        "fit": None,
        "indices": None if _is_flat(drives, drives) else _class_indices(drive, sample.labels),
        "map": None,
    }
    images = (sample.images.float() / 255).unflatten(0, drives.shape)
    return TuningCurve(answer, _best_shown(images, np.arange(10.0), drives))


def _held(settings: TuningCurveSettings, field: Field) -> dict[str, Any]:
    """The properties that this stimulus does not sweep; None for those that the preferred grating will tell."""
    stimulus = settings.stimulus
    given = {name: value for name, value in asdict(settings).items() if name in RANGES and value is not None}
    if settings.values is not None and stimulus not in _SWEPT:
        raise InvalidAnalysis(f"Tuning to {stimulus} takes no values: all are shown; leave them out.", "/values")
    if foreign := [name for name in given if name not in _HELD[stimulus]]:
        message = f"Tuning to {stimulus} holds only {', '.join(_HELD[stimulus])}; leave {foreign[0]} out."
        raise InvalidAnalysis(message, f"/{foreign[0]}")
    for name, value in given.items():
        _refuse_outside(name, value, field, f"/{name}")
    defaults: dict[str, Any] = {
        "contrast": 1.0,
        "phases": 12,
        "per_class": 100,
        "spot_pixels": max(1, _side(field) // 8),
    }
    held: dict[str, Any] = {name: given.get(name, defaults.get(name)) for name in _HELD[stimulus]}
    if stimulus == "position":
        _refuse_stuck_spot(held["spot_pixels"], field)
    return held


def _values(settings: TuningCurveSettings, field: Field) -> Values:
    """Where gratings are measured, in rising order."""
    stimulus, side = settings.stimulus, _side(field)
    if stimulus == "size" and side < SMALLEST_SIZED:
        message = f"This unit sees {side} pixels across, too few for discs of different size"
        raise InvalidAnalysis(f"{message}; choose one of l2 to y, or the mean of an l1 channel.", "/stimulus")
    if settings.values is None:
        return _default_values(stimulus, side)
    values = sorted(set(settings.values))
    if not FEWEST_VALUES <= len(values) <= MOST_VALUES:
        message = f"These are {len(values)} different values; a curve needs {FEWEST_VALUES} to {MOST_VALUES}."
        raise InvalidAnalysis(message, "/values")
    for value in values:
        _refuse_outside(_SWEPT[stimulus], value, field, "/values")
    return np.array(values, dtype=np.float64)


def _refuse_stuck_spot(side: int, field: Field) -> None:
    height, width = field.bottom - field.top, field.right - field.left
    largest = min(height, width) - 2
    if side > largest:
        message = f"A spot of {side} pixels can hardly move in the unit's field of {height}x{width}"
        raise InvalidAnalysis(f"{message}; take at most {largest}.", "/spot_pixels")


def _refuse_outside(name: str, value: float, field: Field, pointer: str) -> None:
    low, high = RANGES[name]
    if not low <= value <= high:
        raise InvalidAnalysis(f"{name} is {value:g}; choose from {low:g} to {high:g}.", pointer)
    slowest = FEWEST_CYCLES / _side(field)
    if name == "cycles_per_pixel" and value < slowest:
        message = f"At {value:g} cycles per pixel the unit's field of {_side(field)} pixels holds less than a quarter"
        raise InvalidAnalysis(f"{message} of a cycle, which is no grating; choose at least {slowest:.3g}.", pointer)


def _preferred_grating(respond: Respond, field: Field, held: Mapping[str, Any]) -> dict[str, float]:
    """What is held but not given, taken from the grating that drives most, of all orientations and frequencies."""
    given = {name: value for name, value in held.items() if value is not None}
    candidates = {
        "orientation_deg": np.arange(0, 180, 15.0),
        "cycles_per_pixel": _frequencies(_side(field), _FINEST_PREFERRED, 8),
    }
    orientations, frequencies = (
        np.array([given[name]]) if name in given else values for name, values in candidates.items()
    )
    phases_deg = _phases_deg(8)
    images = gratings(orientations[:, None, None], frequencies[:, None], phases_deg, given.get("contrast", 1.0), field)
    strengths = np.maximum(*_components(_responses(respond, images), _rest(respond), phases_deg))
    best = np.unravel_index(strengths.argmax(), strengths.shape)
    preferred = {"orientation_deg": orientations[best[0]], "cycles_per_pixel": frequencies[best[1]]}
    return {name: float(value) for name, value in preferred.items() if name in held}


def _responses(respond: Respond, images: Tensor) -> Values:
    """Drives (…) for images (…, row, column)."""
    return respond(images.flatten(end_dim=-3)).reshape(images.shape[:-2])


def _rest(respond: Respond) -> float:
    return float(respond(blank()[None])[0])


def _components(drives: Values, rest: float, phases_deg: Values) -> tuple[Values, Values]:
    """By how much F0 exceeds `rest`, and F1, both (…) of drives (…, phase); what is but rounding is 0."""
    modulation = 2 * np.abs((drives * np.exp(1j * np.radians(phases_deg))).mean(axis=-1))
    rounding = _ROUNDING * np.abs(drives).max()
    rise, f1 = (
        np.where(np.abs(component) > rounding, component, 0) for component in (drives.mean(axis=-1) - rest, modulation)
    )
    return rise, f1


def _point(value: float, drives: Values, f1: float | None = None, axis: str | None = None) -> dict[str, Any]:
    return {
        "value": float(value),
        "mean": float(drives.mean()),
        "sd": float(drives.std()),
        "n": drives.size,
        "f1": None if f1 is None else float(f1),
        "axis": axis,
    }


def _is_flat(values: Values, drives: Values) -> bool:
    """Whether values vary no more than the rounding of the drives that they were made of."""
    return bool(np.ptp(values) <= _ROUNDING * np.abs(drives).max())


def _described(stimulus: Stimulus, rest: float | None, held: Mapping[str, Any]) -> dict[str, Any]:
    names = [name for name in RANGES if name != "diameter"]
    mean_level = None if stimulus == "class" else GREY
    return {"blank": rest, "held": {"mean_level": mean_level, **{name: held.get(name) for name in names}}}


def _best_shown(images: Tensor, values: Values, drives: Values) -> list[Shown]:
    """At each value, the best of its stimuli: images (value, stimulus, row, column), drives (value, stimulus)."""
    best = drives.argmax(axis=1)
    return [
        Shown(images[place, index].numpy(), float(values[place]), float(drives[place, index]))
        for place, index in enumerate(best.tolist())
    ]


def _fitted(stimulus: Stimulus, values: Values, response: Values, level: float) -> CurveFit | None:
    """The curve usual for this stimulus, from `level` without one; None where it explains nothing."""
    if stimulus == "orientation":
        fit = von_mises(values, response)
    else:
        rising = {"spatial_frequency": log_gaussian, "size": difference_of_gaussians, "contrast": naka_rushton}
        fit = rising[stimulus](values, response, level)
    return fit if fit.r2 > 0 else None


def _fit_told(fit: CurveFit, between: Values) -> dict[str, Any]:
    told = {name: value for name, value in vars(fit).items() if name != "evaluate"}
    return told | {"line": _line(between, fit.evaluate(between))}


def _map_fit_told(fit: MapFit, rows: Values, columns: Values) -> dict[str, Any]:
    between = [np.linspace(places[0], places[-1], _LINE_POINTS) for places in (rows, columns)]
    return {
        "formula": fit.formula,
        "parameters": {"row_sd": fit.by_row.parameters["sd"], "column_sd": fit.by_column.parameters["sd"]},
        "peak": {"row": fit.by_row.peak, "column": fit.by_column.peak},
        "width": {"row": fit.by_row.width, "column": fit.by_column.width},
        "amplitude": fit.amplitude,
        "baseline": fit.baseline,
        "r2": fit.r2,
        "line": [
            *_line(between[0], fit.evaluate(between[0], columns).mean(axis=1), "row"),
            *_line(between[1], fit.evaluate(rows, between[1]).mean(axis=0), "column"),
        ],
    }


def _line(values: Values, responses: Values, axis: str | None = None) -> list[dict[str, Any]]:
    pairs = zip(values.tolist(), responses.tolist(), strict=True)
    return [{"value": value, "response": response, "axis": axis} for value, response in pairs]


def _orientation_indices(orientations_deg: Values, above: Values, _: CurveFit | None) -> dict[str, float | None]:
    """How far the response at the best orientation exceeds that across it, and the length of the mean vector.

    Each orientation counts with the arc that it stands for, so that they need not be spaced evenly (Ringach, Shapley &
    Hawken 2002; Mazurek, Kager & Van Hooser 2014).
    """
    best = float(orientations_deg[above.argmax()])
    across = float(np.interp(best + 90, orientations_deg, above, period=180))
    arcs = np.diff(orientations_deg, append=orientations_deg[0] + 180)
    weighted = above * (arcs + np.roll(arcs, 1))
    vector = np.abs((weighted * np.exp(2j * np.radians(orientations_deg))).sum())
    return {
        "orientation_selectivity_index": _ratio(above.max() - across, above.max() + across),
        "one_minus_circular_variance": _ratio(vector, weighted.sum()),
    }


def _frequency_indices(frequencies: Values, _: Values, fit: CurveFit | None) -> dict[str, float | None]:
    """Where the fitted curve falls to half its height, None where that lies beyond the frequencies shown."""
    if fit is None or fit.peak is None or fit.width is None:
        return dict.fromkeys(("low_cutoff", "high_cutoff", "bandwidth_octaves"))
    low, high = fit.peak * 2 ** (-fit.width / 2), fit.peak * 2 ** (fit.width / 2)
    is_low_reached, is_high_reached = low >= frequencies[0], high <= frequencies[-1]
    return {
        "low_cutoff": low if is_low_reached else None,
        "high_cutoff": high if is_high_reached else None,
        "bandwidth_octaves": fit.width if is_low_reached and is_high_reached else None,
    }


def _size_indices(diameters: Values, above: Values, fit: CurveFit | None) -> dict[str, float | None]:
    """How much of the best response the largest disc takes away, and how large a disc gives 95 % of the best.

    After Cavanaugh, Bair & Movshon (2002).
    """
    summation = None
    if fit is not None:
        between = np.linspace(diameters[0], diameters[-1], 400)
        rise = fit.evaluate(between) - fit.evaluate(between[:1])
        summation = float(between[np.argmax(rise >= 0.95 * rise.max())])
    return {
        "suppression_index": _ratio(above.max() - above[-1], above.max()),
        "summation_diameter": summation,
    }


def _contrast_indices(_: Values, __: Values, fit: CurveFit | None) -> dict[str, float | None]:
    """The contrast of half the saturated response, None where it lies beyond contrast 1, and the exponent."""
    if fit is None:
        return dict.fromkeys(("c50", "exponent"))
    c50, exponent = fit.parameters["c50"], fit.parameters["exponent"]
    return {"c50": c50 if c50 <= 1 else None, "exponent": exponent}


def _class_indices(drive: Tensor, labels: Tensor) -> dict[str, float | int | None]:
    """As in `census`, but of the drive, which silent units have, too."""
    statistics = unit_statistics(drive[:, None], labels)
    selectivity, d_prime = statistics.selectivity_index.item(), statistics.d_prime.item()
    return {
        "preferred_class": int(statistics.preferred_class.item()),
        "selectivity_index": None if isnan(selectivity) else selectivity,
        "d_prime": None if isnan(d_prime) else d_prime,
    }


def _ratio(part: float, whole: float) -> float | None:
    return float(part / whole) if whole > 0 else None


def _default_values(stimulus: Stimulus, side: int) -> Values:
    match stimulus:
        case "orientation":
            return np.arange(0, 180, 7.5)
        case "spatial_frequency":
            return _frequencies(side, RANGES["cycles_per_pixel"][1], 16)
        case "size":
            return np.linspace(0, sqrt(2) * side, 15)
    return np.append(0, np.geomspace(0.02, 1, 12))


def _frequencies(side: int, finest: float, count: int) -> Values:
    """From half a cycle in the field to the finest."""
    return np.geomspace(0.5 / side, finest, count)


def _between(stimulus: Stimulus, values: Values) -> Values:
    """Where a fitted curve is drawn."""
    if stimulus == "orientation":
        return np.linspace(0, 180, _LINE_POINTS)
    spaced = np.geomspace if stimulus == "spatial_frequency" else np.linspace
    return spaced(values[0], values[-1], _LINE_POINTS)


def _phases_deg(count: int) -> Values:
    return np.arange(count) * 360 / count


def _side(field: Field) -> int:
    return max(field.bottom - field.top, field.right - field.left)


_INDICES: Mapping[str, Callable[[Values, Values, CurveFit | None], dict[str, float | None]]] = {
    "orientation": _orientation_indices,
    "spatial_frequency": _frequency_indices,
    "size": _size_indices,
    "contrast": _contrast_indices,
}
