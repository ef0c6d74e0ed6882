"""The stimuli of visual physiology as 28x28 images, 0 to 1: gratings, spots and white noise on grey.

An orientation is that of the bars: 0 degrees are horizontal bars, 45 rise to the right, 90 are vertical.
"""

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from models.units import Field

SIDE = 28
GREY = 0.5
"""The mean level that gratings, spots and noise vary about, half-way between paper and ink."""

NOISE_SD = 1 / 6
"""Of white noise: paper and ink lie three standard deviations from grey, so hardly a pixel has to be clipped."""


def centre(field: Field) -> tuple[float, float]:
    """Row and column of a field's middle, in pixels; whole numbers are the middles of pixels."""
    return (field.top + field.bottom - 1) / 2, (field.left + field.right - 1) / 2


def blank() -> Tensor:
    """The grey without a stimulus (row, column)."""
    return torch.full((SIDE, SIDE), GREY)


def gratings(
    orientation_deg: ArrayLike,
    cycles_per_pixel: ArrayLike,
    phase_deg: ArrayLike,
    contrast: ArrayLike,
    field: Field,
    diameter: ArrayLike = np.inf,
) -> Tensor:
    """Sinusoidal gratings (…, row, column) in a field, grey around it; the leading axes are those of the parameters.

    Args:
        orientation_deg: Of the bars.
        cycles_per_pixel: Spatial frequency; 0.5 is the finest that pixels can show.
        phase_deg: At the field's middle: 0 is a peak of ink there, 90 the flank before one.
        contrast: Michelson's, 0 to 1.
        field: Where the grating may be.
        diameter: In pixels, of a disc about the field's middle that it is confined to; its rim is smooth.
    """
    angle, frequency, phase, contrast, diameter = (
        np.asarray(parameter, dtype=np.float64)[..., None, None]
        for parameter in (np.radians(orientation_deg), cycles_per_pixel, np.radians(phase_deg), contrast, diameter)
    )
    down, right = _offsets(field)
    wave = np.cos(2 * np.pi * frequency * (down * np.cos(angle) + right * np.sin(angle)) - phase)
    disc = np.clip(diameter / 2 + 0.5 - np.hypot(down, right), 0, 1) * np.minimum(diameter, 1)
    return _image(GREY + GREY * contrast * wave * disc * _within(field))


def spots(field: Field, side: int, level: float) -> Tensor:
    """A square spot on grey at every place in a field: (spot row, spot column, row, column).

    Args:
        field: Where the spot stays.
        side: Of the spot, in pixels.
        level: Of its pixels, 0 (paper) to 1 (ink).
    """
    rows, columns = _spans(field.top, field.bottom, side), _spans(field.left, field.right, side)
    covered = rows[:, None, :, None] & columns[None, :, None, :]
    return _image(GREY + (level - GREY) * covered)


def white_noise(count: int, seed: int) -> Tensor:
    """Gaussian white noise about grey (image, row, column), sd `NOISE_SD`, clipped to 0 to 1."""
    noise = np.random.default_rng(seed).standard_normal((count, SIDE, SIDE), dtype=np.float32)
    noise *= NOISE_SD
    noise += GREY
    return torch.from_numpy(np.clip(noise, 0, 1, out=noise))


def _offsets(field: Field) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
    """How far each pixel lies below and to the right of a field's middle."""
    middle_row, middle_column = centre(field)
    return np.arange(SIDE)[:, None] - middle_row, np.arange(SIDE)[None, :] - middle_column


def _spans(first: int, last: int, side: int) -> NDArray[np.bool_]:
    """Which pixels (place, pixel) of an axis a spot covers at each of its places from `first` on, `last` exclusive."""
    starts, pixels = np.arange(first, last - side + 1)[:, None], np.arange(SIDE)
    return (pixels >= starts) & (pixels < starts + side)


def _within(field: Field) -> NDArray[np.bool_]:
    inside = np.zeros((SIDE, SIDE), dtype=bool)
    inside[field.top : field.bottom, field.left : field.right] = True
    return inside


def _image(pixels: NDArray[np.floating]) -> Tensor:
    return torch.from_numpy(pixels.astype(np.float32))
