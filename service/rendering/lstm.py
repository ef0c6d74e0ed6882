"""One trial of the memory network over time: what it was asked, what it answered, and what its gates did."""

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
    colour_bar,
    linear,
    note,
)
from service.rendering.canvas import Box, Canvas, Shape, width_of
from service.rendering.lettering import TIMES, counted, number
from service.rendering.palette import (
    BLUE,
    GREEN,
    INK,
    MUTED,
    PURPLE,
    QUIET,
    RULE,
    VERMILLION,
    VIRIDIS,
    Colour,
    ColourScale,
    finite_extremes,
    for_text,
    signed_scale,
    tint,
)
from service.rendering.rendering import Rendering

STIMULUS, MEMORIZE, REPORT = range(3)
DOTTED_STEPS = 60
LINED_STEPS = 700
PULSES: Mapping[str, tuple[Shape, Colour]] = {"memorize": ("up", BLUE), "report": ("down", VERMILLION)}
GATES = ("input", "forget", "output")

Event = Mapping[str, Any]
Line = tuple[str, NDArray[np.float64], Colour]


def trial(
    time_ms: ArrayLike, inputs: ArrayLike, target: ArrayLike, predicted: ArrayLike | None, events: Sequence[Event]
) -> Rendering:
    """One trial of the memory task, with the network's answer where there is one.

    Args:
        time_ms: (time,).
        inputs: (time, 3): stimulus, memorize pulse, report pulse.
        target: (time,).
        predicted: (time,), or None for the task alone.
        events: The pulses, as `kind`, `time_ms` and `delay_ms`.
    """
    time, stream = np.asarray(time_ms, dtype=np.float64), np.asarray(inputs, dtype=np.float64)
    wanted = np.asarray(target, dtype=np.float64)
    answer = None if predicted is None else np.asarray(predicted, dtype=np.float64)
    delays = _delays(events)
    spoken = ", ".join(f"{number(delay, 6)} ms" for delay in delays[:12]) or "none"
    title = "One trial of the memory task"
    subtitle = f"{number(float(len(time)), 6)} ms, {counted(len(delays), 'report')}"
    alt = f"{title} over {number(float(len(time)), 6)} ms: stimulus, pulses and target. "
    alt += f"Delays from memorize to report: {spoken}."
    if answer is not None:
        asked = stream[:, REPORT] > 0
        error = float(np.sqrt(np.mean((answer - wanted)[asked] ** 2))) if asked.any() else None
        subtitle += f", root mean squared error at the reports {number(error)}"
        alt += f" The prediction misses the target at the reports by {number(error)} (root mean square)."
    return Rendering("trial", title, alt, lambda: _draw_trial(time, stream, wanted, answer, events, title, subtitle))


def gates(
    time_ms: ArrayLike,
    inputs: ArrayLike,
    gates: Mapping[str, ArrayLike],
    candidate: ArrayLike,
    write: ArrayLike,
    cell: ArrayLike,
    output: ArrayLike,
    events: Sequence[Event],
) -> Rendering:
    """The network's inside during one trial: lines for one unit, heat maps for more.

    Args:
        time_ms: (time,).
        inputs: (time, 3): stimulus, memorize pulse, report pulse.
        gates: "input", "forget" and "output", each (time, unit), 0 to 1.
        candidate: (time, unit): what could be written into the cell, -1 to 1.
        write: (time, unit): what is written, input gate times candidate.
        cell: (time, unit).
        output: (time, unit): what the units hand on.
        events: The pulses, as `kind`, `time_ms` and `delay_ms`.
    """
    time, stream = np.asarray(time_ms, dtype=np.float64), np.asarray(inputs, dtype=np.float64)
    opened = {name: _units(gates[name]) for name in GATES}
    rest = {
        "candidate": _units(candidate),
        "write": _units(write),
        "cell": _units(cell),
        "output": _units(output),
    }
    hidden = opened["input"].shape[1]
    title = "Gates and cell during one trial"
    marks = "bands: memorize (blue), report (orange)" if hidden == 1 else "triangles: memorize (up), report (down)"
    subtitle = f"{counted(hidden, 'unit')}, {number(float(len(time)), 6)} ms; {marks}"
    if hidden > 1 and len(time) > COLUMN:
        subtitle += "; of each stretch the most unusual step"
    pulsed = (stream[:, MEMORIZE] > 0) | (stream[:, REPORT] > 0)
    accounts = "; ".join(f"{name} gate {_account(values, stream, pulsed)}" for name, values in opened.items())
    alt = f"{title} of {counted(hidden, 'unit')}: {accounts}. "
    alt += f"The cell runs from {' to '.join(number(end) for end in finite_extremes(rest['cell']))}."
    draw = _draw_lines if hidden == 1 else _draw_heat_maps
    return Rendering("gates", title, alt, lambda: draw(time, stream, opened, rest, events, title, subtitle))


def _account(values: NDArray[np.float64], stream: NDArray[np.float64], pulsed: NDArray[np.bool_]) -> str:
    """A gate's mean at the memorize steps, at the report steps and elsewhere."""
    periods = {"memorize": stream[:, MEMORIZE] > 0, "report": stream[:, REPORT] > 0, "other steps": ~pulsed}
    means = [f"{number(float(values[steps].mean()))} at {name}" for name, steps in periods.items() if steps.any()]
    return "averages " + ", ".join(means)


def _draw_trial(
    time: NDArray[np.float64],
    stream: NDArray[np.float64],
    target: NDArray[np.float64],
    predicted: NDArray[np.float64] | None,
    events: Sequence[Event],
    title: str,
    subtitle: str,
) -> Image.Image:
    boxes = _stacked((110.0, 48.0, 150.0), 46.0)
    canvas = begun(title, subtitle, COLUMN, boxes[-1].bottom + 54)
    x = _time_axis(time)
    _draw_bands(canvas, boxes, x, events)
    _draw_stimulus(Panel(canvas, boxes[0], x, Linear(-1.15, 1.15)), time, stream, "stimulus (a.u.) · the value to keep")
    _draw_pulses(Panel(canvas, boxes[1], x, Linear(0, 1)), time, stream, events)
    shown = target if predicted is None else np.concatenate([target, predicted])
    panel = Panel(canvas, boxes[2], x, linear(shown, include=[-1.05, 1.05], room=0.05))
    panel.y_axis("", 4)
    _draw_answer(panel, time, stream, target, predicted)
    panel.x_axis("time (ms)")
    return canvas.finished()


def _draw_stimulus(panel: Panel, time: NDArray[np.float64], stream: NDArray[np.float64], label: str) -> None:
    """The stream as a quiet line, with the values that a memorize pulse picks out."""
    panel.y_axis(label, ticks=[-1.0, 0.0, 1.0])
    stimulus, kept = stream[:, STIMULUS], stream[:, MEMORIZE] > 0
    is_short = len(time) <= DOTTED_STEPS
    panel.line(time, stimulus, (126, 133, 142) if is_short else QUIET, thickness=1.3 if len(time) <= 300 else 0.8)
    if is_short:
        panel.markers(time, stimulus, "disc", 4, (126, 133, 142))
    panel.markers(time[kept], stimulus[kept], "disc", 8, BLUE, halo=1.5)
    if "·" in label:
        panel.canvas.marker(panel.box.left + width_of(label) + 10, panel.box.top - 14, "disc", 8, BLUE)


def _draw_pulses(panel: Panel, time: NDArray[np.float64], stream: NDArray[np.float64], events: Sequence[Event]) -> None:
    canvas, box = panel.canvas, panel.box
    canvas.rule((box.left, box.bottom), (box.right, box.bottom), RULE)
    _draw_key(canvas, box.left, box.top - 14, [(name, *PULSES[name]) for name in PULSES])
    _draw_delays(panel, events)
    steps = int((stream[:, [MEMORIZE, REPORT]] > 0).sum())
    size = 11.0 if steps <= 24 else 6.0
    for name, column in (("memorize", MEMORIZE), ("report", REPORT)):
        shape, colour = PULSES[name]
        for at in time[stream[:, column] > 0].tolist():
            across = float(panel.across(at))
            canvas.rule((across, box.top + 18), (across, box.bottom), colour, 1.5)
            canvas.marker(across, box.top + 16, shape, size, colour)


def _draw_delays(panel: Panel, events: Sequence[Event]) -> None:
    """An arrow from each memorize to its report with the delay on it, or below it where it is short."""
    canvas, height, taken = panel.canvas, panel.box.top + 33, 0.0
    for event in events:
        if event["kind"] != "report" or event["delay_ms"] is None:
            continue
        start = float(panel.across(event["time_ms"] - event["delay_ms"]))
        end = float(panel.across(event["time_ms"]))
        words = f"{number(float(event['delay_ms']), 6)} ms"
        if end - start > 10:
            canvas.rule((start + 2, height), (end - 3, height), MUTED, 0.5)
            canvas.polyline([end - 7, end - 2, end - 7], [height - 3, height, height + 3], MUTED, thickness=1)
        middle, half = (start + end) / 2 - 2, width_of(words, SMALL) / 2
        if 2 * half <= end - start - 14:
            note(canvas, middle, height, words, INK, "middle")
        elif middle - half > taken:
            canvas.text(middle, panel.box.bottom + 11, words, size=SMALL, align="middle")
            taken = middle + half + 6


def _draw_answer(
    panel: Panel,
    time: NDArray[np.float64],
    stream: NDArray[np.float64],
    target: NDArray[np.float64],
    predicted: NDArray[np.float64] | None,
) -> None:
    """The prediction as a line, the target as a ring at each report."""
    canvas, box = panel.canvas, panel.box
    asked = stream[:, REPORT] > 0
    size = 11.0 if asked.sum() <= 24 else 8.0
    key: list[tuple[str, Shape, Colour]] = [("target at report (a.u.)", "ring", INK)]
    if predicted is not None:
        key.append(("predicted (a.u.)", "disc", BLUE))
        panel.line(time, predicted, BLUE, thickness=1.8 if len(time) <= LINED_STEPS else 1.4)
        if len(time) <= DOTTED_STEPS:
            panel.markers(time, predicted, "disc", 4, BLUE)
        panel.markers(time[asked], predicted[asked], "disc", 0.6 * size, BLUE)
    for at, value in zip(time[asked].tolist(), target[asked].tolist(), strict=True):
        x, y = panel.point(at, value)
        canvas.marker(x, y, "ring", size, INK)
    _draw_key(canvas, box.left, box.top - 14, key)


def _draw_lines(
    time: NDArray[np.float64],
    stream: NDArray[np.float64],
    opened: Mapping[str, NDArray[np.float64]],
    rest: Mapping[str, NDArray[np.float64]],
    events: Sequence[Event],
    title: str,
    subtitle: str,
) -> Image.Image:
    boxes = _stacked((70.0, 60.0, 60.0, 60.0, 80.0, 80.0, 80.0), 38.0)
    canvas = begun(title, subtitle, COLUMN, boxes[-1].bottom + 54)
    x = _time_axis(time)
    _draw_bands(canvas, boxes, x, events)
    _draw_stimulus(Panel(canvas, boxes[0], x, Linear(-1.15, 1.15)), time, stream, "stimulus (a.u.) · the value to keep")
    inks = (BLUE, GREEN, VERMILLION)
    for name, box, ink in zip(GATES, boxes[1:4], inks, strict=True):
        panel = Panel(canvas, box, x, Linear(-0.05, 1.05))
        panel.y_axis(f"{name} gate (0 closed, 1 open)", ticks=[0.0, 0.5, 1.0])
        panel.line(time, opened[name][:, 0], ink, thickness=1.6)
    written: list[Line] = [
        ("candidate", rest["candidate"][:, 0], PURPLE),
        (f"write = input gate {TIMES} candidate", rest["write"][:, 0], INK),
    ]
    _draw_traces(Panel(canvas, boxes[4], x, Linear(-1.1, 1.1)), time, written)
    for name, box in (("cell", boxes[5]), ("output", boxes[6])):
        values = rest[name][:, 0]
        panel = Panel(canvas, box, x, linear(values, include=[0.0], room=0.1))
        _draw_traces(panel, time, [(f"{name} (a.u.)", values, INK)])
    Panel(canvas, boxes[-1], x, Linear(0, 1)).x_axis("time (ms)")
    return canvas.finished()


def _draw_traces(panel: Panel, time: NDArray[np.float64], lines: Sequence[Line]) -> None:
    """Lines in one panel, named above it in their own inks."""
    panel.y_axis("", 3)
    left = panel.box.left
    for name, values, colour in lines:
        if len(lines) > 1:
            panel.canvas.rule((left, panel.box.top - 14), (left + 14, panel.box.top - 14), colour, 2)
            left += 20
        panel.canvas.text(left, panel.box.top - 14, name, colour=for_text(colour) if len(lines) > 1 else MUTED)
        left += width_of(name) + 24
        panel.line(time, values, colour, thickness=1.6 if len(time) <= LINED_STEPS else 0.8)


def _draw_heat_maps(
    time: NDArray[np.float64],
    stream: NDArray[np.float64],
    opened: Mapping[str, NDArray[np.float64]],
    rest: Mapping[str, NDArray[np.float64]],
    events: Sequence[Event],
    title: str,
    subtitle: str,
) -> Image.Image:
    hidden = opened["input"].shape[1]
    height = min(112.0, max(44.0, 10.0 * hidden))
    boxes = [box._replace(width=box.width - 64) for box in _stacked((70.0, *[height] * 7), 42.0)]
    canvas = begun(title, subtitle, COLUMN, boxes[-1].bottom + 54)
    x = _time_axis(time)
    _draw_bands(canvas, boxes, x, events)
    _draw_stimulus(Panel(canvas, boxes[0], x, Linear(-1.15, 1.15)), time, stream, "stimulus (a.u.) · the value to keep")
    written = signed_scale(rest["candidate"], rest["write"])
    maps = [
        *((f"{name} gate", opened[name], ColourScale(VIRIDIS, 0.0, 1.0)) for name in GATES),
        ("candidate", rest["candidate"], written),
        ("write", rest["write"], written),
        ("cell", rest["cell"], signed_scale(rest["cell"])),
        ("output", rest["output"], signed_scale(rest["output"])),
    ]
    for (name, values, scale), box in zip(maps, boxes[1:], strict=True):
        panel = Panel(canvas, box, x, Linear(hidden - 0.5, -0.5))
        canvas.picture(_peaks(values, round(box.width)).T, box, scale)
        canvas.rectangle(box, outline=QUIET)
        canvas.text(box.left, box.top - 18, f"{name} (a.u.), unit by time", colour=MUTED)
        for unit in (0, hidden - 1):
            canvas.text(box.left - 8, float(panel.down(unit)), str(unit), size=SMALL, colour=MUTED, align="right")
        colour_bar(canvas, Box(box.right + 14, box.top, 10, box.height), scale, "")
        _mark_events(panel, events)
    Panel(canvas, boxes[-1], x, Linear(0, 1)).x_axis("time (ms)")
    return canvas.finished()


def _peaks(values: NDArray[np.float64], most: int) -> NDArray[np.float64]:
    """Values (time, unit) thinned to at most `most` times, keeping of each stretch what is farthest from the median.

    An average would wipe out pulses of one step, and they are what gates are about.
    """
    if len(values) <= most:
        return values
    usual = np.median(values, axis=0)
    edges = np.linspace(0, len(values), most + 1).astype(int)[:-1]
    highest, lowest = np.maximum.reduceat(values, edges), np.minimum.reduceat(values, edges)
    return np.where(highest - usual >= usual - lowest, highest, lowest)


def _mark_events(panel: Panel, events: Sequence[Event]) -> None:
    """Each pulse's mark just above a heat map, which hides the bands."""
    for event in events:
        shape, colour = PULSES[event["kind"]]
        across = float(panel.across(event["time_ms"]))
        panel.canvas.marker(across, panel.box.top - 4, shape, 7, colour)


def _draw_key(canvas: Canvas, left: float, y: float, entries: Sequence[tuple[str, Shape, Colour]]) -> None:
    for words, shape, colour in entries:
        canvas.marker(left + 5, y, shape, 9, colour)
        canvas.text(left + 15, y, words, colour=for_text(colour))
        left += width_of(words) + 34


def _draw_bands(canvas: Canvas, boxes: Sequence[Box], x: Linear, events: Sequence[Event]) -> None:
    """A faint band through all panels at each pulse, one time step wide but never too thin to see."""
    panel = Panel(canvas, boxes[0], x, Linear(0, 1))
    breadth = min(14.0, max(2.0, panel.box.width / (x.high - x.low)))
    for event in events:
        across = float(panel.across(event["time_ms"]))
        colour = tint(PULSES[event["kind"]][1], 0.78)
        for box in boxes:
            canvas.rectangle(Box(across - breadth / 2, box.top, breadth, box.height), fill=colour)


def _stacked(heights: Sequence[float], gap: float) -> list[Box]:
    """Panels of the same width, one below the other, with room for a line of words above each."""
    boxes, top = [], HEADER + 22.0
    for height in heights:
        boxes.append(Box(MARGIN + 40, top, COLUMN - 2 * MARGIN - 40, height))
        top += height + gap
    return boxes


def _time_axis(time: NDArray[np.float64]) -> Linear:
    """From half a step before the first time to half a step after the last."""
    step = float(np.median(np.diff(time))) if len(time) > 1 else 1.0
    return Linear(float(time[0]) - step / 2, float(time[-1]) + step / 2)


def _delays(events: Sequence[Event]) -> list[float]:
    return [float(event["delay_ms"]) for event in events if event["kind"] == "report" and event["delay_ms"] is not None]


def _units(values: ArrayLike) -> NDArray[np.float64]:
    """(time, unit), also where one unit was given as a plain line."""
    array = np.asarray(values, dtype=np.float64)
    return array[:, None] if array.ndim == 1 else array
