"""What frames the data: titles, scales, ticks, panels and colour bars."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from service.rendering.canvas import Align, Box, Canvas, Shape, width_of
from service.rendering.lettering import MINUS, TIMES, number, power_of_ten
from service.rendering.palette import INK, MUTED, PAPER, QUIET, RULE, Colour, ColourScale, for_text

COLUMN = 720
MARGIN = 24
HEADER = 84
SMALL = 11


@dataclass(frozen=True)
class Linear:
    """An axis on which equal distances are equal differences."""

    low: float
    high: float

    def fractions(self, values: ArrayLike) -> NDArray[np.float64]:
        """Where values lie, from 0 (low end) to 1 (high end); beyond where they lie beyond."""
        return (np.asarray(values, dtype=np.float64) - self.low) / (self.high - self.low)

    def ticks(self, count: int) -> list[float]:
        """About `count` round numbers within the axis."""
        step = nice_step(self.high - self.low, count)
        slack = 1e-9 * step
        first, last = math.ceil((self.low - slack) / step), math.floor((self.high + slack) / step)
        return [index * step for index in range(first, last + 1)]

    def labels(self, ticks: Sequence[float]) -> list[str]:
        """The ticks in words, all with the same decimals."""
        step = min(np.diff(ticks), default=abs(ticks[0]) if ticks else 1.0) or 1.0
        if max(map(abs, ticks), default=0) >= 1e6 or step < 1e-5:
            return [number(tick) for tick in ticks]
        decimals = max(0, -math.floor(math.log10(step) + 1e-9))
        return [f"{0.0 if abs(tick) < step / 1e6 else tick:,.{decimals}f}".replace("-", MINUS) for tick in ticks]


@dataclass(frozen=True)
class Log:
    """An axis on which equal distances are equal ratios; both ends above 0."""

    low: float
    high: float

    def fractions(self, values: ArrayLike) -> NDArray[np.float64]:
        """Where values lie, from 0 to 1; what is not above 0 lies nowhere (NaN)."""
        values = np.asarray(values, dtype=np.float64)
        logarithms = np.log(np.where(values > 0, values, np.nan))
        return (logarithms - math.log(self.low)) / (math.log(self.high) - math.log(self.low))

    def ticks(self, count: int) -> list[float]:
        """Powers of ten, with 2 and 5 times them where the axis is short, thinned to about `count`."""
        first, last = math.floor(math.log10(self.low)), math.ceil(math.log10(self.high))
        decades = math.log10(self.high / self.low)
        leading = (1,) if decades > 3.2 else (1, 3) if decades > 2.4 else (1, 2, 5)
        every = max(1, math.ceil(decades / count)) if leading == (1,) else 1
        ticks = [digit * 10.0**power for power in range(first, last + 1, every) for digit in leading]
        return [tick for tick in ticks if self.low * (1 - 1e-9) <= tick <= self.high * (1 + 1e-9)]

    def labels(self, ticks: Sequence[float]) -> list[str]:
        """The ticks in words; far from 1 as powers of ten."""
        plain = all(1e-3 <= tick < 1e5 for tick in ticks)
        return [number(tick) if plain else _with_power(tick) for tick in ticks]


Scale = Linear | Log


@dataclass(frozen=True)
class Panel:
    """A box on a canvas with an axis along each side."""

    canvas: Canvas
    box: Box
    x: Scale
    y: Scale

    def across(self, values: ArrayLike) -> NDArray[np.float64]:
        """Where values of the horizontal axis lie on the canvas."""
        return self.box.left + self.box.width * self.x.fractions(values)

    def down(self, values: ArrayLike) -> NDArray[np.float64]:
        """Where values of the vertical axis lie on the canvas."""
        return self.box.bottom - self.box.height * self.y.fractions(values)

    def point(self, x: float, y: float) -> tuple[float, float]:
        """Where one pair of values lies on the canvas."""
        return float(self.across(x)), float(self.down(y))

    def y_axis(self, label: str, count: int = 4, ticks: Sequence[float] | None = None) -> None:
        """Faint rules with their numbers at the left, and what they measure above."""
        ticks = self.y.ticks(count) if ticks is None else ticks
        for tick, words in zip(ticks, self.y.labels(ticks), strict=True):
            height = float(self.down(tick))
            self.canvas.rule((self.box.left, height), (self.box.right, height), RULE)
            self.canvas.text(self.box.left - 8, height, words, size=SMALL, colour=MUTED, align="right")
        if label:
            self.canvas.text(self.box.left, self.box.top - 14, label, colour=MUTED)

    def x_axis(self, label: str, count: int = 7, ticks: Sequence[float] | None = None) -> None:
        """A rule at the bottom with ticks and numbers, and what they measure below."""
        ticks = self.x.ticks(count) if ticks is None else ticks
        bottom = self.box.bottom
        self.canvas.rule((self.box.left, bottom), (self.box.right, bottom), QUIET)
        for tick, words in zip(ticks, self.x.labels(ticks), strict=True):
            place = float(self.across(tick))
            self.canvas.rule((place, bottom), (place, bottom + 4), QUIET)
            self.canvas.text(place, bottom + 14, words, size=SMALL, colour=MUTED, align="middle")
        if label:
            below = bottom + (34 if ticks else 16)
            self.canvas.text(self.box.left + self.box.width / 2, below, label, colour=MUTED, align="middle")

    def line(
        self,
        xs: ArrayLike,
        ys: ArrayLike,
        colour: Colour,
        *,
        thickness: float = 1.6,
        opacity: float = 1.0,
        dash: tuple[float, float] | None = None,
    ) -> None:
        """A line through the data, no finer than the screen can show."""
        across, down = thinned(self.across(xs), self.down(ys), self.box)
        within = self.box.grown(3)
        self.canvas.polyline(across, down, colour, thickness=thickness, within=within, opacity=opacity, dash=dash)

    def markers(
        self,
        xs: ArrayLike,
        ys: ArrayLike,
        shape: Shape,
        size: float,
        colour: Colour,
        *,
        halo: float = 0,
        opacity: float = 1.0,
    ) -> None:
        """One mark for each pair of values."""
        across, down = self.across(xs), self.down(ys)
        if not halo:
            self.canvas.markers(across, down, shape, size, colour, opacity)
            return
        for x, y in zip(across.tolist(), down.tolist(), strict=True):
            self.canvas.marker(x, y, shape, size, colour, halo=halo, opacity=opacity)

    def level(
        self, value: float, words: str, colour: Colour = MUTED, *, align: Align = "right", below: bool = False
    ) -> None:
        """A dashed line at one height with its name written along it."""
        height = float(self.down(value))
        self.canvas.rule((self.box.left, height), (self.box.right, height), colour, 1, (5, 4))
        place = {"left": self.box.left + 4, "middle": self.box.centre[0], "right": self.box.right - 2}[align]
        note(self.canvas, place, height + (10 if below else -10), words, for_text(colour), align)


def begun(title: str, subtitle: str, width: float, height: float) -> Canvas:
    """A sheet with its title and, below it in grey, what the title leaves to say."""
    canvas = Canvas(width, height)
    room = width - 2 * MARGIN
    canvas.text(MARGIN, 28, title, size=17, width=room)
    canvas.text(MARGIN, 52, subtitle, colour=MUTED, width=room)
    return canvas


def note(
    canvas: Canvas,
    x: float,
    y: float,
    words: str,
    colour: Colour = INK,
    align: Align = "left",
    size: float = SMALL,
) -> None:
    """Words among the data, on a slip of paper so that lines do not cross them."""
    width = width_of(words, size)
    left = x - {"left": 0.0, "middle": 0.5, "right": 1.0}[align] * width
    canvas.rectangle(Box(left - 2, y - size / 2 - 1, width + 4, size + 2), fill=PAPER)
    canvas.text(x, y, words, size=size, colour=colour, align=align)


def colour_bar(canvas: Canvas, box: Box, scale: ColourScale, label: str, words: dict[float, str] | None = None) -> None:
    """The colour scale with its numbers: upright with the numbers at its right, or lying with them below.

    Args:
        canvas: What to draw on.
        box: The bar alone, without its numbers.
        scale: What its colours mean.
        label: What is measured, and in which unit.
        words: Numbers to be written otherwise, such as 0 as "0 (paper)".
    """
    steps = np.linspace(scale.low, scale.high, 256)
    is_upright = box.height > box.width
    canvas.picture(steps[::-1, None] if is_upright else steps[None], box, scale)
    canvas.rectangle(box, outline=QUIET)
    for tick, numeral in _bar_ticks(scale, 5 if max(box.width, box.height) > 120 else 2):
        spelled = (words or {}).get(tick, numeral)
        fraction = (tick - scale.low) / (scale.high - scale.low)
        if is_upright:
            height = box.bottom - fraction * box.height
            canvas.rule((box.right, height), (box.right + 4, height), QUIET)
            canvas.text(box.right + 8, height, spelled, size=SMALL, colour=MUTED)
        else:
            place = box.left + fraction * box.width
            canvas.rule((place, box.bottom), (place, box.bottom + 4), QUIET)
            canvas.text(place, box.bottom + 13, spelled, size=SMALL, colour=MUTED, align="middle")
    if is_upright:
        canvas.text(box.left, box.top - 17, label, size=SMALL, colour=MUTED)
    else:
        canvas.text(box.left - 14, box.centre[1], label, size=SMALL, colour=MUTED, align="right")


def nice_step(span: float, count: int) -> float:
    """The round step (1, 2 or 5 times a power of ten) that cuts `span` into about `count` parts."""
    rough = span / max(1, count)
    power = 10.0 ** math.floor(math.log10(rough))
    return power * next(digit for digit in (1, 2, 5, 10) if digit * power >= rough * (1 - 1e-9))


def linear(values: ArrayLike, *, include: Sequence[float] = (), room: float = 0.06) -> Linear:
    """An axis that holds all finite values and those to `include`, with some room at both ends."""
    numbers = np.concatenate([np.ravel(np.asarray(values, dtype=np.float64)), np.asarray(include, dtype=np.float64)])
    numbers = numbers[np.isfinite(numbers)]
    low, high = (float(numbers.min()), float(numbers.max())) if numbers.size else (0.0, 1.0)
    span = high - low or abs(high) or 1.0
    return Linear(low - room * span, high + room * span)


def logarithmic(values: ArrayLike, *, include: Sequence[float] = (), room: float = 1.3) -> Log:
    """An axis that holds all values above 0 and those to `include`, widened by the factor `room` at both ends."""
    numbers = np.concatenate([np.ravel(np.asarray(values, dtype=np.float64)), np.asarray(include, dtype=np.float64)])
    numbers = numbers[np.isfinite(numbers) & (numbers > 0)]
    low, high = (float(numbers.min()), float(numbers.max())) if numbers.size else (1.0, 10.0)
    if high < 2 * low:
        low, high = low / 2, high * 2
    return Log(low / room, high * room)


def spread(wanted: Sequence[float], gap: float, low: float, high: float) -> list[float]:
    """Heights for labels, near the wanted ones, in the same order, at least `gap` apart and within `low` to `high`."""
    order = np.argsort(np.asarray(wanted, dtype=np.float64), kind="stable")
    places = np.clip(np.asarray(wanted, dtype=np.float64)[order], low, high)
    for index in range(1, len(places)):
        places[index] = max(places[index], places[index - 1] + gap)
    if len(places) and places[-1] > high:
        places[-1] = high
        for index in range(len(places) - 2, -1, -1):
            places[index] = min(places[index], places[index + 1] - gap)
    heights = np.empty(len(places))
    heights[order] = places
    return heights.tolist()


def thinned(
    across: NDArray[np.float64], down: NDArray[np.float64], box: Box
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """A line with more points than the box has pixels, reduced to the extremes in each pixel: it looks the same."""
    columns = int(box.width)
    if len(across) <= 2 * columns or not (np.isfinite(across).all() and np.isfinite(down).all()):
        return across, down
    edges = np.linspace(0, len(across), columns + 1).astype(int)[:-1]
    lowest, highest = np.minimum.reduceat(down, edges), np.maximum.reduceat(down, edges)
    return np.repeat(across[edges], 2), np.column_stack([lowest, highest]).ravel()


def _bar_ticks(scale: ColourScale, count: int) -> list[tuple[float, str]]:
    """Both ends of a colour bar, and round numbers between where they do not crowd the ends."""
    axis = Linear(scale.low, scale.high)
    span = scale.high - scale.low
    ticks = axis.ticks(count)
    inner = [
        (tick, words)
        for tick, words in zip(ticks, axis.labels(ticks), strict=True)
        if min(tick - scale.low, scale.high - tick) > 0.12 * span
    ]
    return [(scale.low, number(scale.low)), *inner, (scale.high, number(scale.high))]


def _with_power(tick: float) -> str:
    exponent = math.floor(math.log10(tick) + 1e-9)
    digit = round(tick / 10.0**exponent)
    return power_of_ten(exponent) if digit == 1 else f"{digit}{TIMES}{power_of_ten(exponent)}"
