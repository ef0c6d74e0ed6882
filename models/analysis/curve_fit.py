"""Which curve describes a tuning? The usual ones of visual physiology, fitted by least squares.

Each is a baseline plus one or two terms, with two parameters in their shape and an amplitude of at least 0 before each.
Variable projection (Golub & Pereyra 1973): for any pair of parameters the best amplitudes and baseline are a linear
problem, so the search is over a grid of pairs alone, which shrinks about the best. No starting values, no chance.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from math import acos, cosh, degrees, log, log2, sqrt

import numpy as np
from numpy.typing import ArrayLike, NDArray

Values = NDArray[np.float64]
Shape = Callable[[Values, Values, Values], Sequence[Values]]
"""Each term's shape (candidate, point), from both parameters (candidate, 1) and the points (point,)."""

_SD_TO_WIDTH = sqrt(8 * log(2))
_GRID = 25
_SHRINKAGE = 1 / 2
_ROUNDS = 18
_RIDGE = 1e-12


@dataclass(frozen=True)
class CurveFit:
    """A fitted curve.

    Attributes:
        formula: The curve over x, with its parameters by name.
        parameters: Those that are not among the following.
        peak: Where the curve is highest; None for one that only rises.
        width: Full width at half height above the baseline, in the unit that the fit's docstring names; None where the
            curve has none.
        amplitude: How far the curve rises above its baseline.
        baseline: Its level where the shape is 0; either fitted too, or the response to no stimulus, which is known.
        r2: Share of the variance explained.
        evaluate: The curve at any points.
    """

    formula: str
    parameters: Mapping[str, float]
    peak: float | None
    width: float | None
    amplitude: float
    baseline: float
    r2: float
    evaluate: Callable[[ArrayLike], Values]


@dataclass(frozen=True)
class MapFit:
    """A Gaussian in two dimensions, fitted to a map.

    Attributes:
        formula: The map over row and column.
        by_row: Its factor along the rows, of any height.
        by_column: Its factor along the columns, of any height.
        amplitude: How far it rises above its baseline.
        baseline: Its level far from the middle.
        r2: Share of the variance explained.
    """

    formula: str
    by_row: CurveFit
    by_column: CurveFit
    amplitude: float
    baseline: float
    r2: float

    def evaluate(self, rows: ArrayLike, columns: ArrayLike) -> Values:
        """The map (row, column) at any places."""
        return self.baseline + self.amplitude * np.outer(_bell(rows, self.by_row), _bell(columns, self.by_column))


def von_mises(orientations_deg: ArrayLike, responses: ArrayLike) -> CurveFit:
    """Orientation tuning, which repeats after 180 degrees (Swindale 1998); `width` in degrees."""
    points, values = _arrays(orientations_deg, responses)
    highest = points[values.argmax()]
    found = project(_von_mises, (highest - 90, highest + 90), (-3, 6), points, values)
    kappa = 2**found.second
    return _fit(
        "baseline + amplitude * (exp(kappa * cos(2 * (x - peak))) - exp(-kappa)) / (exp(kappa) - exp(-kappa))",
        {"kappa": kappa},
        found,
        peak=found.first % 180,
        width=degrees(acos(log(cosh(kappa)) / kappa)),
    )


def log_gaussian(frequencies: ArrayLike, responses: ArrayLike, baseline: float) -> CurveFit:
    """Spatial-frequency tuning, symmetric in octaves (De Valois, Albrecht & Thorell 1982); `width` in octaves."""
    points, values = _arrays(frequencies, responses)
    found = project(_log_gaussian, (log2(points.min()), log2(points.max())), (-3, 2), points, values, baseline)
    sd = 2**found.second
    return _fit(
        "baseline + amplitude * exp(-log2(x / peak)**2 / (2 * sd_octaves**2))",
        {"sd_octaves": sd},
        found,
        peak=2**found.first,
        width=_SD_TO_WIDTH * sd,
    )


def gaussian(places: ArrayLike, responses: ArrayLike, baseline: float) -> CurveFit:
    """Position tuning along one axis; `width` in the unit of the places."""
    points, values = _arrays(places, responses)
    extent = log2(np.ptp(points))
    found = project(_gaussian, (points.min(), points.max()), (extent - 5, extent + 1), points, values, baseline)
    sd = 2**found.second
    return _fit(
        "baseline + amplitude * exp(-(x - centre)**2 / (2 * sd**2))",
        {"centre": found.first, "sd": sd},
        found,
        peak=found.first,
        width=_SD_TO_WIDTH * sd,
    )


def gaussian_map(rows: ArrayLike, columns: ArrayLike, responses: ArrayLike, baseline: float) -> MapFit:
    """Position tuning (row, column) along both axes: one factor and the other in turn, from the best place on."""
    (down, along), rise = _arrays(rows, columns), np.asarray(responses, dtype=np.float64) - baseline
    _, best = np.unravel_index(rise.argmax(), rise.shape)
    narrow = np.exp(-((along - along[best]) ** 2) / (2 * (np.ptp(along) / 8) ** 2))
    by_column = gaussian(along, _bell(down, gaussian(down, rise @ narrow, 0)) @ rise, 0)
    by_row = gaussian(down, rise @ _bell(along, by_column), 0)
    by_column = gaussian(along, _bell(down, by_row) @ rise, 0)
    bell = np.outer(_bell(down, by_row), _bell(along, by_column))
    amplitude = max(0.0, float((bell * rise).sum() / np.square(bell).sum()))
    unexplained, total = np.square(rise - amplitude * bell).sum(), np.square(rise - rise.mean()).sum()
    return MapFit(
        "baseline + amplitude * exp(-(row - peak.row)**2 / (2 * row_sd**2)"
        " - (column - peak.column)**2 / (2 * column_sd**2))",
        by_row,
        by_column,
        amplitude,
        baseline,
        r2=float(1 - unexplained / total) if total > 0 else 0.0,
    )


def naka_rushton(contrasts: ArrayLike, responses: ArrayLike, baseline: float) -> CurveFit:
    """Contrast response (Naka & Rushton 1966; Albrecht & Hamilton 1982); it reaches `amplitude` at contrast 1."""
    points, values = _arrays(contrasts, responses)
    found = project(_naka_rushton, (-6, 4), (-2, 3), points, values, baseline)
    return _fit(
        "baseline + amplitude * x**exponent * (1 + c50**exponent) / (x**exponent + c50**exponent)",
        {"c50": 2**found.first, "exponent": 2**found.second},
        found,
    )


def difference_of_gaussians(diameters: ArrayLike, responses: ArrayLike, baseline: float) -> CurveFit:
    """Size tuning: what lies under a Gaussian centre less what lies under a wider surround (Einevoll & Heggelund 2000).

    A unit without surround gets a surround amplitude of 0. `peak` is the best diameter up to the largest shown.
    """
    points, values = _arrays(diameters, responses)
    largest = log2(points.max())
    found = project(_difference_of_gaussians, (largest - 6, largest - 2), (0.3, 2), points, values, baseline)
    between = np.linspace(points.min(), points.max(), 400)
    curve = found.evaluate(between)
    fit = _fit(
        "baseline + centre_amplitude * (1 - exp(-x**2 / (8 * centre_sd**2)))"
        " - surround_amplitude * (1 - exp(-x**2 / (8 * surround_sd**2)))",
        {
            "centre_amplitude": float(found.amplitudes[0]),
            "centre_sd": 2**found.first,
            "surround_amplitude": float(found.amplitudes[1]),
            "surround_sd": 2 ** (found.first + found.second),
        },
        found,
        peak=float(between[curve.argmax()]),
    )
    return replace(fit, amplitude=float(curve.max()) - baseline)


@dataclass(frozen=True)
class Projection:
    """Where a search ended: both parameters of the shape, each term's amplitude, and how well the curve does."""

    shape: Shape
    first: float
    second: float
    amplitudes: Values
    baseline: float
    r2: float

    def evaluate(self, points: ArrayLike) -> Values:
        """The curve at any points."""
        terms = _terms(self.shape, np.array([[self.first, self.second]]), np.asarray(points, dtype=np.float64))
        return self.baseline + self.amplitudes @ terms[0]


def project(
    shape: Shape,
    first: tuple[float, float],
    second: tuple[float, float],
    points: Values,
    values: Values,
    baseline: float | None = None,
) -> Projection:
    """The least-squares curve of one shape, its amplitudes at least 0, by variable projection.

    Args:
        shape: Its terms.
        first: Range of their first parameter.
        second: Range of their second one.
        points: Where the curve was measured (point,).
        values: What was measured there (point,).
        baseline: None for one that is fitted, too.
    """
    lowest, highest = np.array([first, second], dtype=np.float64).T
    span = highest - lowest
    found = _best_on_grid(shape, lowest, highest, points, values, baseline)
    for _ in range(_ROUNDS):
        span = _SHRINKAGE * span
        middle = np.array([found.first, found.second])
        low, high = np.maximum(middle - span / 2, lowest), np.minimum(middle + span / 2, highest)
        found = _best_on_grid(shape, low, high, points, values, baseline)
    return found


def _best_on_grid(
    shape: Shape, low: Values, high: Values, points: Values, values: Values, baseline: float | None
) -> Projection:
    """The best of a grid of parameters between `low` and `high` (parameter,)."""
    pairs = np.stack(np.meshgrid(*np.linspace(low, high, _GRID).T), axis=-1).reshape(-1, 2)
    terms = _terms(shape, pairs, points)
    level = values.mean() if baseline is None else baseline
    offsets = terms.mean(axis=2) if baseline is None else np.zeros(terms.shape[:2])  # (candidate, term)
    amplitudes, explained = _non_negative(terms - offsets[..., None], values - level)
    best = int(explained.argmax())
    total = np.square(values - values.mean()).sum()
    unexplained = np.square(values - level).sum() - explained[best]
    return Projection(
        shape,
        *pairs[best].tolist(),
        amplitudes=amplitudes[best],
        baseline=float(level - amplitudes[best] @ offsets[best]),
        r2=float(1 - unexplained / total) if total > 0 else 0.0,
    )


def _non_negative(terms: Values, values: Values) -> tuple[Values, Values]:
    """Least squares with amplitudes of at least 0: they (candidate, term), and the sum of squares they explain.

    With one or two terms each subset can be tried: where one comes out negative, the best without it is the solution.
    """
    candidates, count, _ = terms.shape
    best, most = np.zeros((candidates, count)), np.zeros(candidates)
    for size in range(1, count + 1):
        for subset in map(list, combinations(range(count), size)):
            chosen = terms[:, subset]
            gram = chosen @ chosen.swapaxes(1, 2) + _RIDGE * np.eye(size)
            projected = chosen @ values  # (candidate, subset)
            amplitudes = np.linalg.solve(gram, projected[..., None])[..., 0]
            explained = np.where((amplitudes >= 0).all(axis=1), (amplitudes * projected).sum(axis=1), 0)
            with_absent = np.zeros_like(best)
            with_absent[:, subset] = amplitudes
            best = np.where((explained > most)[:, None], with_absent, best)
            most = np.maximum(most, explained)
    return best, most


def _bell(places: ArrayLike, fit: CurveFit) -> Values:
    """A fitted Gaussian with height 1."""
    offsets = np.asarray(places, dtype=np.float64) - fit.parameters["centre"]
    return np.exp(-(offsets**2) / (2 * fit.parameters["sd"] ** 2))


def _terms(shape: Shape, pairs: Values, points: Values) -> Values:
    """The terms (candidate, term, point) for pairs of parameters (candidate, parameter)."""
    return np.stack(shape(pairs[:, :1], pairs[:, 1:], points), axis=1)


def _von_mises(peak: Values, log2_kappa: Values, points: Values) -> Sequence[Values]:
    kappa = 2**log2_kappa
    falling = np.exp(kappa * (np.cos(2 * np.radians(points - peak)) - 1))
    lowest = np.exp(-2 * kappa)
    return [(falling - lowest) / (1 - lowest)]


def _gaussian(peak: Values, log2_sd: Values, points: Values) -> Sequence[Values]:
    return [np.exp(-((points - peak) ** 2) / (2 * 4**log2_sd))]


def _log_gaussian(log2_peak: Values, log2_sd: Values, points: Values) -> Sequence[Values]:
    return _gaussian(log2_peak, log2_sd, np.log2(points))


def _naka_rushton(log2_c50: Values, log2_exponent: Values, points: Values) -> Sequence[Values]:
    exponent = 2**log2_exponent
    rising, half = points**exponent, 2 ** (log2_c50 * exponent)
    return [rising * (1 + half) / (rising + half)]


def _difference_of_gaussians(log2_centre: Values, log2_ratio: Values, points: Values) -> Sequence[Values]:
    centre, surround = 4**log2_centre, 4 ** (log2_centre + log2_ratio)
    return [1 - np.exp(-(points**2) / (8 * centre)), np.exp(-(points**2) / (8 * surround)) - 1]


def _fit(
    formula: str,
    parameters: Mapping[str, float],
    found: Projection,
    peak: float | None = None,
    width: float | None = None,
) -> CurveFit:
    return CurveFit(
        formula, parameters, peak, width, float(found.amplitudes[0]), found.baseline, found.r2, found.evaluate
    )


def _arrays(points: ArrayLike, values: ArrayLike) -> tuple[Values, Values]:
    return np.asarray(points, dtype=np.float64), np.asarray(values, dtype=np.float64)
