"""The memory network's state space: where its state goes, rests and drifts, and how fast."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
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
    linear,
    logarithmic,
)
from service.rendering.canvas import Box, Canvas, Shape, width_of
from service.rendering.lettering import counted, number
from service.rendering.lstm import PULSES
from service.rendering.palette import (
    BLUE,
    INK,
    MUTED,
    QUIET,
    RULE,
    SKY,
    VIRIDIS,
    Colour,
    ColourMap,
    ColourScale,
    for_text,
    tint,
)
from service.rendering.rendering import Rendering

Found = Mapping[str, Any]
Points = Sequence[Mapping[str, Any]]
Mark = tuple[Shape, float, Colour]

# without the yellow end, which vanishes on paper, and in few colours, since a picture holds 256 with all their tints
VALUES = ColourScale(ColourMap(np.repeat(VIRIDIS.table[np.linspace(0, 215, 16).astype(int)], 16, axis=0)), -1.0, 1.0)
MARKS: Mapping[str, Mark] = {
    "stable fixed point": ("disc", 11, INK),
    "marginal fixed point": ("square", 9, INK),
    "unstable fixed point": ("diamond", 12, INK),
    "slow point": ("ring", 8, INK),
}
MOST_EIGENVALUES = 512
SLOWEST_MODES = 3
SHORTEST_MS = 0.1
OUTSIDE = 0.6
LONG_MS = 300


def trajectories(found: Found) -> Rendering:
    """The paths of the state through the plane in which it moves most, with the points where it would rest.

    One unit's plane is that of its cell and its output.

    Args:
        found: `delay_ms`; `axes` with the `mean`, `directions` and shares `explained`; `trajectories` with `value`,
            `memorize_ms`, `report_ms` and `projected`; `points` with `kind`, `stability`, `state` and `projected`; and
            `sentences`.
    """
    plane = _Plane.of(found)
    title = f"The state in {counted(len(found['trajectories']), 'trial')} with a delay of {found['delay_ms']:,} ms"
    subtitle = "each path in the colour of its memorized value from memorize to report, grey before and after"
    alt = f"Paths of the state through the plane of {plane.names[0]} and {plane.names[1]}, and {plane.names[0]} over "
    alt += f"time, coloured by the memorized value. {' '.join(found['sentences'])}"
    return Rendering("trajectories", title, alt, lambda: _draw_trajectories(found, plane, title, subtitle))


def eigenvalues(found: Found) -> Rendering:
    """The eigenvalues at every point in the complex plane, and the slowest modes' time constants along the value.

    Args:
        found: `delay_ms`; `axes` with the `mean`; `points` with `kind`, `stability`, `speed`, `position` and
            `eigenvalues`, each with `real`, `imaginary` and `time_constant_ms`, the slowest first; `memory` with its
            `range`; and `sentences`.
    """
    title = f"Eigenvalues of the dynamics in the delay at {counted(len(found['points']), 'point')}"
    subtitle = "a mode decays inside the unit circle and grows outside; at 1 the network remembers"
    slowest = [point["eigenvalues"][0]["modulus"] for point in found["points"]]
    alt = "The eigenvalues at all points beside the unit circle, and the time constants of the slowest modes over the "
    alt += "position along the direction of the value. "
    if slowest:
        alt += f"The slowest modes have moduli from {number(min(slowest), 5)} to {number(max(slowest), 5)}. "
    alt += " ".join(found["sentences"])
    return Rendering("eigenvalues", title, alt, lambda: _draw_eigenvalues(found, title, subtitle))


@dataclass(frozen=True)
class _Plane:
    """Two coordinates of the state, the first being the one that carries most.

    Attributes:
        names: What they are.
        labels: The same with what belongs to an axis.
        paths: (trial, time, 2).
        points: (point, 2).
    """

    names: tuple[str, str]
    labels: tuple[str, str]
    paths: NDArray[np.float64]
    points: NDArray[np.float64]

    @classmethod
    def of(cls, found: Found) -> "_Plane":
        axes = found["axes"]
        projected = np.array([each["projected"] for each in found["trajectories"]])
        if len(axes["mean"]) == 2:
            states = np.array(axes["mean"]) + projected @ np.array(axes["directions"])
            points = np.array([point["state"] for point in found["points"]]).reshape(-1, 2)
            return cls(("cell", "output"), ("cell (a.u.)", "output (a.u.)"), states[..., ::-1], points[:, ::-1])
        names = "first principal axis", "second principal axis"
        first, second = (
            name if share is None else f"{name} (a.u.), {share:.0%} of the variance"
            for name, share in zip(names, axes["explained"], strict=False)
        )
        points = np.array([point["projected"] for point in found["points"]]).reshape(len(found["points"]), -1)
        return cls(names, (first, second), projected[..., :2], points[:, :2].reshape(-1, 2))

    @property
    def is_shown(self) -> NDArray[np.bool_]:
        """(point): whether a point is near enough to the paths to be in the picture."""
        low, high = self.paths.min(axis=(0, 1)), self.paths.max(axis=(0, 1))
        room = OUTSIDE * (high - low)
        return ((self.points >= low - room) & (self.points <= high + room)).all(axis=1)

    def axis(self, coordinate: int) -> Linear:
        """An axis that holds all paths and the points that are shown."""
        shown = self.points[self.is_shown, coordinate]
        return linear(np.concatenate([self.paths[..., coordinate].ravel(), shown]), room=0.07)


def _draw_trajectories(found: Found, plane: _Plane, title: str, subtitle: str) -> Image.Image:
    width, beside = COLUMN - 2 * MARGIN - 40.0, 76.0
    top = Box(MARGIN + 36, HEADER + 44, width - beside, 360)
    bottom = Box(top.left, top.bottom + 92, top.width, 150)
    canvas = begun(title, subtitle, COLUMN, bottom.bottom + 54)
    shown = plane.is_shown
    pulses: list[tuple[str, Mark]] = [(name, (shape, 9, MUTED)) for name, (shape, _) in PULSES.items()]
    outside = int((~shown).sum())
    _draw_key(
        canvas, [*pulses, *_point_key(found["points"])], f"{counted(outside, 'point')} outside" if outside else ""
    )
    marked = [(point, place) for point, place, near in zip(found["points"], plane.points, shown, strict=True) if near]

    panel = Panel(canvas, top, plane.axis(0), plane.axis(1))
    panel.y_axis(plane.labels[1], 6)
    panel.x_axis(plane.labels[0], 7)
    for trial, path in zip(found["trajectories"], plane.paths, strict=True):
        _draw_path(panel, trial, path[:, 0], path[:, 1])
    for point, place in reversed(marked):
        panel.canvas.marker(*panel.point(*place), *_mark(point), halo=1.5)
    colour_bar(canvas, Box(top.right + 22, top.top + 20, 12, 200), VALUES, "value (a.u.)")

    longest = max(plane.paths.shape[1] - trial["memorize_ms"] for trial in found["trajectories"])
    first = -max(trial["memorize_ms"] for trial in found["trajectories"])
    over_time = Panel(canvas, bottom, linear([first, longest], room=0.02), panel.x)
    over_time.y_axis(f"{plane.names[0]} (a.u.)", 6)
    over_time.x_axis("time from memorize (ms)", 7)
    for trial, path in zip(found["trajectories"], plane.paths, strict=True):
        _draw_path(over_time, trial, np.arange(len(path)) - trial["memorize_ms"], path[:, 0])
    if marked:
        canvas.text(bottom.right + 10, bottom.top - 14, "points", size=SMALL, colour=MUTED, align="middle")
    for point, place in reversed(marked):
        shape, size, colour = _mark(point)
        canvas.marker(bottom.right + 10, float(over_time.down(place[0])), shape, 0.7 * size, colour)
    return canvas.finished()


def _draw_path(panel: Panel, trial: Mapping[str, Any], xs: NDArray[Any], ys: NDArray[Any]) -> None:
    """A path, its moments of memorize and report marked."""
    memorize, report = trial["memorize_ms"], trial["report_ms"]
    red, green, blue = VALUES.colours(trial["value"]).tolist()
    for stretch, colour in (
        (slice(0, memorize + 1), QUIET),
        (slice(report, None), QUIET),
        (slice(memorize, report + 1), (red, green, blue)),
    ):
        panel.line(xs[stretch], ys[stretch], colour, thickness=1.3 if len(xs) <= LONG_MS else 0.8)
    for step, (shape, _) in zip((memorize, report), PULSES.values(), strict=True):
        panel.markers(xs[step : step + 1], ys[step : step + 1], shape, 7, (red, green, blue))


def _draw_eigenvalues(found: Found, title: str, subtitle: str) -> Image.Image:
    side = 300.0
    circle = Box(MARGIN + 36, HEADER + 44, side, side)
    beside = Box(circle.right + 72, circle.top, COLUMN - MARGIN - circle.right - 86, side)
    canvas = begun(title, subtitle, COLUMN, circle.bottom + 54)
    shaded = "shaded: the states before the report" if found["memory"]["range"] else ""
    _draw_key(canvas, _point_key(found["points"]), shaded)
    _draw_circle(canvas, circle, found["points"])
    _draw_time_constants(canvas, beside, found)
    return canvas.finished()


def _draw_circle(canvas: Canvas, box: Box, points: Points) -> None:
    """The eigenvalues of all points or, when they are too many to see, of the slowest points."""
    size = len(points[0]["eigenvalues"]) if points else 1
    slowest = sorted(points, key=lambda point: point["speed"])[: max(1, MOST_EIGENVALUES // size)]
    values = [(value["real"], value["imaginary"]) for point in slowest for value in point["eigenvalues"]]
    reach = 1.08 * max(1.0, np.abs(values).max(initial=0.0))
    panel = Panel(canvas, box, Linear(-reach, reach), Linear(-reach, reach))
    chosen = f" at the {len(slowest)} slowest points" if len(slowest) < len(points) else ""
    panel.y_axis(f"imaginary part{chosen}", 4)
    panel.x_axis("real part", 4)
    turn = np.linspace(0, 2 * np.pi, 181)
    panel.line(np.cos(turn), np.sin(turn), QUIET, thickness=1.2)
    canvas.rule(panel.point(0, -reach), panel.point(0, reach), RULE)
    for point in reversed(slowest):
        shape, mark, colour = _mark(point)
        for value in point["eigenvalues"]:
            place = panel.point(value["real"], value["imaginary"])
            canvas.marker(*place, shape, 0.55 * mark, colour)


def _draw_time_constants(canvas: Canvas, box: Box, found: Found) -> None:
    """How long each point's slowest modes last, above the place of the point; those that do not decay at the top."""
    placed = [point for point in found["points"] if point["position"] is not None]
    count = min(SLOWEST_MODES, len(found["axes"]["mean"]))
    modes = [(point, mode["time_constant_ms"]) for point in placed for mode in point["eigenvalues"][:count]]
    modes = [(point, constant) for point, constant in modes if constant is None or constant >= SHORTEST_MS]
    decaying = [constant for _, constant in modes if constant is not None]
    held = found["memory"]["range"] or []
    positions = [point["position"] for point in placed]
    panel = Panel(
        canvas,
        Box(box.left, box.top + 26, box.width, box.height - 26),
        linear(positions + held, room=0.08),
        logarithmic(decaying, include=[found["delay_ms"], 1.0]),
    )
    canvas.text(box.left, box.top - 14, f"time constants (ms) of the {count} slowest modes", colour=MUTED)
    if held:
        low, high = panel.across(held).tolist()
        canvas.rectangle(Box(low, box.top, high - low, box.height), fill=tint(SKY, 0.85))
    panel.y_axis("", 6)
    panel.x_axis("position along the direction of the value (a.u.)", 5)
    delay = float(panel.down(found["delay_ms"]))
    canvas.rule((box.left, delay), (box.right, delay), BLUE, 1, (5, 4))
    canvas.text(box.right + 5, delay, "delay", size=SMALL, colour=for_text(BLUE))
    canvas.text(box.left - 8, box.top + 10, "no decay", size=SMALL, colour=MUTED, align="right")
    for point, constant in reversed(modes):
        across = float(panel.across(point["position"]))
        height = box.top + 10 if constant is None else float(panel.down(constant))
        shape, size, colour = _mark(point)
        canvas.marker(across, height, shape, 0.75 * size, colour)


def _name(point: Mapping[str, Any]) -> str:
    return "slow point" if point["kind"] == "slow" else f"{point['stability']} fixed point"


def _mark(point: Mapping[str, Any]) -> Mark:
    return MARKS[_name(point)]


def _point_key(points: Points) -> list[tuple[str, Mark]]:
    """The marks of the points that there are, by name."""
    present = {_name(point) for point in points}
    return [(name, mark) for name, mark in MARKS.items() if name in present]


def _draw_key(canvas: Canvas, entries: Sequence[tuple[str, Mark]], rest: str = "") -> None:
    left, height = MARGIN + 36.0, HEADER - 6.0
    for name, (shape, size, colour) in entries:
        canvas.marker(left + 5, height, shape, size, colour)
        canvas.text(left + 16, height, name, colour=MUTED)
        left += width_of(name) + 34
    canvas.text(left, height, rest, colour=MUTED)
