"""What the memory network does over many trials: accuracy of its reports, its gates on average, its horizon."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import Image

from service.rendering.axes import (
    COLUMN,
    HEADER,
    MARGIN,
    SMALL,
    Linear,
    Panel,
    begun,
    linear,
    logarithmic,
    note,
    spread,
)
from service.rendering.canvas import Box, Shape
from service.rendering.layers import unit_axis
from service.rendering.lettering import counted, number
from service.rendering.palette import BLUE, GREEN, INKS, MUTED, PURPLE, QUIET, RULE, VERMILLION, Colour, for_text
from service.rendering.rendering import Rendering

PERIODS = ("memorize", "delay", "report", "other")
LOWEST_R2 = -0.5
MARKS: Sequence[Shape] = ("disc", "up", "square", "diamond", "down", "ring")
GATE_INKS: Mapping[str, Colour] = {"input": BLUE, "forget": GREEN, "output": VERMILLION}

Curve = Mapping[str, Any]


def scatter(
    target_reports: ArrayLike,
    predicted_reports: ArrayLike,
    r2: float | None,
    gain: float | None,
    correlation: float | None,
    chance_rmse: float | None,
    report_rmse: float | None,
) -> Rendering:
    """What was reported against what should have been.

    Args:
        target_reports: The memorized value at each report.
        predicted_reports: The network's answer at each report.
        r2: The share of variance that the answers explain.
        gain: The slope of the answers over the targets.
        correlation: Their correlation.
        chance_rmse: The root mean squared error of always answering 0.
        report_rmse: The root mean squared error.
    """
    target = np.ravel(np.asarray(target_reports, dtype=np.float64))
    predicted = np.ravel(np.asarray(predicted_reports, dtype=np.float64))
    title = f"Predicted against target at {counted(target.size, 'report')}"
    figures = f"R² {number(r2)}, gain {number(gain)}, correlation {number(correlation)}"
    errors = f"root mean squared error {number(report_rmse)}, by chance {number(chance_rmse)}"
    alt = f"Dots of the predicted against the target value at {counted(target.size, 'report')}: {figures}, {errors}."
    return Rendering("scatter", title, alt, lambda: _draw_scatter(target, predicted, gain, title, figures, errors))


def aligned(aligned: Mapping[str, Mapping[str, Any] | None]) -> Rendering:
    """Each gate's mean and standard deviation in each period of the task.

    Args:
        aligned: Period ("memorize", "delay", "report", "other") to gate to `mean` and `sd`, one number for each unit;
            None for a period without steps.
    """
    periods = {period: aligned[period] or {} for period in PERIODS if period in aligned}
    gates = list(dict.fromkeys(gate for statistics in periods.values() for gate in statistics))
    known = [(gate, period) for gate in gates for period in periods if gate in periods[period]]
    hidden = max((np.size(periods[period][gate]["mean"]) for gate, period in known), default=0)
    title = "Gates in each period of the task"
    subtitle = f"mean and standard deviation over all steps and trials, {counted(hidden, 'unit')}"
    means = [f"{gate} {number(_mean(periods[period][gate]['mean']))} in {period}" for gate, period in known]
    alt = f"Mean and standard deviation of each gate in each period, {counted(hidden, 'unit')}. "
    alt += f"Means: {', '.join(means) or 'none'}."
    return Rendering("aligned", title, alt, lambda: _draw_aligned(periods, gates, title, subtitle))


def horizon(curves: Sequence[Curve], criterion: float) -> Rendering:
    """How well the memory holds over the delay.

    Args:
        curves: For each network `label`, `curve` (`delay_ms`, `r2`, `r2_interval`) and `horizon_ms`, the longest delay
            up to which R² stays at or above the criterion.
        criterion: That R².
    """
    ends = [(str(curve["label"]), _reach(curve)) for curve in curves]
    title = f"Horizon: {ends[0][1]}" if len(ends) == 1 else f"Horizon of {counted(len(ends), 'network')}"
    subtitle = f"R² of the reports over the delay; the horizon is where it falls below {number(criterion)}"
    alt = "Lines of R² over the delay from memorize to report, logarithmic. "
    alt += f"R² stays at or above {number(criterion)} up to "
    alt += "; ".join(f"{end} for {label}" for label, end in ends) + "."
    return Rendering("horizon", title, alt, lambda: _draw_horizon(curves, criterion, title, subtitle))


def _draw_scatter(
    target: NDArray[np.float64],
    predicted: NDArray[np.float64],
    gain: float | None,
    title: str,
    figures: str,
    errors: str,
) -> Image.Image:
    side = 380.0
    canvas = begun(title, figures, 540, HEADER + 38 + side + 58)
    canvas.text(MARGIN, 70, errors, colour=MUTED)
    box = Box(MARGIN + 44, HEADER + 34, side, side)
    axis = linear(np.concatenate([target, predicted]), include=[-1.0, 1.0], room=0.05)
    panel = Panel(canvas, box, axis, axis)
    panel.y_axis("predicted (a.u.)", 5)
    for tick in axis.ticks(5):
        across = float(panel.across(tick))
        canvas.rule((across, box.top), (across, box.bottom), RULE)
    ends = np.array([axis.low, axis.high])
    panel.line(ends, ends, QUIET, thickness=1.4, dash=(6, 4))
    size = 7.0 if target.size <= 400 else 4.5
    panel.markers(target, predicted, "disc", size, BLUE, opacity=0.55)
    names = [("identity", QUIET, axis.high)]
    if gain is not None and target.size and math.isfinite(gain):
        fitted = float(predicted.mean()) + gain * (ends - float(target.mean()))
        panel.line(ends, fitted, VERMILLION, thickness=2)
        names.append(("fit", VERMILLION, float(fitted[1])))
    heights = spread([float(panel.down(value)) for *_, value in names], 15, box.top, box.bottom)
    for (name, colour, _), height in zip(names, heights, strict=True):
        words = name if name == "identity" else f"gain {number(gain)}"
        canvas.text(box.right + 8, height, words, colour=for_text(colour))
    panel.x_axis("target: the memorized value (a.u.)", 5)
    return canvas.finished()


def _draw_aligned(
    periods: Mapping[str, Mapping[str, Any]], gates: Sequence[str], title: str, subtitle: str
) -> Image.Image:
    columns = min(2, max(1, len(gates)))
    rows = max(1, math.ceil(len(gates) / columns))
    height, gap = 190.0, 48.0
    width = (COLUMN - 2 * MARGIN - columns * gap) / columns
    canvas = begun(title, subtitle, COLUMN, HEADER + rows * (height + 76))
    others = [gate for gate in gates if gate not in GATE_INKS]
    axes = {gate: _axis(periods, list(GATE_INKS)) if gate in GATE_INKS else _axis(periods, others) for gate in gates}
    for index, gate in enumerate(gates):
        row, column = divmod(index, columns)
        box = Box(MARGIN + 36 + column * (width + gap), HEADER + 26 + row * (height + 76), width, height)
        panel = Panel(canvas, box, unit_axis(len(periods)), axes[gate])
        panel.y_axis(f"{gate} gate (0 closed, 1 open)" if gate in GATE_INKS else f"{gate} (a.u.)", 4)
        panel.x_axis("", ticks=[])
        for place, (period, statistics) in enumerate(periods.items()):
            across = float(panel.across(place))
            canvas.text(across, box.bottom + 14, period, size=SMALL, colour=MUTED, align="middle")
            if gate in statistics:
                _draw_period(panel, place, statistics[gate], GATE_INKS.get(gate, PURPLE))
    return canvas.finished()


def _axis(periods: Mapping[str, Mapping[str, Any]], gates: Sequence[str]) -> Linear:
    """One axis for all panels of a kind: gates run from 0 to 1, what is written from -1 to 1."""
    known = [statistics[gate] for statistics in periods.values() for gate in gates if gate in statistics]
    means = [np.ravel(each["mean"]).astype(float) for each in known]
    ends = [0.0, 1.0] if set(gates) <= set(GATE_INKS) else [-1.0, 1.0]
    return linear(np.concatenate([*means, [0.0]]), include=ends, room=0.08)


def _draw_period(panel: Panel, place: int, statistics: Mapping[str, Sequence[float]], colour: Colour) -> None:
    """The units' means side by side with whiskers of one standard deviation; the number where there is one unit."""
    means, deviations = np.ravel(statistics["mean"]).astype(float), np.ravel(statistics["sd"]).astype(float)
    offsets = np.linspace(-0.34, 0.34, means.size) if means.size > 1 else np.zeros(1)
    size = 9.0 if means.size == 1 else max(3.0, 7.0 - 0.15 * means.size)
    for offset, mean, deviation in zip(offsets.tolist(), means.tolist(), deviations.tolist(), strict=True):
        if not math.isfinite(mean):
            continue
        across, height = panel.point(place + offset, mean)
        if math.isfinite(deviation):
            low, high = np.clip(panel.down([mean - deviation, mean + deviation]), panel.box.top, panel.box.bottom)
            panel.canvas.rule((across, float(low)), (across, float(high)), colour, 1.5 if means.size == 1 else 0.5)
        panel.canvas.marker(across, height, "disc", size, colour)
    if means.size == 1 and math.isfinite(means[0]):
        across, height = panel.point(place, float(means[0]))
        panel.canvas.text(across + 8, height, number(round(float(means[0]), 2) + 0.0), size=SMALL)


def _draw_horizon(curves: Sequence[Curve], criterion: float, title: str, subtitle: str) -> Image.Image:
    room = 130.0 if len(curves) > 1 else 24.0
    top = HEADER + 22
    canvas = begun(title, subtitle, COLUMN, top + 300 + 64)
    box = Box(MARGIN + 40, top, COLUMN - 2 * MARGIN - 40 - room, 300)
    delays = [point["delay_ms"] for curve in curves for point in curve["curve"]]
    lowest = min([0.0, *(_finite(point["r2"], 0.0) for curve in curves for point in curve["curve"])])
    panel = Panel(canvas, box, logarithmic(delays, room=1.08), Linear(max(LOWEST_R2, lowest) - 0.08, 1.06))
    below = f", from {number(LOWEST_R2)} upwards" if lowest < LOWEST_R2 else ""
    panel.y_axis(f"R² of the reports{below}", 6)
    panel.x_axis("delay from memorize to report (ms)", 6)
    inks = [INKS[index % len(INKS)] for index in range(len(curves))]
    for curve, ink in zip(curves, inks, strict=True):
        _draw_interval(panel, curve["curve"], ink)
    panel.level(criterion, f"criterion {number(criterion)}", align="left", below=True)
    panel.level(0.0, "chance: R² = 0", align="left")
    for index, (curve, ink) in enumerate(zip(curves, inks, strict=True)):
        _draw_curve(panel, curve["curve"], ink, MARKS[index % len(MARKS)])
    _mark_horizons(panel, curves, criterion, inks)
    if len(curves) > 1:
        _name_curves(panel, curves, inks)
    return canvas.finished()


def _draw_interval(panel: Panel, points: Sequence[Mapping[str, Any]], ink: Colour) -> None:
    known = [point for point in points if point.get("r2_interval")]
    if len(known) < 2:
        return
    across = panel.across([point["delay_ms"] for point in known])
    lower, upper = (
        np.clip(panel.down([_finite(point["r2_interval"][end], LOWEST_R2) for point in known]), 0, panel.canvas.height)
        for end in (0, 1)
    )
    panel.canvas.area(across, lower, upper, ink, opacity=0.18, within=panel.box)


def _draw_curve(panel: Panel, points: Sequence[Mapping[str, Any]], ink: Colour, mark: Shape) -> None:
    delays = np.array([point["delay_ms"] for point in points], dtype=np.float64)
    values = np.array([_finite(point["r2"], math.nan) for point in points])
    across, down = panel.across(delays), panel.down(values)
    panel.canvas.polyline(across, down, ink, thickness=2, within=panel.box)
    for x, y in zip(across.tolist(), down.tolist(), strict=True):
        if y > panel.box.bottom:
            panel.canvas.marker(x, panel.box.bottom - 6, "down", 8, ink)
            break
        panel.canvas.marker(x, y, mark, 7 if len(points) <= 40 else 4, ink, halo=1)


def _mark_horizons(panel: Panel, curves: Sequence[Curve], criterion: float, inks: Sequence[Colour]) -> None:
    """A line down to the axis at each horizon, with its number at the foot."""
    canvas, box = panel.canvas, panel.box
    marked = [(curve, ink) for curve, ink in zip(curves, inks, strict=True) if curve["horizon_ms"]]
    ordered = sorted(marked, key=lambda pair: pair[0]["horizon_ms"])
    for rank, (curve, ink) in enumerate(ordered):
        across, height = panel.point(float(curve["horizon_ms"]), criterion)
        across = min(max(across, box.left), box.right)
        canvas.rule((across, height), (across, box.bottom), ink, 1.5, (3, 3))
        canvas.marker(across, height, "ring", 12, ink)
        is_left = across < box.left + 120
        words = f"horizon {_reach(curve)}" if len(ordered) == 1 else _reach(curve)
        foot = box.centre[1] + 16 * (rank % 6)
        note(canvas, across + (6 if is_left else -6), foot, words, for_text(ink), "left" if is_left else "right")


def _name_curves(panel: Panel, curves: Sequence[Curve], inks: Sequence[Colour]) -> None:
    """Each curve's name at its right end."""
    ended = [(index, curve) for index, curve in enumerate(curves) if curve["curve"]]
    wanted = [float(panel.down(_finite(curve["curve"][-1]["r2"], 0.0))) for _, curve in ended]
    for (index, curve), height in zip(ended, spread(wanted, 16, panel.box.top, panel.box.bottom), strict=True):
        panel.canvas.marker(panel.box.right + 12, height, MARKS[index % len(MARKS)], 7, inks[index])
        panel.canvas.text(
            panel.box.right + 20, height, str(curve["label"]), colour=for_text(inks[index]), width=MARGIN + 106
        )


def _finite(value: float | None, instead: float) -> float:
    return float(value) if value is not None and math.isfinite(value) else instead


def _mean(values: Sequence[float]) -> float:
    numbers = np.ravel(values).astype(float)
    numbers = numbers[np.isfinite(numbers)]
    return float(numbers.mean()) if numbers.size else math.nan


def _reach(curve: Curve) -> str:
    """The horizon in words; one at the longest delay that was tried may lie beyond it."""
    horizon = curve["horizon_ms"]
    if not horizon:
        return "no delay"
    beyond = horizon >= max(point["delay_ms"] for point in curve["curve"])
    return f"{'at least ' if beyond else ''}{number(float(horizon), 4)} ms"
