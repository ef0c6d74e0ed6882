"""Which pixels does a unit listen to? Its receptive field by reverse correlation, beside the one that wiring allows.

The unit's drive to white noise is correlated with each pixel, as physiology averages the stimuli before its spikes
(Ringach & Shapley 2004). The noise is Gaussian: of such noise the correlation is the filter before a nonlinearity,
whichever that is (Bussgang 1952). And its contrast is moderate: noise of paper and ink would turn more units of the
layers below on and off, and show fewer pixels of a field.
"""

from collections.abc import Callable
from functools import partial
from statistics import NormalDist
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.digit_net import DigitNet
from models.errors import InvalidAnalysis
from models.stimuli import GREY, NOISE_SD, SIDE, centre, white_noise
from models.units import Field, Unit

Values = NDArray[np.float64]
Respond = Callable[[Tensor], Values]
"""Drives (image,) for images (image, row, column)."""

FEWEST_SAMPLES, MOST_SAMPLES = 256, 20_000
LEVEL = 0.01
"""How likely a unit that hears no pixel is to seem to have a field."""

THRESHOLD = NormalDist().inv_cdf(1 - LEVEL / 2 / SIDE**2)
"""What |z| of a pixel has to exceed: `LEVEL`, two-sided, shared by all pixels (Bonferroni)."""

_BATCH = 256
_ROUNDING = 1e-6  # of float32


def receptive_field(network: DigitNet, unit: Unit, samples: int = 4096, seed: int = 0) -> dict[str, Any]:
    """The receptive field of a unit, ready for JSON.

    Returns:
        `theoretical`: the box of pixels that can reach the unit. `reverse_correlation` (row, column): how much the
        drive rises as a pixel turns from paper to ink, the others being noise. `z_scores` (row, column): each pixel's
        correlation with the drive in standard errors. `measured`: the box around the pixels with |z| above `threshold`,
        None where there are none. `energy_inside`: the share of the squared correlations, less what chance adds, that
        lies in the theoretical box. `peak`: the pixel with the largest |z|. Both are None for a drive that does not
        vary.

    Raises:
        InvalidAnalysis: Too few samples, or too many.
    """
    return measure(partial(unit_drives, network, unit), unit.receptive_field, samples, seed)


def measure(respond: Respond, field: Field, samples: int, seed: int) -> dict[str, Any]:
    """The same of anything that responds to images and is meant to look at `field`.

    Raises:
        InvalidAnalysis: Too few samples, or too many.
    """
    if not FEWEST_SAMPLES <= samples <= MOST_SAMPLES:
        message = f"{samples} samples are too {'few' if samples < FEWEST_SAMPLES else 'many'}"
        raise InvalidAnalysis(f"{message}; take {FEWEST_SAMPLES} to {MOST_SAMPLES:,}, such as 4096.", "/samples")
    noise = white_noise(samples, seed)
    weights, z_scores = _correlated(noise.flatten(start_dim=1), respond(noise))
    is_significant = np.abs(z_scores) > THRESHOLD
    return {
        "theoretical": _box(field),
        "reverse_correlation": weights.tolist(),
        "z_scores": z_scores.tolist(),
        "level": LEVEL,
        "threshold": THRESHOLD,
        "significant_pixels": int(is_significant.sum()),
        "measured": _box(_around(is_significant)) if is_significant.any() else None,
        "energy_inside": _energy_inside(z_scores, field),
        "peak": _peak(weights, z_scores),
        "samples": samples,
        "noise": {"distribution": "gaussian", "mean": GREY, "sd": NOISE_SD},
    }


@torch.inference_mode()
def unit_drives(network: DigitNet, unit: Unit, images: Tensor) -> Values:
    """A unit's drives (image,) for images (image, row, column)."""
    device = network.fc3.weight.device
    batches = [unit.read(network.drive(batch.to(device), unit.layer.name)) for batch in images.split(_BATCH)]
    return torch.cat(batches).double().cpu().numpy()


def _correlated(pixels: Tensor, drives: Values) -> tuple[Values, Values]:
    """The drive's slope over each pixel, and their correlation in standard errors; 0 for a drive that does not vary.

    Args:
        pixels: (image, pixel).
        drives: (image,).

    Returns:
        Both (row, column).
    """
    if np.ptp(drives) <= _ROUNDING * np.abs(drives).max():
        return np.zeros((SIDE, SIDE)), np.zeros((SIDE, SIDE))
    standard = torch.from_numpy((drives - drives.mean()) / drives.std()).float()
    covariance = (standard @ pixels).double().numpy() / len(drives)
    sd = pixels.std(dim=0, correction=0).double().numpy()
    weights, z_scores = drives.std() * covariance / sd**2, np.sqrt(len(drives)) * covariance / sd
    return weights.reshape(SIDE, SIDE), z_scores.reshape(SIDE, SIDE)


def _energy_inside(z_scores: Values, field: Field) -> float | None:
    """By chance the square of each z is 1 on average."""
    energy = z_scores**2 - 1
    if energy.sum() <= 0:
        return None
    inside = energy[field.top : field.bottom, field.left : field.right]
    return float(np.clip(inside.sum() / energy.sum(), 0, 1))


def _peak(weights: Values, z_scores: Values) -> dict[str, Any] | None:
    if not z_scores.any():
        return None
    row, column = (int(place) for place in np.unravel_index(np.abs(z_scores).argmax(), z_scores.shape))
    place = (row, column)
    return {"row": row, "column": column, "weight": float(weights[place]), "z": float(z_scores[place])}


def _around(pixels: NDArray[np.bool_]) -> Field:
    """The smallest box around the pixels (row, column) that are marked."""
    rows, columns = (np.flatnonzero(pixels.any(axis=axis)).tolist() for axis in (1, 0))
    return Field(rows[0], rows[-1] + 1, columns[0], columns[-1] + 1)


def _box(field: Field) -> dict[str, Any]:
    row, column = centre(field)
    return {
        **field._asdict(),
        "centre": {"row": row, "column": column},
        "size": {"rows": field.bottom - field.top, "columns": field.right - field.left},
    }
