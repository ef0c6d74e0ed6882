"""How ways to train memory networks compare: horizons of the same seeds, and losses beside chance."""

import math
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from service.rendering.axes import COLUMN, HEADER, MARGIN, SMALL, Linear, Panel, begun, logarithmic
from service.rendering.canvas import Box, Canvas, Shape, width_of
from service.rendering.layers import unit_axis
from service.rendering.lettering import DASH, TIMES, counted, number
from service.rendering.palette import INKS, MUTED, QUIET, Colour, for_text
from service.rendering.rendering import Rendering
from service.rendering.training import FAMILIES

LETTER_WIDTH = 6.6
SEEDS_SPREAD = 0.56
ROW = 17.0
FEW = 16
ROWS = ("median", "met the target", "at chance", "against the first", "95% interval", "sign test")
ENDS: Mapping[str, tuple[Shape, str]] = {
    "solved": ("disc", "met the target"),
    "under way": ("ring", "did not meet it"),
    "at chance": ("cross", "stayed at chance"),
}

Setting = Mapping[str, Any]
Network = Mapping[str, Any]


def horizons(settings: Sequence[Setting], longest_delay_ms: int) -> Rendering:
    """How long the memories of the same seeds hold under each setting.

    Args:
        settings: As the comparison gives them, the baseline first.
        longest_delay_ms: Beyond which no horizon was sought.
    """
    seeds = counted(len(settings[0]["networks"]), "seed")
    title = f"Memory horizon of {seeds} under {counted(len(settings), 'setting')}"
    subtitle = "the longest delay that is remembered; a line joins the networks of one seed, a bar marks the median"
    alt = f"Dots of the horizon of {seeds} under each setting, logarithmic, those of one seed joined. "
    alt += " ".join(_told(setting, longest_delay_ms) for setting in settings)
    return Rendering("horizons", title, alt, lambda: _draw_horizons(settings, longest_delay_ms, title, subtitle))


def curves(settings: Sequence[Setting]) -> Rendering:
    """The loss of every network over its training, as a share of what always answering 0 would score.

    Args:
        settings: As the comparison gives them.
    """
    title = "Training under each setting"
    subtitle = "a line for each network: its loss divided by what always answering 0 scores; dotted: the target"
    alt = "Lines of loss over chance of every network over the training steps, logarithmic; chance is 1. They end at: "
    alt += "; ".join(
        f"{setting['name']} {number(min(ends))} to {number(max(ends))}, its target being {number(_target(setting))}"
        for setting in settings
        for ends in [[network["loss_over_chance"] for network in setting["networks"]]]
    )
    return Rendering("curves", title, f"{alt}.", lambda: _draw_curves(settings, title, subtitle))


def _told(setting: Setting, longest: int) -> str:
    cells = zip(ROWS, _cells(setting, longest), strict=True)
    return f"{setting['name']}: {', '.join(f'{name} {cell}' for name, cell in cells if cell)}."


def _draw_horizons(settings: Sequence[Setting], longest: int, title: str, subtitle: str) -> Image.Image:
    box = Box(MARGIN + 104, HEADER + 26, COLUMN - 2 * MARGIN - 104, 250)
    lowest = box.bottom + 20
    canvas = begun(title, subtitle, COLUMN, lowest + ROW * len(ROWS) + 112)
    found = [float(network["horizon_ms"]) for setting in settings for network in setting["networks"]]
    panel = Panel(canvas, box, unit_axis(len(settings)), logarithmic(found, include=[1.0, 100.0], room=1.35))
    panel.y_axis("horizon (ms)", 5)
    canvas.text(box.left - 8, lowest, "none", size=SMALL, colour=MUTED, align="right")
    canvas.rule((box.left, lowest + 14), (box.right, lowest + 14), QUIET)
    if longest in found:
        panel.level(longest, "longest delay tried")
    places = [_places(panel, index, setting, settings[0], lowest) for index, setting in enumerate(settings)]
    for of_one_seed in zip(*places, strict=True):
        across, down = zip(*of_one_seed, strict=True)
        canvas.polyline(across, down, QUIET, thickness=1.1, opacity=0.7)
    for index, setting in enumerate(settings):
        left, right = panel.across([index - 0.4, index + 0.4]).tolist()
        height = _height(panel, setting["horizon_ms"]["median"], lowest)
        canvas.rule((left, height), (right, height), INKS[index], 3)
        size, halo = (9, 1) if len(setting["networks"]) <= FEW else (7, 0)
        for place, network in zip(places[index], setting["networks"], strict=True):
            canvas.marker(*place, _shape(network), size, INKS[index], halo=halo)
    _write_table(panel, settings, longest, lowest + 34)
    _draw_key(canvas, _families(settings), box.left, canvas.height - 24)
    return canvas.finished()


def _places(panel: Panel, index: int, setting: Setting, baseline: Setting, lowest: float) -> list[tuple[float, float]]:
    """Where the networks are drawn: side by side, under every setting in the order of the baseline's horizons."""
    ranks = np.argsort(np.argsort([network["horizon_ms"] for network in baseline["networks"]], kind="stable"))
    across = panel.across(index + SEEDS_SPREAD * (ranks / ranks.max() - 0.5)).tolist()
    heights = [_height(panel, network["horizon_ms"], lowest) for network in setting["networks"]]
    return list(zip(across, heights, strict=True))


def _height(panel: Panel, horizon_ms: int, lowest: float) -> float:
    """Where a horizon is drawn; none at all has a place of its own."""
    return float(panel.down(horizon_ms)) if horizon_ms else lowest


def _shape(network: Network) -> Shape:
    return "cross" if network["at_chance"] else FAMILIES[network["family"]][0]


def _write_table(panel: Panel, settings: Sequence[Setting], longest: int, top: float) -> None:
    """Below each setting its name and its figures."""
    canvas, slot = panel.canvas, panel.box.width / len(settings)
    for row, name in enumerate(ROWS):
        canvas.text(MARGIN, top + 40 + ROW * row, name, size=SMALL, colour=MUTED)
    for index, setting in enumerate(settings):
        middle = float(panel.across(index))
        lines = textwrap.wrap(setting["name"], int(slot / LETTER_WIDTH), max_lines=2, placeholder="…")
        for line, words in enumerate(lines):
            canvas.text(middle, top + 15 * line, words, colour=for_text(INKS[index]), align="middle", width=slot - 4)
        for row, words in enumerate(_cells(setting, longest)):
            canvas.text(middle, top + 40 + ROW * row, words, size=SMALL, align="middle", width=slot - 4)


def _cells(setting: Setting, longest: int) -> list[str]:
    """The figures of one setting, in the order of `ROWS`."""
    count, median = len(setting["networks"]), setting["horizon_ms"]["median"]
    cells = [
        f"{'≥ ' if median == longest else ''}{number(float(median), 4)} ms" if median else "none",
        f"{setting['reached_target']} of {count}",
        f"{setting['at_chance']} of {count}",
    ]
    difference = setting["against_baseline"]
    if difference is None:
        return [*cells, "", "", ""]
    median, low, high = (number(2**ratio, 2) for ratio in (difference["median_log2_ratio"], *difference["interval"]))
    return [*cells, f"{TIMES}{median}", f"{low}{DASH}{high}", f"p = {number(difference['p_value'], 2)}"]


def _families(settings: Sequence[Setting]) -> list[tuple[Shape, str]]:
    """The marks of the networks that there are, in words."""
    networks = [network for setting in settings for network in setting["networks"]]
    meanings = [*((shape, words) for shape, _, words in FAMILIES.values()), ENDS["at chance"]]
    return [meaning for meaning in meanings if meaning[0] in set(map(_shape, networks))]


def _draw_key(canvas: Canvas, meanings: Sequence[tuple[Shape, str]], left: float, y: float) -> None:
    for shape, words in meanings:
        canvas.marker(left + 5, y, shape, 9, MUTED)
        canvas.text(left + 16, y, words, size=SMALL, colour=MUTED)
        left += width_of(words, SMALL) + 44


def _draw_curves(settings: Sequence[Setting], title: str, subtitle: str) -> Image.Image:
    columns = 2 if len(settings) in (2, 4) else 3
    room, between, height = 50.0, 50.0, 190.0
    width = (COLUMN - 2 * MARGIN - room - between * (columns - 1) - 10) / columns
    places = [
        Box(MARGIN + room + column * (width + between), HEADER + 44 + row * (height + 100), width, height)
        for row in range(math.ceil(len(settings) / columns))
        for column in range(columns)
    ]
    canvas = begun(title, subtitle, COLUMN, places[-1].bottom + 84)
    shares = [share for setting in settings for share in _shares_of_chance(setting).ravel().tolist()]
    steps = Linear(0.0, float(max(entry["step"] for setting in settings for entry in setting["history"])))
    y = logarithmic(shares, include=[1.0, *map(_target, settings)], room=2)
    for index, (setting, box) in enumerate(zip(settings, places, strict=False)):
        panel = Panel(canvas, box, steps, y)
        panel.y_axis("", 6)
        panel.x_axis("training step", 3 if columns == 3 else 5)
        panel.level(1.0, "chance")
        _draw_networks(panel, setting, INKS[index])
        _write_heading(panel, setting, INKS[index])
        if index % columns == 0:
            canvas.text(MARGIN + 4, box.centre[1], "loss / chance", colour=MUTED, upright=True)
    ends = {_end(network) for setting in settings for network in setting["networks"]}
    _draw_key(canvas, [meaning for end, meaning in ENDS.items() if end in ends], places[0].left, canvas.height - 20)
    return canvas.finished()


def _write_heading(panel: Panel, setting: Setting, ink: Colour) -> None:
    """The setting's name, and how many of its networks met what target."""
    box, target = panel.box, _target(setting)
    met = f"{setting['reached_target']} of {len(setting['networks'])} met the target of {number(target, 2)}"
    panel.canvas.text(box.left, box.top - 30, setting["name"], colour=for_text(ink), width=box.width)
    panel.canvas.text(box.left, box.top - 14, met, size=SMALL, colour=MUTED, width=box.width)


def _draw_networks(panel: Panel, setting: Setting, ink: Colour) -> None:
    """The target, and each network's line as far as it was trained, with a mark for how that ended."""
    target = float(panel.down(_target(setting)))
    panel.canvas.rule((panel.box.left, target), (panel.box.right, target), MUTED, 1, (2, 3))
    steps = [entry["step"] for entry in setting["history"]]
    for network, shares in zip(setting["networks"], _shares_of_chance(setting).T.tolist(), strict=True):
        blocks = len(steps) if network["solved_at"] is None else steps.index(network["solved_at"]) + 1
        panel.line(steps[:blocks], shares[:blocks], ink, thickness=1.2, opacity=0.6)
        panel.markers([steps[blocks - 1]], [shares[blocks - 1]], ENDS[_end(network)][0], 7, ink, halo=1)


def _end(network: Network) -> str:
    """How the network's training ended, of `ENDS`."""
    if network["solved_at"] is not None:
        return "solved"
    return "at chance" if network["at_chance"] else "under way"


def _shares_of_chance(setting: Setting) -> NDArray[np.float64]:
    """The losses over their chance levels, (block of steps, network)."""
    losses, chances = ([entry[name] for entry in setting["history"]] for name in ("losses", "chance_losses"))
    return np.array(losses) / np.array(chances)


def _target(setting: Setting) -> float:
    return setting["settings"]["target_loss"] / setting["chance_loss"]
