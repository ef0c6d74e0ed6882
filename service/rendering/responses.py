"""A layer's responses to the stimuli before and after tuning, with the tuned unit marked."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import Image

from service.rendering.axes import COLUMN, HEADER, MARGIN, SMALL, Panel, begun, colour_bar, note
from service.rendering.canvas import Box, Canvas
from service.rendering.layers import BAR_COLOUR, Mosaic, draw_bars, unit_axis, unit_ticks, value_axis
from service.rendering.lettering import ARROW, number, signed
from service.rendering.palette import PAPER, VERMILLION, ColourScale, activity_scale, for_text, signed_scale
from service.rendering.rendering import Rendering

MOST_RESPONSES = 4
HALF = 270.0
BETWEEN = 30.0
BAR_HEIGHT = 140.0
BAR_GAP = 46.0

Unit = Mapping[str, Any]


def responses(layer: str, kind: Literal["conv", "dense"], shape: Sequence[int], units: Sequence[Unit]) -> Rendering:
    """What each tuned unit's layer answers to the image before and to the image after, all on one scale.

    Args:
        layer: The layer.
        kind: Its kind.
        shape: (channel, row, column) or (unit,).
        units: For each `unit` (a flat index, or a channel), `layer_before` and `layer_after` (values of all units of
            the layer, flat or shaped), and `rank_before` and `rank_after` where they are known.
    """
    tuned = [_Tuned.of(unit, tuple(shape)) for unit in units[:MOST_RESPONSES]]
    title = f"Responses of layer {layer} before and after tuning"
    title += f" {tuned[0].name}" if len(tuned) == 1 else ""
    title += f", the first {len(tuned)} of {len(units)} units" if len(tuned) < len(units) else ""
    subtitle = tuned[0].account if len(tuned) == 1 else "all on one scale, the tuned unit marked"
    alt = f"The drive of all units of layer {layer} for both images on one scale, the tuned unit marked. "
    alt += "; ".join(f"{each.name}: {each.told}" for each in tuned) + "."
    draw = _draw_mosaics if kind == "conv" else _draw_bars
    return Rendering("responses", title, alt, lambda: draw(tuned, title, subtitle))


def unmarked_responses(
    layer: str, kind: Literal["conv", "dense"], shape: Sequence[int], before: ArrayLike, after: ArrayLike
) -> Rendering:
    """What a layer answers to the image before and to the image after, on one scale; no unit is named.

    Args:
        layer: The layer.
        kind: Its kind.
        shape: (channel, row, column) or (unit,).
        before: The activity of all its units for the image before, flat or shaped.
        after: The same for the image after.
    """
    maps = [np.asarray(values, np.float64).reshape(tuple(shape)) for values in (before, after)]
    title, subtitle = f"Activity of layer {layer} before and after tuning", "one scale for both; which unit was tuned?"
    active = [np.count_nonzero(values > 0) for values in maps]
    alt = (
        f"The activity of all {maps[0].size:,} units of layer {layer} for both images on one scale: {active[0]:,} "
        f"above 0 and at most {number(float(maps[0].max()))} before, {active[1]:,} and {number(float(maps[1].max()))} "
        "after."
    )
    draw = _draw_unmarked_mosaics if kind == "conv" else _draw_unmarked_bars
    return Rendering("responses", title, alt, lambda: draw(maps, title, subtitle))


def short_name(unit: int | Mapping[str, int], shape: Sequence[int] = ()) -> str:
    """What a unit is called where there is little room."""
    if isinstance(unit, Mapping):
        if "row" not in unit:
            return f"channel {unit['channel']}"
        return f"channel {unit['channel']}, row {unit['row']}, column {unit['column']}"
    return f"class {unit}" if tuple(shape) == (10,) else f"unit {unit}"


@dataclass(frozen=True)
class _Tuned:
    """A tuned unit among its layer.

    Attributes:
        name: What it is called.
        place: Its flat index, or its channel's number.
        is_channel: Whether the whole channel was tuned.
        before: The layer's values for the image before, in the layer's shape.
        after: The same for the image after.
        ranks: Its rank before and after, where they are known.
    """

    name: str
    place: int
    is_channel: bool
    before: NDArray[np.float64]
    after: NDArray[np.float64]
    ranks: tuple[int, int] | None

    @classmethod
    def of(cls, unit: Unit, shape: tuple[int, ...]) -> "_Tuned":
        """The unit that a result tells of."""
        spec = unit["unit"]
        is_channel = isinstance(spec, Mapping) and "row" not in spec
        if isinstance(spec, Mapping):
            axes = ("channel",) if is_channel else ("channel", "row", "column")
            place = int(np.ravel_multi_index([spec[axis] for axis in axes], shape[: len(axes)]))
        else:
            place = int(spec)
        before, after = (np.asarray(unit[key], np.float64).reshape(shape) for key in ("layer_before", "layer_after"))
        ranks = (unit["rank_before"], unit["rank_after"]) if unit.get("rank_before") else None
        name = short_name(spec if is_channel else place, shape)
        return cls(name, place, is_channel, before, after, ranks)

    @property
    def drives(self) -> tuple[float, float]:
        """The unit's own value before and after."""
        return self._value(self.before), self._value(self.after)

    @property
    def channel(self) -> int:
        """The channel it belongs to."""
        return self.place if self.is_channel else int(np.unravel_index(self.place, self.before.shape)[0])

    @property
    def account(self) -> str:
        """Its change in signs."""
        return self._change(f" {ARROW} ", "drive ", ", rank ")

    @property
    def told(self) -> str:
        """Its change in words."""
        return self._change(" to ", "its drive goes from ", ", its rank from ")

    def _change(self, becomes: str, drive: str, rank: str) -> str:
        before, after = self.drives
        words = f"{drive}{number(before)}{becomes}{number(after)}"
        if self.ranks is None:
            return words
        peers = len(self.before) if self.is_channel else self.before.size
        return f"{words}{rank}{self.ranks[0]:,}{becomes}{self.ranks[1]:,} of {peers:,}"

    def _value(self, values: NDArray[np.float64]) -> float:
        return float(values[self.place].mean() if self.is_channel else values.flat[self.place])


def _draw_mosaics(tuned: Sequence[_Tuned], title: str, subtitle: str) -> Image.Image:
    first = Mosaic.fitted(tuned[0].before.shape, MARGIN, HEADER + 12, HALF)
    headed = len(tuned) > 1
    section = max(first.height, 0.0 if headed else 170.0) + 26 + 26 * headed
    width = max(520.0, 2 * MARGIN + 2 * first.width + BETWEEN + 96)
    canvas = begun(title, subtitle, width, HEADER + len(tuned) * section + 12)
    scale = signed_scale(*(values for each in tuned for values in (each.before, each.after)))
    for index, each in enumerate(tuned):
        top = HEADER + 12 + index * section
        if headed:
            canvas.text(MARGIN, top - 8, f"{each.name}: {each.account}", size=13, width=width - 2 * MARGIN - 90)
            top += 26
        _draw_both(canvas, each, top, scale)
    right = MARGIN + 2 * first.width + BETWEEN
    height = min(200.0, max(110.0, first.height - 60))
    colour_bar(canvas, Box(right + 24, HEADER + 52, 12, height), scale, "drive (a.u.)")
    return canvas.finished()


def _draw_unmarked_mosaics(maps: Sequence[NDArray[np.float64]], title: str, subtitle: str) -> Image.Image:
    mosaics, left = [], float(MARGIN)
    for values in maps:
        mosaics.append(Mosaic.fitted(values.shape, left, HEADER + 12, HALF))
        left = mosaics[-1].left + mosaics[-1].width + BETWEEN
    canvas = begun(title, subtitle, max(520.0, left + 96), HEADER + max(mosaics[0].height, 170.0) + 38)
    scale = activity_scale(*maps)
    for mosaic, values, words in zip(mosaics, maps, ("before", "after"), strict=True):
        canvas.text(mosaic.left, HEADER + 4, words, size=13)
        mosaic.draw(canvas, values, scale)
    height = min(200.0, max(110.0, mosaics[0].height - 60))
    colour_bar(canvas, Box(left - 6, HEADER + 52, 12, height), scale, "activity (a.u.)")
    return canvas.finished()


def _draw_unmarked_bars(layers: Sequence[NDArray[np.float64]], title: str, subtitle: str) -> Image.Image:
    canvas = begun(title, subtitle, COLUMN, HEADER + 2 * BAR_HEIGHT + 2 * BAR_GAP + 36)
    count = layers[0].size
    x, y = unit_axis(count), value_axis(*layers)
    for row, (values, words) in enumerate(zip(layers, ("before", "after"), strict=True)):
        box = Box(MARGIN + 40, HEADER + 20 + row * (BAR_HEIGHT + BAR_GAP), COLUMN - 2 * MARGIN - 40, BAR_HEIGHT)
        panel = Panel(canvas, box, x, y)
        panel.y_axis(f"{words} · activity (a.u.)", 4)
        draw_bars(panel, values, [BAR_COLOUR] * count)
        if row:
            panel.x_axis("class" if count == 10 else "unit", ticks=unit_ticks(count))
    return canvas.finished()


def _draw_both(canvas: Canvas, tuned: _Tuned, top: float, scale: ColourScale) -> None:
    """The maps before at the left and those after at the right."""
    left = float(MARGIN)
    for maps, words in ((tuned.before, "before"), (tuned.after, "after")):
        mosaic = Mosaic.fitted(maps.shape, left, top, HALF)
        canvas.text(left, top - 8, words, size=13)
        mosaic.draw(canvas, maps, scale)
        _mark_place(canvas, mosaic, tuned)
        left += mosaic.width + BETWEEN


def _mark_place(canvas: Canvas, mosaic: Mosaic, tuned: _Tuned) -> None:
    """A frame around the tuned unit, or channel, and a triangle with its name above the map."""
    box = mosaic.map_box(tuned.channel)
    if tuned.is_channel:
        canvas.rectangle(box.grown(2), outline=VERMILLION, thickness=2)
    else:
        place = mosaic.unit_box(tuned.place, tuned.before.shape).grown(2.5)
        canvas.rectangle(place.grown(1), outline=PAPER, thickness=1)
        canvas.rectangle(place, outline=VERMILLION, thickness=2)
    canvas.marker(box.right - 5, box.top - 9, "down", 8, VERMILLION)
    if box.width > 65 and not tuned.is_channel:
        ink = for_text(VERMILLION)
        canvas.text(
            box.right - 13, box.top - 9, tuned.name, size=SMALL, colour=ink, align="right", width=box.width - 28
        )


def _draw_bars(tuned: Sequence[_Tuned], title: str, subtitle: str) -> Image.Image:
    headed = len(tuned) > 1
    section = 2 * BAR_HEIGHT + 2 * BAR_GAP + 30 * headed
    canvas = begun(title, subtitle, COLUMN, HEADER + len(tuned) * section + 36)
    count = tuned[0].before.size
    x, y = unit_axis(count), value_axis(*(values for each in tuned for values in (each.before, each.after)))
    for index, each in enumerate(tuned):
        top = HEADER + 20 + index * section + 30 * headed
        if headed:
            canvas.text(MARGIN, top - 40, f"{each.name}: {each.account}", size=13)
        for row, (values, words) in enumerate(((each.before, "before"), (each.after, "after"))):
            box = Box(MARGIN + 40, top + row * (BAR_HEIGHT + BAR_GAP), COLUMN - 2 * MARGIN - 40, BAR_HEIGHT)
            panel = Panel(canvas, box, x, y)
            panel.y_axis(f"{words} · drive (a.u.)", 4)
            draw_bars(panel, values, [VERMILLION if unit == each.place else BAR_COLOUR for unit in range(count)])
            _mark_bar(panel, each.place, float(values[each.place]), each.name)
            if row and index == len(tuned) - 1:
                panel.x_axis("class" if count == 10 else "unit", ticks=unit_ticks(count))
    return canvas.finished()


def _mark_bar(panel: Panel, unit: int, value: float, name: str) -> None:
    """A triangle above the tuned unit's bar, with its name and value."""
    middle, end = panel.point(unit, max(0.0, value))
    panel.canvas.marker(middle, end - 8, "down", 9, VERMILLION)
    is_left = float(panel.x.fractions(unit)) < 0.7
    place = middle + 9 if is_left else middle - 9
    words = f"{name}: {signed(value)}"
    note(panel.canvas, place, end - 9, words, for_text(VERMILLION), "left" if is_left else "right")
