"""What drives a unit: the stimuli before and after tuning, the responses to them, and how the search went."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, Literal

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
    spread,
)
from service.rendering.canvas import Box, Canvas
from service.rendering.digits import draw_digit, draw_pixel_bar
from service.rendering.layers import Mosaic, draw_bars, unit_axis, unit_ticks, value_axis
from service.rendering.lettering import ARROW, counted, number, signed
from service.rendering.palette import BLUE, INK, INKS, MUTED, QUIET, VERMILLION, Colour, for_text, signed_scale
from service.rendering.rendering import Rendering

MOST_STIMULI = 12
MOST_STARTS = 8
MOST_TRACES = 12
BAR_COLOUR: Colour = (176, 183, 192)

Unit = Mapping[str, Any]


def stimulus(units: Sequence[Unit]) -> Rendering:
    """The image each search began with beside the one it ended with.

    Args:
        units: For each `label`, `initial_image` and `optimized_image` (row, column), `drive_before` and `drive_after`.
    """
    shown = units[:MOST_STIMULI]
    title = "Stimulus before and after tuning" + _left_out(units, shown)
    subtitle = "drive: the unit's value before the ReLU, in arbitrary units"
    changes = "; ".join(
        f"{unit['label']}: drive from {number(unit['drive_before'])} to {number(unit['drive_after'])}" for unit in shown
    )
    alt = f"Images of 28 by 28 pixels, 0 (paper) to 1 (ink), before and after tuning. {changes}."
    return Rendering("stimulus", title, alt, lambda: _draw_stimulus(shown, title, subtitle))


def responses(
    layer: str,
    kind: Literal["conv", "dense"],
    shape: Sequence[int],
    before: ArrayLike,
    after: ArrayLike,
    marked: int,
    label: str,
    *,
    whole_channel: bool = False,
    ranks: tuple[int, int] | None = None,
) -> Rendering:
    """What the tuned unit's layer answers to the image before and to the image after, on one scale.

    Args:
        layer: The layer.
        kind: Its kind.
        shape: (channel, row, column) or (unit,).
        before: The drive of all units for the image before; flat or shaped.
        after: The drive of all units for the image after.
        marked: The tuned unit's flat index, or the channel's number.
        label: What the unit is called.
        whole_channel: Whether `marked` is a channel.
        ranks: The unit's rank in its layer before and after; 1 is the largest.
    """
    values = [np.asarray(panel, dtype=np.float64).reshape(tuple(shape)) for panel in (before, after)]
    drives = [float(panel[marked].mean() if whole_channel else panel.flat[marked]) for panel in values]
    title = f"Responses of layer {layer} before and after tuning {label}"
    subtitle = f"{label}: drive {number(drives[0])} {ARROW} {number(drives[1])}"
    alt = f"The drive of all units of layer {layer} for both images on one scale, {label} marked: its drive goes from "
    alt += f"{number(drives[0])} to {number(drives[1])}"
    if ranks:
        of = shape[0] if whole_channel else values[0].size
        subtitle += f", rank {ranks[0]} {ARROW} {ranks[1]} of {of:,}"
        alt += f", its rank from {ranks[0]} to {ranks[1]} of {of:,}"
    if kind == "conv":
        return Rendering(
            "responses", title, f"{alt}.", lambda: _draw_maps(values, marked, whole_channel, label, title, subtitle)
        )
    return Rendering("responses", title, f"{alt}.", lambda: _draw_bars(values, marked, label, title, subtitle))


def starts(units: Sequence[Unit]) -> Rendering:
    """Where every random start of the search ended, sorted.

    Args:
        units: For each `label`, `starts` (`before` and `after`: drives) and `best_start`.
    """
    shown = units[:MOST_STARTS]
    title = "How every start ended" + _left_out(units, shown)
    subtitle = "drive before (grey) and after tuning, starts in order of their end"
    alt = "Sorted dots of the drive at the end of every random start. " + " ".join(map(_account, shown))
    return Rendering("starts", title, alt, lambda: _draw_starts(shown, title, subtitle))


def tuning_trace(units: Sequence[Unit]) -> Rendering:
    """Drive and penalty over the steps of the search.

    Args:
        units: For each `label` and `trace` (`step`, `drive`, `penalty`).
    """
    shown = units[:MOST_TRACES]
    title = "Drive during tuning" + _left_out(units, shown)
    longest = max((unit["trace"][-1]["step"] for unit in shown if unit["trace"]), default=0)
    subtitle = f"the penalty keeps the image near paper; {counted(longest, 'step')}"
    ends = "; ".join(
        f"{unit['label']} from {number(unit['trace'][0]['drive'])} to {number(unit['trace'][-1]['drive'])}"
        for unit in shown
        if unit["trace"]
    )
    alt = f"Lines of drive and penalty over {counted(longest, 'step')} of tuning. Drive: {ends or 'not recorded'}."
    return Rendering("trace", title, alt, lambda: _draw_trace(shown, title, subtitle))


def _left_out(units: Sequence[Unit], shown: Sequence[Unit]) -> str:
    return "" if len(units) == len(shown) else f", the first {len(shown)} of {len(units)} units"


def _draw_stimulus(units: Sequence[Unit], title: str, subtitle: str) -> Image.Image:
    pairs, side, gap = _pair_layout(len(units))
    pair_width, pair_height = 2 * side + gap, side + 66
    rows = math.ceil(len(units) / pairs)
    space = (COLUMN - 2 * MARGIN - 84 - pairs * pair_width) / max(1, pairs - 1) if pairs > 1 else 0.0
    canvas = begun(
        title,
        subtitle,
        max(520, 2 * MARGIN + 100 + pair_width) if pairs == 1 else COLUMN,
        HEADER + rows * pair_height + 4,
    )
    for index, unit in enumerate(units):
        row, column = divmod(index, pairs)
        left, top = MARGIN + column * (pair_width + space), HEADER + row * pair_height
        _draw_pair(canvas, unit, Box(left, top, pair_width, side), gap)
    right = MARGIN + pairs * pair_width + (pairs - 1) * space
    draw_pixel_bar(canvas, Box(right + 16, HEADER + 22, 12, min(180.0, side)))
    return canvas.finished()


def _pair_layout(units: int) -> tuple[int, float, float]:
    """Pairs side by side, the side of an image, and the gap between before and after."""
    if units == 1:
        return 1, 224.0, 48.0
    return (2, 132.0, 30.0) if units <= 4 else (3, 80.0, 20.0)


def _draw_pair(canvas: Canvas, unit: Unit, box: Box, gap: float) -> None:
    side = box.height
    canvas.text(box.left, box.top + 6, str(unit["label"]), size=13, width=box.width)
    top = box.top + 20
    columns = [
        ("before", box.left, "initial_image", "drive_before"),
        ("after", box.left + side + gap, "optimized_image", "drive_after"),
    ]
    for words, left, image, drive in columns:
        draw_digit(canvas, np.asarray(unit[image], dtype=np.float64), Box(left, top, side, side))
        middle, bottom = left + side / 2, top + side
        canvas.text(middle, bottom + 12, words, size=SMALL, colour=MUTED, align="middle")
        drawn = f"drive {signed(float(unit[drive]))}"
        canvas.text(
            middle, bottom + 28, drawn, colour=for_text(BLUE) if drive == "drive_after" else INK, align="middle"
        )
    canvas.text(box.left + side + gap / 2, top + side / 2, ARROW, size=18, colour=QUIET, align="middle")


def _draw_maps(
    values: Sequence[NDArray[np.float64]], marked: int, whole_channel: bool, label: str, title: str, subtitle: str
) -> Image.Image:
    shape, half, gap = values[0].shape, 270.0, 30.0
    top = HEADER + 12
    probe = Mosaic.fitted(shape, MARGIN, top, half)
    mosaics = [probe, Mosaic.fitted(shape, MARGIN + probe.width + gap, top, half)]
    width = 2 * MARGIN + 2 * probe.width + gap + 96
    canvas = begun(title, subtitle, max(520.0, width), top + max(probe.height, 170) + MARGIN)
    scale = signed_scale(*values)
    for mosaic, maps, words in zip(mosaics, values, ("before", "after"), strict=True):
        canvas.text(mosaic.left, top - 8, words, size=13)
        mosaic.draw(canvas, maps, scale)
        _mark_place(canvas, mosaic, shape, marked, whole_channel, label)
    bar = Box(mosaics[1].left + probe.width + 24, top + 40, 12, min(200.0, max(110.0, probe.height - 60)))
    colour_bar(canvas, bar, scale, "drive (a.u.)")
    return canvas.finished()


def _mark_place(
    canvas: Canvas, mosaic: Mosaic, shape: Sequence[int], marked: int, whole_channel: bool, label: str
) -> None:
    """A frame around the tuned unit, or channel, with its name above the map."""
    channel = marked if whole_channel else int(np.unravel_index(marked, tuple(shape))[0])
    box, ink = mosaic.map_box(channel), for_text(VERMILLION)
    if whole_channel:
        canvas.rectangle(box.grown(2), outline=VERMILLION, thickness=2)
    else:
        place = mosaic.unit_box(marked, shape).grown(2.5)
        canvas.rectangle(place.grown(1), outline=(255, 255, 255), thickness=1)
        canvas.rectangle(place, outline=VERMILLION, thickness=2)
    canvas.marker(box.right - 5, box.top - 9, "down", 8, VERMILLION)
    if box.width > 70:
        canvas.text(box.right - 13, box.top - 9, label, size=SMALL, colour=ink, align="right", width=box.width - 30)


def _draw_bars(
    values: Sequence[NDArray[np.float64]], marked: int, label: str, title: str, subtitle: str
) -> Image.Image:
    height, gap = 140.0, 46.0
    top = HEADER + 20
    canvas = begun(title, subtitle, COLUMN, top + 2 * height + gap + 60)
    count = values[0].size
    x, y = unit_axis(count), value_axis(*values)
    colours = [VERMILLION if unit == marked else BAR_COLOUR for unit in range(count)]
    for index, (panel_values, words) in enumerate(zip(values, ("before", "after"), strict=True)):
        box = Box(MARGIN + 40, top + index * (height + gap), COLUMN - 2 * MARGIN - 40, height)
        panel = Panel(canvas, box, x, y)
        panel.y_axis(f"{words} · drive (a.u.)", 4)
        draw_bars(panel, panel_values, colours)
        _mark_bar(panel, marked, float(panel_values[marked]), label)
        if index:
            panel.x_axis("class" if count == 10 else "unit", ticks=unit_ticks(count))
    return canvas.finished()


def _mark_bar(panel: Panel, unit: int, value: float, label: str) -> None:
    middle, end = panel.point(unit, max(0.0, value))
    panel.canvas.marker(middle, end - 8, "down", 9, VERMILLION)
    is_left = panel.x.fractions(unit) < 0.7
    place = middle + 9 if is_left else middle - 9
    words = f"{label}: {signed(value)}"
    note(panel.canvas, place, end - 9, words, for_text(VERMILLION), "left" if is_left else "right")


def _account(unit: Unit) -> str:
    ends = [start["after"] for start in unit["starts"]]
    above, below = sum(end > 0 for end in ends), sum(end < 0 for end in ends)
    best = unit["starts"][unit["best_start"]]["after"]
    return (
        f"{unit['label']}: {counted(len(ends), 'start')}, {above} ended above 0 and {below} below; the best, start "
        f"{unit['best_start']}, ended at {number(best)}."
    )


def _draw_starts(units: Sequence[Unit], title: str, subtitle: str) -> Image.Image:
    columns = 1 if len(units) == 1 else 2
    rows = math.ceil(len(units) / columns)
    height = 250.0 if columns == 1 else 150.0
    width = (COLUMN - 2 * MARGIN - 40 * columns - 24 * (columns - 1)) / columns
    canvas = begun(title, subtitle, COLUMN, HEADER + rows * (height + 82) + 8)
    for index, unit in enumerate(units):
        row, column = divmod(index, columns)
        box = Box(MARGIN + 40 + column * (width + 64), HEADER + 38 + row * (height + 82), width, height)
        _draw_ends(canvas, unit, box)
    return canvas.finished()


def _draw_ends(canvas: Canvas, unit: Unit, box: Box) -> None:
    before = np.array([start["before"] for start in unit["starts"]], dtype=np.float64)
    after = np.array([start["after"] for start in unit["starts"]], dtype=np.float64)
    order = np.argsort(after, kind="stable")
    panel = Panel(canvas, box, unit_axis(len(order)), linear(np.concatenate([before, after]), include=[0.0], room=0.14))
    above, below = np.count_nonzero(after > 0), np.count_nonzero(after < 0)
    canvas.text(box.left, box.top - 32, f"{unit['label']} · {above} above 0, {below} below", size=13, width=box.width)
    panel.y_axis("drive (a.u.)", 5 if box.height > 200 else 3)
    panel.x_axis("start, from the lowest end to the highest", ticks=[])
    zero = float(panel.down(0.0))
    canvas.rule((box.left, zero), (box.right, zero), MUTED, 1)
    size = min(9.0, max(4.0, 0.8 * box.width / len(order)))
    for place, start in enumerate(order.tolist()):
        across, low = panel.point(place, before[start])
        high = float(panel.down(after[start]))
        canvas.rule((across, low), (across, high), (214, 219, 225), 1)
        canvas.marker(across, low, "disc", 0.7 * size, QUIET)
        is_above = after[start] > 0
        canvas.marker(across, high, "disc" if is_above else "down", size, BLUE if is_above else VERMILLION)
    _mark_best(
        panel, order.tolist().index(unit["best_start"]), float(after[unit["best_start"]]), unit["best_start"], size
    )


def _mark_best(panel: Panel, place: int, drive: float, start: int, size: float) -> None:
    across, height = panel.point(place, drive)
    panel.canvas.marker(across, height, "ring", size + 7, INK)
    is_left = place < panel.x.high / 2
    edge = across + (size / 2 + 4) * (-1 if is_left else 1)
    words = f"best: {signed(drive)} (start {start})"
    note(panel.canvas, edge, height - size / 2 - 13, words, INK, "left" if is_left else "right")


def _draw_trace(units: Sequence[Unit], title: str, subtitle: str) -> Image.Image:
    room = 140.0
    top, heights, gap = HEADER + 22, (220.0, 90.0), 44.0
    canvas = begun(title, subtitle, COLUMN, top + sum(heights) + gap + 60)
    steps = [point["step"] for unit in units for point in unit["trace"]]
    x = Linear(0.0, max([1.0, *steps]))
    for key, height, above in (("drive", heights[0], 0.0), ("penalty", heights[1], heights[0] + gap)):
        box = Box(MARGIN + 40, top + above, COLUMN - 2 * MARGIN - 40 - room, height)
        values = [point[key] for unit in units for point in unit["trace"]]
        panel = Panel(canvas, box, x, linear(values, include=[0.0]))
        panel.y_axis(f"{key} (a.u.)", 5 if height > 100 else 2)
        for unit, colour in zip(units, _cycle(len(units)), strict=True):
            trace = unit["trace"]
            panel.line([point["step"] for point in trace], [point[key] for point in trace], colour, thickness=1.8)
        if key == "drive":
            _label_ends(panel, units)
        else:
            panel.x_axis("step")
    return canvas.finished()


def _label_ends(panel: Panel, units: Sequence[Unit]) -> None:
    """Each line's name and last value at its end."""
    ended = [(unit, colour) for unit, colour in zip(units, _cycle(len(units)), strict=True) if unit["trace"]]
    wanted = [float(panel.down(unit["trace"][-1]["drive"])) for unit, _ in ended]
    heights = spread(wanted, 15, panel.box.top, panel.box.bottom)
    for (unit, colour), height in zip(ended, heights, strict=True):
        last = unit["trace"][-1]
        x, y = panel.point(last["step"], last["drive"])
        panel.canvas.marker(x, y, "disc", 7, colour, halo=1)
        words = f"{unit['label']}: {signed(float(last['drive']))}"
        panel.canvas.text(panel.box.right + 10, height, words, colour=for_text(colour), width=150)


def _cycle(count: int) -> list[Colour]:
    return [INKS[index % len(INKS)] for index in range(count)]
