"""Digits as the network saw them: ink dark on white paper."""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import Image

from service.rendering.axes import COLUMN, HEADER, MARGIN, SMALL, Linear, Panel, begun, colour_bar
from service.rendering.canvas import Box, Canvas
from service.rendering.lettering import counted, number
from service.rendering.palette import MUTED, QUIET, pixel_scale
from service.rendering.png import encoded
from service.rendering.rendering import Rendering

SIDE = 28
PREVIEW_ENLARGEMENT = 4


def input_image(pixels: ArrayLike, caption: str | None = None) -> Rendering:
    """One digit, large, with its pixel grid.

    Args:
        pixels: (row, column), 0 (paper) to 1 (ink).
        caption: Where it comes from, such as its place in the data set and its label.
    """
    image = np.asarray(pixels, dtype=np.float64)
    title = "The input, as the network saw it"
    subtitle = caption or f"{SIDE} rows of {SIDE} pixels"
    alt = (
        f"The input digit ({subtitle}), {SIDE} by {SIDE} pixels from 0 (paper) to 1 (ink): "
        f"mean {number(float(image.mean()))}, "
        f"{np.count_nonzero(image > 0.5)} of {image.size} pixels darker than 0.5."
    )
    return Rendering("input", title, alt, lambda: _draw_input(image, title, subtitle))


def input_sheet(
    images: ArrayLike,
    captions: Sequence[str],
    name: str = "input",
    title: str = "The inputs, as the network saw them",
) -> Rendering:
    """Many digits side by side; a single one is drawn large.

    Args:
        images: (image, row, column), 0 (paper) to 1 (ink).
        captions: A few characters for each.
        name: What the rendering is called.
        title: The line above.
    """
    stack = np.asarray(images, dtype=np.float64)
    if len(stack) == 1 and name == "input":
        return input_image(stack[0], captions[0] if captions else None)
    words = [caption for caption in captions if caption]
    subtitle = f"{counted(len(stack), 'digit')} of {SIDE}\N{MULTIPLICATION SIGN}{SIDE} pixels"
    alt = f"A sheet of {counted(len(stack), 'digit')}, ink dark on white paper"
    alt += f", captioned {', '.join(words[:16])}{' and so on' if len(words) > 16 else ''}." if words else "."
    return Rendering(name, title, alt, lambda: _draw_sheet(stack, captions, title, subtitle))


def preview(pixels: ArrayLike) -> bytes:
    """A small PNG (112 by 112) of a digit without any words, to be sent while it still changes."""
    levels = pixel_scale().colours(pixels)[..., 0]
    side = PREVIEW_ENLARGEMENT * SIDE
    return encoded(Image.fromarray(levels).resize((side, side), Image.Resampling.NEAREST))


def draw_digit(canvas: Canvas, pixels: NDArray[np.float64], box: Box) -> None:
    """A digit in its frame, on the scale from paper to ink that all digits share."""
    canvas.picture(pixels, box, pixel_scale())
    canvas.rectangle(box, outline=QUIET)


def draw_pixel_bar(canvas: Canvas, box: Box) -> None:
    """The scale that all digits share."""
    words = {0.0: "0 (paper)", 1.0: "1 (ink)"} if box.height > box.width else None
    colour_bar(canvas, box, pixel_scale(), "pixel" if words else "pixel: paper 0 to ink 1", words)


def _draw_input(pixels: NDArray[np.float64], title: str, subtitle: str) -> Image.Image:
    side = 12 * SIDE
    canvas = begun(title, subtitle, 520, HEADER + side + 64)
    box = Box(MARGIN + 46, HEADER, side, side)
    draw_digit(canvas, pixels, box)
    canvas.grid(box, SIDE, SIDE, opacity=0.14)
    number_pixels(canvas, box)
    canvas.text(box.left - 36, box.centre[1], "row (pixel)", colour=MUTED, upright=True)
    draw_pixel_bar(canvas, Box(box.right + 20, box.top + 20, 12, 200))
    return canvas.finished()


def number_pixels(canvas: Canvas, box: Box) -> Panel:
    """Numbers every seventh row and column of an image; returns its pixels as a panel."""
    panel = Panel(canvas, box, Linear(0, SIDE), Linear(SIDE, 0))
    for pixel in range(0, SIDE, 7):
        x, y = panel.point(pixel + 0.5, pixel + 0.5)
        canvas.text(x, box.bottom + 14, str(pixel), size=SMALL, colour=MUTED, align="middle")
        canvas.text(box.left - 8, y, str(pixel), size=SMALL, colour=MUTED, align="right")
    canvas.text(box.centre[0], box.bottom + 34, "column (pixel)", colour=MUTED, align="middle")
    return panel


def _draw_sheet(images: NDArray[np.float64], captions: Sequence[str], title: str, subtitle: str) -> Image.Image:
    columns = _sheet_columns(len(images))
    gap = 12 if columns < 9 else 6
    side = min(140.0, (COLUMN - 2 * MARGIN - gap * (columns - 1)) / columns)
    line = 22 if any(captions) else gap
    rows = math.ceil(len(images) / columns)
    canvas = begun(title, subtitle, COLUMN, HEADER + rows * (side + line) + 12)
    draw_pixel_bar(canvas, Box(COLUMN - MARGIN - 100, 47, 88, 10))
    for index, image in enumerate(images):
        row, column = divmod(index, columns)
        box = Box(MARGIN + column * (side + gap), HEADER + row * (side + line), side, side)
        draw_digit(canvas, image, box)
        if index < len(captions):
            middle = box.left + side / 2
            canvas.text(
                middle, box.bottom + 10, captions[index], size=SMALL, colour=MUTED, align="middle", width=side + gap - 2
            )
    return canvas.finished()


def _sheet_columns(count: int) -> int:
    """Few large digits or many small ones, never smaller than can be read."""
    return next((columns for columns, most in ((5, 5), (6, 24), (8, 48), (12, 120)) if count <= most), 16)
