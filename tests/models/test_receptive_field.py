"""Receptive fields: wiring allows what the theory says, and reverse correlation finds what was planted."""

import json
import math

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.analysis.receptive_field import LEVEL, MOST_SAMPLES, THRESHOLD, measure, receptive_field
from models.digit_net import LAYERS, PIXEL_MEAN, DigitNet
from models.errors import InvalidAnalysis
from models.units import Field, Unit
from tests.models.left_as_found import left_as_found

WHOLE = Field(0, 28, 0, 28)
PIXELS = 28 * 28


def theoretical_fields(layer: str) -> Tensor:
    """Which pixels can reach which unit by theory (pixel, unit)."""
    inside = torch.zeros(LAYERS[layer].size, 28, 28, dtype=torch.bool)
    for index, pixels in enumerate(inside):
        field = Unit.of(LAYERS[layer], index).receptive_field
        pixels[field.top : field.bottom, field.left : field.right] = True
    return inside.flatten(start_dim=1).T


@torch.inference_mode()
def reached_units(network: DigitNet, layer: str, image: Tensor) -> Tensor:
    """Which units' drives change when one pixel of `image` turns to ink (pixel, unit)."""
    turned = image.repeat(PIXELS, 1).fill_diagonal_(1.0).unflatten(1, (28, 28))
    drives = network.drive(turned, layer).flatten(start_dim=1)
    # The same batch with nothing turned: alike to the last bit where a pixel does not matter.
    return drives != network.drive(image.expand(PIXELS, -1).unflatten(1, (28, 28)), layer).flatten(start_dim=1)


@pytest.mark.parametrize("layer", LAYERS)
def test_the_theoretical_field_of_every_unit_is_all_that_can_reach_it(layer):
    network = DigitNet.initialised(0)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.abs_().add_(0.01)  # then each pixel that turns to ink raises all that it reaches
    even = torch.full((PIXELS,), PIXEL_MEAN)
    assert torch.equal(reached_units(network, layer, even), theoretical_fields(layer))


@pytest.mark.parametrize("layer", ["l1", "l2"])
def test_whatever_the_weights_nothing_outside_its_theoretical_field_reaches_a_unit(layer):
    fields = theoretical_fields(layer)
    for seed in range(3):
        image = torch.rand(PIXELS, generator=torch.Generator().manual_seed(seed))
        reached = reached_units(DigitNet.initialised(seed), layer, image)
        assert reached.any(dim=0).float().mean() > 0.9
        assert not (reached & ~fields).any()


# Planted filters: anything that responds can be measured


def planted_kernel() -> NDArray[np.float64]:
    """Weights of either sign in rows 4 to 8 and columns 15 to 21, none elsewhere."""
    kernel = np.zeros((28, 28))
    kernel[4:9, 15:22] = np.random.default_rng(0).choice([-1.0, 1.0], (5, 7)) * np.linspace(0.5, 1.5, 35).reshape(5, 7)
    return kernel


def linear(images: Tensor) -> NDArray[np.float64]:
    return -3 + np.tensordot(images.numpy().astype(np.float64), planted_kernel(), axes=2)


def rectified(images: Tensor) -> NDArray[np.float64]:
    return np.maximum(linear(images) - linear(torch.full((1, 28, 28), 0.5)), 0)


def indifferent(images: Tensor) -> NDArray[np.float64]:
    """A unit that answers at random, whatever it sees."""
    return np.random.default_rng(7).normal(size=len(images))


def test_a_linear_unit_s_weights_are_estimated():
    answer = measure(linear, Field(4, 9, 15, 22), 20_000, seed=1)
    weights, kernel = np.array(answer["reverse_correlation"]), planted_kernel()
    error = np.linalg.norm(kernel) / math.sqrt(20_000)  # what the other pixels add to each
    assert (weights - kernel).std() == pytest.approx(error, rel=0.2)
    assert np.corrcoef(weights.ravel(), kernel.ravel())[0, 1] > 0.95


@pytest.mark.parametrize("respond", [linear, rectified])
def test_a_planted_field_is_found_at_its_place(respond):
    answer = measure(respond, Field(4, 9, 15, 22), 8192, seed=1)
    box = {"top": 4, "bottom": 9, "left": 15, "right": 22}
    box |= {"centre": {"row": 6, "column": 18}, "size": {"rows": 5, "columns": 7}}
    assert answer["measured"] == answer["theoretical"] == box
    assert answer["energy_inside"] == pytest.approx(1, abs=0.05)
    peak = answer["peak"]
    assert 4 <= peak["row"] < 9
    assert 15 <= peak["column"] < 22
    assert peak["z"] == answer["z_scores"][peak["row"]][peak["column"]]
    assert peak["weight"] == answer["reverse_correlation"][peak["row"]][peak["column"]]
    assert abs(peak["z"]) == np.abs(answer["z_scores"]).max()


def test_what_lies_outside_the_theoretical_field_lowers_the_energy_inside():
    kernel = planted_kernel()
    share = np.square(kernel[4:9, 15:19]).sum() / np.square(kernel).sum()
    answer = measure(linear, Field(4, 9, 15, 19), 20_000, seed=1)
    assert answer["energy_inside"] == pytest.approx(share, abs=0.05)


def test_a_unit_that_hears_no_pixel_has_no_measured_field():
    answer = measure(indifferent, WHOLE, 4096, seed=0)
    assert answer["measured"] is None
    assert answer["significant_pixels"] == 0
    assert np.std(answer["z_scores"]) == pytest.approx(1, abs=0.1)


def test_the_threshold_shares_the_level_among_all_pixels():
    beyond = math.erfc(THRESHOLD / math.sqrt(2))  # of a standard normal, either side
    assert beyond * PIXELS == pytest.approx(LEVEL, rel=1e-6)


# The network


@pytest.fixture
def network() -> DigitNet:
    return DigitNet.initialised(0)


@pytest.mark.parametrize(("layer", "side"), [("l1", 4), ("l2", 10)])
def test_the_measured_field_of_a_unit_lies_in_its_theoretical_one(network, layer, side):
    unit = Unit.of(LAYERS[layer], {"channel": 0, "row": 3, "column": 3})
    answer = receptive_field(network, unit, seed=2)
    theoretical, measured = answer["theoretical"], answer["measured"]
    assert theoretical["size"] == {"rows": side, "columns": side}
    assert theoretical["top"] <= measured["top"] < measured["bottom"] <= theoretical["bottom"]
    assert theoretical["left"] <= measured["left"] < measured["right"] <= theoretical["right"]
    assert answer["energy_inside"] > 0.95


def test_a_pooled_kernel_s_field_is_the_kernel_at_each_of_the_four_places(network):
    kernel = torch.tensor([[1.0, 1.0, 1.0], [1.0, 2.0, 1.0], [1.0, 1.0, 1.0]])
    with torch.no_grad():
        network.conv1.weight[4, 0] = kernel
    unit = Unit.of(LAYERS["l1"], {"channel": 4, "row": 8, "column": 2})
    answer = receptive_field(network, unit, samples=20_000)
    places = torch.nn.functional.conv_transpose2d(torch.ones(1, 1, 2, 2), kernel[None, None])[0, 0].numpy() / 4
    found = np.array(answer["reverse_correlation"])[15:19, 3:7]
    assert np.corrcoef(found.ravel(), places.ravel())[0, 1] > 0.98
    assert answer["measured"] == answer["theoretical"]


def test_a_unit_that_answers_everything_alike_has_an_empty_field(network):
    with torch.no_grad():
        network.conv1.weight[3] = 0.0
    answer = receptive_field(network, Unit.of(LAYERS["l1"], {"channel": 3, "row": 1, "column": 1}), samples=256)
    assert not np.any(answer["reverse_correlation"])
    assert not np.any(answer["z_scores"])
    assert (answer["measured"], answer["energy_inside"], answer["peak"]) == (None, None, None)


@pytest.mark.parametrize(("layer", "spec"), [("l1", 0), ("l1", {"channel": 5}), ("l2", 783), ("l3", 9), ("y", 0)])
def test_the_same_seed_gives_the_same_plain_numbers_and_another_does_not(network, layer, spec):
    unit = Unit.of(LAYERS[layer], spec)
    first, again, other = (json.dumps(receptive_field(network, unit, 300, seed), allow_nan=False) for seed in (1, 1, 2))
    assert first == again != other


def test_the_network_and_the_global_generators_are_left_as_found(network):
    with left_as_found(network):
        receptive_field(network, Unit.of(LAYERS["l3"], 1), samples=300)


@pytest.mark.parametrize(("samples", "words"), [(10, "too few"), (MOST_SAMPLES + 1, "too many")])
def test_too_few_and_too_many_samples_are_refused(network, samples, words):
    with pytest.raises(InvalidAnalysis, match=words) as refused:
        receptive_field(network, Unit.of(LAYERS["y"], 0), samples)
    assert refused.value.pointer == "/samples"
