"""Statistics of images that can be counted by hand; spectra of gratings."""

import json
import math

import pytest
import torch

from models.analysis.image_statistics import image_statistics, power_spectrum


def bar() -> torch.Tensor:
    """Ink in rows 4 to 7, columns 10 and 11."""
    image = torch.zeros(28, 28)
    image[4:8, 10:12] = 1
    return image


def grating(rows: int, columns: int) -> torch.Tensor:
    """A grating of so many cycles down and across the image, amplitude 1/4 about 1/2."""
    place = torch.arange(28, dtype=torch.float64) / 28
    return 0.5 + 0.25 * torch.cos(2 * math.pi * (rows * place[:, None] + columns * place[None, :]))


def test_a_bar_is_counted_by_hand():
    told = image_statistics(bar())
    share = 8 / 784
    assert told["mean_ink"] == pytest.approx(share)
    assert told["sd"] == pytest.approx(math.sqrt(share * (1 - share)))
    assert told["near_ink"] == pytest.approx(share)
    assert told["near_paper"] == pytest.approx(1 - share)
    assert told["total_variation"] == pytest.approx(12 / (2 * 28 * 27))  # its perimeter
    assert told["centre_of_mass"] == pytest.approx({"row": 5.5, "column": 10.5})
    assert told["extent"] == {"top": 4, "bottom": 8, "left": 10, "right": 12}


def test_faint_ink_counts_neither_as_paper_nor_as_ink():
    told = image_statistics(torch.full((28, 28), 0.5))
    assert (told["near_paper"], told["near_ink"]) == (0, 0)
    assert told["extent"] == {"top": 0, "bottom": 28, "left": 0, "right": 28}


def test_a_blank_image_has_no_place_and_no_frequency():
    told = image_statistics(torch.zeros(28, 28))
    json.dumps(told, allow_nan=False)
    assert told["centre_of_mass"] is None
    assert told["extent"] is None
    assert told["power_spectrum"]["centroid"] is None
    assert told["near_paper"] == 1
    assert power_spectrum(torch.full((28, 28), 0.3))["centroid"] is None


@pytest.mark.parametrize(("rows", "columns", "cycles"), [(0, 3, 3), (7, 0, 7), (3, 4, 5), (-6, 8, 10)])
def test_a_grating_s_power_lies_at_its_frequency_whatever_its_orientation(rows, columns, cycles):
    spectrum = power_spectrum(grating(rows, columns))
    assert spectrum["centroid"] == pytest.approx(cycles)
    power = dict(zip(spectrum["cycles_per_image"], spectrum["power"], strict=True))
    assert power.pop(cycles) == pytest.approx(0.25**2 / 2)
    assert sum(power.values()) == pytest.approx(0, abs=1e-12)


def test_the_power_of_all_frequencies_together_is_the_variance():
    image = torch.rand(28, 28, generator=torch.Generator().manual_seed(1))
    told = image_statistics(image)
    assert sum(told["power_spectrum"]["power"]) == pytest.approx(told["sd"] ** 2)
    assert told["power_spectrum"]["cycles_per_image"] == list(range(21))


def test_the_image_is_left_alone():
    image = bar().requires_grad_()
    image_statistics(image)
    assert image.grad is None
    assert torch.equal(image.detach(), bar())
