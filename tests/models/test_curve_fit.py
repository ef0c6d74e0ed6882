"""Every curve gives back the parameters that were planted in it."""

import math

import numpy as np
import pytest

from models.analysis.curve_fit import (
    difference_of_gaussians,
    gaussian,
    gaussian_map,
    log_gaussian,
    naka_rushton,
    von_mises,
)

ORIENTATIONS = np.arange(0, 180, 7.5)
FREQUENCIES = np.geomspace(0.02, 0.5, 16)
DIAMETERS = np.linspace(0, 40, 15)
CONTRASTS = np.append(0, np.geomspace(0.02, 1, 12))


@pytest.mark.parametrize("peak", [0, 37, 90, 179])
@pytest.mark.parametrize("kappa", [0.5, 3, 20])
def test_von_mises(peak, kappa):
    cosine = np.cos(2 * np.radians(ORIENTATIONS - peak))
    lowest, highest = math.exp(-kappa), math.exp(kappa)
    fit = von_mises(ORIENTATIONS, 3 + 2 * (np.exp(kappa * cosine) - lowest) / (highest - lowest))
    assert fit.peak is not None
    assert math.sin(math.radians(fit.peak - peak)) == pytest.approx(0, abs=1e-5)
    assert fit.parameters["kappa"] == pytest.approx(kappa, rel=1e-3)
    assert (fit.baseline, fit.amplitude, fit.r2) == pytest.approx((3, 2, 1), rel=1e-4)


def test_a_von_mises_is_at_half_its_height_half_a_width_from_its_peak():
    fit = von_mises(ORIENTATIONS, np.exp(2 * np.cos(2 * np.radians(ORIENTATIONS - 50))))
    assert fit.width is not None
    half, top, bottom = fit.evaluate([50 - fit.width / 2, 50, 140])
    assert half == pytest.approx((top + bottom) / 2, rel=1e-4)


def test_a_cosine_is_the_broadest_von_mises():
    fit = von_mises(ORIENTATIONS, np.cos(2 * np.radians(ORIENTATIONS - 20)))
    assert fit.peak == pytest.approx(20, abs=0.01)
    assert fit.width == pytest.approx(90, abs=4)
    assert fit.r2 > 0.99


@pytest.mark.parametrize("sd", [0.3, 0.7, 1.5])
def test_log_gaussian(sd):
    fit = log_gaussian(FREQUENCIES, 1 + 5 * np.exp(-(np.log2(FREQUENCIES / 0.12) ** 2) / (2 * sd**2)), 1)
    assert fit.peak == pytest.approx(0.12, rel=1e-4)
    assert fit.width == pytest.approx(2 * math.sqrt(2 * math.log(2)) * sd, rel=1e-3)
    assert (fit.baseline, fit.amplitude, fit.r2) == pytest.approx((1, 5, 1), rel=1e-4)


@pytest.mark.parametrize("centre", [4.0, 8.3, 13.0])
def test_gaussian(centre):
    places = np.arange(4, 14)
    fit = gaussian(places, -2 + 5 * np.exp(-((places - centre) ** 2) / (2 * 1.7**2)), -2)
    assert fit.peak == pytest.approx(centre, abs=1e-3)
    assert fit.parameters["sd"] == pytest.approx(1.7, rel=1e-3)
    assert fit.width == pytest.approx(2.3548 * 1.7, rel=1e-3)
    assert (fit.baseline, fit.amplitude, fit.r2) == pytest.approx((-2, 5, 1), rel=1e-4)


def test_gaussian_map():
    rows, columns = np.arange(9), np.arange(10, 25)
    down, along = np.exp(-((rows - 5.2) ** 2) / (2 * 1.5**2)), np.exp(-((columns - 14.7) ** 2) / (2 * 4**2))
    fit = gaussian_map(rows, columns, -1 + 3 * np.outer(down, along), -1)
    assert (fit.by_row.peak, fit.by_column.peak) == pytest.approx((5.2, 14.7), abs=1e-3)
    assert (fit.by_row.parameters["sd"], fit.by_column.parameters["sd"]) == pytest.approx((1.5, 4), rel=1e-3)
    assert (fit.baseline, fit.amplitude, fit.r2) == pytest.approx((-1, 3, 1), rel=1e-4)
    assert fit.evaluate([5.2], [14.7]) == pytest.approx(2, rel=1e-4)


def test_a_map_s_bump_is_found_among_what_lies_below_the_baseline():
    rows, columns = np.arange(20), np.arange(20)
    bump = np.outer(*(np.exp(-((places - 12) ** 2) / 8) for places in (rows, columns)))
    fit = gaussian_map(rows, columns, np.where(bump > 0.05, 2 * bump, -0.1), 0)
    assert (fit.by_row.peak, fit.by_column.peak) == pytest.approx((12, 12), abs=0.1)
    assert fit.r2 > 0.9


@pytest.mark.parametrize(("c50", "exponent"), [(0.05, 1.0), (0.3, 2.1), (0.6, 4.0)])
def test_naka_rushton(c50, exponent):
    rising = CONTRASTS**exponent / (CONTRASTS**exponent + c50**exponent)
    fit = naka_rushton(CONTRASTS, 1 + 5 * rising / rising[-1], 1)
    assert fit.parameters == pytest.approx({"c50": c50, "exponent": exponent}, rel=1e-3)
    assert (fit.baseline, fit.amplitude, fit.r2) == pytest.approx((1, 5, 1), rel=1e-4)


def test_a_straight_line_saturates_at_no_contrast():
    fit = naka_rushton(CONTRASTS, CONTRASTS, 0)
    assert fit.parameters["c50"] > 4
    assert fit.parameters["exponent"] == pytest.approx(1, abs=0.05)
    assert fit.r2 > 0.999


def planted_sizes(centre_sd, surround_amplitude, surround_sd):
    centre, surround = (1 - np.exp(-(DIAMETERS**2) / (8 * sd**2)) for sd in (centre_sd, surround_sd))
    return 1 + 5 * centre - surround_amplitude * surround


def test_difference_of_gaussians():
    fit = difference_of_gaussians(DIAMETERS, planted_sizes(3, 2, 6), 1)
    planted = {"centre_amplitude": 5, "centre_sd": 3, "surround_amplitude": 2, "surround_sd": 6}
    assert fit.parameters == pytest.approx(planted, rel=1e-3)
    fine = np.linspace(0, 40, 4001)
    curve = 5 * (1 - np.exp(-(fine**2) / 72)) - 2 * (1 - np.exp(-(fine**2) / 288))
    assert fit.peak == pytest.approx(fine[curve.argmax()], abs=0.1)
    assert (fit.baseline, fit.amplitude, fit.r2) == pytest.approx((1, curve.max(), 1), rel=1e-4)


def test_a_unit_without_surround_gets_none():
    fit = difference_of_gaussians(DIAMETERS, planted_sizes(3, 0, 6), 1)
    assert fit.parameters["surround_amplitude"] == pytest.approx(0, abs=1e-4)
    assert fit.parameters["centre_sd"] == pytest.approx(3, rel=1e-3)


def test_what_only_falls_below_its_baseline_is_not_explained():
    fit = gaussian(np.arange(10), -np.exp(-((np.arange(10) - 4.0) ** 2)), 0)
    assert fit.amplitude == 0
    assert fit.r2 <= 0


def test_what_does_not_vary_leaves_nothing_to_explain():
    assert gaussian(np.arange(10), np.full(10, 3.0), 0).r2 == 0


def test_noise_about_a_curve_moves_it_little():
    noise = np.random.default_rng(0).normal(scale=0.1, size=ORIENTATIONS.size)
    fit = von_mises(ORIENTATIONS, np.exp(2 * (np.cos(2 * np.radians(ORIENTATIONS - 60)) - 1)) + noise)
    assert fit.peak == pytest.approx(60, abs=4)
    assert 0.85 < fit.r2 < 1
