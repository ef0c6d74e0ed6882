"""Units side by side: what each prefers, what it answers to the others' images, how fine its image is, how it grew."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from string import ascii_uppercase
from typing import Any

import numpy as np
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
    spread,
)
from service.rendering.canvas import Box, Canvas
from service.rendering.digits import SIDE, draw_digit, draw_pixel_bar
from service.rendering.lettering import TIMES, counted, number, signed
from service.rendering.palette import (
    BLUE,
    DIVERGING,
    GREEN,
    INK,
    INKS,
    MUTED,
    QUIET,
    RULE,
    VERMILLION,
    Colour,
    ColourScale,
    for_text,
    text_on,
)
from service.rendering.rendering import Rendering
from service.rendering.responses import short_name

SHARE = ColourScale(DIVERGING, -1.0, 1.0)
DASHES: Sequence[tuple[float, float] | None] = (None, (7, 4), (2, 3))
LARGEST_STIMULUS = 240.0
LARGEST_CELL = 88.0
ROOMY_CELL = 44.0
LIKENESSES: Mapping[str, tuple[str, Colour]] = {
    "accuracy": ("accuracy", BLUE),
    "response_correlation": ("responses to digits", VERMILLION),
    "image_correlation": ("image", GREEN),
}

Subject = Mapping[str, Any]


def stimuli(subjects: Sequence[Subject]) -> Rendering:
    """Each unit's preferred stimulus with the pixels that the unit can see.

    Args:
        subjects: As comparison gives them, with a model's reference for `model`.
    """
    title = "Preferred stimuli side by side"
    framed = "; framed: the pixels that the unit can see" if any(map(_field_frame, subjects)) else ""
    subtitle = f"{_common_model(subjects)}drive in arbitrary units{framed}"
    alt = "Images of 28 by 28 pixels, 0 (paper) to 1 (ink), each sought for one unit. " + " ".join(
        f"{subject['name']}: drive {number(subject['drive'])}, ink on {_percent(subject['extent']['inked_fraction'])} "
        f"of the pixels, field {_field_size(subject)} pixels."
        for subject in subjects
    )
    return Rendering("stimuli", title, alt, lambda: _draw_stimuli(subjects, title, subtitle))


def cross(
    subjects: Sequence[Subject], drives: Sequence[Sequence[float]], shares: Sequence[Sequence[float | None]]
) -> Rendering:
    """What every unit answers to every unit's image.

    Args:
        subjects: As comparison gives them, with a model's reference for `model`.
        drives: Of the column's unit for the row's image.
        shares: The same divided by the unit's drive for its own image; None where that is not above 0.
    """
    title = "Every unit shown every image"
    subtitle = (
        f"{_common_model(subjects)}numbers: drive (a.u.); colour: its share of the drive for the unit's own image"
    )
    alt = f"A table of the drive of {counted(len(subjects), 'unit')} (columns) for the image of each (rows)."
    if strongest := _strongest(shares):
        share, image, unit = strongest
        alt += f" Of the images sought for others, that of {subjects[image]['name']} does most: it drives "
        alt += f"{subjects[unit]['name']} to {number(drives[image][unit])}, {_percent(share)} of its own."
    return Rendering("cross", title, alt, lambda: _draw_cross(subjects, drives, shares, title, subtitle))


def spectra(subjects: Sequence[Subject]) -> Rendering:
    """How fine each image is: its variance over spatial frequencies.

    Args:
        subjects: As comparison gives them, with a model's reference for `model`.
    """
    title = "Spectra of the preferred stimuli"
    subtitle = f"{_common_model(subjects)}all orientations together; triangles: centroids"
    alt = "Lines of the share of each image's variance over cycles per image. Centroids: "
    alt += ", ".join(f"{subject['name']} {number(subject['spectrum']['centroid'])}" for subject in subjects) + "."
    return Rendering("spectra", title, alt, lambda: _draw_spectra(subjects, title, subtitle))


def development(subjects: Sequence[Subject], points: Sequence[Mapping[str, Any]]) -> Rendering:
    """How one unit came to be during training.

    Args:
        subjects: The same unit at several steps, as comparison gives them.
        points: In order, for each `step`, `drive`, `accuracy`, and `image_correlation` and `response_correlation` with
            the last step; None where they are not known.
    """
    first, last = points[0], points[-1]
    title = f"{subjects[0]['label']} during training"
    subtitle = f"{subjects[0]['model']['id']}, trained again up to step {last['step']:,}"
    alt = f"Lines over training steps {first['step']} to {last['step']}: the drive for the unit's own image goes from "
    alt += f"{number(first['drive'])} to {number(last['drive'])}; at first its image correlates "
    alt += f"{number(first['image_correlation'])} with that of the last step, its responses to digits "
    alt += f"{number(first['response_correlation'])}"
    if first["accuracy"] is not None:
        alt += f"; the network's accuracy goes from {_percent(first['accuracy'])} to {_percent(last['accuracy'])}"
    return Rendering("development", title, f"{alt}.", lambda: _draw_development(points, title, subtitle))


@dataclass(frozen=True)
class _Caption:
    """A subject in a few words, the letter by which tables call it first.

    Attributes:
        unit: The letter, the layer and the unit or its channel.
        place: Row and column of a convolutional unit; else empty.
        network: The model where there are several, and the training step; else empty.
    """

    unit: str
    place: str
    network: str

    @property
    def lines(self) -> list[str]:
        """The caption on as many lines as it needs."""
        return [line for line in (self.unit, self.place, self.network) if line]

    @property
    def short(self) -> tuple[str, str]:
        """The same on two lines, the second of which may be empty."""
        return ", ".join(part for part in (self.unit, self.place) if part), self.network


def _captions(subjects: Sequence[Subject]) -> list[_Caption]:
    is_one_model = bool(_common_model(subjects))
    return [
        _caption(letter, subject, "" if is_one_model else subject["model"]["id"])
        for letter, subject in zip(ascii_uppercase, subjects, strict=False)
    ]


def _caption(letter: str, subject: Subject, model: str) -> _Caption:
    step = "" if subject["step"] is None else f"step {subject['step']:,}"
    unit = f"{subject['layer']} {short_name(subject['unit'])}"
    place = ""
    if subject["kind"] == "conv" and isinstance(subject["unit"], int):
        unit, _, place = subject["label"].rpartition(" (")[0].partition(", ")
    return _Caption(f"{letter} · {unit}", place, " · ".join(part for part in (model, step) if part))


def _common_model(subjects: Sequence[Subject]) -> str:
    """The one model, for the line below the title; empty where there are several."""
    models = {subject["model"]["id"] for subject in subjects}
    return f"{models.pop()}; " if len(models) == 1 else ""


def _draw_stimuli(subjects: Sequence[Subject], title: str, subtitle: str) -> Image.Image:
    captions = _captions(subjects)
    columns, gap = _stimuli_columns(len(subjects)), 24.0
    side = min(LARGEST_STIMULUS, (COLUMN - 2 * MARGIN - gap * (columns - 1)) / columns)
    head = 16.0 * max(len(caption.lines) for caption in captions)
    height = head + side + 84
    rows = math.ceil(len(subjects) / columns)
    canvas = begun(title, subtitle, max(560.0, 2 * MARGIN + columns * (side + gap) - gap), HEADER + rows * height + 34)
    for index, (subject, caption) in enumerate(zip(subjects, captions, strict=True)):
        row, column = divmod(index, columns)
        box = Box(MARGIN + column * (side + gap), HEADER + row * height + head, side, side)
        _write_caption(canvas, caption, box)
        _draw_stimulus(canvas, subject, box)
    draw_pixel_bar(canvas, Box(canvas.width - MARGIN - 92, canvas.height - 34, 88, 10))
    return canvas.finished()


def _stimuli_columns(count: int) -> int:
    """Few large images or many small ones."""
    if count <= 4:
        return count
    return 3 if count <= 6 else 4


def _write_caption(canvas: Canvas, caption: _Caption, box: Box) -> None:
    """Above an image, so that the last line is next to it."""
    for rank, line in enumerate(reversed(caption.lines)):
        is_first = line == caption.unit
        size, colour = (13, INK) if is_first else (SMALL, MUTED)
        canvas.text(box.left, box.top - 12 - 16 * rank, line, size=size, colour=colour, width=box.width + 18)


def _draw_stimulus(canvas: Canvas, subject: Subject, box: Box) -> None:
    draw_digit(canvas, np.asarray(subject["optimized_image"], dtype=np.float64), box)
    if field := _field_frame(subject):
        pixel = box.width / SIDE
        left, top, width, height = (pixel * edge for edge in field)
        frame = Box(box.left + left, box.top + top, width, height)
        canvas.rectangle(frame.grown(1.5), outline=VERMILLION, thickness=1.5)
    canvas.text(box.left, box.bottom + 14, f"drive {signed(subject['drive'])}", colour=for_text(BLUE))
    centroid, best = subject["spectrum"]["centroid"], subject["dataset_maximum"]
    told = [f"ink on {_percent(subject['extent']['inked_fraction'])} of the pixels"]
    told += [] if centroid is None else [f"{number(centroid, 2)} cycles per image"]
    told[0:0] = [] if best is None else [f"best digit {signed(best)}"]
    for line, words in enumerate(told):
        canvas.text(box.left, box.bottom + 30 + 14 * line, words, size=SMALL, colour=MUTED, width=box.width + 18)


def _field_frame(subject: Subject) -> Box | None:
    """The receptive field in pixels; None where it is the whole image."""
    field = subject["receptive_field"]
    width, height = field["right"] - field["left"], field["bottom"] - field["top"]
    return None if width == height == SIDE else Box(field["left"], field["top"], width, height)


def _strongest(shares: Sequence[Sequence[float | None]]) -> tuple[float, int, int] | None:
    """The largest share that another unit's image reaches, with that image and the unit."""
    others = [
        (share, image, unit)
        for image, row in enumerate(shares)
        for unit, share in enumerate(row)
        if share is not None and image != unit
    ]
    return max(others, default=None)


def _draw_cross(
    subjects: Sequence[Subject],
    drives: Sequence[Sequence[float]],
    shares: Sequence[Sequence[float | None]],
    title: str,
    subtitle: str,
) -> Image.Image:
    room, count = 196.0, len(subjects)
    cell = min(LARGEST_CELL, (COLUMN - 2 * MARGIN - room) / count)
    box = Box(MARGIN + room, HEADER + 44, cell * count, cell * count)
    canvas = begun(title, subtitle, max(640.0, box.right + MARGIN), box.bottom + 72)
    canvas.text(box.centre[0], box.top - 36, "unit", colour=MUTED, align="middle")
    canvas.text(MARGIN, box.top - 14, "image sought for", colour=MUTED)
    for index, caption in enumerate(_captions(subjects)):
        middle = (index + 0.5) * cell
        canvas.text(box.left + middle, box.top - 14, ascii_uppercase[index], size=13, align="middle")
        _write_row(canvas, caption, box.top + middle, room - 10)
    for image, row in enumerate(drives):
        for unit, drive in enumerate(row):
            place = Box(box.left + unit * cell, box.top + image * cell, cell, cell)
            _draw_cell(canvas, place, drive, shares[image][unit])
    canvas.rectangle(box, outline=QUIET)
    for index in range(count):
        own = Box(box.left + index * cell, box.top + index * cell, cell, cell)
        canvas.rectangle(own, outline=INK, thickness=1)
    words = {-1.0: f"{number(-1)} and less", 1.0: "its own image"}
    colour_bar(canvas, Box(MARGIN + room, box.bottom + 28, 220, 12), SHARE, "share", words)
    return canvas.finished()


def _write_row(canvas: Canvas, caption: _Caption, height: float, width: float) -> None:
    unit, network = caption.short
    canvas.text(MARGIN, height - (7 if network else 0), unit, width=width)
    canvas.text(MARGIN + 17, height + 8, network, size=SMALL, colour=MUTED, width=width - 17)


def _draw_cell(canvas: Canvas, place: Box, drive: float, share: float | None) -> None:
    """One drive on its colour; on paper where even its own image does not drive the unit above 0."""
    canvas.rectangle(place, outline=RULE)
    ink = INK
    if share is not None:
        canvas.picture([[share]], place, SHARE)
        ink = text_on(SHARE.colours(share))
    words = number(drive) if place.width > ROOMY_CELL else number(round(drive, 1), 2)
    canvas.text(*place.centre, words, size=SMALL, colour=ink, align="middle")


def _draw_spectra(subjects: Sequence[Subject], title: str, subtitle: str) -> Image.Image:
    room, top, entry = 206.0, HEADER + 34, 33.0
    height = max(280.0, entry * len(subjects))
    canvas = begun(title, subtitle, COLUMN, top + height + 58)
    box = Box(MARGIN + 40, top, COLUMN - 2 * MARGIN - 40 - room, height)
    lines = [_shares_of_variance(subject["spectrum"]) for subject in subjects]
    cycles = subjects[0]["spectrum"]["cycles_per_image"]
    panel = Panel(canvas, box, Linear(0.0, float(cycles[-1])), Linear(0.0, linear(lines, include=[0.0, 1.0]).high))
    panel.y_axis("share of the variance (%)", 5)
    panel.x_axis("spatial frequency (cycles per image)", 10)
    for index, (subject, caption) in enumerate(zip(subjects, _captions(subjects), strict=True)):
        ink, dash = _line_style(index)
        panel.line(cycles, lines[index], ink, thickness=1.8, dash=dash)
        centroid = subject["spectrum"]["centroid"]
        if centroid is not None:
            canvas.marker(float(panel.across(centroid)), box.top - 2, "down", 9, ink, halo=1)
        _write_entry(canvas, index, caption, centroid, Box(box.right + 16, box.top + entry * index, room - 16, entry))
    return canvas.finished()


def _write_entry(canvas: Canvas, index: int, caption: _Caption, centroid: float | None, box: Box) -> None:
    """A line of the key: what a curve stands for, and its centroid."""
    ink, dash = _line_style(index)
    unit, network = caption.short
    canvas.rule((box.left, box.top + 6), (box.left + 18, box.top + 6), ink, 2, dash)
    canvas.text(box.left + 24, box.top + 6, unit, size=SMALL, colour=for_text(ink), width=box.width - 24)
    centre = "blank" if centroid is None else f"centroid {number(centroid, 2)}"
    rest = f"{network} · {centre}" if network else centre
    canvas.text(box.left + 24, box.top + 20, rest, size=SMALL, colour=MUTED, width=box.width - 24)


def _draw_development(points: Sequence[Mapping[str, Any]], title: str, subtitle: str) -> Image.Image:
    top, height, gap, room = HEADER + 22, 170.0, 48.0, 120.0
    canvas = begun(title, subtitle, COLUMN, top + 2 * height + gap + 60)
    boxes = [Box(MARGIN + 40, top + row * (height + gap), COLUMN - 2 * MARGIN - 40 - room, height) for row in (0, 1)]
    x = Linear(0.0, float(points[-1]["step"]))
    drives = _series(points, "drive")
    upper = Panel(canvas, boxes[0], x, linear(drives, include=[0.0]))
    upper.y_axis("drive for its own image (a.u.)", 5)
    _draw_series(upper, points, "drive", BLUE)
    _name_ends(upper, {f"drive {number(drives[-1])}": (drives[-1], BLUE)})
    likenesses = {name: _series(points, name) for name in LIKENESSES}
    lower = Panel(canvas, boxes[1], x, linear(list(likenesses.values()), include=[0.0, 1.0]))
    lower.y_axis("accuracy; correlations with the last step, where they are 1 by definition", 5)
    lower.x_axis("training step")
    for name, (_, ink) in LIKENESSES.items():
        _draw_series(lower, points, name, ink)
    _name_ends(lower, {words: (likenesses[name][-1], ink) for name, (words, ink) in LIKENESSES.items()})
    return canvas.finished()


def _series(points: Sequence[Mapping[str, Any]], name: str) -> list[float]:
    return [math.nan if point[name] is None else point[name] for point in points]


def _draw_series(panel: Panel, points: Sequence[Mapping[str, Any]], name: str, ink: Colour) -> None:
    """A line with a dot at each step; the last stretch of a correlation ends at 1 by definition, so it is dashed."""
    steps, values = [point["step"] for point in points], _series(points, name)
    measured = len(points) - (1 if name.endswith("correlation") else 0)
    panel.line(steps[measured - 1 :], values[measured - 1 :], ink, thickness=1.2, dash=(4, 4))
    panel.line(steps[:measured], values[:measured], ink, thickness=2)
    panel.markers(steps[:measured], values[:measured], "disc", 7, ink, halo=1)


def _name_ends(panel: Panel, ends: Mapping[str, tuple[float, Colour]]) -> None:
    """Each line's name beside its end."""
    known = {words: end for words, end in ends.items() if math.isfinite(end[0])}
    heights = spread([float(panel.down(value)) for value, _ in known.values()], 16, panel.box.top, panel.box.bottom)
    for (words, (_, ink)), height in zip(known.items(), heights, strict=True):
        panel.canvas.text(panel.box.right + 12, height, words, colour=for_text(ink))


def _shares_of_variance(spectrum: Mapping[str, Any]) -> list[float]:
    total = sum(spectrum["power"]) or 1.0
    return [100 * power / total for power in spectrum["power"]]


def _line_style(index: int) -> tuple[Colour, tuple[float, float] | None]:
    return INKS[index % len(INKS)], DASHES[index // len(INKS)]


def _field_size(subject: Subject) -> str:
    field = subject["receptive_field"]
    return f"{field['bottom'] - field['top']}{TIMES}{field['right'] - field['left']}"


def _percent(share: float) -> str:
    return f"{number(100 * share, 2)}%"
