"""What a lesion costs: digits read wrongly, logits changed, and how that depends on the dose and on the unit."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from service.rendering.axes import COLUMN, HEADER, MARGIN, SMALL, Linear, Panel, begun, colour_bar, linear, note
from service.rendering.canvas import Box
from service.rendering.layers import draw_bars, unit_axis, value_axis
from service.rendering.lettering import ARROW, counted, number, signed
from service.rendering.palette import (
    BLUE,
    INK,
    MUTED,
    QUIET,
    SKY,
    VERMILLION,
    Colour,
    for_text,
    signed_scale,
    text_on,
)
from service.rendering.rendering import Rendering
from service.rendering.responses import short_name

CLASSES = 10
CHANCE = 1 / CLASSES
STEM: Colour = (214, 219, 225)
MOST_NAMED = 16
NUMBERED = 5

Lesion = Mapping[str, Any]


def accuracy(lesion: Lesion) -> Rendering:
    """The share of digits read rightly before and after, of each class and of all.

    Args:
        lesion: `layer`, `units`, `lesioned`, `size`, `replacement`, `samples`, `predictions_changed`, and before and
            after both `accuracy` and `class_accuracy`.
    """
    before, after = (
        np.array([*lesion[f"class_accuracy_{when}"], lesion[f"accuracy_{when}"]]) for when in ("before", "after")
    )
    title = f"Accuracy {_told(lesion)}"
    changed = f"of {counted(lesion['samples'], 'digit')}, {lesion['predictions_changed']:,} are read otherwise"
    subtitle = f"{_percent(before[-1])} {ARROW} {_percent(after[-1])} {changed}"
    classes = [f"{digit} {_percent(before[digit])} to {_percent(after[digit])}" for digit in range(CLASSES)]
    alt = f"Dots of the share of digits read rightly, intact and {_told(lesion)}: {_percent(before[-1])} to "
    alt += f"{_percent(after[-1])} {changed}. By class: {', '.join(classes)}."
    return Rendering("accuracy", title, alt, lambda: _draw_accuracy(before, after, title, subtitle))


def logits(lesion: Lesion) -> Rendering:
    """How the logits change on average for the digits of each class.

    Args:
        lesion: `layer`, `units`, `lesioned`, `size`, `replacement`, and `logit_change` (true class, logit).
    """
    change = np.array(lesion["logit_change"], dtype=np.float64)
    true, logit = np.unravel_index(np.abs(change).argmax(), change.shape)
    title = f"Change of the logits {_told(lesion)}"
    subtitle = f"the largest is {signed(float(change[true, logit]))}, of logit {logit} for digits of class {true}"
    alt = f"A table of the mean change of each logit for the digits of each class, {_told(lesion)}: {subtitle}. The "
    alt += f"logit of the digit's own class changes by {signed(float(change.trace()) / CLASSES)} on average."
    return Rendering("logits", title, alt, lambda: _draw_logits(change, title, subtitle))


def dose(lesion: Lesion) -> Rendering:
    """The accuracy over the share of the layer that is lost.

    Args:
        lesion: `layer`, `lesioned`, `size`, `replacement`, and `dose`: for each share its `fraction`, `lesioned`,
            `accuracy`, `sd` and the `accuracies` of all random orders.
    """
    doses = lesion["dose"]
    orders = counted(len(doses[0]["accuracies"]), "random order")
    title = f"Accuracy over the share of {lesion['layer']} that is {_fate(lesion)}"
    drawn = "mean (blue) and standard deviation of " if doses[0]["sd"] is not None else ""
    subtitle = f"{drawn}{orders} in which the {lesion['size']:,} units go"
    points = ", ".join(f"{_percent(point['accuracy'])} at {number(point['fraction'])}" for point in doses)
    alt = f"Lines of the accuracy over the share of layer {lesion['layer']} that is {_fate(lesion)}, for {orders} of "
    alt += f"its units and their mean: {points}."
    return Rendering("dose", title, alt, lambda: _draw_dose(lesion, title, subtitle))


def each(lesion: Lesion) -> Rendering:
    """The change in accuracy when each unit, or channel, is lost alone, the costliest first.

    Args:
        lesion: `layer`, `replacement`, `accuracy_before`, and `each`: `unit` and `change` of all.
    """
    ranked = sorted(lesion["each"], key=lambda alone: alone["change"])
    noun = "channel" if isinstance(ranked[0]["unit"], Mapping) else "unit"
    title = f"Accuracy when one {noun} of {lesion['layer']} is {_fate(lesion)}"
    harmless = sum(alone["change"] == 0 for alone in ranked)
    subtitle = f"change from {_percent(lesion['accuracy_before'])}; {harmless} of {counted(len(ranked), noun)} change "
    subtitle += "nothing"
    costliest = [f"{short_name(alone['unit'])} {_points(alone['change'])}" for alone in ranked[:NUMBERED]]
    alt = f"Bars of the change in accuracy when each {noun} of layer {lesion['layer']} is {_fate(lesion)} alone, the "
    alt += f"costliest first: {', '.join(costliest)} percentage points. {harmless} of {len(ranked)} change nothing."
    return Rendering("each", title, alt, lambda: _draw_each(ranked, noun, title, subtitle))


def _told(lesion: Lesion) -> str:
    units = lesion["units"]
    what = short_name(units[0]) if len(units) == 1 else f"{lesion['lesioned']:,} of {lesion['size']:,} units"
    if lesion["replacement"] == "mean":
        return f"with {what} of {lesion['layer']} held at the mean"
    return f"without {what} of {lesion['layer']}"


def _fate(lesion: Lesion) -> str:
    return "held at its mean" if lesion["replacement"] == "mean" else "silenced"


def _percent(share: float) -> str:
    return f"{number(100 * share)}%"


def _points(change: float) -> str:
    return signed(round(100 * change, 2))


def _draw_accuracy(before: NDArray[np.float64], after: NDArray[np.float64], title: str, subtitle: str) -> Image.Image:
    canvas = begun(title, subtitle, COLUMN, HEADER + 26 + 240 + 84)
    box = Box(MARGIN + 44, HEADER + 26, COLUMN - 2 * MARGIN - 44, 240)
    lowest = linear(np.concatenate([before, after]), include=[1.0], room=0.12).low
    panel = Panel(canvas, box, Linear(-0.5, CLASSES + 1.0), Linear(max(0.0, lowest), 1.0))
    panel.y_axis("accuracy (share of digits read rightly)", 5)
    panel.x_axis("", ticks=[])
    for place, name in enumerate([*map(str, range(CLASSES)), "all"]):
        across, start = panel.point(place + 0.4 * (name == "all"), float(before[place]))
        end = float(panel.down(after[place]))
        canvas.rule((across, start), (across, end), STEM, 3)
        canvas.marker(across, start, "ring", 14, MUTED, halo=1)
        canvas.marker(across, end, "disc", 9, BLUE)
        canvas.text(across, box.bottom + 16, name, align="middle")
        words = _points(float(after[place] - before[place]))
        canvas.text(across, box.bottom + 36, words, size=SMALL, colour=MUTED, align="middle")
    canvas.marker(box.right - 144, box.top - 14, "ring", 14, MUTED)
    canvas.text(box.right - 132, box.top - 14, "intact", colour=MUTED)
    canvas.marker(box.right - 70, box.top - 14, "disc", 9, BLUE)
    canvas.text(box.right - 60, box.top - 14, "lesioned", colour=for_text(BLUE))
    words = "class, and the change in percentage points"
    canvas.text(box.centre[0], box.bottom + 60, words, colour=MUTED, align="middle")
    return canvas.finished()


def _draw_logits(change: NDArray[np.float64], title: str, subtitle: str) -> Image.Image:
    side = 46.0
    canvas = begun(title, subtitle, COLUMN, HEADER + 8 + side * CLASSES + 56)
    box = Box(MARGIN + 48, HEADER + 8, side * CLASSES, side * CLASSES)
    scale = signed_scale(change)
    canvas.picture(change, box, scale)
    canvas.rectangle(box, outline=QUIET)
    for (row, column), value in np.ndenumerate(change):
        x, y = box.left + (column + 0.5) * side, box.top + (row + 0.5) * side
        ink = text_on(scale.colours(value))
        canvas.text(x, y, signed(round(float(value), 2), 2), size=SMALL, colour=ink, align="middle", width=side - 4)
    for digit in range(CLASSES):
        middle = (digit + 0.5) * side
        canvas.text(box.left + middle, box.bottom + 16, str(digit), align="middle")
        canvas.text(box.left - 14, box.top + middle, str(digit), align="middle")
    canvas.text(box.centre[0], box.bottom + 38, "logit of class", colour=MUTED, align="middle")
    canvas.text(MARGIN + 4, box.centre[1], "true class", colour=MUTED, upright=True)
    colour_bar(canvas, Box(box.right + 30, box.top + 24, 12, 240), scale, "mean change of the logit")
    return canvas.finished()


def _draw_dose(lesion: Lesion, title: str, subtitle: str) -> Image.Image:
    doses = lesion["dose"]
    canvas = begun(title, subtitle, COLUMN, HEADER + 26 + 280 + 60)
    box = Box(MARGIN + 44, HEADER + 26, COLUMN - 2 * MARGIN - 44, 280)
    panel = Panel(canvas, box, Linear(0.0, 1.0), Linear(0.0, 1.0))
    panel.y_axis("accuracy (share of digits read rightly)", 5)
    panel.x_axis("share of the layer lost", 10)
    panel.level(CHANCE, f"chance {number(CHANCE)}", align="left", below=True)
    fractions = np.array([point["fraction"] for point in doses])
    means = np.array([point["accuracy"] for point in doses])
    spread = np.array([point["sd"] or 0.0 for point in doses])
    lower, upper = panel.down(means - spread), panel.down(means + spread)
    canvas.area(panel.across(fractions), lower, upper, SKY, opacity=0.35, within=box)
    for order in zip(*(point["accuracies"] for point in doses), strict=True):
        panel.line(fractions, order, QUIET, thickness=1, opacity=0.6)
    panel.line(fractions, means, BLUE, thickness=2.2)
    panel.markers(fractions, means, "disc", 7, BLUE)
    asked = next(point for point in doses if point["lesioned"] == lesion["lesioned"])
    across, height = panel.point(asked["fraction"], asked["accuracy"])
    canvas.rule((across, height), (across, box.bottom), INK, dash=(2, 3))
    canvas.marker(across, height, "ring", 15, INK)
    words = f"{counted(asked['lesioned'], 'unit')} lost: {_percent(asked['accuracy'])}"
    is_left = asked["fraction"] < 0.3
    note(canvas, across + (8 if is_left else -8), float(panel.down(0.25)), words, align="left" if is_left else "right")
    return canvas.finished()


def _draw_each(ranked: list[Mapping[str, Any]], noun: str, title: str, subtitle: str) -> Image.Image:
    canvas = begun(title, subtitle, COLUMN, HEADER + 26 + 240 + 60)
    box = Box(MARGIN + 44, HEADER + 26, COLUMN - 2 * MARGIN - 44, 240)
    points = np.array([100 * alone["change"] for alone in ranked])
    panel = Panel(canvas, box, unit_axis(len(points)), value_axis(np.append(points, -0.1)))
    panel.y_axis("change in accuracy (percentage points)", 5)
    draw_bars(panel, points, [VERMILLION if change < 0 else BLUE for change in points])
    canvas.text(box.centre[0], box.bottom + 36, f"{noun}, the costliest first", colour=MUTED, align="middle")
    if len(ranked) <= MOST_NAMED:
        for place, alone in enumerate(ranked):
            words = short_name(alone["unit"]).split()[-1]
            canvas.text(float(panel.across(place)), box.bottom + 14, words, size=SMALL, align="middle")
    else:
        for line, alone in enumerate(ranked[:NUMBERED]):
            words = f"{short_name(alone['unit'])}: {_points(alone['change'])}"
            note(canvas, box.left + 0.4 * box.width, box.bottom - 16 * (NUMBERED - line), words)
    return canvas.finished()
