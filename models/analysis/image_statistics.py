"""What can be told of a stimulus without any network: its ink, where it lies, and how fine it is."""

from typing import Any

import torch
from torch import Tensor

NEAR_PAPER, NEAR_INK = 0.1, 0.9
"""Pixels below the one count as paper, those above the other as full ink."""

_ROUNDING = 1e-20  # variance below this is what rounding leaves of one grey


def image_statistics(image: Tensor) -> dict[str, Any]:
    """Ink, place and fineness of one image (row, column), 0 to 1, ready for JSON.

    `mean_ink` and `sd` are of the pixels; `near_paper` and `near_ink` are the shares of pixels below 0.1 and above 0.9;
    `total_variation` is the mean absolute difference of neighbours, those below and those to the right. `extent` is the
    box of all pixels of 0.1 and more, bottom and right exclusive. Places are in pixels, a pixel's middle being its
    index. A blank image has neither centre of mass nor extent.
    """
    pixels = image.detach().double().cpu()
    return {
        "mean_ink": float(pixels.mean()),
        "sd": float(pixels.std(correction=0)),
        "near_paper": float((pixels < NEAR_PAPER).double().mean()),
        "near_ink": float((pixels > NEAR_INK).double().mean()),
        "total_variation": _total_variation(pixels),
        "centre_of_mass": _centre_of_mass(pixels),
        "extent": _extent(pixels),
        "power_spectrum": power_spectrum(pixels),
    }


def power_spectrum(image: Tensor) -> dict[str, Any]:
    """How an image's variance is spread over spatial frequencies, ready for JSON; its mean is left out.

    Args:
        image: (row, column), square.

    Returns:
        `cycles_per_image` 0, 1, 2 ... and, for each, `power`: the variance in the ring of frequencies that round to it,
        all orientations together, so that `power` sums to the image's variance; `centroid` is the mean frequency
        weighted with power, None for an image of one grey. No window is laid over the image: where its opposite edges
        differ, the step between them counts.
    """
    pixels = image.detach().double().cpu()
    side = pixels.shape[0]
    power = torch.fft.fft2(pixels - pixels.mean()).abs().square() / side**4
    frequency = torch.fft.fftfreq(side, 1 / side, dtype=torch.float64)
    radius = torch.hypot(frequency[:, None], frequency[None, :])
    rings = torch.bincount(radius.round().long().flatten(), weights=power.flatten())
    variance = float(power.sum())
    return {
        "cycles_per_image": list(range(len(rings))),
        "power": rings.tolist(),
        "centroid": float((radius * power).sum()) / variance if variance > _ROUNDING else None,
    }


def _total_variation(pixels: Tensor) -> float:
    differences = torch.cat([pixels.diff(dim=axis).flatten() for axis in (0, 1)])
    return float(differences.abs().mean())


def _centre_of_mass(pixels: Tensor) -> dict[str, float] | None:
    mass = float(pixels.sum())
    if mass == 0:
        return None
    places = torch.arange(len(pixels), dtype=pixels.dtype)
    return {
        "row": float((pixels.sum(dim=1) * places).sum()) / mass,
        "column": float((pixels.sum(dim=0) * places).sum()) / mass,
    }


def _extent(pixels: Tensor) -> dict[str, int] | None:
    inked = pixels >= NEAR_PAPER
    if not inked.any():
        return None
    (top, bottom), (left, right) = (_span(inked.any(dim=axis)) for axis in (1, 0))
    return {"top": top, "bottom": bottom, "left": left, "right": right}


def _span(marked: Tensor) -> tuple[int, int]:
    places = marked.nonzero()
    return int(places.min()), int(places.max()) + 1
