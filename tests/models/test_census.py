"""The census against textbook values of made distributions, and units planted to be dead, constant or sparse."""

import json
import math

import numpy as np
import pytest
import torch
from torch import Tensor

from models.analysis.activity import record
from models.analysis.census import SPARSE_BELOW, census, class_means, sparseness, unit_statistics
from models.digit_net import LAYERS, DigitNet
from models.digits import DigitSample
from models.errors import InvalidAnalysis, UnknownLayer
from tests.models.left_as_found import left_as_found
from tests.models.made_digits import noise_digits

COUNT = 200
LABELS = torch.arange(COUNT) % 10


@pytest.fixture
def network() -> DigitNet:
    return DigitNet.initialised(0)


@pytest.fixture
def sample() -> DigitSample:
    return noise_digits(LABELS)


def unit(preferred: list[float], others: list[float], digit: int = 4) -> Tensor:
    """The activity (image, unit) of one unit that cycles through `preferred` for its class, else through `others`."""
    cycles = [preferred if label == digit else others for label in LABELS.tolist()]
    return torch.tensor([[cycle[place // 10 % len(cycle)]] for place, cycle in enumerate(cycles)])


def layer_census(network: DigitNet, sample: DigitSample, layer: str) -> dict:
    (found,) = census(network, sample, [layer])
    return found


# Textbook values


@pytest.mark.parametrize(
    ("preferred", "others", "index"), [([3.0], [1.0], 0.5), ([2.0], [0.0], 1.0), ([2.0], [2.0], 0.0)]
)
def test_the_selectivity_index_is_the_difference_of_class_means_over_their_sum(preferred, others, index):
    assert unit_statistics(unit(preferred, others), LABELS).selectivity_index.item() == pytest.approx(index, abs=1e-12)


def test_the_index_compares_the_largest_class_mean_with_the_mean_of_the_nine_others():
    means = torch.tensor([1.0, 8.0, 0.0, 2.0, 3.0, 0.0, 0.0, 3.0, 0.0, 0.0])  # the others' mean is 1
    statistics = unit_statistics(means[LABELS][:, None], LABELS)
    assert statistics.selectivity_index.item() == pytest.approx(7 / 9)
    assert statistics.preferred_class.item() == 1
    assert statistics.class_means[0].tolist() == means.tolist()


@pytest.mark.parametrize(
    ("preferred", "others", "d_prime"),
    [
        ([3.0, 5.0], [0.0, 2.0], 3.0),  # means 4 and 1, both variances 1
        ([1.0, 7.0], [0.0, 2.0], 3 / math.sqrt(5)),  # variances 9 and 1
        ([4.0, 4.0], [-1.0, 3.0], 3 / math.sqrt(2)),  # variances 0 and 4
    ],
)
def test_d_prime_is_the_difference_of_means_over_the_root_of_the_mean_variance(preferred, others, d_prime):
    statistics = unit_statistics(unit(preferred, others), LABELS)
    assert statistics.d_prime.item() == pytest.approx(d_prime, abs=1e-12)


def test_d_prime_takes_all_other_digits_together_however_often_each_class_comes():
    generator = np.random.default_rng(0)
    labels = generator.permutation(np.repeat(np.arange(10), np.arange(3, 13)))
    activity = generator.normal(labels % 7, 1 + labels / 10)
    is_preferred = labels == 6
    preferred, rest = activity[is_preferred], activity[~is_preferred]
    expected = (preferred.mean() - rest.mean()) / np.sqrt((preferred.var() + rest.var()) / 2)
    statistics = unit_statistics(torch.from_numpy(activity)[:, None], torch.from_numpy(labels))
    assert statistics.preferred_class.item() == 6
    assert statistics.d_prime.item() == pytest.approx(expected)


def test_d_prime_of_two_normal_distributions_is_their_distance_in_standard_deviations():
    generator = torch.Generator().manual_seed(0)
    labels = torch.arange(100_000) % 10
    activity = torch.randn((len(labels), 1), generator=generator) + 2 * (labels == 3)[:, None]
    assert unit_statistics(activity, labels).d_prime.item() == pytest.approx(2, abs=0.02)


@pytest.mark.parametrize(("active", "count"), [(1, 10), (3, 10), (10, 10), (1, 2)])
def test_sparseness_of_some_that_are_equally_active_among_silent_ones(active, count):
    rates = torch.zeros(count, dtype=torch.float64)
    rates[:active] = 2.5
    expected = (1 - active / count) / (1 - 1 / count)
    assert sparseness(rates, dim=0).item() == pytest.approx(expected, abs=1e-12)


def test_sparseness_of_silence_is_undefined():
    assert sparseness(torch.zeros(5), dim=0).isnan()


def test_of_a_logit_the_index_counts_what_is_above_zero_and_d_prime_everything():
    statistics = unit_statistics(unit([3.0], [-5.0, -1.0]), LABELS)
    assert statistics.selectivity_index.item() == 1
    assert statistics.d_prime.item() == pytest.approx(6 / math.sqrt(2))
    assert statistics.mean.item() == pytest.approx(0.1 * 3 + 0.9 * -3)
    assert statistics.active_fraction.item() == pytest.approx(0.1)


def test_what_nothing_can_be_said_of_is_undefined():
    silent, constant, noiseless = unit([0.0], [0.0]), unit([0.3], [0.3]), unit([2.0], [0.1])
    statistics = unit_statistics(torch.cat([silent, constant, noiseless], dim=1), LABELS)
    assert statistics.selectivity_index.isnan().tolist() == [True, False, False]
    assert statistics.preferred_class.isnan().tolist() == [True, True, False]
    assert statistics.d_prime.isnan().tolist() == [True, True, True]


def test_many_units_have_the_statistics_of_each_alone():
    activity = torch.rand((COUNT, 300), generator=torch.Generator().manual_seed(0))
    together = unit_statistics(activity, LABELS)
    for place in (0, 127, 128, 299):
        alone = unit_statistics(activity[:, [place]], LABELS)
        for one, other in zip(together, alone, strict=True):
            torch.testing.assert_close(one[place], other[0])


# Planted units


def test_a_planted_dead_unit_is_named_and_has_no_statistics(network, sample):
    with torch.no_grad():
        network.fc1.bias[7] = -1e6
    found = layer_census(network, sample, "l3")
    assert 7 in found["dead"]["units"]
    silent = (record(network, sample.images, ["l3"])["l3"].activity == 0).all(dim=0)
    assert found["dead"]["units"] == silent.nonzero()[:, 0].tolist()
    assert found["dead"]["count"] == len(found["dead"]["units"])
    assert found["dead"]["fraction"] == found["dead"]["count"] / 120
    statistics = found["statistics"]
    assert (statistics["mean"][7], statistics["maximum"][7], statistics["active_fraction"][7]) == (0, 0, 0)
    for quantity in ("selectivity_index", "preferred_class", "d_prime", "lifetime_sparseness"):
        assert statistics[quantity][7] is None


def test_a_unit_that_answers_every_digit_alike_is_constant_and_prefers_none(network, sample):
    with torch.no_grad():
        network.fc2.weight[5] = 0
        network.fc2.bias[5] = 1.7
    found = layer_census(network, sample, "l4")
    assert found["constant"]["units"] == [5]
    assert 5 not in found["dead"]["units"] + found["sparse"]["units"] + found["selective"]["units"]
    assert found["statistics"]["preferred_class"][5] is None
    assert found["statistics"]["active_fraction"][5] == 1


def test_a_unit_that_few_digits_reach_is_sparse_and_never_among_the_selective(network, sample):
    drive = record(network, sample.images, ["l4"])["l4"].drive[:, 20].sort(descending=True).values
    threshold = drive[:4].mean()  # crossed by 4 digits of 200 at most
    with torch.no_grad():
        network.fc2.bias[20] -= threshold
    found = layer_census(network, sample, "l4")
    assert 0 < found["statistics"]["active_fraction"][20] < SPARSE_BELOW
    assert 20 in found["sparse"]["units"]
    assert 20 not in found["selective"]["units"]


def test_a_logit_that_is_never_above_zero_is_not_dead(network, sample):
    with torch.no_grad():
        network.fc3.bias[2] = -1e3
    found = layer_census(network, sample, "y")
    assert found["dead"]["count"] == 0
    assert found["statistics"]["selectivity_index"][2] is None
    assert found["statistics"]["preferred_class"][2] is not None
    assert found["statistics"]["maximum"][2] < 0


def test_the_most_selective_units_come_first_and_are_ten_at_most(network, sample):
    labels = torch.randint(0, 10, (COUNT,), generator=torch.Generator().manual_seed(1))
    found = layer_census(network, sample._replace(images=patches(labels), labels=labels), "l1")
    listed = found["most_selective"]
    indices = [unit["selectivity_index"] for unit in listed]
    assert len(listed) == 10 < found["selective"]["count"]
    assert indices == sorted(indices, reverse=True)
    assert indices[0] == max(found["statistics"]["selectivity_index"][unit] for unit in found["selective"]["units"])
    for unit in listed:
        assert unit["preferred_class"] == found["statistics"]["preferred_class"][unit["unit"]]


def patches(labels: Tensor) -> Tensor:
    """Grey pictures of noise, the more of it in the row of the class."""
    images = torch.randint(0, 60, (len(labels), 28, 28), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    for image, label in zip(images, labels.tolist(), strict=True):
        image[2 * label + 4 : 2 * label + 6] += 190
    return images


# The whole census


@pytest.mark.parametrize("name", LAYERS)
def test_each_layer_is_told_in_numbers_that_json_can_hold(network, sample, name):
    found = layer_census(network, sample, name)
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert (found["name"], found["kind"], found["shape"]) == (name, LAYERS[name].kind, list(LAYERS[name].shape))
    assert found["size"] == LAYERS[name].size
    assert {len(column) for column in found["statistics"].values()} == {found["size"]}
    counted = [unit for kind in ("dead", "constant", "sparse", "selective") for unit in found[kind]["units"]]
    assert len(counted) == len(set(counted))
    assert 0 <= found["population_sparseness"] <= 1


def test_sparseness_is_told_over_units_for_the_layer_and_over_digits_for_each_unit(network, sample):
    found = layer_census(network, sample, "l4")
    rates = record(network, sample.images, ["l4"])["l4"].activity.double()
    population = 1 - rates.mean(dim=1).square() / rates.square().mean(dim=1)
    assert found["population_sparseness"] == pytest.approx(population.mean().item() / (1 - 1 / 84), rel=1e-5)
    lively = int(rates.mean(dim=0).argmax())
    lifetime = 1 - rates[:, lively].mean().square() / rates[:, lively].square().mean()
    assert found["statistics"]["lifetime_sparseness"][lively] == pytest.approx(lifetime.item() / (1 - 1 / COUNT))


def test_layers_come_in_the_network_s_order_and_no_others(network, sample):
    assert [found["name"] for found in census(network, sample, ["y", "l2", "l2"])] == ["l2", "y"]
    assert [found["name"] for found in census(network, sample)] == list(LAYERS)


def test_the_network_is_left_as_it_was_found(network, sample):
    with left_as_found(network):
        with torch.no_grad():
            first = census(network, sample)
        assert census(network, sample) == first


def test_digits_without_one_of_the_classes_are_refused():
    with pytest.raises(InvalidAnalysis, match="no 7; take more") as refused:
        class_means(torch.ones(COUNT, 3), torch.where(LABELS == 7, 6, LABELS))
    assert refused.value.pointer == "/samples"


def test_a_layer_that_there_is_not_is_refused(network, sample):
    with pytest.raises(UnknownLayer, match="l1, l2, l3, l4, y"):
        census(network, sample, ["l9"])
