"""Dissimilarity against numpy's correlations, ranks and class means against examples worked out by hand."""

import json

import numpy as np
import pytest
import torch

from models.analysis.activity import record
from models.analysis.similarity import INPUT, dissimilarity, similarity, spearman
from models.digit_net import LAYERS, DigitNet
from models.digits import DigitSample
from models.errors import UnknownLayer
from tests.models.left_as_found import left_as_found
from tests.models.made_digits import noise_digits

PER_CLASS = 3
LABELS = torch.arange(10).repeat_interleave(PER_CLASS)
COUNT = len(LABELS)


@pytest.fixture
def network() -> DigitNet:
    return DigitNet.initialised(0)


@pytest.fixture
def sample() -> DigitSample:
    return noise_digits(LABELS, first=100)


# Made patterns


def test_dissimilarity_is_one_less_numpy_s_correlation():
    patterns = torch.rand((12, 50), generator=torch.Generator().manual_seed(0))
    expected = 1 - np.corrcoef(patterns.double().numpy())
    assert dissimilarity(patterns).numpy() == pytest.approx(expected, abs=1e-12)
    assert not dissimilarity(patterns).diagonal().any()


def test_patterns_are_alike_whatever_their_level_and_gain_and_opposite_ones_are_two_apart():
    pattern = torch.tensor([0.0, 1.0, 3.0, 2.0])
    found = dissimilarity(torch.stack([pattern, 5 * pattern + 2, -pattern]))
    assert found.tolist() == pytest.approx(np.array([[0, 0, 2], [0, 0, 2], [2, 2, 0]]), abs=1e-12)


def test_units_that_each_answer_to_one_stimulus_alone_keep_all_stimuli_equally_apart():
    found = dissimilarity(torch.eye(10))  # the correlation of two of them is -1 / 9
    assert found.numpy() == pytest.approx(10 / 9 * (1 - np.eye(10)), abs=1e-12)


def test_a_pattern_that_does_not_vary_has_no_dissimilarity():
    rising = torch.arange(7, dtype=torch.float64)
    level = torch.full((7,), 0.1, dtype=torch.float64)  # its mean differs from 0.1 in the last bit
    found = dissimilarity(torch.stack([level, rising, torch.zeros(7), -rising]))
    assert found.isnan().tolist() == [[True] * 4, [True, False] * 2, [True] * 4, [True, False] * 2]
    assert found[1, 3] == pytest.approx(2)


def test_spearman_s_correlation_of_an_example_by_hand():
    one, other = torch.tensor([10.0, 30.0, 20.0, 50.0, 40.0]), torch.tensor([0.1, 9.0, 0.2, 0.3, 500.0])
    # ranks 1 3 2 5 4 and 1 4 2 3 5: squared differences 0 1 0 4 1
    assert spearman(one, other) == pytest.approx(1 - 6 * 6 / (5 * 24))


def test_equals_share_their_mean_rank():
    one, other = torch.tensor([1.0, 2.0, 2.0, 3.0]), torch.tensor([5.0, 7.0, 6.0, 8.0])
    # ranks 1 2.5 2.5 4 and 1 3 2 4
    assert spearman(one, other) == pytest.approx(np.corrcoef([1, 2.5, 2.5, 4], [1, 3, 2, 4])[0, 1])


def test_spearman_s_correlation_sees_order_alone_and_nothing_where_there_is_none():
    values = torch.rand(40, generator=torch.Generator().manual_seed(0))
    assert spearman(values, values.exp()) == pytest.approx(1)
    assert spearman(values, -values) == pytest.approx(-1)
    assert np.isnan(spearman(values, torch.ones(40)))


# The network's layers


def test_every_layer_has_its_matrix_and_the_pixels_theirs(network, sample):
    found = similarity(network, sample)
    assert [layer["name"] for layer in found["layers"]] == [INPUT, *LAYERS]
    assert (found["indices"], found["labels"]) == (sample.indices.tolist(), LABELS.tolist())
    patterns = {name: response.activity for name, response in record(network, sample.images).items()}
    patterns[INPUT] = sample.images
    for layer in found["layers"]:
        expected = 1 - np.corrcoef(patterns[layer["name"]].flatten(1).double().numpy())
        assert np.array(layer["dissimilarity"]) == pytest.approx(expected, abs=1e-9)


def test_class_means_leave_out_each_digit_s_likeness_to_itself(network, sample):
    (layer,) = similarity(network, sample, ["l3"])["layers"]
    matrix, classes = np.array(layer["dissimilarity"]), np.array(layer["class_dissimilarity"])
    assert [classes[2, 7], classes[7, 2]] == pytest.approx([matrix[6:9, 21:24].mean()] * 2)
    assert classes[4, 4] == pytest.approx((matrix[12, 13] + matrix[12, 14] + matrix[13, 14]) / 3)
    assert layer["within"] == pytest.approx(np.diag(classes).mean())
    assert layer["between"] == pytest.approx(classes[~np.eye(10, dtype=bool)].mean())
    assert layer["separability"] == layer["between"] - layer["within"]


def test_layers_agree_with_themselves_and_with_each_other_both_ways(network, sample):
    found = similarity(network, sample)
    agreement = np.array(found["layer_similarity"])
    assert np.diag(agreement) == pytest.approx(1)
    assert agreement == pytest.approx(agreement.T)
    upper = np.triu_indices(COUNT, 1)
    one, other = (torch.tensor(found["layers"][place]["dissimilarity"])[upper] for place in (2, 4))
    assert agreement[2, 4] == pytest.approx(spearman(one, other), abs=1e-6)


def test_a_layer_in_which_no_unit_answers_has_no_numbers(network, sample):
    with torch.no_grad():
        network.fc2.bias.fill_(-1e6)
    found = similarity(network, sample, ["l3", "l4"])
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    _, silent = found["layers"]
    assert {value for row in silent["dissimilarity"] + silent["class_dissimilarity"] for value in row} == {None}
    assert silent["within"] is silent["between"] is silent["separability"] is None
    assert found["layer_similarity"][0][0] == pytest.approx(1)
    assert found["layer_similarity"][0][1] is found["layer_similarity"][1][1] is None


def test_a_digit_that_leaves_the_layer_silent_is_left_out_of_the_means(network, sample):
    images = sample.images.clone()
    images[0] = 0
    (whole,), (lacking,) = (
        similarity(network, sample._replace(images=shown), [INPUT])["layers"] for shown in (sample.images, images)
    )
    assert lacking["dissimilarity"][0] == [None] * COUNT
    assert lacking["class_dissimilarity"][0][0] == pytest.approx(whole["dissimilarity"][1][2])
    assert lacking["class_dissimilarity"][5][6] == whole["class_dissimilarity"][5][6]


def test_layers_come_in_the_network_s_order_and_no_others(network, sample):
    for asked in (["y", INPUT, "l2"], ["l2", "y", INPUT, "y"]):
        found = similarity(network, sample, asked)
        assert [layer["name"] for layer in found["layers"]] == [INPUT, "l2", "y"]
        assert np.shape(found["layer_similarity"]) == (3, 3)


def test_a_layer_that_there_is_not_is_refused(network, sample):
    with pytest.raises(UnknownLayer):
        similarity(network, sample, ["l9"])


def test_the_network_is_left_as_it_was_found(network, sample):
    with left_as_found(network):
        with torch.no_grad():
            first = similarity(network, sample)
        assert similarity(network, sample) == first
