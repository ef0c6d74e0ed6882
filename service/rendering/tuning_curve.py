"""A unit's tuning curve with its fit, and the stimuli that it was measured with."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import Image

from service.rendering.axes import (
    COLUMN,
    HEADER,
    MARGIN,
    SMALL,
    Linear,
    Log,
    Panel,
    Scale,
    begun,
    colour_bar,
    linear,
    logarithmic,
    note,
)
from service.rendering.canvas import Box, Canvas, width_of
from service.rendering.digits import draw_digit, draw_pixel_bar
from service.rendering.layers import BAR_COLOUR, draw_bars, unit_axis, value_axis
from service.rendering.lettering import SQUARED, TIMES, counted, number, signed
from service.rendering.palette import (
    BLUE,
    INK,
    MUTED,
    PAPER,
    QUIET,
    RULE,
    VERMILLION,
    Colour,
    for_text,
    signed_scale,
)
from service.rendering.rendering import Rendering

LEFT = MARGIN + 44.0
TOP = HEADER + 30.0
WIDE = 432.0
ASIDE = LEFT + WIDE + 44
MOST_SHOWN = 14
SIDE = 28
AROUND = 3

Answer = Mapping[str, Any]
Values = NDArray[np.float64]


class _Property(NamedTuple):
    """How a property of the stimulus is called in a title, and along an axis."""

    name: str
    axis: str


_PROPERTIES: Mapping[str, _Property] = {
    "class": _Property("the class of digits", "class"),
    "orientation": _Property("orientation", "orientation of the bars (degrees)"),
    "spatial_frequency": _Property("spatial frequency", "spatial frequency (cycles per pixel)"),
    "position": _Property("position", "column (pixel)"),
    "size": _Property("size", "diameter of the disc (pixels)"),
    "contrast": _Property("contrast", "contrast"),
}
_INDICES: Mapping[str, str] = {
    "preferred_class": "preferred class",
    "d_prime": "d'",
    "selectivity_index": "selectivity index",
    "orientation_selectivity_index": "orientation selectivity",
    "one_minus_circular_variance": "1 − circular variance",
    "low_cutoff": "low cutoff, cycles per pixel",
    "high_cutoff": "high cutoff, cycles per pixel",
    "bandwidth_octaves": "bandwidth, octaves",
    "suppression_index": "surround suppression",
    "summation_diameter": "95 % reached at, pixels",
    "c50": "c50",
    "exponent": "exponent",
    "polarity_index": "ink (+1) or paper (−1)",
    "modulation_ratio": "F1/F0",
}


def curve(answer: Answer) -> Rendering:
    """The tuning curve: bars for classes, a map for position, else points with the fitted line.

    Args:
        answer: The unit's `label`, the `stimulus`, and what `models.analysis.tuning_curve` answers.
    """
    title = f"Tuning to {_PROPERTIES[answer['stimulus']].name}: {answer['label']}"
    subtitle = _account(answer)
    figures = "; ".join(f"{name} {value}" for name, value in _figures(answer))
    means = [point["mean"] for point in answer["curve"]]
    extent = f"mean drive from {number(min(means))} to {number(max(means))} at {counted(len(means), 'value')}"
    alt = f"{title}, {extent}. Fitted is the {answer['response']}: {subtitle}. {figures or 'No indices'}."
    draw = {"class": _draw_classes, "position": _draw_map}.get(answer["stimulus"], _draw_gratings)
    return Rendering("curve", title, alt, lambda: draw(answer, title, subtitle))


def stimuli(answer: Answer, images: ArrayLike, values: Sequence[float], drives: Sequence[float]) -> Rendering:
    """The stimuli that drove the unit most, each with its value and its drive.

    Args:
        answer: As for `curve`, with the unit's receptive `field`.
        images: (value, row, column), 0 (paper) to 1 (ink).
        values: What each of them stands for.
        drives: The unit's drive to each.
    """
    chosen = range(0, len(values), math.ceil(len(values) / MOST_SHOWN))
    window = _window(answer)
    pixels = np.asarray(images, dtype=np.float64)[chosen][:, window[0], window[1]]
    captions = [(_value(answer["stimulus"], values[index]), signed(drives[index])) for index in chosen]
    title = f"Stimuli of the tuning to {_PROPERTIES[answer['stimulus']].name}: {answer['label']}"
    subtitle = f"{_chosen(answer['stimulus'])}; below each the drive (a.u.)"
    told = "; ".join(f"{value}: {drive}" for value, drive in captions)
    alt = f"{counted(len(chosen), 'image')}: {subtitle}. {told}."
    return Rendering("stimuli", title, alt, lambda: _draw_stimuli(pixels, captions, title, subtitle))


def _account(answer: Answer) -> str:
    """What the fit, or of classes the best mean, says."""
    stimulus, fit = answer["stimulus"], answer["fit"]
    if answer["indices"] is None:
        return "the unit answers everything alike"
    if stimulus == "class":
        best = max(answer["curve"], key=lambda point: point["mean"])
        return f"largest mean drive {signed(best['mean'])}, for class {number(best['value'])}"
    if fit is None:
        return "no curve of the usual form explains it"
    words = {
        "orientation": lambda: f"peak {number(fit['peak'])}°, {number(fit['width'])}° wide at half height",
        "spatial_frequency": lambda: (
            f"peak {number(fit['peak'])} cycles per pixel, {number(fit['width'], 2)} octaves wide at half height"
        ),
        "position": lambda: (
            f"peak at row {number(fit['peak']['row'])}, column {number(fit['peak']['column'])}, "
            f"{number(fit['width']['row'], 2)}{TIMES}{number(fit['width']['column'], 2)} pixels wide at half height"
        ),
        "size": lambda: f"95 % of the largest response at {number(answer['indices']['summation_diameter'])} pixels",
        "contrast": lambda: _saturation(answer["indices"]["c50"]),
    }[stimulus]()
    return f"{words}, R{SQUARED} {number(fit['r2'], 2)}"


def _saturation(c50: float | None) -> str:
    return "no saturation up to contrast 1" if c50 is None else f"half saturated at contrast {number(c50, 2)}"


def _figures(answer: Answer) -> list[tuple[str, str]]:
    """Each index with its number, in words."""
    return [(_INDICES[name], number(value)) for name, value in (answer["indices"] or {}).items()]


def _held(answer: Answer) -> str:
    """The properties of the stimulus that were not swept."""
    held = answer["held"]
    if answer["stimulus"] == "class":
        return f"{counted(held['per_class'], 'test digit')} of each class"
    words = {
        "orientation_deg": "{}°",
        "cycles_per_pixel": "{} cycles per pixel",
        "contrast": "contrast {}",
        "phases": "{} phases",
        "spot_pixels": "a spot of {0}×{0} pixels",
    }
    return ", ".join(each.format(number(held[name])) for name, each in words.items() if held[name] is not None)


class _Axis(NamedTuple):
    """The horizontal axis of a swept property; orientations begin a quarter turn before the preferred one."""

    scale: Scale
    ticks: Sequence[float]
    words: Sequence[str]
    begin_deg: float | None = None

    @classmethod
    def of(cls, answer: Answer) -> "_Axis":
        """The axis that holds the values of a curve."""
        values = [point["value"] for point in answer["curve"]]
        if answer["stimulus"] == "orientation":
            preferred = answer["fit"]["peak"] if answer["fit"] else 90.0
            begin = 45.0 * round((preferred - 90) / 45)
            ticks = [begin + 45 * step for step in range(5)]
            return cls(Linear(begin, begin + 180), ticks, [number(tick % 180) for tick in ticks], begin)
        scale = linear(values, room=0.03) if answer["stimulus"] == "size" else logarithmic(values, room=1.1)
        ticks = scale.ticks(7)
        return cls(scale, ticks, scale.labels(ticks))

    def placed(self, values: ArrayLike, responses: ArrayLike) -> tuple[Values, Values]:
        """Values that have a place on this axis, in its order, with their responses; orientations repeat at its end."""
        places, heights = np.asarray(values, dtype=np.float64), np.asarray(responses, dtype=np.float64)
        if isinstance(self.scale, Log):
            places, heights = places[places > 0], heights[places > 0]
        if self.begin_deg is not None:
            places = self.begin_deg + (places - self.begin_deg) % 180
            places, first = np.unique(places, return_index=True)
            places, heights = np.append(places, places[0] + 180), np.append(heights[first], heights[first[0]])
        return places, heights

    def draw(self, panel: Panel, label: str) -> None:
        """The axis below a panel."""
        panel.x_axis("", ticks=[])
        for tick, words in zip(self.ticks, self.words, strict=True):
            across, bottom = float(panel.across(tick)), panel.box.bottom
            panel.canvas.rule((across, bottom), (across, bottom + 4), QUIET)
            panel.canvas.text(across, bottom + 14, words, size=SMALL, colour=MUTED, align="middle")
        panel.canvas.text(panel.box.centre[0], panel.box.bottom + 34, label, colour=MUTED, align="middle")


def _draw_gratings(answer: Answer, title: str, subtitle: str) -> Image.Image:
    """Above what is fitted, F0 or F1; below the other one."""
    canvas = begun(title, subtitle, COLUMN, TOP + 396)
    canvas.text(MARGIN, 72, f"gratings: {_held(answer)}", colour=MUTED)
    axis, components = _Axis.of(answer), ("F1", "F0") if answer["component"] == "F1" else ("F0", "F1")
    for component, box in zip(components, (Box(LEFT, TOP, WIDE, 216), Box(LEFT, TOP + 262, WIDE, 76)), strict=True):
        line = answer["fit"]["line"] if answer["fit"] and component == answer["component"] else []
        panel = Panel(canvas, box, axis.scale, _component_axis(answer, component, line))
        panel.y_axis(_COMPONENTS[component], 5 if box.height > 100 else 2)
        if line:
            pairs = [(point["value"], point["response"]) for point in line]
            panel.line(*axis.placed(*zip(*pairs, strict=True)), VERMILLION, thickness=2)
        _draw_points(panel, axis, answer, component)
        if line:
            _mark_fit(panel, axis, answer)
        if component == components[1]:
            axis.draw(panel, _PROPERTIES[answer["stimulus"]].axis)
    is_polar = answer["stimulus"] == "orientation" and answer["indices"] is not None
    if is_polar:
        _draw_polar(canvas, answer, (ASIDE + 70, TOP + 80))
    _write_figures(canvas, answer, TOP + 208 if is_polar else TOP + 4)
    return canvas.finished()


_COMPONENTS: Mapping[str, str] = {
    "F0": "F0: mean drive ± sd over phases (a.u.)",
    "F1": "F1: modulation of the drive by phase (a.u.)",
}


def _component_axis(answer: Answer, component: str, line: Sequence[Mapping[str, float]]) -> Linear:
    fitted = [point["response"] for point in line]
    if component == "F1":
        axis = linear([point["f1"] for point in answer["curve"]] + fitted, include=[0.0])
        return Linear(0.0, axis.high)
    ends = [point["mean"] + sign * point["sd"] for point in answer["curve"] for sign in (-1, 1)]
    return linear(ends + fitted, include=[answer["blank"]])


def _draw_points(panel: Panel, axis: _Axis, answer: Answer, component: str) -> None:
    points, is_small = answer["curve"], panel.box.height < 100
    values = [point["value"] for point in points]
    if component == "F0":
        height = float(panel.down(answer["blank"]))
        panel.canvas.rule((panel.box.left, height), (panel.box.right, height), MUTED, 1, (5, 4))
        panel.canvas.text(panel.box.right + 6, height, "grey", size=SMALL, colour=MUTED)
        low, high = (axis.placed(values, [point["mean"] + sign * point["sd"] for point in points]) for sign in (-1, 1))
        for place, bottom, top in zip(low[0], low[1], high[1], strict=True):
            panel.canvas.rule(panel.point(place, bottom), panel.point(place, top), QUIET, 1)
    key = "mean" if component == "F0" else "f1"
    panel.markers(*axis.placed(values, [point[key] for point in points]), "disc", 5 if is_small else 8, BLUE, halo=1)


def _mark_fit(panel: Panel, axis: _Axis, answer: Answer) -> None:
    """Where the fitted line peaks, and how wide it is at half its height."""
    for value, words in _marks(answer):
        across = float(panel.across(axis.placed([value], [0])[0][0]))
        panel.canvas.rule((across, panel.box.top), (across, panel.box.bottom), VERMILLION, 1, (3, 3))
        half = width_of(words, SMALL) / 2
        middle = min(max(across, panel.box.left + half), panel.box.right - half)
        note(panel.canvas, middle, panel.box.bottom - 12, words, for_text(VERMILLION), "middle")
    if answer["fit"]["width"] is not None:
        _draw_width(panel, axis, answer)


def _marks(answer: Answer) -> list[tuple[float, str]]:
    """Values of the swept property that the fit tells of, in words."""
    fit, indices = answer["fit"], answer["indices"]
    if answer["stimulus"] == "contrast":
        return [] if indices["c50"] is None else [(indices["c50"], f"c50 {number(indices['c50'], 2)}")]
    if answer["stimulus"] == "size":
        return [(indices["summation_diameter"], f"95 % at {number(indices['summation_diameter'])}")]
    return [(fit["peak"], _value(answer["stimulus"], fit["peak"]))]


def _draw_width(panel: Panel, axis: _Axis, answer: Answer) -> None:
    fit, is_orientation = answer["fit"], answer["stimulus"] == "orientation"
    half = fit["baseline"] + fit["amplitude"] / 2
    if is_orientation:
        peak = float(axis.placed([fit["peak"]], [0])[0][0])
        ends = [peak - fit["width"] / 2, peak + fit["width"] / 2]
    else:
        ends = [fit["peak"] * 2 ** (sign * fit["width"] / 2) for sign in (-1, 1)]
    low, high = np.clip(panel.across(ends), panel.box.left, panel.box.right).tolist()
    height = float(panel.down(half))
    panel.canvas.rule((low, height), (high, height), VERMILLION, 1.5)
    words = f"{number(fit['width'], 2)}°" if is_orientation else f"{number(fit['width'], 2)} octaves"
    note(panel.canvas, (low + high) / 2, height + 11, words, for_text(VERMILLION), "middle")


def _draw_polar(canvas: Canvas, answer: Answer, centre: tuple[float, float], radius: float = 66.0) -> None:
    """The response above that to grey as the distance from the middle, in the direction of the bars."""
    is_modulation = answer["component"] == "F1"
    above = [point["f1"] if is_modulation else max(point["mean"] - answer["blank"], 0) for point in answer["curve"]]
    angles = np.radians([point["value"] for point in answer["curve"]])
    angles, lengths = np.concatenate([angles, angles + np.pi]), np.tile(above, 2) / (max(above) or 1.0)
    circle = np.linspace(0, 2 * np.pi, 121)
    for share in (0.5, 1.0):
        _polar_line(canvas, circle, np.full(circle.size, share), centre, radius, RULE, 1)
    for direction in (0.0, np.pi / 2):
        _polar_line(canvas, np.array([direction, direction + np.pi]), np.ones(2), centre, radius, RULE, 1)
    _polar_line(canvas, np.append(angles, angles[0]), np.append(lengths, lengths[0]), centre, radius, BLUE, 2)
    x, y = centre
    canvas.text(x + radius + 5, y, "0°", size=SMALL, colour=MUTED)
    canvas.text(x, y - radius - 10, "90°", size=SMALL, colour=MUTED, align="middle")
    canvas.text(
        x, y + radius + 14, f"rim: {number(max(above))} a.u. above grey", size=SMALL, colour=MUTED, align="middle"
    )


def _polar_line(
    canvas: Canvas,
    angles: Values,
    lengths: Values,
    centre: tuple[float, float],
    radius: float,
    colour: Colour,
    thickness: float,
) -> None:
    xs, ys = centre[0] + radius * lengths * np.cos(angles), centre[1] - radius * lengths * np.sin(angles)
    canvas.polyline(xs, ys, colour, thickness=thickness)


def _write_figures(canvas: Canvas, answer: Answer, top: float, left: float = ASIDE) -> None:
    """The indices in a column beside the curve."""
    for row, (name, value) in enumerate(_figures(answer)):
        canvas.text(left, top + 44 * row, name, size=SMALL, colour=MUTED, width=COLUMN - MARGIN - left)
        canvas.text(left, top + 44 * row + 18, value, size=15)


def _draw_classes(answer: Answer, title: str, subtitle: str) -> Image.Image:
    canvas = begun(title, subtitle, COLUMN, TOP + 320)
    canvas.text(MARGIN, 72, f"mean drive ± sd, {_held(answer)}", colour=MUTED)
    means, deviations = (np.array([point[name] for point in answer["curve"]]) for name in ("mean", "sd"))
    axis = value_axis(means - deviations, means + deviations)
    panel = Panel(canvas, Box(LEFT, TOP, WIDE, 250), unit_axis(len(means)), axis)
    panel.y_axis("drive (a.u.)", 6)
    best = int(means.argmax())
    draw_bars(panel, means, [BLUE if place == best else BAR_COLOUR for place in range(len(means))])
    for place, (mean, deviation) in enumerate(zip(means.tolist(), deviations.tolist(), strict=True)):
        panel.canvas.rule(panel.point(place, mean - deviation), panel.point(place, mean + deviation), INK, 1)
        across, beyond = panel.point(place, mean - deviation if mean < 0 else mean + deviation)
        words_at = beyond + (11 if mean < 0 else -10)
        note(canvas, across, words_at, signed(mean), for_text(BLUE) if place == best else MUTED, "middle")
    panel.x_axis("class", ticks=[float(place) for place in range(len(means))])
    _write_figures(canvas, answer, TOP + 4)
    return canvas.finished()


def _draw_map(answer: Answer, title: str, subtitle: str) -> Image.Image:
    """The better of ink and paper at each place, its means along both axes, and the maps of both beside it."""
    canvas = begun(title, subtitle, COLUMN, TOP + 430)
    canvas.text(MARGIN, 72, _held(answer), colour=MUTED)
    places = answer["map"]
    ink, paper = (np.asarray(places[name], dtype=np.float64) - answer["blank"] for name in ("ink", "paper"))
    scale, box = signed_scale(ink, paper), Box(LEFT, TOP, 240, 240)
    rows, columns = places["rows"], places["columns"]
    panel = Panel(canvas, box, Linear(columns[0] - 0.5, columns[-1] + 0.5), Linear(rows[-1] + 0.5, rows[0] - 0.5))
    panel.y_axis("spot of ink or of paper, whichever drives more", ticks=_whole(rows))
    canvas.picture(np.maximum(ink, paper), box, scale)
    canvas.rectangle(box, outline=QUIET)
    canvas.text(MARGIN + 6, box.centre[1], "row (pixel)", colour=MUTED, upright=True)
    if answer["fit"]:
        _draw_half_height(panel, answer["fit"])
    _draw_marginals(panel, answer)
    left = box.right + 120
    for place, (name, values) in enumerate((("ink", ink), ("paper", paper))):
        small = Box(left + place * 126, TOP, 112, 112)
        canvas.text(small.left, small.top - 14, f"spot of {name}", colour=MUTED)
        canvas.picture(values, small, scale)
        canvas.rectangle(small, outline=QUIET)
    bar = Box(left, TOP + 142, 238, 10)
    colour_bar(canvas, bar, scale, "")
    canvas.text(bar.left, bar.bottom + 34, "change of drive from grey (a.u.)", size=SMALL, colour=MUTED)
    _write_figures(canvas, answer, TOP + 226, left)
    return canvas.finished()


def _whole(places: Sequence[float]) -> list[float]:
    """Whole pixels for the ticks of an axis over places."""
    return [tick for tick in Linear(places[0], places[-1]).ticks(5) if tick == int(tick)]


def _draw_half_height(panel: Panel, fit: Mapping[str, Any]) -> None:
    """The fitted Gaussian's ellipse at half its height, and a cross at its peak."""
    angles = np.linspace(0, 2 * np.pi, 181)
    xs = panel.across(fit["peak"]["column"] + fit["width"]["column"] / 2 * np.cos(angles))
    ys = panel.down(fit["peak"]["row"] + fit["width"]["row"] / 2 * np.sin(angles))
    for colour, thickness in ((PAPER, 4.0), (VERMILLION, 2.0)):
        panel.canvas.polyline(xs, ys, colour, thickness=thickness, within=panel.box)
    panel.canvas.marker(*panel.point(fit["peak"]["column"], fit["peak"]["row"]), "cross", 10, VERMILLION, halo=1)


def _draw_marginals(panel: Panel, answer: Answer) -> None:
    """The means along columns below the map and those along rows at its right, with the fitted lines."""
    box, line = panel.box, answer["fit"]["line"] if answer["fit"] else []
    means = [point["mean"] for point in answer["curve"]]
    drives = linear(means + [point["response"] for point in line], include=[answer["blank"]])
    below = Panel(panel.canvas, Box(box.left, box.bottom + 42, box.width, 76), panel.x, drives)
    below.y_axis("mean along each column (a.u.)", 3)
    below.x_axis("column (pixel)", ticks=_whole(answer["map"]["columns"]))
    aside = Panel(panel.canvas, Box(box.right + 16, box.top, 76, box.height), drives, panel.y)
    aside.x_axis("mean along each row", 3)
    for axis in ("row", "column"):
        points = [(point["value"], point["mean"]) for point in answer["curve"] if point["axis"] == axis]
        fitted = [(point["value"], point["response"]) for point in line if point["axis"] == axis]
        for pairs, draw in ((fitted, _draw_line), (points, _draw_dots)):
            values, responses = np.reshape(pairs, (-1, 2)).T
            draw(below, values, responses) if axis == "column" else draw(aside, responses, values)


def _draw_line(panel: Panel, xs: Values, ys: Values) -> None:
    panel.line(xs, ys, VERMILLION)


def _draw_dots(panel: Panel, xs: Values, ys: Values) -> None:
    panel.markers(xs, ys, "disc", 5, BLUE)


def _window(answer: Answer) -> tuple[slice, slice]:
    """The rows and columns that are drawn: of gratings and spots, the unit's field and what is just around it."""
    field = answer["field"]
    if answer["stimulus"] == "class":
        return slice(0, SIDE), slice(0, SIDE)
    side = min(SIDE, 2 * AROUND + max(field["bottom"] - field["top"], field["right"] - field["left"]))
    top, left = (min(max(field[edge] - AROUND, 0), SIDE - side) for edge in ("top", "left"))
    return slice(top, top + side), slice(left, left + side)


def _value(stimulus: str, value: float) -> str:
    """A value of the swept property in few words."""
    words = {
        "class": "class {}",
        "orientation": "{}°",
        "spatial_frequency": "{} cycles/pixel",
        "position": "column {}",
        "size": "{} pixels",
        "contrast": "contrast {}",
    }
    return words[stimulus].format(number(value, 2 if stimulus == "spatial_frequency" else 3))


def _chosen(stimulus: str) -> str:
    return {
        "class": "of each class the digit that drove the unit most",
        "position": "spots of ink or paper, whichever drove the unit more, in the best row",
    }.get(stimulus, "each grating in the phase that drove the unit most")


def _draw_stimuli(images: Values, captions: Sequence[tuple[str, str]], title: str, subtitle: str) -> Image.Image:
    rows, gap = math.ceil(len(images) / 7), 14.0
    columns = math.ceil(len(images) / rows)
    side = min(120.0, (COLUMN - 2 * MARGIN + gap) / columns - gap)
    canvas = begun(title, subtitle, COLUMN, HEADER + rows * (side + 52) + 40)
    for index, (image, (value, drive)) in enumerate(zip(images, captions, strict=True)):
        row, column = divmod(index, columns)
        box = Box(MARGIN + column * (side + gap), HEADER + row * (side + 52), side, side)
        draw_digit(canvas, image, box)
        canvas.text(box.centre[0], box.bottom + 12, value, size=SMALL, colour=MUTED, align="middle")
        canvas.text(box.centre[0], box.bottom + 28, drive, align="middle")
    draw_pixel_bar(canvas, Box(MARGIN + 156, canvas.height - 34, 118, 10))
    return canvas.finished()
