"""What the memory network does over many trials: accuracy of its reports, its gates on average."""

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
    spread,
)
from service.rendering.canvas import Box
from service.rendering.layers import unit_axis
from service.rendering.lettering import counted, number
from service.rendering.palette import BLUE, GREEN, MUTED, PURPLE, QUIET, RULE, VERMILLION, Colour, for_text
from service.rendering.rendering import Rendering

PERIODS = ("memorize", "delay", "report", "other")
PERIODS_WIDTH = 236.0
PANEL = 110.0
PANEL_GAP = 66.0
COURSE_GAP = 20.0
LAGS = Linear(-5.5, 20.5)
GATE_INKS: Mapping[str, Colour] = {"input": BLUE, "forget": GREEN, "output": VERMILLION}


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


def aligned(
    aligned: Mapping[str, Mapping[str, Any] | None],
    time_courses: Mapping[str, Sequence[Mapping[str, Any]]] | None = None,
) -> Rendering:
    """Each gate's mean and standard deviation in each period of the task, and around its events.

    Args:
        aligned: Period ("memorize", "delay", "report", "other") to gate to `mean` and `sd`, one number for each unit;
            None for a period without steps.
        time_courses: Event ("memorize", "report") to the lags around it, each with `lag_ms` and the same statistics.
    """
    periods = {period: aligned[period] or {} for period in PERIODS if period in aligned}
    gates = list(dict.fromkeys(gate for statistics in periods.values() for gate in statistics))
    known = [(gate, period) for gate in gates for period in periods if gate in periods[period]]
    hidden = max((np.size(periods[period][gate]["mean"]) for gate, period in known), default=0)
    title = "Gates in each period of the task"
    title += " and around its events" if time_courses else ""
    subtitle = f"mean and standard deviation over all steps and trials, {counted(hidden, 'unit')}"
    means = [f"{gate} {number(_mean(periods[period][gate]['mean']))} in {period}" for gate, period in known]
    alt = f"Mean and standard deviation of each gate in each period, {counted(hidden, 'unit')}. "
    alt += f"Means: {', '.join(means) or 'none'}."
    return Rendering("aligned", title, alt, lambda: _draw_aligned(periods, gates, time_courses or {}, title, subtitle))


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
    periods: Mapping[str, Mapping[str, Any]],
    gates: Sequence[str],
    time_courses: Mapping[str, Sequence[Mapping[str, Any]]],
    title: str,
    subtitle: str,
) -> Image.Image:
    room = COLUMN - 2 * MARGIN - 40
    width = PERIODS_WIDTH if time_courses else room
    course_width = (room - width) / max(1, len(time_courses)) - COURSE_GAP
    canvas = begun(title, subtitle, COLUMN, HEADER + 26 + len(gates) * (PANEL + PANEL_GAP))
    for row, gate in enumerate(gates):
        box = Box(MARGIN + 40, HEADER + 26 + row * (PANEL + PANEL_GAP), width, PANEL)
        axis = _axis(gate, [statistics[gate] for statistics in periods.values() if gate in statistics])
        _draw_periods(Panel(canvas, box, unit_axis(len(periods)), axis), gate, periods)
        for event, course in time_courses.items():
            box = Box(box.right + COURSE_GAP, box.top, course_width, PANEL)
            _draw_course(Panel(canvas, box, LAGS, axis), gate, event, course)
    return canvas.finished()


def _draw_periods(panel: Panel, gate: str, periods: Mapping[str, Mapping[str, Any]]) -> None:
    panel.y_axis(f"{gate} gate (0 closed, 1 open)" if gate in GATE_INKS else f"{gate} (a.u.)", 4)
    panel.x_axis("", ticks=[])
    for place, (period, statistics) in enumerate(periods.items()):
        across = float(panel.across(place))
        panel.canvas.text(across, panel.box.bottom + 14, period, size=SMALL, colour=MUTED, align="middle")
        if gate in statistics:
            _draw_period(panel, place, statistics[gate], GATE_INKS.get(gate, PURPLE))


def _draw_course(panel: Panel, gate: str, event: str, course: Sequence[Mapping[str, Any]]) -> None:
    """Each unit's mean as a line; of a single unit also a band of one standard deviation."""
    canvas, box, colour = panel.canvas, panel.box, GATE_INKS.get(gate, PURPLE)
    lags = [point["lag_ms"] for point in course]
    means, deviations = (np.array([point[gate][figure] for point in course]) for figure in ("mean", "sd"))
    for tick in panel.y.ticks(4):
        height = float(panel.down(tick))
        canvas.rule((box.left, height), (box.right, height), RULE)
    pulse = float(panel.across(0))
    canvas.rule((pulse, box.top), (pulse, box.bottom), QUIET, 1, (3, 3))
    if means.shape[1] == 1:
        lower, upper = (
            np.clip(panel.down(means[:, 0] + side * deviations[:, 0]), box.top, box.bottom) for side in (-1, 1)
        )
        canvas.area(panel.across(lags), lower, upper, colour, opacity=0.25, within=box)
    for unit in range(means.shape[1]):
        panel.line(lags, means[:, unit], colour, thickness=1.8 if means.shape[1] == 1 else 0.8)
    panel.x_axis("", ticks=[-5.0, 0.0, 5.0, 10.0, 15.0, 20.0])
    canvas.text(box.right, box.bottom + 30, f"ms after {event}", size=SMALL, colour=MUTED, align="right")


def _axis(gate: str, statistics: Sequence[Mapping[str, Any]]) -> Linear:
    """Gates run from 0 to 1, the candidate from -1 to 1, and what is written as far as it does."""
    if gate in GATE_INKS or gate == "candidate":
        return linear([], include=[0.0 if gate in GATE_INKS else -1.0, 1.0], room=0.08)
    means, deviations = (np.concatenate([np.ravel(each[name]) for each in statistics]) for name in ("mean", "sd"))
    return linear(np.concatenate([means - deviations, means + deviations]), include=[0.0], room=0.1)


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


def _mean(values: Sequence[float]) -> float:
    numbers = np.ravel(values).astype(float)
    numbers = numbers[np.isfinite(numbers)]
    return float(numbers.mean()) if numbers.size else math.nan
