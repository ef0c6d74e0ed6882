"""How training went."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

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
    begun,
    linear,
    logarithmic,
    note,
    spread,
)
from service.rendering.canvas import Box, Canvas, Shape
from service.rendering.layers import unit_axis
from service.rendering.lettering import counted, number
from service.rendering.palette import (
    BLUE,
    BLUES,
    GREEN,
    INK,
    INKS,
    MUTED,
    QUIET,
    VERMILLION,
    Colour,
    ColourScale,
    for_text,
    text_on,
)
from service.rendering.rendering import Rendering

LOSS_FLOOR = 1e-8
NAMED_NETWORKS = 6
CROWD: Colour = (150, 170, 190)
FAMILIES: Mapping[str | None, tuple[Shape, Colour, str]] = {
    "closed": ("disc", BLUE, "input gate closed in the delay"),
    "open": ("up", VERMILLION, "input gate open in the delay"),
    None: ("square", MUTED, "family unknown"),
}

Record = Mapping[str, Any]


def accuracy_curve(history: Sequence[Record], target_accuracy: float | None, steps: int | None = None) -> Rendering:
    """Loss and accuracy of the digit network over its training steps.

    Args:
        history: For each record `step`, `loss`, `accuracy` (running, on training digits) and `heldout_accuracy`.
        target_accuracy: The held-out accuracy at which training was to stop, if any.
        steps: Steps done; left out, the last record's.
    """
    steps = _last_step(history) if steps is None else steps
    heldout = _series(history, "heldout_accuracy")
    last = _last(heldout)
    title = "Training of the digit network"
    subtitle = f"{counted(steps, 'step')}, held-out accuracy {_percent(last)} at the end"
    alt = f"Lines of loss and accuracy over {counted(steps, 'step')}: the loss ends at "
    alt += f"{number(_last(_series(history, 'loss')))}, the held-out accuracy at {_percent(last)}"
    alt += f", its target was {_percent(target_accuracy)}." if target_accuracy is not None else "."
    return Rendering("curve", title, alt, lambda: _draw_accuracy(history, target_accuracy, steps, title, subtitle))


def confusion(matrix: ArrayLike) -> Rendering:
    """Which digits are read as which.

    Args:
        matrix: Counts (true class, predicted class).
    """
    counts = np.asarray(matrix, dtype=np.int64)
    total, right = int(counts.sum()), int(np.trace(counts))
    title = f"Accuracy {_percent(right / total if total else math.nan)} on {counted(total, 'digit')}"
    subtitle = "rows: true class; columns: predicted class; colour: share of the row"
    wrong = counts - np.diag(np.diag(counts))
    true, predicted = (int(index) for index in np.unravel_index(np.argmax(wrong), wrong.shape))
    most = f"The most common error: {true} read as {predicted}, {counted(int(wrong.max()), 'time')}."
    alt = f"A table of true against predicted class: {right:,} of {total:,} digits are read rightly. "
    alt += most if wrong.any() else "There is no error."
    return Rendering("confusion", title, alt, lambda: _draw_confusion(counts, title, subtitle))


def loss_curve(history: Sequence[Record], target_loss: float | None) -> Rendering:
    """The loss of memory networks trained side by side, against what a network that always answers 0 would score.

    Args:
        history: For each record `step`, `losses` (one for each network) and `chance_loss`.
        target_loss: The loss at which a network counts as solved.
    """
    losses = _losses(history)
    networks = losses.shape[1]
    ends = losses[-1][np.isfinite(losses[-1])] if len(losses) else np.array([])
    title = f"Training of {counted(networks, 'memory network')}"
    chance = _last(_series(history, "chance_loss"))
    span = f"from {number(float(ends.min()))} to {number(float(ends.max()))}" if ends.size > 1 else number(_last(ends))
    subtitle = f"loss at the end {span}, where a network that always answers 0 scores {number(chance)}"
    alt = f"Lines of the loss of {counted(networks, 'network')} over {counted(_last_step(history), 'step')}"
    alt += f", logarithmic: it ends {span}; chance is {number(chance)}, the target {number(target_loss)}."
    return Rendering("curve", title, alt, lambda: _draw_losses(history, losses, target_loss, title, subtitle))


def networks(networks: Sequence[Record], best: int | None) -> Rendering:
    """How long each network's memory holds, and which way it found.

    Args:
        networks: For each `seed`, `loss`, `solved_at`, `family` ("closed", "open") and `horizon_ms`.
        best: The index of the one that is kept.
    """
    solved = sum(network["solved_at"] is not None for network in networks)
    title = f"Memory horizon of {counted(len(networks), 'network')}"
    subtitle = f"{solved} solved the task; in order of horizon, the longest delay that is remembered"
    families = [
        (name, sum(network["family"] == name for network in networks if network["solved_at"] is not None))
        for name in ("closed", "open")
    ]
    alt = f"Dots of the horizon of {counted(len(networks), 'network')}, logarithmic: {solved} solved the task, "
    alt += " and ".join(f"{count} with the input gate {name} in the delay" for name, count in families)
    if best is not None:
        horizon = networks[best]["horizon_ms"]
        alt += f"; the best, seed {networks[best]['seed']}, holds for {_milliseconds(horizon)}"
    return Rendering("networks", title, f"{alt}.", lambda: _draw_networks(networks, best, title, subtitle))


def _draw_accuracy(
    history: Sequence[Record], target: float | None, steps: int, title: str, subtitle: str
) -> Image.Image:
    top, height, gap, room = HEADER + 22, 150.0, 48.0, 120.0
    canvas = begun(title, subtitle, COLUMN, top + 2 * height + gap + 60)
    at = _series(history, "step")
    x = Linear(0.0, max(1.0, float(steps), *at.tolist()))
    boxes = [Box(MARGIN + 40, top + row * (height + gap), COLUMN - 2 * MARGIN - 40 - room, height) for row in (0, 1)]
    loss, running, heldout = (_series(history, key) for key in ("loss", "accuracy", "heldout_accuracy"))
    upper = Panel(canvas, boxes[0], x, Linear(0.0, linear(loss, include=[0.0], room=0.08).high))
    upper.y_axis("loss (cross-entropy)", 4)
    upper.line(at, loss, INK, thickness=1.8)
    _label_last(upper, [("loss", at, loss, INK)])
    target_values = [] if target is None else [target]
    lowest = linear(np.concatenate([running, heldout, target_values]), include=[1.0], room=0.08).low
    lower = Panel(canvas, boxes[1], x, Linear(max(0.0, lowest), 1.0))
    lower.y_axis("accuracy (share of digits read rightly)", 4)
    if target is not None:
        lower.level(target, f"target {number(target)}", align="left", below=target > 0.9)
    lower.line(at, running, QUIET, thickness=1.6)
    known = np.isfinite(heldout)
    lower.line(at[known], heldout[known], BLUE, thickness=2)
    lower.markers(at[known], heldout[known], "disc", 5 if known.sum() < 60 else 0.1, BLUE)
    _label_last(lower, [("training", at, running, MUTED), ("held-out", at[known], heldout[known], BLUE)])
    lower.x_axis("step")
    return canvas.finished()


def _label_last(panel: Panel, lines: Sequence[tuple[str, NDArray[np.float64], NDArray[np.float64], Colour]]) -> None:
    """Marks the end of each line and writes its name and last value beside it."""
    ended = [line for line in lines if np.isfinite(line[2]).any()]
    wanted = [float(panel.down(_last(values))) for _, _, values, _ in ended]
    for (name, at, values, colour), height in zip(
        ended, spread(wanted, 16, panel.box.top, panel.box.bottom), strict=True
    ):
        x, y = panel.point(float(at[np.isfinite(values)][-1]), _last(values))
        panel.canvas.marker(x, y, "disc", 8, colour, halo=1.5)
        words = f"{name} {number(_last(values))}"
        panel.canvas.text(panel.box.right + 12, height, words, colour=for_text(colour))


def _draw_confusion(counts: NDArray[np.int64], title: str, subtitle: str) -> Image.Image:
    side, classes = 42.0, len(counts)
    canvas = begun(title, subtitle, 700, HEADER + 8 + side * classes + 56)
    box = Box(MARGIN + 48, HEADER + 8, side * classes, side * classes)
    totals = counts.sum(axis=1)
    shares = counts / np.maximum(1, totals)[:, None]
    scale = ColourScale(BLUES, 0.0, 1.0)
    # the cube root shows a single error in a thousand digits as well as the diagonal
    canvas.picture(np.cbrt(shares), box, scale)
    canvas.rectangle(box, outline=QUIET)
    for (row, column), count in np.ndenumerate(counts):
        x, y = box.left + (column + 0.5) * side, box.top + (row + 0.5) * side
        if count:
            ink = text_on(scale.colours(np.cbrt(shares[row, column])))
            canvas.text(x, y, f"{count:,}", size=SMALL, colour=ink, align="middle")
    for label in range(classes):
        middle = (label + 0.5) * side
        canvas.text(box.left + middle, box.bottom + 16, str(label), align="middle")
        canvas.text(box.left - 14, box.top + middle, str(label), align="middle")
        rightly = f"{100 * shares[label, label]:.1f}%" if totals[label] else "none"
        canvas.text(box.right + 14, box.top + middle, rightly, size=SMALL, colour=MUTED)
    canvas.text(box.right + 14, box.top - 12, "read rightly", size=SMALL, colour=MUTED)
    canvas.text(box.centre[0], box.bottom + 38, "predicted class", colour=MUTED, align="middle")
    canvas.text(MARGIN + 4, box.centre[1], "true class", colour=MUTED, upright=True)
    _draw_share_bar(canvas, Box(box.right + 108, box.top + 24, 12, 200), scale)
    return canvas.finished()


def _draw_share_bar(canvas: Canvas, box: Box, scale: ColourScale) -> None:
    """The scale of shares, drawn as their cube roots."""
    canvas.picture(np.linspace(1, 0, 256)[:, None], box, scale)
    canvas.rectangle(box, outline=QUIET)
    for share in (0, 0.001, 0.01, 0.1, 0.5, 1):
        height = box.bottom - float(np.cbrt(share)) * box.height
        canvas.rule((box.right, height), (box.right + 4, height), QUIET)
        canvas.text(box.right + 8, height, _percent(share), size=SMALL, colour=MUTED)
    canvas.text(box.left, box.top - 17, "share of row", size=SMALL, colour=MUTED)


def _draw_losses(
    history: Sequence[Record], losses: NDArray[np.float64], target: float | None, title: str, subtitle: str
) -> Image.Image:
    top, room = HEADER + 22, 110.0
    canvas = begun(title, subtitle, COLUMN, top + 300 + 60)
    box = Box(MARGIN + 48, top, COLUMN - 2 * MARGIN - 48 - room, 300)
    at, chance = _series(history, "step"), _series(history, "chance_loss")
    levels = [value for value in (target,) if value is not None and value > 0]
    y = logarithmic(np.concatenate([losses.ravel(), chance, levels]), room=1.6)
    panel = Panel(canvas, box, Linear(0.0, max([1.0, *at.tolist()])), y)
    panel.y_axis("loss (mean squared error)", 6)
    count = losses.shape[1]
    is_few = count <= NAMED_NETWORKS
    best = int(np.argmin(np.nan_to_num(losses[-1], nan=np.inf))) if losses.size else 0
    if not is_few:
        gaps = np.full((1, count), np.nan)
        panel.line(np.tile([*at, np.nan], count), np.vstack([losses, gaps]).T.ravel(), CROWD, thickness=1.2)
    for index in range(count) if is_few else [best]:
        panel.line(at, losses[:, index], INKS[index % len(INKS)] if is_few else BLUE, thickness=2)
    if np.isfinite(_last(chance)):
        known = np.flatnonzero(np.isfinite(chance))
        expected = np.array([chance[known[0]], *chance[known]])
        panel.line([0.0, *at[known]], expected, MUTED, thickness=1.2, dash=(6, 4))
    for level in levels:
        panel.level(level, f"target {number(level)}", GREEN, align="left")
    if is_few:
        named = [(f"#{index}", at, losses[:, index], INKS[index % len(INKS)]) for index in range(count)]
    else:
        named = [(f"best, #{best}:", at, losses[:, best], BLUE)] if losses.size else []
    _label_last(panel, [*named, ("chance", at, chance, MUTED)])
    panel.x_axis("step")
    return canvas.finished()


def _draw_networks(networks: Sequence[Record], best: int | None, title: str, subtitle: str) -> Image.Image:
    top = HEADER + 22
    canvas = begun(title, subtitle, COLUMN, top + 220 + 112)
    box = Box(MARGIN + 48, top, COLUMN - 2 * MARGIN - 48, 220)
    horizons = [_horizon(network) for network in networks]
    y = logarithmic(horizons, include=[1.0, 100.0], room=1.35)
    panel = Panel(canvas, box, unit_axis(len(networks)), Log(y.low, 2 * y.high))
    panel.y_axis("horizon (ms)", 5)
    order = sorted(range(len(networks)), key=lambda index: (-np.nan_to_num(horizons[index]), index))
    size = min(12.0, max(5.0, 0.7 * box.width / len(networks)))
    lowest = box.bottom + 20
    canvas.text(box.left - 8, lowest, "none", size=SMALL, colour=MUTED, align="right")
    canvas.rule((box.left, lowest + 14), (box.right, lowest + 14), QUIET)
    for place, index in enumerate(order):
        network = networks[index]
        across = float(panel.across(place))
        height = float(panel.down(horizons[index]))
        height = height if math.isfinite(height) else lowest
        _draw_network(canvas, across, height, size, network)
        if index == best:
            canvas.marker(across, height, "ring", size + 8, INK)
            words = f"best: seed {network['seed']}, {_milliseconds(network['horizon_ms'])}"
            note(canvas, across - size / 2 - 4, height - size / 2 - 14, words)
        if len(networks) <= 16:
            words = str(network["seed"])
            canvas.text(
                across,
                lowest + 26,
                words,
                size=SMALL,
                colour=MUTED,
                align="middle",
                width=box.width / len(networks) - 4,
            )
    words = "seed" if len(networks) <= 16 else f"network, the {len(networks)} in order of horizon"
    canvas.text(box.centre[0], lowest + 46, words, colour=MUTED, align="middle")
    _draw_family_key(canvas, networks, box.left, lowest + 68)
    return canvas.finished()


def _draw_network(canvas: Canvas, x: float, y: float, size: float, network: Record) -> None:
    shape, colour, _ = FAMILIES.get(network["family"], FAMILIES[None])
    if network["solved_at"] is None:
        shape, colour = "cross", QUIET
    canvas.marker(x, y, shape, size, colour)


def _draw_family_key(canvas: Canvas, networks: Sequence[Record], left: float, y: float) -> None:
    solved = [network for network in networks if network["solved_at"] is not None]
    entries: list[tuple[Shape, Colour, str]] = [
        key for family, key in FAMILIES.items() if any(_known(network["family"]) == family for network in solved)
    ]
    if len(solved) < len(networks):
        entries.append(("cross", QUIET, "did not solve the task"))
    for shape, colour, words in entries:
        canvas.marker(left + 5, y, shape, 10, colour)
        canvas.text(left + 16, y, words, colour=for_text(colour))
        left += 210


def _known(family: str | None) -> str | None:
    return family if family in FAMILIES else None


def _horizon(network: Record) -> float:
    horizon = network["horizon_ms"]
    return float(horizon) if horizon else math.nan


def _losses(history: Sequence[Record]) -> NDArray[np.float64]:
    """(record, network), at least `LOSS_FLOOR` so that a perfect network has a place on a logarithmic axis."""
    if not history:
        return np.empty((0, 0))
    losses = np.array([[_number(loss) for loss in record["losses"]] for record in history], dtype=np.float64)
    return np.maximum(losses.reshape(len(history), -1), LOSS_FLOOR)


def _series(history: Sequence[Record], key: str) -> NDArray[np.float64]:
    return np.array([_number(record.get(key)) for record in history], dtype=np.float64)


def _number(value: float | None) -> float:
    return math.nan if value is None else float(value)


def _last(values: NDArray[np.float64]) -> float:
    finite = values[np.isfinite(values)]
    return float(finite[-1]) if finite.size else math.nan


def _last_step(history: Sequence[Record]) -> int:
    return int(history[-1]["step"]) if history else 0


def _percent(share: float | None) -> str:
    if share is None or not math.isfinite(share):
        return "unknown"
    return f"{100 * share:.2f}".rstrip("0").rstrip(".") + "%"


def _milliseconds(horizon: float | None) -> str:
    return f"{number(float(horizon), 4)} ms" if horizon else "no delay"
