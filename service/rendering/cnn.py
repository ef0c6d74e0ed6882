"""What the digit network answers, and what each of its layers does."""

from collections.abc import Sequence
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
)
from service.rendering.canvas import Box
from service.rendering.layers import (
    BAR_COLOUR,
    Mosaic,
    draw_bars,
    label_largest,
    unit_axis,
    unit_ticks,
    value_axis,
    write_values,
)
from service.rendering.lettering import TIMES, counted, number
from service.rendering.palette import (
    BLUE,
    BLUES,
    INK,
    MUTED,
    QUIET,
    RULE,
    VERMILLION,
    ColourScale,
    activity_scale,
    for_text,
)
from service.rendering.rendering import Rendering

CLASSES = 10


def probabilities(probabilities: ArrayLike, predicted: Sequence[int], true_labels: Sequence[int | None]) -> Rendering:
    """How sure the network is of each class, for one image as bars, for more as a heat map.

    Args:
        probabilities: (image, class), 0 to 1.
        predicted: The network's answer for each image.
        true_labels: The right answer where it is known.
    """
    table = np.asarray(probabilities, dtype=np.float64)
    if len(table) == 1:
        return _one_image(table[0], int(predicted[0]), true_labels[0])
    return _many_images(table, predicted, true_labels)


def layer_activity(
    name: str,
    kind: Literal["conv", "dense"],
    values: ArrayLike,
    title: str | None = None,
    unit: str = "activity (a.u.)",
) -> Rendering:
    """All units of one layer: maps for a convolutional layer, bars for a dense one, logits for the output.

    Args:
        name: The layer, and what the rendering is called.
        kind: The kind of layer.
        values: (channel, row, column) or (unit,).
        title: The line above; left out, it tells the layer's shape.
        unit: What the values are.
    """
    layer = np.asarray(values, dtype=np.float64)
    title = title or _layer_title(name, layer.shape)
    low, high, top = float(layer.min()), float(layer.max()), int(np.argmax(layer))
    active = np.count_nonzero(layer > 0)
    extent = f"from {number(low)} to {number(high)}"
    if name == "y":
        order = np.argsort(-layer, kind="stable").tolist()
        subtitle = f"largest for class {order[0]}" + (f", then {order[1]}" if len(order) > 1 else "")
        alt = f"Bars of the {layer.size} logits, {extent}, {subtitle}."
        return Rendering(name, title, alt, lambda: _draw_logits(layer, title, subtitle))
    subtitle = f"{active:,} of {counted(layer.size, 'unit')} above 0, largest value {number(high)}"
    if kind == "conv":
        channel, row, column = (int(index) for index in np.unravel_index(top, layer.shape))
        alt = (
            f"Maps of the {counted(len(layer), 'channel')} of layer {name} on one colour scale, {extent}: {subtitle}, "
            f"in channel {channel} at row {row}, column {column}."
        )
        return Rendering(name, title, alt, lambda: _draw_maps(layer, title, subtitle, unit))
    alt = f"Bars of the {counted(layer.size, 'unit')} of layer {name}, {extent}: {subtitle}, of unit {top}."
    return Rendering(name, title, alt, lambda: _draw_units(layer, title, subtitle, unit))


def _layer_title(name: str, shape: Sequence[int]) -> str:
    if len(shape) == 3:
        return f"{name} · {counted(shape[0], 'channel')} of {shape[1]}{TIMES}{shape[2]} · activity after the ReLU"
    return f"{name} · {counted(shape[0], 'unit')} · " + (
        "one for each class" if name == "y" else "activity after the ReLU"
    )


def _one_image(row: NDArray[np.float64], predicted: int, true_label: int | None) -> Rendering:
    title = f"The network reads a {predicted}"
    verdict = {None: "true label unknown", True: "which is right"}.get(
        None if true_label is None else predicted == true_label, f"the true label is {true_label}"
    )
    subtitle = f"probability {_probability(row[predicted])}, {verdict}"
    listed = ", ".join(f"{label}: {_probability(value)}" for label, value in enumerate(row))
    alt = f"Bars of the probability of each class; the network predicts {predicted} with {subtitle}. "
    alt += f"All of them: {listed}."
    return Rendering("probabilities", title, alt, lambda: _draw_one(row, predicted, true_label, title, subtitle))


def _draw_one(
    row: NDArray[np.float64], predicted: int, true_label: int | None, title: str, subtitle: str
) -> Image.Image:
    slot = 26
    canvas = begun(title, subtitle, COLUMN, HEADER + slot * len(row) + 60)
    box = Box(MARGIN + 40, HEADER, 430, slot * len(row))
    panel = Panel(canvas, box, Linear(0, 1), Linear(len(row) - 0.5, -0.5))
    for tick in panel.x.ticks(5):
        across = float(panel.across(tick))
        canvas.rule((across, box.top), (across, box.bottom), RULE)
    panel.x_axis("probability", 5)
    canvas.text(MARGIN, box.centre[1], "class", colour=MUTED, upright=True)
    for label, value in enumerate(row.tolist()):
        _draw_class(panel, label, value, predicted, true_label)
    return canvas.finished()


def _draw_class(panel: Panel, label: int, value: float, predicted: int, true_label: int | None) -> None:
    """One bar with its value; what is said of the class stands at the right margin."""
    canvas, box = panel.canvas, panel.box
    end, middle = panel.point(value, label)
    is_predicted, is_true = label == predicted, label == true_label
    colour = BLUE if is_predicted else BAR_COLOUR
    canvas.rectangle(Box(box.left, middle - 8, max(1.0, end - box.left), 16), fill=colour)
    canvas.text(box.left - 12, middle, str(label), size=13, colour=INK, align="right")
    canvas.text(end + 8, middle, _probability(value), size=SMALL, colour=INK if is_predicted else MUTED)
    words = " = ".join(["predicted"] * is_predicted + ["true label"] * is_true)
    if words:
        ink = for_text(BLUE if is_predicted else VERMILLION)
        canvas.marker(box.right + 60, middle, "diamond" if is_true else "disc", 9, BLUE if is_predicted else VERMILLION)
        canvas.text(box.right + 70, middle, words, colour=ink)


def _many_images(table: NDArray[np.float64], predicted: Sequence[int], true_labels: Sequence[int | None]) -> Rendering:
    known = [(answer, label) for answer, label in zip(predicted, true_labels, strict=True) if label is not None]
    wrong = sum(answer != label for answer, label in known)
    title = f"Probability of each class for {len(table):,} images"
    subtitle = f"{wrong} wrong of {len(known)} with a known label" if known else "true labels unknown"
    sure = float(np.mean(table.max(axis=1)))
    answers = ", ".join(map(str, list(predicted)[:32])) + (" and so on" if len(table) > 32 else "")
    alt = (
        f"A heat map of class by image, colour from probability 0 to 1: {subtitle}; on average the predicted class has "
        f"probability {number(sure)}. The predictions are {answers}."
    )
    return Rendering("probabilities", title, alt, lambda: _draw_many(table, predicted, true_labels, title, subtitle))


def _draw_many(
    table: NDArray[np.float64],
    predicted: Sequence[int],
    true_labels: Sequence[int | None],
    title: str,
    subtitle: str,
) -> Image.Image:
    count = len(table)
    slot = 25
    width = min(COLUMN - MARGIN - 126, 56 * count)
    canvas = begun(title, subtitle, max(500, width + MARGIN + 126), HEADER + slot * CLASSES + 82)
    box = Box(MARGIN + 40, HEADER, width, slot * CLASSES)
    panel = Panel(canvas, box, unit_axis(count), Linear(CLASSES - 0.5, -0.5))
    scale = ColourScale(BLUES, 0.0, 1.0)
    canvas.picture(table.T, box, scale)
    canvas.rectangle(box, outline=QUIET)
    for label in range(CLASSES):
        canvas.text(box.left - 12, float(panel.down(label)), str(label), colour=INK, align="right")
    canvas.text(MARGIN, box.centre[1], "class", colour=MUTED, upright=True)
    _mark_answers(panel, predicted, true_labels)
    _number_images(panel, count)
    colour_bar(canvas, Box(box.right + 24, HEADER + 24, 12, 150), scale, "probability")
    return canvas.finished()


def _mark_answers(panel: Panel, predicted: Sequence[int], true_labels: Sequence[int | None]) -> None:
    """A diamond on the true class of every wrongly read image, and a triangle under its column."""
    canvas, box = panel.canvas, panel.box
    size = min(9.0, max(4.0, box.width / len(predicted)))
    wrong = [
        (image, int(label))
        for image, (answer, label) in enumerate(zip(predicted, true_labels, strict=True))
        if label is not None and answer != label
    ]
    for image, label in wrong:
        across, height = panel.point(image, label)
        canvas.marker(across, height, "diamond", size, VERMILLION, halo=1)
        canvas.marker(across, box.bottom + 7, "up", size, VERMILLION)
    if wrong:
        canvas.marker(box.left + 4, box.bottom + 58, "diamond", 8, VERMILLION)
        words = "true class of an image that is read wrongly (triangle under its column)"
        canvas.text(box.left + 14, box.bottom + 58, words, size=SMALL, colour=for_text(VERMILLION))


def _number_images(panel: Panel, count: int) -> None:
    box = panel.box
    for tick in unit_ticks(count):
        words = str(int(tick))
        panel.canvas.text(float(panel.across(tick)), box.bottom + 20, words, size=SMALL, colour=MUTED, align="middle")
    panel.canvas.text(box.centre[0], box.bottom + 38, "image", colour=MUTED, align="middle")


def _draw_maps(maps: NDArray[np.float64], title: str, subtitle: str, unit: str) -> Image.Image:
    mosaic = Mosaic.fitted(maps.shape, MARGIN, HEADER - 8, COLUMN - 2 * MARGIN - 88)
    width = max(420.0, mosaic.width + 2 * MARGIN + 88)
    canvas = begun(title, subtitle, width, mosaic.top + max(mosaic.height, 150) + MARGIN)
    scale = activity_scale(maps)
    mosaic.draw(canvas, maps, scale)
    first = mosaic.map_box(0)
    height = min(220.0, max(100.0, mosaic.height - 50))
    colour_bar(canvas, Box(MARGIN + mosaic.width + 24, first.top + 16, 12, height), scale, unit)
    return canvas.finished()


def _draw_units(values: NDArray[np.float64], title: str, subtitle: str, unit: str) -> Image.Image:
    canvas = begun(title, subtitle, COLUMN, HEADER + 22 + 220 + 62)
    box = Box(MARGIN + 40, HEADER + 22, COLUMN - 2 * MARGIN - 40, 220)
    panel = Panel(canvas, box, unit_axis(values.size), value_axis(values))
    panel.y_axis(unit)
    draw_bars(panel, values, [BLUE] * values.size)
    label_largest(panel, values)
    panel.x_axis("unit (the largest are numbered)", ticks=unit_ticks(values.size))
    return canvas.finished()


def _draw_logits(values: NDArray[np.float64], title: str, subtitle: str) -> Image.Image:
    canvas = begun(title, subtitle, COLUMN, HEADER + 22 + 240 + 62)
    box = Box(MARGIN + 40, HEADER + 22, COLUMN - 2 * MARGIN - 40, 240)
    panel = Panel(canvas, box, unit_axis(values.size), value_axis(values))
    panel.y_axis("logit (a.u.)", 5)
    top = int(np.argmax(values))
    draw_bars(panel, values, [BLUE if unit == top else BAR_COLOUR for unit in range(values.size)])
    write_values(panel, values, top)
    panel.x_axis("class", ticks=unit_ticks(values.size))
    return canvas.finished()


def _probability(value: Any) -> str:
    value = float(value)
    if 0 < value < 0.001:
        return "<0.001"
    return ">0.999" if 0.9995 <= value < 1 else f"{value:.3f}"
