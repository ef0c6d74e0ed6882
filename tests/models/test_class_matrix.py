"""Likeness of classes worked out on paper, and planted twins."""

import json
from typing import Any

import pytest
import torch

from models.analysis.activity import predict
from models.analysis.class_matrix import class_matrix, likeness
from models.analysis.tuning import Tuning
from models.analysis.tuning_settings import TuningSettings
from models.digit_net import DigitNet
from models.digits import Digits
from models.work import run
from tests.models.test_tuning import shipped_network

QUICK = TuningSettings("y", units="all", starts=4, steps=40)


def searched(network: DigitNet, digits: Digits | None = None, settings: TuningSettings = QUICK) -> dict[str, Any]:
    tuning = Tuning(network, settings)
    run(tuning)
    return class_matrix(tuning, digits)


@pytest.fixture
def network() -> DigitNet:
    return DigitNet.initialised(0)


@pytest.fixture
def two_of_each() -> Digits:
    """Twenty pictures of noise, two of each class."""
    images = torch.randint(0, 256, (20, 28, 28), generator=torch.Generator().manual_seed(5), dtype=torch.uint8)
    return Digits({"test": (images, torch.arange(20) % 10)})


def test_images_that_drive_their_own_class_alone_are_as_unlike_as_can_be_on_the_average():
    alike = likeness(torch.eye(10))
    expected = torch.full((10, 10), -1 / 9, dtype=torch.float64).fill_diagonal_(1)
    torch.testing.assert_close(alike, expected)


def test_likeness_is_worked_out_on_paper():
    # Means 2 and 0 off, the shares are 1/4 of 4 each way, and 0 of 3: halves of their sums.
    alike = likeness(torch.tensor([[6.0, 3.0, -3.0], [1.0, 3.0, -4.0], [0.0, -3.0, 3.0]]))
    assert alike[0, 1].item() == pytest.approx((1 / 4 + 1 / 3) / 2)
    assert alike[0, 2].item() == pytest.approx((-5 / 4 + 0) / 2)
    assert torch.equal(alike, alike.T)


def test_what_is_added_to_all_logits_of_an_image_or_multiplies_them_changes_no_likeness():
    logits = torch.eye(4, dtype=torch.float64) + torch.rand(4, 4, generator=torch.Generator().manual_seed(1)).double()
    changed = torch.tensor([1.0, 2.0, 3.0, 4.0])[:, None] * logits + torch.tensor([5.0, 0.0, -7.0, 1.0])[:, None]
    torch.testing.assert_close(likeness(changed), likeness(logits))


def test_an_image_that_does_not_drive_its_own_class_tells_no_likeness():
    logits = torch.eye(3)
    logits[0, 0] = -1
    alike = likeness(logits)
    assert alike[0].isnan().all()
    assert alike[1, 2].isfinite()


def test_twins_are_the_most_alike_pair(network, two_of_each):
    with torch.no_grad():
        network.fc3.weight[8], network.fc3.bias[8] = network.fc3.weight[3], network.fc3.bias[3]
    result = searched(network, two_of_each)
    first, second = result["alike"][:2]
    assert first["classes"] == [3, 8]
    assert first["likeness"] == pytest.approx(1)
    assert second["likeness"] < 1


def test_the_numbers_are_what_predict_tells_of_the_images(network, two_of_each):
    result = searched(network, two_of_each)
    assert json.loads(json.dumps(result, allow_nan=False)) == result
    told = predict(network, torch.tensor(result["images"]))
    assert result["matrix"] == [each["logits"] for each in told]
    assert result["probabilities"] == [each["probabilities"] for each in told]
    assert result["predictions"] == [each["label"] for each in told]
    assert result["drives"] == [result["matrix"][label][label] for label in range(10)]
    assert len(result["alike"]) == 45
    ranked = [pair["likeness"] for pair in result["alike"]]
    assert ranked == sorted(ranked, reverse=True)


def test_mean_digits_are_shown_as_they_are(network, two_of_each):
    images, _ = two_of_each.split("test")
    means = (images[:10].float() + images[10:].float()) / 2 / 255
    result = searched(network, two_of_each)
    torch.testing.assert_close(torch.tensor(result["digits_matrix"]), network(means).detach(), atol=1e-5, rtol=1e-5)
    assert -1 <= result["agreement"] <= 1


def test_without_digits_nothing_is_said_of_them(network):
    result = searched(network)
    assert result["digits_matrix"] is None
    assert result["agreement"] is None
    assert {pair["digits_likeness"] for pair in result["alike"]} == {None}


def test_a_trained_network_s_images_are_read_as_their_classes_and_its_likeness_is_that_of_digits(digits):
    result = searched(shipped_network("digit-net-best"), digits, TuningSettings("y", units="all", starts=8))
    assert result["predictions"] == list(range(10))
    assert result["agreement"] > 0.5
