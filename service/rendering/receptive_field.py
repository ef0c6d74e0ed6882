"""A unit's receptive field: what reverse correlation finds, how sure that is, and what wiring allows."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from service.rendering.axes import COLUMN, HEADER, MARGIN, Panel, begun, colour_bar
from service.rendering.canvas import Box, Canvas
from service.rendering.digits import number_pixels
from service.rendering.lettering import TIMES, counted, number, signed
from service.rendering.palette import INK, MUTED, PAPER, QUIET, VERMILLION, Colour, for_text, signed_scale
from service.rendering.rendering import Rendering

SIDE = 28
MAP = 284.0
BETWEEN = 44.0
DASH = (5.0, 3.0)

Answer = Mapping[str, Any]


def field(answer: Answer) -> Rendering:
    """Reverse correlation and its z-scores with the theoretical and the measured box.

    Args:
        answer: The unit's `label`, `reverse_correlation` and `z_scores` (row, column), the boxes `theoretical` and
            `measured`, `threshold`, `significant_pixels`, `energy_inside`, `peak` and `samples`.
    """
    title = f"Receptive field of {answer['label']}"
    subtitle = f"{counted(answer['samples'], 'image')} of Gaussian white noise; {_peak(answer)}"
    measured = f"measured {_extent(answer['measured'])}" if answer["measured"] else "no pixel is sure enough to measure"
    alt = (
        f"Two maps of 28 by 28 pixels: how the drive of {answer['label']} rises with each pixel, and the z-score of "
        f"each. Theoretical box {_extent(answer['theoretical'])}; {measured}; {_passing(answer)}; {_peak(answer)}."
    )
    return Rendering("field", title, alt, lambda: _draw(answer, title, subtitle))


def _peak(answer: Answer) -> str:
    peak = answer["peak"]
    if peak is None:
        return "the drive does not vary"
    place = f"row {peak['row']}, column {peak['column']}"
    return f"strongest at {place}: {signed(peak['weight'])} a.u., z {signed(peak['z'])}"


def _passing(answer: Answer) -> str:
    words = f"{counted(answer['significant_pixels'], 'pixel')} beyond |z| = {number(answer['threshold'])}"
    inside, is_whole = answer["energy_inside"], answer["theoretical"]["size"] == {"rows": SIDE, "columns": SIDE}
    if inside is None or is_whole:
        return words
    return f"{words}; {number(100 * inside)}% of the energy within the theoretical box"


def _extent(box: Mapping[str, Any]) -> str:
    rows, columns = box["size"]["rows"], box["size"]["columns"]
    return (
        f"{rows}{TIMES}{columns}, rows {box['top']} to {box['bottom'] - 1}, columns {box['left']} to {box['right'] - 1}"
    )


def _draw(answer: Answer, title: str, subtitle: str) -> Image.Image:
    top = HEADER + 22
    canvas = begun(title, subtitle, COLUMN, top + MAP + 190)
    weights, z_scores = (np.asarray(answer[name], dtype=np.float64) for name in ("reverse_correlation", "z_scores"))
    threshold = answer["threshold"]
    maps = [
        ("change of drive as a pixel turns to ink", weights, "a.u."),
        (f"z-score where beyond ±{number(threshold)}", np.where(np.abs(z_scores) > threshold, z_scores, 0), "z"),
    ]
    for place, (heading, values, unit) in enumerate(maps):
        box = Box(MARGIN + 42 + place * (MAP + BETWEEN), top, MAP, MAP)
        canvas.text(box.left, top - 14, heading, colour=MUTED)
        _draw_map(canvas, values, box, answer, unit)
    canvas.text(MARGIN + 6, top + MAP / 2, "row (pixel)", colour=MUTED, upright=True)
    _draw_key(canvas, answer, top + MAP + 112)
    return canvas.finished()


def _draw_map(canvas: Canvas, values: NDArray[np.float64], box: Box, answer: Answer, unit: str) -> None:
    scale = signed_scale(values)
    canvas.picture(values, box, scale)
    canvas.rectangle(box, outline=QUIET)
    panel = number_pixels(canvas, box)
    _outline(canvas, _place(panel, answer["theoretical"]).grown(2), INK)
    if answer["measured"]:
        _outline(canvas, _place(panel, answer["measured"]), VERMILLION, DASH)
    colour_bar(canvas, Box(box.left + 28, box.bottom + 58, MAP - 44, 10), scale, unit)


def _place(panel: Panel, box: Mapping[str, Any]) -> Box:
    left, top = panel.point(box["left"], box["top"])
    right, bottom = panel.point(box["right"], box["bottom"])
    return Box(left, top, right - left, bottom - top)


def _outline(canvas: Canvas, box: Box, colour: Colour, dash: tuple[float, float] | None = None) -> None:
    canvas.rectangle(box.grown(1.5), outline=PAPER, thickness=3)
    corners = [(box.left, box.top), (box.right, box.top), (box.right, box.bottom), (box.left, box.bottom)]
    for start, end in zip(corners, corners[1:] + corners[:1], strict=True):
        canvas.rule(start, end, colour, 1.5, dash)


def _draw_key(canvas: Canvas, answer: Answer, top: float) -> None:
    boxes = {"theoretical": (INK, None), "measured": (VERMILLION, DASH)}
    entries = [(*ink, f"{name}: {_extent(answer[name])}") for name, ink in boxes.items() if answer[name]]
    for row, (colour, dash, words) in enumerate(entries):
        height = top + 20 * row
        canvas.rule((MARGIN + 42, height), (MARGIN + 66, height), colour, 1.5, dash)
        canvas.text(MARGIN + 76, height, words, colour=for_text(colour))
    canvas.text(MARGIN + 76, top + 20 * len(entries), _passing(answer), colour=MUTED)
