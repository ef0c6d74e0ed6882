"""Which digits a layer holds for alike, and how far the layers agree in that."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from service.rendering.axes import COLUMN, HEADER, MARGIN, SMALL, begun, colour_bar
from service.rendering.canvas import Box, Canvas
from service.rendering.lettering import MINUS, counted, number
from service.rendering.palette import MUTED, QUIET, Colour, ColourScale, activity_scale, signed_scale, text_on
from service.rendering.rendering import Rendering

CLASSES = 10
BESIDE = 76.0
LARGEST = 360.0
UNDEFINED: Colour = (205, 209, 214)

Layer = Mapping[str, Any]


def matrices(layers: Sequence[Layer], per_class: int) -> Rendering:
    """The dissimilarity of every two digits in each layer, all on one scale.

    Args:
        layers: For each its `name`, `dissimilarity` (digit, digit), the digits sorted by class and None where it is
            undefined, and its `separability`.
        per_class: How many digits there are of each class.
    """
    title = f"Dissimilarity of {counted(CLASSES * per_class, 'digit')}, {per_class} of each class, in each layer"
    subtitle = f"1 {MINUS} correlation of two digits' activity patterns, sorted by class; 0: alike, grey: undefined"
    alt = "A matrix of digit by digit for each layer, sorted by class; its colour is 1 minus the correlation of their "
    alt += "activity patterns. Between classes digits are less alike than within by "
    alt += ", ".join(f"{number(layer['separability'])} in {layer['name']}" for layer in layers) + "."
    return Rendering("matrices", title, alt, lambda: _draw_matrices(layers, title, subtitle))


def layers(names: Sequence[str], agreement: Sequence[Sequence[float | None]]) -> Rendering:
    """How far the layers agree on which digits are alike.

    Args:
        names: The layers.
        agreement: Spearman's correlation of their dissimilarities (layer, layer), None where undefined.
    """
    table = np.array(agreement, dtype=np.float64)
    title = "How far layers agree on which digits are alike"
    subtitle = "rank correlation (Spearman) of the dissimilarities of all pairs of digits"
    pairs = [
        f"{names[row]} and {names[column]} {number(float(value))}"
        for (row, column), value in np.ndenumerate(table)
        if row < column
    ]
    alt = f"A table of layer by layer, {subtitle}: {', '.join(pairs) or 'one layer alone'}."
    return Rendering("layers", title, alt, lambda: _draw_agreement(names, table, title, subtitle))


def _draw_matrices(layers: Sequence[Layer], title: str, subtitle: str) -> Image.Image:
    tables = [np.array(layer["dissimilarity"], dtype=np.float64) for layer in layers]
    columns = 3 if len(layers) > 4 else min(2, len(layers))
    side = min(LARGEST, (COLUMN - 2 * MARGIN - BESIDE) / columns - 26)
    width, height = side + 26, side + 64
    rows = math.ceil(len(layers) / columns)
    canvas = begun(title, subtitle, max(580.0, 2 * MARGIN + columns * width + BESIDE), HEADER + rows * height)
    scale = activity_scale(*tables)
    for place, (layer, table) in enumerate(zip(layers, tables, strict=True)):
        row, column = divmod(place, columns)
        box = Box(MARGIN + 18 + column * width, HEADER + 20 + row * height, side, side)
        words = f"{layer['name']} · separability {number(layer['separability'])}"
        canvas.text(box.left, box.top - 14, words, size=13)
        _draw_matrix(canvas, table, box, scale)
    bar = Box(MARGIN + 18 + columns * width + 8, HEADER + 50, 12, min(180.0, side - 40))
    colour_bar(canvas, bar, scale, "dissimilarity")
    return canvas.finished()


def _draw_matrix(canvas: Canvas, table: NDArray[np.float64], box: Box, scale: ColourScale) -> None:
    canvas.picture(table, box, scale)
    slot = box.width / len(table)
    for digit in np.flatnonzero(np.isnan(table.diagonal())).tolist():
        canvas.rectangle(Box(box.left, box.top + digit * slot, box.width, slot), fill=UNDEFINED)
        canvas.rectangle(Box(box.left + digit * slot, box.top, slot, box.height), fill=UNDEFINED)
    canvas.grid(box, CLASSES, CLASSES, opacity=0.35)
    canvas.rectangle(box, outline=QUIET)
    for digit in range(CLASSES):
        middle = (digit + 0.5) * box.width / CLASSES
        canvas.text(box.left - 8, box.top + middle, str(digit), size=SMALL, colour=MUTED, align="middle")
        canvas.text(box.left + middle, box.bottom + 11, str(digit), size=SMALL, colour=MUTED, align="middle")


def _draw_agreement(names: Sequence[str], table: NDArray[np.float64], title: str, subtitle: str) -> Image.Image:
    side = 64.0
    box = Box(MARGIN + 44, HEADER + 4, side * len(names), side * len(names))
    canvas = begun(title, subtitle, max(480.0, box.right + 150), max(box.bottom, HEADER + 200) + 40)
    scale = signed_scale([-1.0, 1.0])
    canvas.picture(table, box, scale)
    for (row, column), value in np.ndenumerate(table):
        cell = Box(box.left + column * side, box.top + row * side, side, side)
        if math.isnan(value):
            canvas.rectangle(cell, fill=UNDEFINED)
        ink = text_on(UNDEFINED if math.isnan(value) else scale.colours(value))
        canvas.text(*cell.centre, number(float(value), 2), colour=ink, align="middle")
    canvas.rectangle(box, outline=QUIET)
    for place, name in enumerate(names):
        middle = (place + 0.5) * side
        canvas.text(box.left - 10, box.top + middle, name, align="right")
        canvas.text(box.left + middle, box.bottom + 16, name, align="middle")
    colour_bar(canvas, Box(box.right + 30, box.top + 24, 12, 150), scale, "rank correlation")
    return canvas.finished()
