import json
import math

import numpy as np
import pytest
import torch

from models.analysis.activity import accuracy, confusion, describe_layer, predict
from models.digit_net import LAYERS, DigitNet
from models.kernels import digit_net as digit_kernel
from models.kernels import layer_summary


@pytest.fixture
def network() -> DigitNet:
    return DigitNet.initialised(0)


def images(count: int) -> torch.Tensor:
    return torch.rand((count, 28, 28), generator=torch.Generator().manual_seed(0))


def always_answers(digit: int) -> DigitNet:
    network = DigitNet.initialised(0)
    with torch.no_grad():
        network.fc3.weight.zero_()
        network.fc3.bias.copy_(torch.nn.functional.one_hot(torch.tensor(digit), 10))
    return network


def test_probabilities_sum_to_one_and_the_label_is_the_most_probable(network):
    for prediction in predict(network, images(3)):
        assert math.fsum(prediction["probabilities"]) == pytest.approx(1, abs=1e-14)
        assert prediction["probability"] == max(prediction["probabilities"])
        assert prediction["probabilities"][prediction["label"]] == prediction["probability"]


def test_the_kernels_that_are_warm_serve_every_layer_and_any_number_of_images(network):
    digit_kernel.warm()
    layer_summary.warm()
    for seen in (images(1), images(5)[::2]):
        drives = network.drives_one_by_one(seen.numpy())
        for name in LAYERS:
            describe_layer(name, drives[name][0], with_drive=True)
    assert len(digit_kernel._record.signatures) == 1
    assert len(layer_summary._look.signatures) == 1


def test_a_known_logit_gives_its_known_probability():
    prediction = predict(always_answers(4), images(1))[0]
    assert prediction["label"] == 4
    assert prediction["probability"] == pytest.approx(math.e / (math.e + 9), abs=1e-12)


def test_an_image_s_prediction_does_not_depend_on_its_company(network):
    together = predict(network, images(70))
    assert together[69] == predict(network, images(70)[69:])[0]


def test_predictions_and_activities_are_the_same_numbers(network):
    image = images(1)
    description = describe_layer("y", network.drives_one_by_one(image.numpy())["y"][0])
    assert description["values"].tolist() == predict(network, image)[0]["logits"]


@pytest.mark.parametrize("name", LAYERS)
def test_a_layer_is_described_by_its_own_values(network, name):
    response = network.responses(images(1))[name]
    description = describe_layer(name, response.drive[0].detach().numpy(), with_drive=True)
    json.dumps(description, allow_nan=False, default=np.ndarray.tolist)
    values = torch.from_numpy(description["values"]).float()
    assert description["shape"] == list(values.shape)
    assert torch.equal(torch.from_numpy(description["drive"]).float(), response.drive[0])
    assert (description["minimum"], description["maximum"]) == (values.min(), values.max())
    assert description["active_fraction"] == pytest.approx((values > 0).float().mean().item())
    top = description["top_units"]
    assert [values.flatten()[entry["unit"]] for entry in top] == [entry["value"] for entry in top]
    assert [entry["value"] for entry in top] == values.flatten().sort(descending=True).values[:10].tolist()
    assert "drive" not in describe_layer(name, response.drive[0].detach().numpy())


def test_of_equally_active_units_those_that_come_first_are_told_first():
    drive = np.full(84, -1, np.float32)
    drive[[5, 3, 40]] = 1, 1, 2
    told = [(entry["unit"], entry["value"]) for entry in describe_layer("l4", drive)["top_units"]]
    assert told == [(40, 2), (3, 1), (5, 1), *((unit, 0) for unit in (0, 1, 2, 4, 6, 7, 8))]


def test_a_network_that_always_answers_one_digit_is_right_as_often_as_that_digit_comes():
    labels = torch.tensor([4, 4, 4, 1, 9])
    digits = (images(5) * 255).to(torch.uint8)
    assert accuracy(always_answers(4), digits, labels) == 0.6
    table = confusion(always_answers(4), digits, labels)
    assert table.sum() == 5
    assert table[:, 4].tolist() == [0, 1, 0, 0, 3, 0, 0, 0, 0, 1]


def test_looking_leaves_no_gradient(network):
    predict(network, images(1))
    accuracy(network, (images(2) * 255).to(torch.uint8), torch.zeros(2, dtype=torch.int64))
    assert all(parameter.grad is None and parameter.requires_grad for parameter in network.parameters())
    assert torch.is_grad_enabled()
