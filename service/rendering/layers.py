"""The values of one layer: maps side by side for a convolutional layer, bars for a dense one."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from service.rendering.axes import SMALL, Linear, Panel, linear, note
from service.rendering.canvas import Box, Canvas, width_of
from service.rendering.lettering import signed
from service.rendering.palette import BLUE, MUTED, QUIET, Colour, ColourScale

LARGEST_MAP = 148.0
TALLEST = 500.0
WIDEST_BAR = 36.0
BAR_COLOUR: Colour = (176, 183, 192)
NUMBER_ROOM = 20.0


@dataclass(frozen=True)
class Mosaic:
    """Where each channel's map of a convolutional layer lies.

    Attributes:
        left: The left edge.
        top: The upper edge, above the first row's channel numbers.
        columns: Maps side by side.
        channels: Maps in all.
        cell: The size (width, height) of one map.
        gap: Between neighbouring maps.
    """

    left: float
    top: float
    columns: int
    channels: int
    cell: tuple[float, float]
    gap: float

    @classmethod
    def fitted(
        cls, shape: Sequence[int], left: float, top: float, width: float, largest: float = LARGEST_MAP
    ) -> "Mosaic":
        """The mosaic of a layer (channel, row, column) that fits into `width`, its maps at most `largest` wide."""
        channels, rows, columns = shape
        side_by_side = _columns(channels)
        gap = 12.0 if side_by_side <= 6 else 6.0
        lines = math.ceil(channels / side_by_side)
        cell = min(largest, (width - gap * (side_by_side - 1)) / side_by_side, max(48.0, TALLEST / lines - NUMBER_ROOM))
        return cls(left, top, side_by_side, channels, (cell, cell * min(4.0, rows / columns)), gap)

    @property
    def width(self) -> float:
        """From the first map's left edge to the last one's right."""
        return self.columns * (self.cell[0] + self.gap) - self.gap

    @property
    def height(self) -> float:
        """All rows with the room for their numbers."""
        return math.ceil(self.channels / self.columns) * (self.cell[1] + NUMBER_ROOM)

    def map_box(self, channel: int) -> Box:
        """Where a channel's map lies."""
        row, column = divmod(channel, self.columns)
        left = self.left + column * (self.cell[0] + self.gap)
        top = self.top + row * (self.cell[1] + NUMBER_ROOM) + NUMBER_ROOM
        return Box(left, top, *self.cell)

    def unit_box(self, unit: int, shape: Sequence[int]) -> Box:
        """Where one unit (the flat index in C order) lies."""
        channel, row, column = np.unravel_index(unit, tuple(shape))
        box = self.map_box(int(channel))
        width, height = box.width / shape[2], box.height / shape[1]
        return Box(box.left + int(column) * width, box.top + int(row) * height, width, height)

    def draw(self, canvas: Canvas, maps: NDArray[np.float64], scale: ColourScale) -> None:
        """All maps (channel, row, column) on one scale, each with its channel's number above."""
        for channel, values in enumerate(maps):
            box = self.map_box(channel)
            canvas.picture(values, box, scale)
            canvas.rectangle(box, outline=QUIET)
            words = f"channel {channel}" if box.width > 90 else str(channel)
            canvas.text(box.left, box.top - 9, words, size=SMALL, colour=MUTED)


def value_axis(*panels: NDArray[np.float64]) -> Linear:
    """One axis for bars in all `panels`, with 0 on it and room for numbers beyond the longest bars."""
    everything = np.concatenate([np.ravel(panel) for panel in panels])
    axis = linear(everything, include=[0.0], room=0.14)
    low, high = (
        (axis.low if everything.min(initial=0) < 0 else 0.0),
        (axis.high if everything.max(initial=0) > 0 else 0.0),
    )
    return Linear(low, high) if high > low else Linear(0.0, 1.0)


def draw_bars(panel: Panel, values: NDArray[np.float64], colours: Sequence[Colour]) -> None:
    """A bar from 0 for each unit, units at 0, 1, 2 … of the horizontal axis."""
    zero = float(panel.down(0.0))
    slot = panel.box.width / len(values)
    breadth = min(WIDEST_BAR, slot - max(0.5, 0.25 * slot))
    for unit, (value, colour) in enumerate(zip(values.tolist(), colours, strict=True)):
        middle, end = panel.point(unit, value)
        top, bottom = min(zero, end), max(zero, end)
        panel.canvas.rectangle(Box(middle - breadth / 2, top, breadth, bottom - top), fill=colour)
    panel.canvas.rule((panel.box.left, zero), (panel.box.right, zero), QUIET)


def unit_axis(count: int) -> Linear:
    """A horizontal axis on which each of `count` units has a slot of its own."""
    return Linear(-0.5, count - 0.5)


def unit_ticks(count: int) -> list[float]:
    """Round unit numbers for the horizontal axis; every unit when they are few."""
    if count <= 16:
        return [float(unit) for unit in range(count)]
    return [tick for tick in Linear(0, count - 1).ticks(8) if tick == int(tick)]


def label_largest(panel: Panel, values: NDArray[np.float64], most: int = 5) -> None:
    """Writes the unit's number above the tallest bars, leaving out those whose neighbours are labelled."""
    taken: list[tuple[float, float]] = []
    for unit in np.argsort(-values, kind="stable").tolist():
        if len(taken) == most or values[unit] <= 0:
            return
        words = str(unit)
        middle, top = panel.point(unit, float(values[unit]))
        half = width_of(words, SMALL) / 2 + 4
        if all(middle + half <= left or middle - half >= right for left, right in taken):
            taken.append((middle - half, middle + half))
            panel.canvas.text(middle, top - 9, words, size=SMALL, align="middle")


def write_values(panel: Panel, values: NDArray[np.float64], emphasised: int | None = None) -> None:
    """Writes each bar's value at its end."""
    for unit, value in enumerate(values.tolist()):
        middle, end = panel.point(unit, value)
        colour = MUTED if unit != emphasised else BLUE
        note(panel.canvas, middle, end + (11 if value < 0 else -10), signed(value), colour, "middle")


def _columns(channels: int) -> int:
    """Maps side by side: as square as fits the page, with a full last row where that can be."""
    if channels <= 4:
        return channels
    wanted = min(16, max(3, math.ceil(math.sqrt(1.2 * channels))))
    nearby = range(wanted, max(2, wanted - 3), -1)
    return next((columns for columns in nearby if channels % columns == 0), wanted)
