"""The surface that pictures are drawn on.

Places and sizes are in CSS pixels from the top left; a picture holds `SCALE` dots for each, so that it is crisp on fine
screens. Slanted lines, areas and markers are drawn enlarged and reduced; words, rules and boxes sit on whole dots.
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import Image, ImageDraw

from service.rendering.lettering import lettered, shortened, text_width
from service.rendering.paintbox import LEVELS, PaintBox
from service.rendering.palette import INK, PAPER, RULE, Colour, ColourScale

SCALE = 2
ENLARGEMENT = 3
MARKER_ENLARGEMENT = 8
MITRED_POINTS = 400
STRIP = 64
TALL = 400
GRID: Colour = (128, 128, 128)

Align = Literal["left", "middle", "right"]
Shape = Literal["disc", "ring", "square", "diamond", "up", "down", "cross"]


class Box(NamedTuple):
    """An upright rectangle in CSS pixels."""

    left: float
    top: float
    width: float
    height: float

    @property
    def right(self) -> float:
        """The right edge."""
        return self.left + self.width

    @property
    def bottom(self) -> float:
        """The lower edge."""
        return self.top + self.height

    @property
    def centre(self) -> tuple[float, float]:
        """The point in the middle."""
        return self.left + self.width / 2, self.top + self.height / 2

    def grown(self, by: float) -> "Box":
        """The same box with its edges moved outwards."""
        return Box(self.left - by, self.top - by, self.width + 2 * by, self.height + 2 * by)


class Canvas:
    """A sheet of paper, `width` by `height` CSS pixels."""

    def __init__(self, width: float, height: float) -> None:
        self.width = width
        self.height = height
        self._dots = np.zeros((round(SCALE * height), round(SCALE * width)), np.uint8)
        self._paints = PaintBox()

    def text(
        self,
        x: float,
        y: float,
        text: str,
        *,
        size: float = 12,
        colour: Colour = INK,
        align: Align = "left",
        width: float | None = None,
        upright: bool = False,
    ) -> None:
        """Writes one line with the middle of its capitals at height `y`.

        Args:
            x: Where it starts, is centred, or ends, by `align`.
            y: The height.
            text: The line.
            size: CSS pixels to the em.
            colour: The ink.
            align: Which part of the line stands at `x`.
            width: What does not fit into this many pixels is cut with an ellipsis.
            upright: Written from bottom to top; then `x` and `y` are the middle of the line.
        """
        dots = round(SCALE * size)
        if width is not None:
            text = shortened(text, dots, SCALE * width)
        levels = _words(text, dots)
        if upright:
            levels = np.rot90(levels)
            left = SCALE * x - levels.shape[1] / 2
        else:
            left = SCALE * x - {"left": 0.0, "middle": 0.5, "right": 1.0}[align] * text_width(text, dots)
        self._stamp(levels, round(left), round(SCALE * y - levels.shape[0] / 2), colour)

    def rectangle(
        self, box: Box, fill: Colour | None = None, outline: Colour | None = None, thickness: float = 0.5
    ) -> None:
        """A filled or outlined box with its edges on whole dots."""
        left, top, right, bottom = _dots(box)
        if right <= left or bottom <= top:
            return
        if fill is not None:
            self._fill(left, top, right, bottom, fill)
        if outline is not None:
            rim = max(1, round(SCALE * thickness))
            self._fill(left, top, right, min(top + rim, bottom), outline)
            self._fill(left, max(top, bottom - rim), right, bottom, outline)
            self._fill(left, top, min(left + rim, right), bottom, outline)
            self._fill(max(left, right - rim), top, right, bottom, outline)

    def rule(
        self,
        start: tuple[float, float],
        end: tuple[float, float],
        colour: Colour = RULE,
        thickness: float = 0.5,
        dash: tuple[float, float] | None = None,
    ) -> None:
        """A level or upright line on whole dots, `dash` being the lengths of stroke and gap."""
        along = 0 if abs(end[0] - start[0]) >= abs(end[1] - start[1]) else 1
        low, high = sorted((start[along], end[along]))
        breadth = max(1, round(SCALE * thickness))
        across = round(SCALE * start[1 - along] - breadth / 2)
        for one, two in _strokes(low, high, dash):
            first, last = round(SCALE * one), max(round(SCALE * one) + 1, round(SCALE * two))
            if along == 0:
                self._fill(first, across, last, across + breadth, colour)
            else:
                self._fill(across, first, across + breadth, last, colour)

    def polyline(
        self,
        xs: ArrayLike,
        ys: ArrayLike,
        colour: Colour,
        *,
        thickness: float = 1.6,
        within: Box | None = None,
        opacity: float = 1.0,
        dash: tuple[float, float] | None = None,
    ) -> None:
        """A smooth line through the points; a point that is not finite interrupts it."""
        points = np.column_stack([np.asarray(xs, np.float64), np.asarray(ys, np.float64)])
        runs = [run for run in _finite_runs(points) if len(run) > 1]
        if dash is not None:
            runs = [stroke for run in runs for stroke in _dashed(run, dash)]
        if not runs:
            return
        breadth = max(1, round(SCALE * ENLARGEMENT * thickness))
        with _Enlarged(self, np.concatenate(runs), thickness, within, colour, opacity) as enlarged:
            for run in runs:
                joint = "curve" if len(run) <= MITRED_POINTS else None
                enlarged.draw.line(enlarged.placed(run), fill=255, width=breadth, joint=joint)

    def area(
        self, xs: ArrayLike, lower: ArrayLike, upper: ArrayLike, colour: Colour, *, opacity: float, within: Box
    ) -> None:
        """A translucent area between two lines."""
        forth = np.column_stack([np.asarray(xs, np.float64), np.asarray(upper, np.float64)])
        back = np.column_stack([np.asarray(xs, np.float64), np.asarray(lower, np.float64)])[::-1]
        outline = np.concatenate([forth, back])
        outline = outline[np.isfinite(outline).all(axis=1)]
        if len(outline) < 3:
            return
        with _Enlarged(self, outline, 1, within, colour, opacity) as enlarged:
            enlarged.draw.polygon(enlarged.placed(outline), fill=255)

    def marker(
        self, x: float, y: float, shape: Shape, size: float, colour: Colour, *, halo: float = 0, opacity: float = 1.0
    ) -> None:
        """A mark centred on a point, with a rim of paper `halo` wide where it must stand out from lines."""
        if not (math.isfinite(x) and math.isfinite(y)):
            return
        if halo:
            self._sprite(x, y, "disc" if shape == "ring" else shape, size + 2 * halo, PAPER, 1.0)
        self._sprite(x, y, shape, size, colour, opacity)

    def markers(
        self,
        xs: NDArray[np.float64],
        ys: NDArray[np.float64],
        shape: Shape,
        size: float,
        colour: Colour,
        opacity: float,
    ) -> None:
        """The same mark on many points."""
        from service.rendering.stamping import stamp  # brings numba, 0.3 s and 100 MB

        levels = _mark(shape, round(SCALE * size))
        shown = np.isfinite(xs) & np.isfinite(ys)
        lefts = np.rint(SCALE * xs[shown] - levels.shape[1] / 2).astype(np.int64)
        tops = np.rint(SCALE * ys[shown] - levels.shape[0] / 2).astype(np.int64)
        table, place = self._paints.table(colour, opacity), 0
        while (place := stamp(self._dots, levels, lefts, tops, table, place)) < len(lefts):
            self._stamp(levels, int(lefts[place]), int(tops[place]), colour, opacity)
            place += 1

    def picture(self, values: ArrayLike, box: Box, scale: ColourScale) -> None:
        """Values (row, column) as a picture that fills `box`, each value a sharp rectangle of its colour."""
        left, top, right, bottom = _dots(box)
        rows, columns = max(1, bottom - top), max(1, right - left)
        binned = _binned(_binned(np.asarray(values, np.float64), columns).T, rows).T
        dots = self._paints.numbers(scale.colour_map)[scale.steps(binned)]
        dots = dots.take(_nearest(columns, dots.shape[1]), axis=1).take(_nearest(rows, dots.shape[0]), axis=0)
        region, shown = self._clipped(dots, left, top)
        region[:] = shown

    def grid(self, box: Box, columns: int, rows: int, opacity: float) -> None:
        """Hairlines that cut `box` into equal cells, translucent so that they show on light and on dark."""
        left, top, right, bottom = _dots(box)
        region = self._dots[top:bottom, left:right]
        level, upright = _cuts(bottom - top, rows, len(region)), _cuts(right - left, columns, region.shape[1])
        thickness = np.full((len(region), 1), LEVELS - 1, np.uint8)
        region[level] = self._paints.laid_over(region[level], thickness[level], GRID, opacity)
        thickness[level] = 0  # where they cross, there is one already
        region[:, upright] = self._paints.laid_over(region[:, upright], thickness, GRID, opacity)

    def finished(self) -> Image.Image:
        """The drawing with the palette of the colours that are in it."""
        height, width = self._dots.shape
        image = Image.frombuffer("L", (width, height), self._dots, "raw", "L", 0, 1)
        image.putpalette(self._paints.palette())
        return image

    def _sprite(self, x: float, y: float, shape: Shape, size: float, colour: Colour, opacity: float) -> None:
        levels = _mark(shape, round(SCALE * size))
        height, width = levels.shape
        self._stamp(levels, round(SCALE * x - width / 2), round(SCALE * y - height / 2), colour, opacity)

    def _fill(self, left: int, top: int, right: int, bottom: int, colour: Colour) -> None:
        number = self._paints.number(colour)
        self._dots[max(0, top) : max(0, bottom), max(0, left) : max(0, right)] = number

    def _stamp(self, levels: NDArray[np.uint8], left: int, top: int, colour: Colour, opacity: float = 1.0) -> None:
        """Lays ink on the paper, as thick as `levels` say; what lies beyond the sheet is lost."""
        region, levels = self._clipped(levels, left, top)
        region[:] = self._paints.laid_over(region, levels, colour, opacity)

    def _clipped(self, dots: NDArray[np.uint8], left: int, top: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """The part of the sheet on which `dots` lie, and those of them that lie on the sheet."""
        dots = dots[max(0, -top) :, max(0, -left) :]
        region = self._dots[max(0, top) :, max(0, left) :][: dots.shape[0], : dots.shape[1]]
        return region, dots[: region.shape[0], : region.shape[1]]


class _Enlarged:
    """A mask over the part of a canvas that some points take up, drawn enlarged and pasted reduced."""

    def __init__(
        self,
        canvas: Canvas,
        points: NDArray[np.float64],
        thickness: float,
        within: Box | None,
        colour: Colour,
        opacity: float,
    ) -> None:
        low = points.min(axis=0) - thickness
        high = points.max(axis=0) + thickness
        if within is not None:
            low = np.maximum(low, (within.left, within.top))
            high = np.minimum(high, (within.right, within.bottom))
        low = np.maximum(low, 0)
        high = np.minimum(high, (canvas.width, canvas.height))
        self._canvas, self._colour, self._opacity = canvas, colour, opacity
        self._origin = np.floor(SCALE * low)
        self._size = np.maximum(0, np.ceil(SCALE * high) - self._origin).astype(int)

    def __enter__(self) -> "_Enlarged":
        width, height = (ENLARGEMENT * np.maximum(1, self._size)).tolist()
        self._mask = Image.new("L", (width, height))
        self.draw = ImageDraw.Draw(self._mask)
        return self

    def __exit__(self, *_: Any) -> None:
        if not self._size.all():
            return
        reduced = self._mask.reduce(ENLARGEMENT)
        left, top = self._origin.astype(int).tolist()
        # a slanted line fills little of the box around it, and laying down nothing takes time too
        width = STRIP if reduced.height > TALL else reduced.width
        for start in range(0, reduced.width, width):
            strip = reduced.crop((start, 0, min(start + width, reduced.width), reduced.height))
            if filled := strip.getbbox():
                place = left + start + filled[0], top + filled[1]
                self._canvas._stamp(_levels(strip.crop(filled)), *place, self._colour, self._opacity)

    def placed(self, points: NDArray[np.float64]) -> list[float]:
        """The points in the mask's own dots, as a flat list of x and y."""
        return np.clip(ENLARGEMENT * (SCALE * points - self._origin), -1e6, 1e6).ravel().tolist()


def width_of(text: str, size: float = 12) -> float:
    """How wide `text` will be, in CSS pixels."""
    return text_width(text, round(SCALE * size)) / SCALE


def _dots(box: Box) -> tuple[int, int, int, int]:
    left, top, width, height = box
    return round(SCALE * left), round(SCALE * top), round(SCALE * (left + width)), round(SCALE * (top + height))


def _cuts(length: int, parts: int, shown: int) -> list[int]:
    """Where so many dots are cut into equal parts, as far as they are shown."""
    return [cut for cut in (length * part // parts for part in range(1, parts)) if cut < shown]


def _strokes(low: float, high: float, dash: tuple[float, float] | None) -> Iterator[tuple[float, float]]:
    if dash is None:
        yield low, high
        return
    stroke, gap = dash
    for start in np.arange(low, high, stroke + gap):
        yield float(start), min(high, float(start) + stroke)


def _finite_runs(points: NDArray[np.float64]) -> list[NDArray[np.float64]]:
    finite = np.isfinite(points).all(axis=1)
    if finite.all():
        return [points]
    edges = np.flatnonzero(np.diff(finite.astype(np.int8))) + 1
    return [run for run in np.split(points, edges) if len(run) and np.isfinite(run[0]).all()]


def _dashed(points: NDArray[np.float64], dash: tuple[float, float]) -> Iterable[NDArray[np.float64]]:
    """The strokes of a dashed line, measured along it."""
    lengths = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(points, axis=0).T))])
    for start, end in _strokes(0, float(lengths[-1]), dash):
        inner = points[(lengths > start) & (lengths < end)]
        ends = [[np.interp(at, lengths, points[:, axis]) for axis in range(2)] for at in (start, end)]
        yield np.concatenate([[ends[0]], inner, [ends[1]]])


def _binned(values: NDArray[np.float64], most: int) -> NDArray[np.float64]:
    """Values (row, column) with neighbouring columns averaged until at most `most` are left."""
    columns = values.shape[1]
    if columns <= most:
        return values
    edges = np.linspace(0, columns, most + 1).astype(int)
    return np.add.reduceat(values, edges[:-1], axis=1) / np.diff(edges)


def _nearest(count: int, available: int) -> NDArray[np.intp]:
    """Which of the available ones each of `count` dots shows."""
    return ((np.arange(count) + 0.5) * available / count).astype(np.intp)


def _levels(mask: Image.Image) -> NDArray[np.uint8]:
    """How thick the ink of a mask lies, in levels of the paint box."""
    return _LEVEL_OF.take(np.asarray(mask))


@lru_cache(maxsize=1024)
def _words(text: str, dots: int) -> NDArray[np.uint8]:
    """A line of words without the empty rows above and below, as many of either, so that it stays centred."""
    levels = _levels(lettered(text, dots))
    inked = np.flatnonzero(levels.any(axis=1))
    margin = min(inked[0], len(levels) - 1 - inked[-1]) // 2 * 2 if len(inked) else 0  # even: rounded to the same dot
    return levels[margin : len(levels) - margin].copy()


@lru_cache(maxsize=256)
def _mark(shape: Shape, dots: int) -> NDArray[np.uint8]:
    side = max(3, dots) * MARKER_ENLARGEMENT
    mask = Image.new("L", (side, side))
    draw = ImageDraw.Draw(mask)
    if shape in ("disc", "ring"):
        draw.ellipse((0, 0, side - 1, side - 1), fill=255)
        if shape == "ring":
            rim = max(MARKER_ENLARGEMENT, min(side // 5, 3 * MARKER_ENLARGEMENT))
            draw.ellipse((rim, rim, side - 1 - rim, side - 1 - rim), fill=0)
    elif shape == "cross":
        for points in ([(0.08, 0.08), (0.92, 0.92)], [(0.08, 0.92), (0.92, 0.08)]):
            draw.line([(side * x, side * y) for x, y in points], fill=255, width=max(MARKER_ENLARGEMENT, side // 6))
    else:
        draw.polygon([(side * x, side * y) for x, y in _POLYGONS[shape]], fill=255)
    return _levels(mask.reduce(MARKER_ENLARGEMENT))


_LEVEL_OF = np.array([round(grey * (LEVELS - 1) / 255) for grey in range(256)], np.uint8)

_POLYGONS: dict[str, Sequence[tuple[float, float]]] = {
    "square": [(0.06, 0.06), (0.94, 0.06), (0.94, 0.94), (0.06, 0.94)],
    "diamond": [(0.5, 0), (1, 0.5), (0.5, 1), (0, 0.5)],
    "up": [(0.5, 0.04), (1, 0.92), (0, 0.92)],
    "down": [(0.5, 0.96), (1, 0.08), (0, 0.08)],
}
