"""How long the memory networks hold: R² over the delay, and what becomes of gain and correlation meanwhile."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from service.rendering.axes import (
    COLUMN,
    HEADER,
    MARGIN,
    SMALL,
    Linear,
    Log,
    Panel,
    begun,
    linear,
    logarithmic,
    note,
    spread,
)
from service.rendering.canvas import Box, Canvas, Shape
from service.rendering.lettering import counted, number
from service.rendering.palette import INKS, MUTED, Colour, for_text
from service.rendering.rendering import Rendering

LOWEST_R2 = -0.5
HIGHEST_R2 = 1.06
MARKS: Sequence[Shape] = ("disc", "up", "square", "diamond", "down", "ring")
DASHED = (6.0, 4.0)
DOTTED = (2.0, 3.0)
KEY_ROW = 19.0
LEVEL_ROOM = 76.0
MOST_NOTES = 3

Curve = Mapping[str, Any]


def horizon(curves: Sequence[Curve], criterion: float) -> Rendering:
    """How well the memory holds over the delay.

    Args:
        curves: For each network `label`, `curve` and `horizon_ms`, the longest delay up to which R² stays at or above
            the criterion; where known, `horizon_interval`, between which delays it fails. The points of a curve have
            `delay_ms`, `r2` and, where known, `r2_interval`, `gain`, `correlation`, and `first` and `later`, the R² of
            first and later reports.
        criterion: That R².
    """
    ends = [(str(curve["label"]), _reach(curve)) for curve in curves]
    title = f"Horizon: {ends[0][1]}" if len(ends) == 1 else f"Horizon of {counted(len(ends), 'network')}"
    subtitle = f"R² of the reports over the delay; the horizon is where it falls below {number(criterion)}"
    alt = "Lines of R² over the delay from memorize to report, logarithmic. "
    alt += f"R² stays at or above {number(criterion)} up to "
    alt += "; ".join(f"{end} for {label}" for label, end in ends) + "."
    return Rendering("horizon", title, alt, lambda: _draw(curves, criterion, title, subtitle))


def _draw(curves: Sequence[Curve], criterion: float, title: str, subtitle: str) -> Image.Image:
    upper = Box(MARGIN + 40, HEADER + 26, COLUMN - 2 * MARGIN - 40 - LEVEL_ROOM, 280)
    lower = Box(upper.left, upper.bottom + 56, upper.width, 110) if _has(curves, "gain") else upper
    canvas = begun(title, subtitle, COLUMN, lower.bottom + 60 + KEY_ROW * len(curves))
    x = logarithmic([point["delay_ms"] for curve in curves for point in curve["curve"]], room=1.08)
    _draw_r2(canvas, upper, x, curves, criterion)
    if lower is not upper:
        _draw_gain(canvas, lower, x, curves)
    Panel(canvas, lower, x, Linear(0, 1)).x_axis("delay from memorize to report (ms)", 6)
    for index, curve in enumerate(curves):
        _draw_key(canvas, upper.left, lower.bottom + 58 + KEY_ROW * index, index, curve)
    return canvas.finished()


def _draw_r2(canvas: Canvas, box: Box, x: Log, curves: Sequence[Curve], criterion: float) -> None:
    lowest = float(np.nanmin([0.0, *(_line(curve, name)[1].min() for curve in curves for name in ("r2", "later"))]))
    panel = Panel(canvas, box, x, Linear(max(LOWEST_R2, lowest) - 0.08, HIGHEST_R2))
    below = f", from {number(LOWEST_R2)} upwards" if lowest < LOWEST_R2 else ""
    apart = "; dotted: first reports of a trial, dashed: later ones" if _has(curves, "later") else ""
    panel.y_axis(f"R²{below}; shaded: middle 95% of resampled trials{apart}", 6)
    panel.x_axis("", 6)
    for index, curve in enumerate(curves):
        _draw_interval(panel, curve["curve"], _ink(index))
    _draw_levels(panel, {f"criterion {number(criterion)}": criterion, "chance 0": 0.0})
    for index, curve in enumerate(curves):
        if _has([curve], "later"):
            panel.line(*_line(curve, "first"), _ink(index), thickness=1.2, dash=DOTTED)
            panel.line(*_line(curve, "later"), _ink(index), thickness=1.2, dash=DASHED)
        _draw_curve(panel, curve, index)
    _mark_horizons(panel, curves)


def _draw_levels(panel: Panel, levels: Mapping[str, float]) -> None:
    """Dashed lines, named at their right end where no curve crosses the words."""
    heights = [float(panel.down(value)) for value in levels.values()]
    for height, beside, words in zip(
        heights, spread(heights, 14, panel.box.top, panel.box.bottom), levels, strict=True
    ):
        panel.canvas.rule((panel.box.left, height), (panel.box.right, height), MUTED, 1, (5, 4))
        panel.canvas.text(panel.box.right + 8, beside, words, size=SMALL, colour=MUTED)


def _draw_interval(panel: Panel, points: Sequence[Mapping[str, Any]], ink: Colour) -> None:
    known = [point for point in points if point.get("r2_interval")]
    if len(known) < 2:
        return
    across = panel.across([point["delay_ms"] for point in known])
    lower, upper = (
        np.clip(panel.down([point["r2_interval"][end] for point in known]), 0, panel.canvas.height) for end in (0, 1)
    )
    panel.canvas.area(across, lower, upper, ink, opacity=0.18, within=panel.box)


def _draw_curve(panel: Panel, curve: Curve, index: int) -> None:
    """The line with its marks; at the foot an arrow for each that lies below the panel."""
    delays, values = _line(curve, "r2")
    across, down = panel.across(delays), panel.down(values)
    panel.canvas.polyline(across, down, _ink(index), thickness=2, within=panel.box)
    size = 7 if len(delays) <= 40 else 4
    for x, y in zip(across.tolist(), down.tolist(), strict=True):
        if y > panel.box.bottom:
            panel.canvas.marker(x, panel.box.bottom - 6, "down", size, _ink(index))
        else:
            panel.canvas.marker(x, y, _mark(index), size, _ink(index), halo=1)


def _mark_horizons(panel: Panel, curves: Sequence[Curve]) -> None:
    """A line from each curve's last sufficient delay down to the axis, with the delay along it where there is room."""
    canvas, box = panel.canvas, panel.box
    marked = [(index, curve) for index, curve in enumerate(curves) if curve["horizon_ms"]]
    for place, (index, curve) in enumerate(marked):
        delay = curve["horizon_ms"]
        reached = next(point["r2"] for point in curve["curve"] if point["delay_ms"] == delay)
        across, top = panel.point(delay, reached)
        canvas.rule((across, top), (across, box.bottom), _ink(index), 1.5, (3, 3))
        canvas.marker(across, top, "ring", 13, _ink(index))
        if len(marked) <= MOST_NOTES:
            align, shift = ("left", 6) if across < box.left + 120 else ("right", -6)
            words = f"{number(float(delay), 4)} ms"
            note(canvas, across + shift, box.bottom - 60 + 16 * place, words, for_text(_ink(index)), align)


def _draw_gain(canvas: Canvas, box: Box, x: Log, curves: Sequence[Curve]) -> None:
    known = [curve for curve in curves if _has([curve], "gain")]
    values = [_line(curve, name)[1] for curve in known for name in ("gain", "correlation")]
    panel = Panel(canvas, box, x, linear(np.concatenate(values), include=[0.0, 1.0], room=0.06))
    panel.y_axis("gain, the slope of answers over values (solid), and their correlation (dashed)", 3)
    for index, curve in enumerate(curves):
        panel.line(*_line(curve, "gain"), _ink(index), thickness=1.8)
        panel.markers(*_line(curve, "gain"), _mark(index), 5, _ink(index))
        panel.line(*_line(curve, "correlation"), _ink(index), thickness=1.4, dash=DASHED)


def _draw_key(canvas: Canvas, left: float, y: float, index: int, curve: Curve) -> None:
    """The network's mark and name, how long it holds, and between which delays it fails."""
    canvas.marker(left + 5, y, _mark(index), 8, _ink(index))
    canvas.text(left + 18, y, str(curve["label"]), colour=for_text(_ink(index)), width=226)
    canvas.text(left + 254, y, f"holds {'for ' if curve['horizon_ms'] else 'at '}{_reach(curve)}")
    low, high = curve.get("horizon_interval") or (0, None)
    if high is not None:
        between = f"fails between {number(float(low), 4)} and {number(float(high), 4)} ms"
        canvas.text(left + 430, y, between if low else f"fails from {number(float(high), 4)} ms on", colour=MUTED)


def _line(curve: Curve, name: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The delays, and what the points have of this name; NaN where they have nothing."""
    points = curve["curve"]
    delays = np.array([point["delay_ms"] for point in points], dtype=np.float64)
    return delays, np.array([point.get(name) for point in points], dtype=np.float64)


def _has(curves: Sequence[Curve], name: str) -> bool:
    return any(np.isfinite(_line(curve, name)[1]).any() for curve in curves)


def _ink(index: int) -> Colour:
    return INKS[index % len(INKS)]


def _mark(index: int) -> Shape:
    """Shifted with each round through the inks, so that no two of many curves look the same."""
    return MARKS[(index + index // len(INKS)) % len(MARKS)]


def _reach(curve: Curve) -> str:
    """The horizon in words; one at the longest delay that was tried may lie beyond it."""
    horizon = curve["horizon_ms"]
    if not horizon:
        return "no delay"
    beyond = horizon >= max(point["delay_ms"] for point in curve["curve"])
    return f"{'at least ' if beyond else ''}{number(float(horizon), 4)} ms"
