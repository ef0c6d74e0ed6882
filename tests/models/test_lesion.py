"""Lesions of networks whose every weight is known, so that what they cost is known on paper."""

import json

import numpy as np
import pytest
import torch

from models.analysis.activity import record
from models.analysis.census import class_means
from models.analysis.lesion import DOSES, Preparation
from models.digit_net import LAYERS, PIXEL_MEAN, PIXEL_SD, DigitNet
from models.digits import DigitSample
from models.errors import InvalidAnalysis, UnknownLayer
from models.units import Unit
from tests.models.left_as_found import left_as_found
from tests.models.made_digits import noise_digits

COUNT = 200
LABELS = torch.arange(COUNT) % 10
INK = (1 - PIXEL_MEAN) / PIXEL_SD
LESIONABLE = ["l1", "l2", "l3", "l4"]


@pytest.fixture
def network() -> DigitNet:
    return DigitNet.initialised(0)


@pytest.fixture
def sample() -> DigitSample:
    return noise_digits(LABELS)


@pytest.fixture
def labelled_lines() -> DigitNet:
    """Channel 0 passes the picture on, and unit c of `l3`, of `l4` and of `y` reads block c alone; silence reads 9."""
    network = DigitNet()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.zero_()
        for convolution in (network.conv1, network.conv2):
            convolution.weight[0, 0, 1, 1] = 1
        for line in range(10):
            for dense in (network.fc1, network.fc2, network.fc3):
                dense.weight[line, line] = 1
        network.fc3.bias[9] = 0.5
    return network


@pytest.fixture
def blocks() -> DigitSample:
    """Pictures in which a block of 4x4 pixels tells the class: block c is at place c of the 7x7 of `l2`."""
    images = torch.zeros((COUNT, 28, 28), dtype=torch.uint8)
    for image, label in zip(images, LABELS.tolist(), strict=True):
        row, column = divmod(label, 7)
        image[4 * row : 4 * row + 4, 4 * column : 4 * column + 4] = 255
    return DigitSample(torch.arange(COUNT), images, LABELS)


def units(layer: str, *indices: int) -> list[Unit]:
    return [Unit.of(LAYERS[layer], index) for index in indices]


# What a lesion does


def test_a_unit_that_alone_feeds_a_logit_takes_away_its_weight_times_its_activity_and_nothing_else(network, sample):
    with torch.no_grad():
        network.fc3.weight[:, 11] = 0
        network.fc3.weight[6] = 0
        network.fc3.weight[6, 11] = 1.5
        network.fc2.bias[11] = 3.0  # never silent
    activity = record(network, sample.images, ["l4"])["l4"].activity[:, [11]]
    found = Preparation(network, sample, "l4").lesion(units("l4", 11))
    change = torch.tensor(found["logit_change"], dtype=torch.float64)
    torch.testing.assert_close(change[:, 6], -1.5 * class_means(activity, LABELS)[:, 0], atol=1e-6, rtol=0)
    change[:, 6] = 0
    assert not change.any()


@pytest.mark.parametrize("layer", ["l3", "l4"])
def test_without_its_line_a_class_is_lost_and_no_other(labelled_lines, blocks, layer):
    found = Preparation(labelled_lines, blocks, layer).lesion(units(layer, 3))
    assert (found["accuracy_before"], found["accuracy_after"]) == (1.0, 0.9)
    assert found["class_accuracy_before"] == [1.0] * 10
    assert found["class_accuracy_after"] == [float(digit != 3) for digit in range(10)]
    assert found["predictions_changed"] == 20
    expected = np.diag([20] * 10)
    assert found["confusion_before"] == expected.tolist()
    expected[3, [3, 9]] = 0, 20
    assert found["confusion_after"] == expected.tolist()
    change = np.zeros((10, 10))
    change[3, 3] = -INK
    assert found["logit_change"] == pytest.approx(change, abs=1e-5)


def test_a_unit_of_a_map_is_one_place_and_a_channel_all_of_it(labelled_lines, blocks):
    preparation = Preparation(labelled_lines, blocks, "l2")
    place = preparation.lesion([Unit.of(LAYERS["l2"], {"channel": 0, "row": 0, "column": 4})])
    assert place["class_accuracy_after"] == [float(digit != 4) for digit in range(10)]
    assert (place["units"], place["lesioned"]) == ([4], 1)
    channel = preparation.lesion([Unit.of(LAYERS["l2"], {"channel": 0})])
    assert channel["class_accuracy_after"] == [float(digit == 9) for digit in range(10)]
    assert (channel["units"], channel["lesioned"], channel["size"]) == ([{"channel": 0}], 49, 784)
    assert channel == preparation.lesion(units("l2", *range(49))) | {"units": [{"channel": 0}]}
    twice = preparation.lesion([Unit.of(LAYERS["l2"], {"channel": 0}), *units("l2", 4, 4)])
    assert twice["lesioned"] == 49


@pytest.mark.parametrize("layer", LESIONABLE)
def test_it_is_what_the_later_layers_make_of_the_layer_with_zeros_in_it(network, sample, layer):
    chosen = [0, 5, 17, 83]
    activity = record(network, sample.images, [layer])[layer].activity.clone()
    with torch.no_grad():
        intact = network.logits_after(layer, activity)
        activity.flatten(1)[:, chosen] = 0
        expected = network.logits_after(layer, activity)
    found = Preparation(network, sample, layer).lesion(units(layer, *chosen))
    change = class_means(expected - intact, LABELS)
    torch.testing.assert_close(torch.tensor(found["logit_change"], dtype=torch.float64), change, atol=1e-6, rtol=0)
    assert found["predictions_changed"] == (expected.argmax(1) != intact.argmax(1)).sum()
    assert sum(map(sum, found["confusion_after"])) == COUNT


@pytest.mark.parametrize("layer", LESIONABLE)
@pytest.mark.parametrize("replacement", ["zero", "mean"])
def test_a_sham_lesion_changes_nothing(network, sample, layer, replacement):
    found = Preparation(network, sample, layer, replacement).lesion([])
    assert not np.any(found["logit_change"])
    assert found["predictions_changed"] == found["lesioned"] == 0
    for reading in ("accuracy", "class_accuracy", "confusion"):
        assert found[f"{reading}_before"] == found[f"{reading}_after"]


def test_without_the_whole_layer_every_digit_is_read_alike(network, sample):
    found = Preparation(network, sample, "l4").lesion(units("l4", *range(84)))
    answer = int(network.fc3.bias.argmax())
    assert found["class_accuracy_after"] == [float(digit == answer) for digit in range(10)]
    assert found["accuracy_after"] == 0.1


def test_units_held_at_their_mean_leave_the_mean_of_the_logits_where_it_was(network, sample):
    with torch.no_grad():
        network.fc2.bias += 1  # so that silencing does move it
    silenced, held = (
        np.mean(Preparation(network, sample, "l4", replacement).lesion(units("l4", 1, 40))["logit_change"], axis=0)
        for replacement in ("zero", "mean")
    )
    assert np.abs(held).max() < 1e-6 < 1e-3 < np.abs(silenced).max()


# Each alone


@pytest.mark.parametrize("layer", ["l3", "l4"])
def test_of_the_units_one_by_one_the_lines_cost_their_class_and_the_dead_nothing(labelled_lines, blocks, layer):
    each = Preparation(labelled_lines, blocks, layer).each()
    assert [alone["unit"] for alone in each] == list(range(LAYERS[layer].size))
    assert [alone["change"] for alone in each] == [-0.1] * 9 + [0] * (len(each) - 9)  # silence reads 9 all the same
    assert all(alone["accuracy"] == pytest.approx(1 + alone["change"]) for alone in each)


@pytest.mark.parametrize("layer", ["l1", "l2"])
def test_of_a_convolutional_layer_each_channel_is_lesioned(labelled_lines, blocks, layer):
    each = Preparation(labelled_lines, blocks, layer).each()
    assert [alone["unit"] for alone in each] == [{"channel": channel} for channel in range(LAYERS[layer].shape[0])]
    assert [alone["accuracy"] for alone in each] == [0.1] + [1.0] * (len(each) - 1)


# Dose


def test_the_dose_curve_falls_from_the_intact_network_to_a_layer_that_is_gone(labelled_lines, blocks):
    curve = Preparation(labelled_lines, blocks, "l4").dose_curve(0.25, repeats=5, seed=3)
    assert [dose["fraction"] for dose in curve] == sorted([*DOSES, 0.25])
    assert [dose["lesioned"] for dose in curve] == [round(84 * dose["fraction"]) for dose in curve]
    assert (curve[0]["accuracy"], curve[0]["sd"]) == (1.0, 0.0)
    assert (curve[-1]["accuracy"], curve[-1]["sd"]) == pytest.approx((0.1, 0.0))
    for dose in curve:
        assert dose["accuracy"] == pytest.approx(np.mean(dose["accuracies"]))
        assert dose["sd"] == pytest.approx(np.std(dose["accuracies"], ddof=1))
    falls = np.diff([dose["accuracies"] for dose in curve], axis=0)
    assert (falls <= 1e-12).all()  # a larger dose takes the same lines and more
    assert (falls.sum(axis=0) < -0.8).all()
    assert any(dose["sd"] > 0 for dose in curve)  # each repeat has an order of its own


def test_the_random_units_are_those_of_the_curve_s_first_order(network, sample):
    preparation = Preparation(network, sample, "l3")
    chosen = preparation.random_units(0.3, seed=8)
    assert len(chosen) == 36
    (dose,) = [dose for dose in preparation.dose_curve(0.3, repeats=2, seed=8) if dose["fraction"] == 0.3]
    assert dose["accuracies"][0] == preparation.lesion(chosen)["accuracy_after"]


def test_the_smallest_fraction_takes_one_unit_and_a_single_order_has_no_deviation(network, sample):
    preparation = Preparation(network, sample, "l4")
    assert len(preparation.random_units(0.001, seed=0)) == 1
    assert {dose["sd"] for dose in preparation.dose_curve(0.001, repeats=1, seed=0)} == {None}


def test_the_same_seed_draws_the_same_units_and_another_does_not(network, sample):
    preparation = Preparation(network, sample, "l4")
    assert preparation.random_units(0.5, 1) == preparation.random_units(0.5, 1) != preparation.random_units(0.5, 2)
    assert preparation.dose_curve(0.5, 3, 1) == preparation.dose_curve(0.5, 3, 1)


# Manners


def test_the_output_cannot_be_lesioned(network, sample):
    with pytest.raises(InvalidAnalysis, match="lesion l1, l2, l3 or l4") as refused:
        Preparation(network, sample, "y")
    assert refused.value.pointer == "/layer"
    with pytest.raises(UnknownLayer):
        Preparation(network, sample, "l9")


@pytest.mark.parametrize("fraction", [0, -0.1, 1.01])
def test_a_fraction_that_is_none_is_refused(network, sample, fraction):
    preparation = Preparation(network, sample, "l4")
    for ask in (lambda: preparation.random_units(fraction, 0), lambda: preparation.dose_curve(fraction, 1, 0)):
        with pytest.raises(InvalidAnalysis, match="above 0 and is at most 1") as refused:
            ask()
        assert refused.value.pointer == "/fraction"
    with pytest.raises(InvalidAnalysis, match="at least one") as refused:
        preparation.dose_curve(0.5, 0, 0)
    assert refused.value.pointer == "/repeats"


def test_digits_without_one_of_the_classes_are_refused(network, sample):
    lacking = sample._replace(labels=torch.where(LABELS == 0, 1, LABELS))
    with pytest.raises(InvalidAnalysis, match="there is no 0"):
        Preparation(network, lacking, "l4").lesion([])


def test_the_network_is_left_as_it_was_found_and_numbers_fit_json(network, sample):
    with left_as_found(network):
        with torch.no_grad():
            preparation = Preparation(network, sample, "l2", "mean")
            told = [preparation.lesion(preparation.random_units(0.5, 0)), preparation.each()]
        told.append(preparation.dose_curve(0.5, 2, 0))
    assert json.loads(json.dumps(told, allow_nan=False)) == told
