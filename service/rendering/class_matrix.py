"""What images tuned for one class do to the logits of all, and which classes are alike by that."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import Image

from service.rendering.axes import COLUMN, HEADER, MARGIN, SMALL, Panel, begun, colour_bar, linear
from service.rendering.canvas import Box, Canvas, width_of
from service.rendering.digits import draw_digit
from service.rendering.layers import unit_axis
from service.rendering.lettering import number
from service.rendering.palette import BLUE, INK, MUTED, QUIET, VERMILLION, for_text, signed_scale, text_on
from service.rendering.rendering import Rendering

MOST_PAIRS = 15
SIDE = 48.0
STEM = (214, 219, 225)

Pair = Mapping[str, Any]


def matrix(logits: ArrayLike, images: ArrayLike) -> Rendering:
    """The logits of all classes for the image tuned for each, the image beside its row.

    Args:
        logits: (class that the image is tuned for, class).
        images: (class, row, column), 0 (paper) to 1 (ink).
    """
    table, stimuli = np.asarray(logits, dtype=np.float64), np.asarray(images, dtype=np.float64)
    own, others = np.diagonal(table), table - np.diag(np.full(len(table), np.inf))
    row, column = (int(place) for place in np.unravel_index(np.argmax(others), others.shape))
    title = "What an image tuned for one class does to all"
    subtitle = "each row is one image, each column the logit of one class"
    alt = (
        f"Table of the ten logits for ten images, each tuned for one class. The images drive their own logit to "
        f"between {number(float(own.min()))} and {number(float(own.max()))}; of the others the largest is the logit of "
        f"class {column} for the image of class {row}, {number(float(table[row, column]))}."
    )
    return Rendering("matrix", title, alt, lambda: _draw_matrix(table, stimuli, title, subtitle))


def alike(pairs: Sequence[Pair], agreement: float | None) -> Rendering:
    """The pairs of classes that are most alike to the network.

    Args:
        pairs: `classes`, `likeness` and `digits_likeness`, the most alike first; a likeness is None where unknown.
        agreement: The correlation of both likenesses over all pairs, or None.
    """
    shown = [pair for pair in pairs if pair["likeness"] is not None][:MOST_PAIRS]
    title = "Which classes are alike"
    subtitle = f"likeness: 1 = drives the other class as its own, 0 = as the average class; first {len(shown)} pairs"
    told = "; ".join(f"{_name(pair)} {number(pair['likeness'])}" for pair in shown)
    agreeing = (
        "" if agreement is None else f" Over all pairs it correlates with that of mean digits at {number(agreement)}."
    )
    alt = f"Pairs of classes by the likeness of what their tuned images do to the logits: {told}.{agreeing}"
    return Rendering("alike", title, alt, lambda: _draw_alike(shown, agreement, title, subtitle))


def _name(pair: Pair) -> str:
    return " and ".join(map(str, pair["classes"]))


def _draw_matrix(logits: NDArray[np.float64], images: NDArray[np.float64], title: str, subtitle: str) -> Image.Image:
    count = len(logits)
    canvas = begun(title, subtitle, COLUMN, HEADER + 24 + SIDE * count + 16)
    box = Box(MARGIN + 108, HEADER + 24, SIDE * count, SIDE * count)
    scale = signed_scale(logits)
    canvas.picture(logits, box, scale)
    canvas.rectangle(box, outline=QUIET)
    canvas.text(box.left, box.top - 32, "logit of class", colour=MUTED)
    canvas.text(MARGIN, box.top - 12, "tuned for class", colour=MUTED)
    for label in range(count):
        middle = (label + 0.5) * SIDE
        canvas.text(box.left + middle, box.top - 12, str(label), align="middle")
        canvas.text(MARGIN + 24, box.top + middle, str(label), align="middle")
        draw_digit(canvas, images[label], Box(box.left - SIDE - 8, box.top + label * SIDE + 2, SIDE - 4, SIDE - 4))
    for (row, column), logit in np.ndenumerate(logits):
        x, y = box.left + (column + 0.5) * SIDE, box.top + (row + 0.5) * SIDE
        if row == column:
            canvas.rectangle(Box(x - SIDE / 2, y - SIDE / 2, SIDE, SIDE), outline=INK, thickness=1)
        canvas.text(x, y, number(round(logit, 1)), size=SMALL, colour=text_on(scale.colours(logit)), align="middle")
    colour_bar(canvas, Box(box.right + 20, box.top + 24, 12, 200), scale, "logit (a.u.)")
    return canvas.finished()


def _draw_alike(pairs: Sequence[Pair], agreement: float | None, title: str, subtitle: str) -> Image.Image:
    canvas = begun(title, subtitle, COLUMN, HEADER + 24 + 240 + 64)
    box = Box(MARGIN + 40, HEADER + 24, COLUMN - 2 * MARGIN - 40, 240)
    values = [value for pair in pairs for value in (pair["likeness"], pair["digits_likeness"]) if value is not None]
    panel = Panel(canvas, box, unit_axis(max(1, len(pairs))), linear(values, include=[0.0]))
    panel.y_axis("likeness", 8)
    zero = float(panel.down(0.0))
    canvas.rule((box.left, zero), (box.right, zero), MUTED, 1)
    for place, pair in enumerate(pairs):
        across, height = panel.point(place, pair["likeness"])
        canvas.rule((across, zero), (across, height), STEM, 2)
        canvas.marker(across, height, "disc", 10, BLUE)
        if pair["digits_likeness"] is not None:
            canvas.marker(across, panel.point(place, pair["digits_likeness"])[1], "diamond", 9, VERMILLION, halo=1)
        canvas.text(across, box.bottom + 16, " · ".join(map(str, pair["classes"])), colour=INK, align="middle")
    canvas.text(box.centre[0], box.bottom + 40, "pair of classes", colour=MUTED, align="middle")
    _draw_key(canvas, box, agreement)
    return canvas.finished()


def _draw_key(canvas: Canvas, box: Box, agreement: float | None) -> None:
    words = "mean digits" if agreement is None else f"mean digits (r = {number(agreement)} over all pairs)"
    height, right = box.top - 14, box.right - width_of(words, SMALL)
    canvas.text(right, height, words, size=SMALL, colour=for_text(VERMILLION))
    canvas.marker(right - 10, height, "diamond", 9, VERMILLION)
    right -= width_of("tuned images", SMALL) + 36
    canvas.text(right, height, "tuned images", size=SMALL, colour=for_text(BLUE))
    canvas.marker(right - 10, height, "disc", 9, BLUE)
