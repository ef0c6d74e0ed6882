"""The colours of every picture: maps for values, inks for lines, all readable without red and green."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Colour = tuple[int, int, int]

PAPER: Colour = (255, 255, 255)
INK: Colour = (31, 35, 41)
MUTED: Colour = (95, 102, 112)
QUIET: Colour = (160, 166, 174)
RULE: Colour = (229, 231, 235)

# Okabe and Ito (2008), without the yellow, which vanishes on paper
BLUE: Colour = (0, 114, 178)
VERMILLION: Colour = (213, 94, 0)
GREEN: Colour = (0, 158, 115)
PURPLE: Colour = (204, 121, 167)
ORANGE: Colour = (230, 159, 0)
SKY: Colour = (86, 180, 233)
INKS: tuple[Colour, ...] = (BLUE, VERMILLION, GREEN, PURPLE, ORANGE, SKY)


@dataclass(frozen=True, eq=False)
class ColourMap:
    """A table of 256 colours from the lowest value to the highest, (256, 3), uint8."""

    table: NDArray[np.uint8]


@dataclass(frozen=True)
class ColourScale:
    """What value a colour stands for: `low` takes the map's first colour, `high` its last."""

    colour_map: ColourMap
    low: float
    high: float

    def colours(self, values: ArrayLike) -> NDArray[np.uint8]:
        """The colours of `values`, one axis longer; what lies outside the scale takes its end's colour."""
        return self.colour_map.table[self.steps(values)]

    def steps(self, values: ArrayLike) -> NDArray[np.uint8]:
        """Which of the map's 256 colours each value has."""
        fractions = (np.asarray(values, dtype=np.float64) - self.low) / (self.high - self.low)
        return np.rint(255 * np.fmin(np.fmax(fractions, 0), 1)).astype(np.uint8)


def luminance(colours: ArrayLike) -> NDArray[np.float64]:
    """CIE lightness L* of sRGB colours (…, 3), from 0 (black) to 100 (white)."""
    channels = np.asarray(colours, dtype=np.float64) / 255
    linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
    relative = linear @ np.array([0.2126, 0.7152, 0.0722])
    return np.where(relative > 0.008856, 116 * np.cbrt(relative) - 16, 903.3 * relative)


def mixed(colour: Colour, other: Colour, amount: float) -> Colour:
    """`colour` moved towards `other` by `amount`, from 0 (not at all) to 1 (all the way)."""
    red, green, blue = (round(one + amount * (two - one)) for one, two in zip(colour, other, strict=True))
    return red, green, blue


def tint(colour: Colour, amount: float) -> Colour:
    """The colour thinned with paper, for areas that lie behind lines."""
    return mixed(colour, PAPER, amount)


def for_text(colour: Colour) -> Colour:
    """The colour darkened so that small letters in it can be read on paper."""
    return mixed(colour, INK, 0.3)


def text_on(colour: ArrayLike) -> Colour:
    """Ink or paper, whichever is easier to read on this colour."""
    return PAPER if luminance(colour) < 58 else INK


def pixel_scale() -> ColourScale:
    """Pixels of a digit: 0 is paper, 1 is ink."""
    return ColourScale(GREYS, 0.0, 1.0)


def activity_scale(*panels: Any) -> ColourScale:
    """One scale for all panels: from 0 to the largest value, or centred on 0 where a value is negative."""
    extremes = finite_extremes(*panels)
    if extremes[0] < 0:
        return signed_scale(*panels)
    return ColourScale(VIRIDIS, 0.0, extremes[1] or 1.0)


def signed_scale(*panels: Any) -> ColourScale:
    """One scale for all panels, centred on 0, so that white is no drive at all."""
    reach = max(map(abs, finite_extremes(*panels))) or 1.0
    return ColourScale(DIVERGING, -reach, reach)


def finite_extremes(*panels: Any) -> tuple[float, float]:
    """The smallest and the largest number in all `panels` together; 0 and 0 where there is none."""
    numbers = np.concatenate([np.ravel(np.asarray(panel, dtype=np.float64)) for panel in panels])
    numbers = numbers[np.isfinite(numbers)]
    return (float(numbers.min()), float(numbers.max())) if numbers.size else (0.0, 0.0)


def _colour_map(anchors: Sequence[Colour]) -> ColourMap:
    """A map through `anchors` with even steps of lightness between each two."""
    colours = np.array(anchors, dtype=np.float64)
    places = np.linspace(0, 255, len(colours))
    channels = [np.interp(np.arange(256), places, colours[:, channel]) for channel in range(3)]
    return ColourMap(np.rint(np.stack(channels, axis=1)).astype(np.uint8))


GREYS = _colour_map([PAPER, (17, 19, 23)])
BLUES = _colour_map([PAPER, (222, 235, 247), (158, 202, 225), (66, 146, 198), (8, 81, 156), (8, 48, 107)])
VIRIDIS = _colour_map(
    [
        (68, 1, 84),
        (71, 44, 122),
        (59, 81, 139),
        (44, 113, 142),
        (33, 144, 141),
        (39, 173, 129),
        (92, 200, 99),
        (170, 220, 50),
        (253, 231, 37),
    ]
)
DIVERGING = _colour_map(
    [
        (26, 86, 154),
        (61, 136, 190),
        (149, 199, 224),
        (250, 250, 250),
        (253, 192, 120),
        (225, 130, 30),
        (158, 73, 8),
    ]
)
