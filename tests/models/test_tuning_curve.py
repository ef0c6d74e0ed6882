"""Tuning of planted filters, whose curves are known from theory, and of the network."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.analysis.tuning_curve import TuningCurveSettings, measure, tuning_curve
from models.artifacts import FOLDER
from models.checkpoints import load_weights
from models.digit_net import LAYERS, DigitNet
from models.digits import Digits
from models.errors import DatasetUnavailable, InvalidAnalysis
from models.stimuli import GREY, gratings
from models.units import Field, Unit
from tests.models.left_as_found import left_as_found

WHOLE = Field(0, 28, 0, 28)
STIMULI = ("class", "orientation", "spatial_frequency", "position", "size", "contrast")
ORIENTATION_DEG, FREQUENCY, SD = 30.0, 0.15, 3.5
HALF_WIDTH = math.sqrt(2 * math.log(2)) / (2 * math.pi * SD)
"""Of a Gabor's spectrum: a Gaussian about its frequency, in cycles per pixel."""


def gabor(phase_deg: float = 0, sd: float = SD) -> NDArray[np.float64]:
    """A Gabor filter of the planted orientation and frequency about the image's middle."""
    down, right = np.indices((28, 28)) - 13.5
    angle = math.radians(ORIENTATION_DEG)
    wave = np.cos(2 * np.pi * FREQUENCY * (down * np.cos(angle) + right * np.sin(angle)) - math.radians(phase_deg))
    return wave * np.exp(-(down**2 + right**2) / (2 * sd**2)) / (2 * np.pi * sd**2)


def filtered(images: Tensor, kernel: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.tensordot(images.numpy().astype(np.float64) - GREY, kernel, axes=2)


def simple(images: Tensor) -> NDArray[np.float64]:
    """A linear unit: it sums its pixels, weighted by a Gabor."""
    return 7 + filtered(images, gabor(40))


def rectified(images: Tensor) -> NDArray[np.float64]:
    return np.maximum(filtered(images, gabor(40)), 0)


def energy(images: Tensor) -> NDArray[np.float64]:
    """A unit that does not care for phase (Adelson & Bergen 1985)."""
    return filtered(images, gabor(0)) ** 2 + filtered(images, gabor(90)) ** 2


def tuned(respond, stimulus, **settings) -> dict:
    return measure(respond, WHOLE, TuningCurveSettings(stimulus, **settings)).answer


# Orientation and spatial frequency: a Gabor's spectrum is known


@pytest.mark.parametrize("respond", [simple, rectified])
def test_a_gabor_gives_back_its_orientation_and_its_orientation_bandwidth(respond):
    answer = tuned(respond, "orientation", cycles_per_pixel=FREQUENCY)
    assert answer["fit"]["peak"] == pytest.approx(ORIENTATION_DEG, abs=1)
    width = 4 * math.degrees(math.asin(HALF_WIDTH / (2 * FREQUENCY)))
    assert answer["fit"]["width"] == pytest.approx(width, rel=0.05)
    assert answer["fit"]["r2"] > 0.99


@pytest.mark.parametrize("respond", [simple, rectified])
def test_a_gabor_gives_back_its_frequency_and_its_bandwidth_in_octaves(respond):
    answer = tuned(respond, "spatial_frequency", orientation_deg=ORIENTATION_DEG)
    low, high = FREQUENCY - HALF_WIDTH, FREQUENCY + HALF_WIDTH
    assert answer["fit"]["peak"] == pytest.approx(math.sqrt(low * high), rel=0.02)  # the middle in octaves
    assert answer["indices"]["bandwidth_octaves"] == pytest.approx(math.log2(high / low), rel=0.05)
    assert answer["indices"]["low_cutoff"] == pytest.approx(low, rel=0.05)
    assert answer["indices"]["high_cutoff"] == pytest.approx(high, rel=0.05)


def test_what_is_held_is_what_drives_the_unit_most_unless_it_is_given():
    held = tuned(simple, "contrast")["held"]
    assert held["orientation_deg"] == ORIENTATION_DEG
    assert held["cycles_per_pixel"] == pytest.approx(FREQUENCY, rel=0.25)
    assert tuned(simple, "orientation")["held"]["cycles_per_pixel"] == held["cycles_per_pixel"]
    given = tuned(simple, "size", orientation_deg=0.0, cycles_per_pixel=0.1, contrast=0.5, phases=8)["held"]
    assert (given["orientation_deg"], given["cycles_per_pixel"]) == (0, 0.1)
    assert (given["contrast"], given["phases"]) == (0.5, 8)


def test_orientation_indices_are_those_of_the_spectrum():
    indices = tuned(simple, "orientation", cycles_per_pixel=FREQUENCY)["indices"]
    angles = np.radians(np.arange(0, 180, 1.0))
    distance = 2 * FREQUENCY * np.sin(angles / 2)
    spectrum = np.exp(-((2 * np.pi * SD * distance) ** 2) / 2)
    vector = np.abs((spectrum * np.exp(2j * angles)).sum() + (spectrum[1:] * np.exp(-2j * angles[1:])).sum())
    expected = vector / (spectrum.sum() + spectrum[1:].sum())
    assert indices["one_minus_circular_variance"] == pytest.approx(expected, abs=0.01)
    assert indices["orientation_selectivity_index"] == pytest.approx(1, abs=0.01)


def test_orientations_need_not_be_spaced_evenly():
    even = tuned(simple, "orientation", cycles_per_pixel=FREQUENCY)["indices"]
    values = (*range(0, 60, 3), 65.0, 75.0, 90.0, 110.0, 130.0, 150.0, 165.0)
    uneven = tuned(simple, "orientation", cycles_per_pixel=FREQUENCY, values=values)["indices"]
    assert uneven["one_minus_circular_variance"] == pytest.approx(even["one_minus_circular_variance"], abs=0.02)


def test_a_round_filter_prefers_no_orientation():
    down, right = np.indices((28, 28)) - 13.5
    answer = tuned(lambda images: filtered(images, np.exp(-(down**2 + right**2) / 50)), "orientation")
    assert answer["indices"]["orientation_selectivity_index"] == pytest.approx(0, abs=0.02)
    assert answer["indices"]["one_minus_circular_variance"] == pytest.approx(0, abs=0.02)


# F0 and F1


def test_a_linear_unit_is_tuned_in_its_modulation_about_the_drive_to_grey():
    answer = tuned(simple, "orientation")
    assert answer["component"] == "F1"
    assert answer["blank"] == pytest.approx(7)
    for point in answer["curve"]:
        assert point["mean"] == pytest.approx(7, abs=1e-5)
        assert point["sd"] == pytest.approx(point["f1"] / math.sqrt(2), abs=1e-5)
    assert answer["indices"]["modulation_ratio"] is None  # nothing but modulation


def test_a_rectified_linear_unit_is_modulated_as_a_simple_cell_is():
    answer = tuned(rectified, "orientation", phases=32)
    assert answer["component"] == "F1"
    assert answer["indices"]["modulation_ratio"] == pytest.approx(math.pi / 2, rel=0.01)


def test_an_energy_unit_is_tuned_in_its_mean_and_not_modulated():
    answer = tuned(energy, "orientation")
    assert answer["component"] == "F0"
    assert answer["fit"]["peak"] == pytest.approx(ORIENTATION_DEG, abs=1)
    assert answer["indices"]["modulation_ratio"] == pytest.approx(0, abs=0.01)


# Contrast


def test_a_linear_unit_s_response_is_proportional_to_contrast_and_never_saturates():
    answer = tuned(simple, "contrast")
    strongest = answer["curve"][-1]
    for point in answer["curve"]:
        assert point["f1"] == pytest.approx(point["value"] * strongest["f1"], rel=1e-3, abs=1e-6)
    assert answer["indices"]["c50"] is None
    assert answer["indices"]["exponent"] == pytest.approx(1, abs=0.05)


def test_a_normalised_energy_unit_gives_back_its_half_saturation_and_exponent():
    c50 = 0.25
    strongest = energy(gratings(ORIENTATION_DEG, FREQUENCY, [0], 1, WHOLE))[0]

    def normalised(images: Tensor) -> NDArray[np.float64]:
        return energy(images) / (energy(images) + strongest * c50**2)

    answer = tuned(normalised, "contrast", orientation_deg=ORIENTATION_DEG, cycles_per_pixel=FREQUENCY)
    assert answer["component"] == "F0"
    assert answer["indices"]["c50"] == pytest.approx(c50, rel=0.02)
    assert answer["indices"]["exponent"] == pytest.approx(2, rel=0.02)
    assert answer["fit"]["r2"] > 0.999


# Size


def test_a_gabor_sums_what_lies_under_its_envelope_and_has_no_surround():
    answer = tuned(simple, "size", orientation_deg=ORIENTATION_DEG, cycles_per_pixel=FREQUENCY)
    assert answer["fit"]["parameters"]["centre_sd"] == pytest.approx(SD, rel=0.1)
    assert answer["indices"]["suppression_index"] == pytest.approx(0, abs=0.02)
    summation = 2 * SD * math.sqrt(-2 * math.log(0.05))
    assert answer["indices"]["summation_diameter"] == pytest.approx(summation, rel=0.1)


def test_a_wider_filter_taken_away_is_a_surround_that_suppresses():
    share, wider = 0.6, 5.0

    def suppressed(images: Tensor) -> NDArray[np.float64]:
        return filtered(images, gabor(0) - share * gabor(0, wider))

    answer = tuned(suppressed, "size", orientation_deg=ORIENTATION_DEG, cycles_per_pixel=FREQUENCY)
    diameters = np.linspace(0, 28, 281)
    centre, surround = (1 - np.exp(-(diameters**2) / (8 * sd**2)) for sd in (SD, wider))
    expected = centre - share * surround
    suppression = 1 - expected[-1] / expected.max()
    assert suppression > 0.1
    assert answer["indices"]["suppression_index"] == pytest.approx(suppression, abs=0.03)
    assert answer["fit"]["peak"] == pytest.approx(diameters[expected.argmax()], abs=1)
    assert answer["fit"]["r2"] > 0.98


def test_a_disc_without_diameter_is_grey():
    first = tuned(simple, "size")["curve"][0]
    assert (first["value"], first["mean"], first["f1"]) == (0, pytest.approx(7), 0)


# Position


def blob(sign: int):
    down, right = np.indices((28, 28))
    kernel = np.exp(-((down - 9.3) ** 2) / (2 * 2.5**2) - (right - 17.6) ** 2 / (2 * 4**2))
    return lambda images: 3 + sign * filtered(images, kernel)


@pytest.mark.parametrize("sign", [1, -1])
def test_a_planted_field_is_found_at_its_place_with_its_widths_and_its_polarity(sign):
    answer = tuned(blob(sign), "position", spot_pixels=1)
    assert answer["fit"]["peak"] == pytest.approx({"row": 9.3, "column": 17.6}, abs=0.02)
    assert answer["fit"]["width"] == pytest.approx({"row": 2.3548 * 2.5, "column": 2.3548 * 4}, rel=0.01)
    assert answer["fit"]["r2"] > 0.999
    assert answer["fit"]["baseline"] == pytest.approx(3)
    assert answer["indices"]["polarity_index"] == pytest.approx(sign, abs=1e-6)
    assert answer["map"]["ink" if sign > 0 else "paper"][9][18] == pytest.approx(3.5, rel=0.05)


def test_a_position_curve_holds_the_means_of_the_map_along_either_axis():
    answer = tuned(blob(1), "position", spot_pixels=3)
    best = np.maximum(answer["map"]["ink"], answer["map"]["paper"])
    assert answer["map"]["rows"] == [place + 1.0 for place in range(26)]
    for axis, means in (("row", best.mean(axis=1)), ("column", best.mean(axis=0))):
        points = [point for point in answer["curve"] if point["axis"] == axis]
        assert [point["value"] for point in points] == answer["map"][f"{axis}s"]
        assert [point["mean"] for point in points] == pytest.approx(means.tolist())
        assert {point["n"] for point in points} == {26}
        line = [point["response"] for point in answer["fit"]["line"] if point["axis"] == axis]
        assert max(line) == pytest.approx(means.max(), rel=0.01)


# The network


@pytest.fixture
def network() -> DigitNet:
    return DigitNet.initialised(0)


@pytest.fixture
def shades() -> Digits:
    """Eight flat pictures for each class, the darker the higher the class, and none quite like another."""
    labels = torch.arange(10).repeat_interleave(8)
    levels = 20 * labels + torch.arange(8).repeat(10)
    return Digits({"test": (levels[:, None, None].expand(-1, 28, 28).to(torch.uint8), labels)})


KERNELS = {
    0: [[1.0, 1.0, 1.0], [0.0, 0.0, 0.0], [-1.0, -1.0, -1.0]],
    45: [[-1.0, -1.0, 0.0], [-1.0, 0.0, 1.0], [0.0, 1.0, 1.0]],
    90: [[1.0, 0.0, -1.0], [1.0, 0.0, -1.0], [1.0, 0.0, -1.0]],
    135: [[0.0, -1.0, -1.0], [1.0, 0.0, -1.0], [1.0, 1.0, 0.0]],
}


@pytest.mark.parametrize("orientation_deg", KERNELS)
def test_an_oriented_kernel_of_the_first_layer_gives_its_unit_its_orientation(network, orientation_deg):
    with torch.no_grad():
        network.conv1.weight[2, 0] = torch.tensor(KERNELS[orientation_deg])
    unit = Unit.of(LAYERS["l1"], {"channel": 2, "row": 6, "column": 6})
    answer = tuning_curve(network, unit, TuningCurveSettings("orientation", cycles_per_pixel=0.2)).answer
    difference = math.radians(answer["fit"]["peak"] - orientation_deg)
    assert math.sin(difference) == pytest.approx(0, abs=0.02)
    assert answer["indices"]["orientation_selectivity_index"] > 0.9
    assert answer["fit"]["r2"] > 0.8


def test_a_point_is_the_mean_and_sd_of_the_drive_over_phases(network):
    unit = Unit.of(LAYERS["l2"], 300)
    answer = tuning_curve(network, unit, TuningCurveSettings("orientation", phases=8)).answer
    point, held = answer["curve"][5], answer["held"]
    phases = np.arange(8) * 45
    images = gratings(point["value"], held["cycles_per_pixel"], phases, held["contrast"], unit.receptive_field)
    drives = unit.read(network.drive(images, "l2")).detach()
    assert point["mean"] == pytest.approx(drives.mean().item(), abs=1e-6)
    assert point["sd"] == pytest.approx(drives.std(correction=0).item(), abs=1e-6)
    assert point["n"] == 8


def test_each_value_shows_the_stimulus_that_drove_most(network):
    unit = Unit.of(LAYERS["l2"], 300)
    curve = tuning_curve(network, unit, TuningCurveSettings("orientation"))
    assert [shown.value for shown in curve.shown] == [point["value"] for point in curve.answer["curve"]]
    for shown, point in zip(curve.shown, curve.answer["curve"], strict=True):
        drive = unit.read(network.drive(torch.from_numpy(shown.pixels)[None], "l2")).item()
        assert shown.drive == pytest.approx(drive, abs=1e-5)
        assert shown.drive >= point["mean"]


def test_values_asked_for_are_measured_in_rising_order(network):
    settings = TuningCurveSettings("contrast", values=(1.0, 0.1, 0.5, 0.2, 0.5, 0.0, 0.8))
    answer = tuning_curve(network, Unit.of(LAYERS["l1"], 500), settings).answer
    assert [point["value"] for point in answer["curve"]] == [0, 0.1, 0.2, 0.5, 0.8, 1]


def test_class_tuning_is_that_of_the_drive_to_the_digits_of_each_class(network, shades):
    with torch.no_grad():
        network.conv1.weight[0] = 1.0
        network.conv1.bias[0] = -50.0  # silent, but driven the more the darker the picture
    unit = Unit.of(LAYERS["l1"], {"channel": 0, "row": 5, "column": 5})
    answer = tuning_curve(network, unit, TuningCurveSettings("class", per_class=8), shades).answer
    drives = unit.read(network.drive(shades.split("test")[0].float() / 255, "l1")).detach().reshape(10, 8)
    assert [point["mean"] for point in answer["curve"]] == pytest.approx(drives.mean(dim=1).tolist(), abs=1e-4)
    assert [point["sd"] for point in answer["curve"]] == pytest.approx(
        drives.std(dim=1, correction=0).tolist(), abs=1e-4
    )
    assert [(point["value"], point["n"]) for point in answer["curve"]] == [(digit, 8) for digit in range(10)]
    best, rest = drives[9], drives[:9]
    d_prime = (best.mean() - rest.mean()) / ((best.var(correction=0) + rest.var(correction=0)) / 2).sqrt()
    assert answer["indices"]["preferred_class"] == 9
    assert answer["indices"]["d_prime"] == pytest.approx(d_prime.item(), rel=1e-4)
    assert answer["indices"]["selectivity_index"] is None
    assert answer["fit"] is None


def test_a_unit_that_answers_everything_alike_has_neither_fit_nor_indices(network, shades):
    with torch.no_grad():
        network.conv1.weight[3] = 0.0
    unit = Unit.of(LAYERS["l1"], {"channel": 3})
    for stimulus in STIMULI:
        settings = TuningCurveSettings(stimulus, per_class=4 if stimulus == "class" else None)
        answer = tuning_curve(network, unit, settings, shades).answer
        assert answer["fit"] is None
        assert answer["indices"] is None
        assert len(answer["curve"]) >= 10


@pytest.mark.parametrize("stimulus", STIMULI)
@pytest.mark.parametrize("layer", LAYERS)
def test_every_answer_is_plain_numbers_and_the_same_twice(network, shades, layer, stimulus):
    spec = {"channel": 1} if LAYERS[layer].kind == "conv" else 1
    settings = TuningCurveSettings(stimulus, per_class=4 if stimulus == "class" else None, seed=5)
    answers = [tuning_curve(network, Unit.of(LAYERS[layer], spec), settings, shades).answer for _ in range(2)]
    assert json.dumps(answers[0], allow_nan=False) == json.dumps(answers[1])


@pytest.mark.parametrize("layer", ["l1", "l2"])
@pytest.mark.parametrize("place", [{"row": 0, "column": 0}, {"row": 6, "column": 0}, {"row": 3, "column": 6}])
def test_units_at_the_edge_have_curves_too(network, layer, place):
    unit = Unit.of(LAYERS[layer], {"channel": 4, **place})
    for stimulus in ("orientation", "spatial_frequency", "position", "contrast"):
        answer = tuning_curve(network, unit, TuningCurveSettings(stimulus)).answer
        assert answer["indices"] is not None


def test_the_seed_decides_which_digits_are_shown(network, shades):
    unit, settings = Unit.of(LAYERS["y"], 0), TuningCurveSettings("class", per_class=3)
    one, other = (tuning_curve(network, unit, replace(settings, seed=seed), shades).answer for seed in (0, 1))
    assert one["curve"] != other["curve"]


def test_the_network_and_the_global_generators_are_left_as_found(network, shades):
    with left_as_found(network):
        for stimulus in STIMULI:
            settings = TuningCurveSettings(stimulus, per_class=4 if stimulus == "class" else None)
            tuning_curve(network, Unit.of(LAYERS["l3"], 1), settings, shades)


# What makes no sense


@pytest.mark.parametrize(
    ("settings", "allowed", "pointer"),
    [
        ({"stimulus": "orientation", "orientation_deg": 10.0}, "cycles_per_pixel", "/orientation_deg"),
        ({"stimulus": "contrast", "contrast": 0.5}, "leave contrast out", "/contrast"),
        ({"stimulus": "class", "phases": 8}, "per_class", "/phases"),
        ({"stimulus": "class", "values": (0.0, 1.0)}, "leave them out", "/values"),
        ({"stimulus": "position", "values": (0.0, 1.0)}, "leave them out", "/values"),
        ({"stimulus": "orientation", "values": (0.0, 90.0, 0.0)}, "6 to 64", "/values"),
        ({"stimulus": "orientation", "values": tuple(map(float, range(65)))}, "6 to 64", "/values"),
        ({"stimulus": "orientation", "values": (0.0, 30.0, 60.0, 90.0, 120.0, 181.0)}, "0 to 180", "/values"),
        ({"stimulus": "contrast", "values": (0.0, 0.1, 0.2, 0.4, 0.8, 1.6)}, "0 to 1", "/values"),
        ({"stimulus": "spatial_frequency", "values": (0.1, 0.2, 0.3, 0.4, 0.5, 0.6)}, "0.5", "/values"),
        ({"stimulus": "orientation", "phases": 2}, "4 to 32", "/phases"),
        ({"stimulus": "class", "per_class": 900}, "2 to 800", "/per_class"),
    ],
)
def test_settings_that_contradict_each_other_are_refused(network, shades, settings, allowed, pointer):
    with pytest.raises(InvalidAnalysis, match=allowed) as refused:
        tuning_curve(network, Unit.of(LAYERS["l2"], 300), TuningCurveSettings(**settings), shades)
    assert refused.value.pointer == pointer


@pytest.mark.parametrize(
    ("settings", "allowed", "pointer"),
    [
        ({"stimulus": "size"}, "l2 to y", "/stimulus"),
        ({"stimulus": "position", "spot_pixels": 3}, "at most 2", "/spot_pixels"),
        ({"stimulus": "orientation", "cycles_per_pixel": 0.05}, "at least 0.0625", "/cycles_per_pixel"),
        ({"stimulus": "spatial_frequency", "values": (0.05, 0.1, 0.2, 0.3, 0.4, 0.5)}, "at least 0.0625", "/values"),
    ],
)
def test_a_stimulus_that_a_field_of_4_pixels_cannot_tell_is_refused_with_what_it_can(
    network, settings, allowed, pointer
):
    unit = Unit.of(LAYERS["l1"], {"channel": 0, "row": 6, "column": 6})
    with pytest.raises(InvalidAnalysis, match=allowed) as refused:
        tuning_curve(network, unit, TuningCurveSettings(**settings))
    assert refused.value.pointer == pointer
    if settings["stimulus"] != "size":
        tuning_curve(
            network, Unit.of(LAYERS["l2"], {"channel": 0, "row": 3, "column": 3}), TuningCurveSettings(**settings)
        )


def test_classes_need_digits(network):
    with pytest.raises(DatasetUnavailable, match="another stimulus"):
        tuning_curve(network, Unit.of(LAYERS["y"], 3), TuningCurveSettings("class"))


# With real digits


def test_each_output_of_the_lab_s_network_prefers_its_class(digits):
    network = DigitNet()
    load_weights(network, (FOLDER / "digit-net" / "model.safetensors").read_bytes())
    for digit in range(10):
        settings = TuningCurveSettings("class", per_class=50, seed=1)
        answer = tuning_curve(network, Unit.of(LAYERS["y"], digit), settings, digits).answer
        assert answer["indices"]["preferred_class"] == digit
        assert answer["indices"]["d_prime"] > 2
