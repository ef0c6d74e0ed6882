"""What the units of a layer are like: which class drives them, how often they answer, how well they tell it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from service.rendering.axes import COLUMN, HEADER, MARGIN, SMALL, Linear, Panel, begun, colour_bar
from service.rendering.canvas import Box, Canvas, width_of
from service.rendering.layers import Mosaic, unit_axis
from service.rendering.lettering import counted, number
from service.rendering.palette import (
    BLUE,
    MUTED,
    PURPLE,
    QUIET,
    SKY,
    VERMILLION,
    VIRIDIS,
    Colour,
    ColourScale,
    signed_scale,
)
from service.rendering.rendering import Rendering

CLASSES = 10
ROW = 17.0
MARGINAL = 66.0
HALF = 312.0
KINDS: Mapping[str, Colour] = {
    "selective": BLUE,
    "unselective": SKY,
    "sparse": VERMILLION,
    "constant": PURPLE,
    "dead": (205, 209, 214),
}

Census = Mapping[str, Any]


def layer_census(census: Census, samples: int, sparse_below: float, selective_from: float) -> Rendering:
    """All units of a layer in the order of their preferred classes, dead ones last; of conv layers the maps, too.

    Args:
        census: The layer's `name`, `kind`, `shape`, `size`, which units are `dead`, `constant`, `sparse` and
            `selective`, which are the `most_selective`, the `population_sparseness`, and the `statistics` of all.
        samples: How many digits were shown.
        sparse_below: For which share of the digits a unit is active that is not sparse.
        selective_from: The selectivity index of a unit that is selective.
    """
    title = f"Census of layer {census['name']}: {counted(census['size'], 'unit')}, {counted(samples, 'digit')}"
    subtitle = f"population sparseness {number(census['population_sparseness'])}"
    if census["most_selective"]:
        most = census["most_selective"][0]
        subtitle += f"; most selective is unit {most['unit']}, for class {most['preferred_class']}"
        subtitle += f", with an index of {number(most['selectivity_index'])}"
    kinds = ", ".join(f"{census[kind]['count']:,} {kind}" for kind in ("dead", "constant", "sparse", "selective"))
    alt = f"The mean activity for each class of all {counted(census['size'], 'unit')} of layer {census['name']}, sorted"
    alt += f" by preferred class, with the share of digits for which each is active and its d'. {kinds}; {subtitle}."
    criteria = f"sparse: active for less than {number(100 * sparse_below)}% of the digits; selective: more often active"
    criteria += f", and a selectivity index of {number(selective_from)} or more"
    return Rendering(census["name"], title, alt, lambda: _draw(census, title, subtitle, criteria))


@dataclass(frozen=True)
class _Units:
    """The units of a layer, in the order of the flat index or in that of the picture.

    Attributes:
        class_means: Mean activity (unit, class).
        active_fraction: The share of the digits for which each is active.
        d_prime: 0 where undefined.
        preferred_class: `CLASSES` where there is none.
        kinds: One of `KINDS` for each.
    """

    class_means: NDArray[np.float64]
    active_fraction: NDArray[np.float64]
    d_prime: NDArray[np.float64]
    preferred_class: NDArray[np.float64]
    kinds: NDArray[np.str_]

    @classmethod
    def of(cls, census: Census) -> "_Units":
        """The units that a census tells of."""
        statistics = {name: np.array(values, dtype=np.float64) for name, values in census["statistics"].items()}
        kinds = np.full(census["size"], "unselective")
        for kind in ("selective", "sparse", "constant", "dead"):
            kinds[census[kind]["units"]] = kind
        return cls(
            statistics["class_means"],
            statistics["active_fraction"],
            np.nan_to_num(statistics["d_prime"]),
            np.nan_to_num(statistics["preferred_class"], nan=CLASSES),
            kinds,
        )

    @property
    def sorted(self) -> "_Units":
        """By preferred class, the best told first; then those that prefer none, and the dead last."""
        order = np.lexsort([-self.d_prime, self.kinds == "dead", self.preferred_class])
        return _Units(
            self.class_means[order],
            self.active_fraction[order],
            self.d_prime[order],
            self.preferred_class[order],
            self.kinds[order],
        )


def _draw(census: Census, title: str, subtitle: str, criteria: str) -> Image.Image:
    units = _Units.of(census)
    maps = Mosaic.fitted(census["shape"], MARGIN, HEADER - 8, HALF) if census["kind"] == "conv" else None
    top = HEADER + 30 + (maps.height + 56 if maps else 0.0)
    canvas = begun(title, subtitle, COLUMN, top + CLASSES * ROW + 2 * MARGINAL + 178)
    if maps:
        _draw_maps(canvas, maps, units, census["shape"])
    _draw_sorted(canvas, units.sorted, Box(MARGIN + 46, top, COLUMN - 2 * MARGIN - 46 - 66, CLASSES * ROW))
    _draw_key(canvas, census, canvas.height - 44)
    canvas.text(MARGIN, canvas.height - 22, criteria, size=SMALL, colour=MUTED)
    return canvas.finished()


def _draw_maps(canvas: Canvas, maps: Mosaic, units: _Units, shape: tuple[int, ...]) -> None:
    """Active fraction and d' of every unit at its place in its channel's map."""
    scales = [
        ("active fraction", units.active_fraction, ColourScale(VIRIDIS, 0.0, 1.0)),
        ("d'", units.d_prime, ColourScale(VIRIDIS, 0.0, float(units.d_prime.max()) or 1.0)),
    ]
    for side, (words, values, scale) in enumerate(scales):
        mosaic = replace(maps, left=MARGIN + side * (COLUMN - 2 * MARGIN - maps.width))
        mosaic.draw(canvas, values.reshape(shape), scale)
        for unit in np.flatnonzero(np.isin(units.kinds, ("constant", "dead"))).tolist():
            canvas.rectangle(mosaic.unit_box(unit, shape), fill=KINDS[units.kinds[unit]])
        bar = Box(mosaic.left + 104, mosaic.top + mosaic.height + 10, mosaic.width - 112, 10)
        colour_bar(canvas, bar, scale, words)


def _draw_sorted(canvas: Canvas, units: _Units, box: Box) -> None:
    """The heat map with the marginals below, each unit in the same column of all."""
    _draw_tuning(canvas, units, box)
    strip = Box(box.left, box.bottom + 4, box.width, 9)
    _draw_columns(Panel(canvas, strip, unit_axis(len(units.kinds)), Linear(0.0, 1.0)), units, np.ones(len(units.kinds)))
    below = Box(box.left, strip.bottom + 34, box.width, MARGINAL)
    for label, values, highest in (
        ("active for this share of the digits", units.active_fraction, 1.0),
        ("d' of the preferred class against the rest", units.d_prime, 1.06 * max(1.0, float(units.d_prime.max()))),
    ):
        panel = Panel(canvas, below, unit_axis(len(values)), Linear(0.0, highest))
        panel.y_axis(label, 3 if highest > 1 else 2)
        _draw_columns(panel, units, values)
        panel.x_axis("", ticks=[])
        below = Box(box.left, below.bottom + 34, box.width, MARGINAL)
    words = "unit, by preferred class, then by d'"
    canvas.text(box.centre[0], below.top - 18, words, colour=MUTED, align="middle")


def _draw_tuning(canvas: Canvas, units: _Units, box: Box) -> None:
    tuning = units.class_means.T
    scale, label, words = signed_scale(tuning), "logit", "mean logit for each class"
    if tuning.min() >= 0:
        tuning = tuning / np.maximum(tuning.max(axis=0), np.finfo(np.float64).tiny)
        scale, label = ColourScale(VIRIDIS, 0.0, 1.0), "share"
        words = "mean activity for each class, as a share of the unit's largest"
    panel = Panel(canvas, box, unit_axis(len(units.kinds)), Linear(CLASSES - 0.5, -0.5))
    canvas.picture(tuning, box, scale)
    canvas.text(box.left, box.top - 32, words, colour=MUTED)
    canvas.text(MARGIN + 6, box.centre[1], "class shown", colour=MUTED, upright=True)
    for digit in range(CLASSES):
        canvas.text(box.left - 10, float(panel.down(digit)), str(digit), size=SMALL, align="right")
    canvas.text(box.left - 10, box.top - 10, "prefers", size=SMALL, colour=MUTED, align="right")
    for digit in range(CLASSES):
        _name_group(panel, str(digit), units.preferred_class == digit)
    _name_group(panel, "dead", units.kinds == "dead", KINDS["dead"])
    canvas.rectangle(box, outline=QUIET)
    colour_bar(canvas, Box(box.right + 20, box.top + 22, 12, 130), scale, label)


def _name_group(panel: Panel, words: str, members: NDArray[np.bool_], fill: Colour | None = None) -> None:
    """What neighbouring units have in common, above the heat map."""
    if not members.any():
        return
    places = np.flatnonzero(members)
    left, right = panel.across([places[0] - 0.5, places[-1] + 0.5]).tolist()
    if fill:
        panel.canvas.rectangle(Box(left, panel.box.top, right - left, panel.box.height), fill=fill)
    panel.canvas.rule((left, panel.box.top - 16), (left, panel.box.top), QUIET)
    if width_of(words, SMALL) < right - left:
        panel.canvas.text((left + right) / 2, panel.box.top - 10, words, size=SMALL, align="middle")


def _draw_columns(panel: Panel, units: _Units, values: NDArray[np.float64]) -> None:
    """A column for each unit in the colour of its kind, side by side without gaps where they are many."""
    edges = panel.across(np.arange(len(values) + 1) - 0.5)
    gap = 1.0 if edges[1] - edges[0] > 3 else 0.0
    tops = panel.down(values)
    for left, right, top, kind in zip(edges[:-1].tolist(), edges[1:].tolist(), tops.tolist(), units.kinds, strict=True):
        panel.canvas.rectangle(Box(left, top, right - left - gap, panel.box.bottom - top), fill=KINDS[kind])


def _draw_key(canvas: Canvas, census: Census, y: float) -> None:
    counts = {kind: census[kind]["count"] for kind in KINDS if kind in census}
    counts["unselective"] = census["size"] - sum(counts.values())
    left = float(MARGIN)
    for kind, colour in KINDS.items():
        words = f"{counts[kind]:,} {kind}"
        canvas.rectangle(Box(left, y - 5, 10, 10), fill=colour)
        canvas.text(left + 16, y, words)
        left += width_of(words) + 40
