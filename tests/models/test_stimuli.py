import numpy as np
import pytest
import torch

from models.stimuli import GREY, NOISE_SD, blank, centre, gratings, spots, white_noise
from models.units import Field

WHOLE = Field(0, 28, 0, 28)
PATCH = Field(5, 15, 9, 19)


def test_horizontal_bars_are_at_0_degrees_and_vertical_ones_at_90():
    horizontal, vertical = gratings([0, 90], 0.1, 0, 1, WHOLE)
    torch.testing.assert_close(horizontal, horizontal[:, :1].expand(28, 28))
    torch.testing.assert_close(vertical, vertical[:1].expand(28, 28))
    torch.testing.assert_close(vertical, horizontal.T)
    assert horizontal.std() > 0.3


def test_bars_at_45_degrees_rise_to_the_right():
    rising = gratings(45, 0.1, 30, 1, WHOLE)
    torch.testing.assert_close(rising[1:, :-1], rising[:-1, 1:])  # one up and one to the right is the same bar


def test_the_frequency_is_in_cycles_per_pixel():
    spectrum = torch.fft.fft2(gratings(90, 4 / 28, 50, 1, WHOLE) - GREY).abs()
    assert spectrum.argmax() in (4, 24)
    assert spectrum[0, 4] ** 2 + spectrum[0, 24] ** 2 == pytest.approx(spectrum.square().sum().item(), rel=1e-4)


def test_phase_0_is_a_peak_of_ink_at_the_field_s_middle():
    odd = Field(5, 16, 9, 20)
    row, column = (int(place) for place in centre(odd))
    for orientation in (0, 30, 90):
        assert gratings(orientation, 0.2, 0, 1, odd)[row, column] == 1
        assert gratings(orientation, 0.2, 180, 1, odd)[row, column] == 0
        assert gratings(orientation, 0.2, 90, 1, odd)[row, column] == pytest.approx(GREY)


def test_over_all_phases_a_grating_is_grey():
    phases = np.arange(12) * 30
    mean = gratings(20, 0.13, phases, 1, PATCH).mean(dim=0)
    torch.testing.assert_close(mean, blank(), atol=1e-6, rtol=0)


@pytest.mark.parametrize("contrast", [0, 0.25, 1])
def test_contrast_is_michelson_s(contrast):
    image = gratings(90, 0.25, [0, 45], contrast, Field(0, 28, 0, 27))[0]
    assert (image.max() - image.min()) / (image.max() + image.min()) == pytest.approx(contrast, abs=1e-6)


def test_around_the_field_is_grey():
    image = gratings(30, 0.2, 40, 1, PATCH)
    outside = torch.ones(28, 28, dtype=torch.bool)
    outside[5:15, 9:19] = False
    assert (image[outside] == GREY).all()
    assert (image[~outside] != GREY).all()


def test_a_disc_keeps_the_grating_to_its_diameter():
    down, right = np.indices((28, 28)) - 13.5
    distance = torch.from_numpy(np.hypot(down, right))
    whole, disc, nothing, everything = gratings(30, 0.2, 40, 1, WHOLE, diameter=[np.inf, 12, 0, 41])
    assert (disc[distance > 6.5] == GREY).all()
    assert torch.equal(disc[distance < 5.5], whole[distance < 5.5])
    assert torch.equal(nothing, blank())
    assert torch.equal(everything, whole)


def test_parameters_of_several_axes_give_images_of_as_many():
    images = gratings(np.zeros((3, 1, 1)), np.full((4, 1), 0.1), np.zeros(5), 1, WHOLE)
    assert images.shape == (3, 4, 5, 28, 28)
    assert images.dtype == torch.float32


@pytest.mark.parametrize("side", [1, 3])
def test_a_spot_is_shown_at_every_place_in_the_field_and_nowhere_else(side):
    field = Field(0, 8, 20, 28)
    images = spots(field, side, 1.0)
    assert images.shape == (9 - side, 9 - side, 28, 28)
    assert set(images.unique().tolist()) == {GREY, 1.0}
    assert ((images == 1).sum(dim=(2, 3)) == side**2).all()
    assert len(images.flatten(end_dim=1).unique(dim=0)) == (9 - side) ** 2
    covered = (images == 1).any(dim=0).any(dim=0)
    assert covered[:8, 20:].all()
    assert covered.sum() == 64
    assert images[2, 1, 2 : 2 + side, 21 : 21 + side].min() == 1


def test_white_noise_is_white():
    noise = white_noise(4000, seed=3)
    assert noise.shape == (4000, 28, 28)
    assert 0 <= noise.min() <= noise.max() <= 1
    assert noise.mean() == pytest.approx(GREY, abs=1e-3)
    assert noise.std() == pytest.approx(NOISE_SD, rel=0.01)
    centred = noise - noise.mean()
    for shifted in (centred[:, 1:] * centred[:, :-1], centred[:, :, 1:] * centred[:, :, :-1]):
        assert abs(shifted.mean()) < 1e-4


def test_the_same_seed_gives_the_same_noise_and_another_does_not():
    assert torch.equal(white_noise(3, seed=1), white_noise(3, seed=1))
    assert not torch.equal(white_noise(3, seed=1), white_noise(3, seed=2))
