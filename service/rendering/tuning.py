"""What drives a unit: the stimuli before and after tuning, how the search went, and the digits that come near."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
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
    note,
    spread,
)
from service.rendering.canvas import Box, Canvas
from service.rendering.digits import draw_digit, draw_pixel_bar, preview
from service.rendering.layers import unit_axis
from service.rendering.lettering import ARROW, counted, number, signed
from service.rendering.palette import BLUE, INK, INKS, MUTED, QUIET, VERMILLION, Colour, for_text, pixel_scale
from service.rendering.png import encoded
from service.rendering.rendering import Rendering
from service.rendering.responses import short_name

MOST_STIMULI = 12
MOST_STARTS = 8
MOST_TRACES = 12
MOST_NEIGHBOURS = 12
MOST_IN_PREVIEW = 12
PREVIEW_COLUMNS = 4
STEM: Colour = (214, 219, 225)

Unit = Mapping[str, Any]


def stimulus(units: Sequence[Unit]) -> Rendering:
    """The image each search began with beside the one it ended with.

    Args:
        units: For each `unit` (and `label`, a longer name), `initial_image` and `optimized_image` (row, column),
            `drive_before` and `drive_after`.
    """
    subtitle = "drive: the unit's value before the ReLU, in arbitrary units"
    if len(units) > MOST_STIMULI:
        return _stimulus_sheet(units, subtitle)
    title = "Stimulus before and after tuning"
    changes = "; ".join(
        f"{_name(unit)}: drive from {number(unit['drive_before'])} to {number(unit['drive_after'])}" for unit in units
    )
    alt = f"Images of 28 by 28 pixels, 0 (paper) to 1 (ink), before and after tuning. {changes}."
    return Rendering("stimulus", title, alt, lambda: _draw_stimulus(units, title, subtitle))


def unnamed_stimulus(before: ArrayLike, after: ArrayLike) -> Rendering:
    """The image a search began with beside the one it ended with, and nothing of the unit.

    Args:
        before: (row, column), 0 (paper) to 1 (ink).
        after: The same.
    """
    unit = {"label": "the hidden unit", "initial_image": before, "optimized_image": after}
    title, subtitle = "Stimulus before and after tuning", "which unit was tuned is hidden"
    ink = [number(float(np.mean(np.asarray(image, dtype=np.float64)))) for image in (before, after)]
    alt = (
        f"Images of 28 by 28 pixels, 0 (paper) to 1 (ink), before and after tuning of a hidden unit; "
        f"mean ink {ink[0]} before and {ink[1]} after."
    )
    return Rendering("stimulus", title, alt, lambda: _draw_stimulus([unit], title, subtitle))


def starts(units: Sequence[Unit]) -> Rendering:
    """Where every random start of the search ended, sorted.

    Args:
        units: For each `unit` (and `label`, a longer name), `starts` (`before` and `after`: drives) and `best_start`.
    """
    shown = units[:MOST_STARTS]
    title = "How every start ended" + _left_out(units, shown)
    subtitle = "drive before (grey) and after tuning, starts in order of their end"
    alt = "Sorted dots of the drive at the end of every random start. " + " ".join(map(_account, shown))
    return Rendering("starts", title, alt, lambda: _draw_starts(shown, title, subtitle))


def tuning_trace(units: Sequence[Unit]) -> Rendering:
    """Drive and penalty over the steps of the search.

    Args:
        units: For each `unit` (and `label`) and `trace` (`step`, `drive`, `penalty`).
    """
    shown = units[:MOST_TRACES]
    title = "Drive during tuning" + _left_out(units, shown)
    longest = max((unit["trace"][-1]["step"] for unit in shown if unit["trace"]), default=0)
    subtitle = f"the penalty keeps the image near paper; {counted(longest, 'step')}"
    ends = "; ".join(
        f"{_name(unit)} from {number(unit['trace'][0]['drive'])} to {number(unit['trace'][-1]['drive'])}"
        for unit in shown
        if unit["trace"]
    )
    alt = f"Lines of drive and penalty over {counted(longest, 'step')} of tuning. Drive: {ends or 'not recorded'}."
    return Rendering("trace", title, alt, lambda: _draw_trace(shown, title, subtitle))


def neighbours(
    units: Sequence[Unit], direction: str, digits: Sequence[Mapping[str, Any]], class_means: Sequence[Mapping[str, Any]]
) -> Rendering:
    """The tuned image beside the real digits that drive its unit most, or least, and the class mean nearest to it.

    Args:
        units: For each `unit` (and `label`), `optimized_image`, `drive_after`, `top_digits` and `bottom_digits`
            (`index`, `label`, `drive`) and `nearest_class_mean` (`label`, `correlation`).
        direction: "excite" shows the top digits, "inhibit" the bottom ones.
        digits: `index` and `image` of all digits that are to be shown.
        class_means: `label` and `image` of each class.
    """
    shown = units[:MOST_NEIGHBOURS]
    key, degree = ("top_digits", "most") if direction == "excite" else ("bottom_digits", "least")
    title = "The tuned stimulus beside real digits" + _left_out(units, shown)
    subtitle = f"at the right: the test digits that drive the unit {degree}, each with its class and its drive (a.u.)"
    alt = " ".join(_told_neighbours(unit, key, degree) for unit in shown)
    pictures = {digit["index"]: digit["image"] for digit in digits}
    means = {mean["label"]: mean["image"] for mean in class_means}
    blocks = [_Block(unit, unit[key], pictures, means) for unit in shown]
    return Rendering("neighbours", title, alt, lambda: _draw_neighbours(blocks, title, subtitle))


def preview_sheet(images: ArrayLike) -> bytes:
    """A small PNG of the first 12 images (image, row, column) without any words, to be sent while they still change."""
    stack = np.asarray(images, dtype=np.float64)[:MOST_IN_PREVIEW]
    if len(stack) == 1:
        return preview(stack[0])
    columns = min(PREVIEW_COLUMNS, len(stack))
    framed = np.pad(stack, ((0, 0), (0, 1), (0, 1)), constant_values=0.4)
    full = np.pad(framed, ((0, -len(stack) % columns), (0, 0), (0, 0)))
    tiles = full.reshape(-1, columns, *full.shape[1:]).swapaxes(1, 2)
    sheet = tiles.reshape(-1, columns * full.shape[2])
    levels = pixel_scale().colours(sheet)[..., 0]
    height, width = levels.shape
    return encoded(Image.fromarray(levels).resize((2 * width, 2 * height), Image.Resampling.NEAREST))


def _name(unit: Unit) -> str:
    return str(unit.get("label") or short_name(unit["unit"]))


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
    return (2, 118.0, 30.0) if units <= 4 else (3, 80.0, 20.0)


def _draw_pair(canvas: Canvas, unit: Unit, box: Box, gap: float) -> None:
    side = box.height
    canvas.text(box.left, box.top + 6, _name(unit), size=13, width=box.width)
    top = box.top + 20
    columns = [
        ("before", box.left, "initial_image", "drive_before"),
        ("after", box.left + side + gap, "optimized_image", "drive_after"),
    ]
    for words, left, image, drive in columns:
        draw_digit(canvas, np.asarray(unit[image], dtype=np.float64), Box(left, top, side, side))
        middle, bottom = left + side / 2, top + side
        canvas.text(middle, bottom + 12, words, size=SMALL, colour=MUTED, align="middle")
        if drive in unit:
            drawn, ink = f"drive {signed(float(unit[drive]))}", for_text(BLUE) if drive == "drive_after" else INK
            canvas.text(middle, bottom + 28, drawn, colour=ink, align="middle")
    canvas.text(box.left + side + gap / 2, top + side / 2, ARROW, size=18, colour=QUIET, align="middle")


def _stimulus_sheet(units: Sequence[Unit], subtitle: str) -> Rendering:
    """The images that many units ended with, small."""
    title = f"Stimuli after tuning of {counted(len(units), 'unit')}"
    drives = [float(unit["drive_after"]) for unit in units]
    alt = (
        f"Images of 28 by 28 pixels, 0 (paper) to 1 (ink), that {counted(len(units), 'unit')} prefer. "
        f"Drive from {number(min(drives))} to {number(max(drives))}, above 0 in {sum(drive > 0 for drive in drives)}."
    )
    return Rendering("stimulus", title, alt, lambda: _draw_stimulus_sheet(units, title, subtitle))


def _draw_stimulus_sheet(units: Sequence[Unit], title: str, subtitle: str) -> Image.Image:
    columns, gap, lines = 10, 8.0, 30.0
    side = (COLUMN - 2 * MARGIN - gap * (columns - 1)) / columns
    rows = math.ceil(len(units) / columns)
    canvas = begun(title, subtitle, COLUMN, HEADER + rows * (side + lines + gap) + 8)
    draw_pixel_bar(canvas, Box(COLUMN - MARGIN - 100, 47, 88, 10))
    for index, unit in enumerate(units):
        row, column = divmod(index, columns)
        box = Box(MARGIN + column * (side + gap), HEADER + row * (side + lines + gap), side, side)
        draw_digit(canvas, np.asarray(unit["optimized_image"], dtype=np.float64), box)
        middle = box.left + side / 2
        canvas.text(
            middle, box.bottom + 10, short_name(unit["unit"]), size=SMALL, colour=MUTED, align="middle", width=side
        )
        canvas.text(middle, box.bottom + 24, signed(float(unit["drive_after"])), size=SMALL, align="middle")
    return canvas.finished()


@dataclass(frozen=True)
class _Block:
    """One unit's row of the picture: the unit, its digits, and the images (row, column) to draw by index and class."""

    unit: Unit
    digits: Sequence[Mapping[str, Any]]
    pictures: Mapping[int, Any]
    means: Mapping[int, Any]


def _told_neighbours(unit: Unit, key: str, degree: str) -> str:
    digits = ", ".join(f"a {each['label']} (test digit {each['index']}, {number(each['drive'])})" for each in unit[key])
    nearest = unit["nearest_class_mean"]
    return (
        f"{_name(unit)}: the tuned image drives it to {number(unit['drive_after'])} and correlates best with the mean "
        f"{nearest['label']} (r = {number(nearest['correlation'], 2)}); it is driven {degree} by {digits}."
    )


def _draw_neighbours(blocks: Sequence[_Block], title: str, subtitle: str) -> Image.Image:
    is_roomy = len(blocks) <= 2
    side, small, columns = (150.0, 68.0, 4) if is_roomy else (84.0, 50.0, 8)
    height = side + (76 if is_roomy else 72)
    canvas = begun(title, subtitle, COLUMN, HEADER + len(blocks) * height)
    for row, block in enumerate(blocks):
        _draw_block(canvas, block, HEADER + row * height, side, small, columns)
    return canvas.finished()


def _draw_block(canvas: Canvas, block: _Block, top: float, side: float, small: float, columns: int) -> None:
    """A unit's image and the nearest mean, `side` wide, and its digits, `small` and as many as `columns` in a row."""
    unit, nearest = block.unit, block.unit["nearest_class_mean"]
    canvas.text(MARGIN, top, _name(unit), size=13)
    top += 16
    pair = [("tuned", unit["optimized_image"], f"drive {signed(float(unit['drive_after']))}")]
    if nearest["label"] is not None:
        relation = f"r = {number(round(nearest['correlation'], 2))}"
        pair.append((f"nearest mean: {nearest['label']}", block.means[nearest["label"]], relation))
    left = float(MARGIN)
    for words, image, figure in pair:
        draw_digit(canvas, np.asarray(image, dtype=np.float64), Box(left, top, side, side))
        canvas.text(left + side / 2, top + side + 12, words, size=SMALL, colour=MUTED, align="middle")
        canvas.text(left + side / 2, top + side + 28, figure, align="middle")
        left += side + 22
    left, gap = MARGIN + 2 * (side + 22) + 8, (10.0 if columns == 4 else 6.0)
    if len(block.digits) <= columns:
        top += (side - small) / 2 - 6
    for place, digit in enumerate(block.digits):
        row, column = divmod(place, columns)
        box = Box(left + column * (small + gap), top + row * (small + 30), small, small)
        draw_digit(canvas, np.asarray(block.pictures[digit["index"]], dtype=np.float64), box)
        words = f"{digit['label']}: {signed(float(digit['drive']))}"
        canvas.text(box.left + small / 2, box.bottom + 12, words, size=SMALL, align="middle")


def _account(unit: Unit) -> str:
    ends = [start["after"] for start in unit["starts"]]
    above, below = sum(end > 0 for end in ends), sum(end < 0 for end in ends)
    best = unit["starts"][unit["best_start"]]["after"]
    return (
        f"{_name(unit)}: {counted(len(ends), 'start')}, {above} ended above 0 and {below} below; the best, start "
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
    canvas.text(box.left, box.top - 32, f"{_name(unit)} · {above} above 0, {below} below", size=13, width=box.width)
    panel.y_axis("drive (a.u.)", 5 if box.height > 200 else 3)
    panel.x_axis("start, from the lowest end to the highest", ticks=[])
    zero = float(panel.down(0.0))
    canvas.rule((box.left, zero), (box.right, zero), MUTED, 1)
    size = min(9.0, max(4.0, 0.8 * box.width / len(order)))
    for place, start in enumerate(order.tolist()):
        across, low = panel.point(place, float(before[start]))
        high = panel.point(place, float(after[start]))[1]
        canvas.rule((across, low), (across, high), STEM, 1)
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
        words = f"{short_name(unit['unit'])}: {signed(float(last['drive']))}"
        panel.canvas.text(panel.box.right + 10, height, words, colour=for_text(colour), width=150)


def _cycle(count: int) -> list[Colour]:
    return [INKS[index % len(INKS)] for index in range(count)]
