"""What is told of a tuned unit beside its drive: margins, other outputs, the digits and class means that come near."""

import json
from dataclasses import replace
from typing import Any

import pytest
import torch

from models.analysis.activity import predict
from models.analysis.image_statistics import image_statistics
from models.analysis.tuning import Tuning
from models.analysis.tuning_report import NEIGHBOURS, class_means, report
from models.analysis.tuning_settings import TuningSettings
from models.digit_net import LAYERS, DigitNet
from models.digits import Digits
from models.work import run

QUICK = TuningSettings("y", units=(1,), starts=4, steps=30)


def told(network: DigitNet, settings: TuningSettings, digits: Digits | None = None) -> dict[str, Any]:
    tuning = Tuning(network, settings)
    run(tuning)
    return report(tuning, digits)


@pytest.fixture
def network() -> DigitNet:
    return DigitNet.initialised(0)


@pytest.fixture
def noise() -> Digits:
    """Forty pictures of noise, four of each class."""
    images = torch.randint(0, 256, (40, 28, 28), generator=torch.Generator().manual_seed(5), dtype=torch.uint8)
    return Digits({"test": (images, torch.arange(40) % 10)})


@pytest.mark.parametrize("layer", LAYERS)
def test_the_margin_is_what_parts_the_unit_from_its_strongest_peer(network, layer):
    unit = told(network, replace(QUICK, layer=layer, units=(3,)))["units"][0]
    for when in ("before", "after"):
        drives = torch.tensor(unit[f"layer_drive_{when}"], dtype=torch.float64).flatten()
        others = torch.cat([drives[:3], drives[4:]])
        assert unit[f"margin_{when}"] == pytest.approx(float(drives[3] - others.max()), abs=1e-6)
        assert (unit[f"margin_{when}"] > 0) == (unit[f"rank_{when}"] == 1)


def test_a_channel_s_margin_is_taken_among_the_channels(network):
    unit = told(network, replace(QUICK, layer="l2", units=({"channel": 2},)))["units"][0]
    means = torch.tensor(unit["layer_drive_after"]).mean(dim=(1, 2))
    others = torch.cat([means[:2], means[3:]])
    assert unit["margin_after"] == pytest.approx((means[2] - others.max()).item(), abs=1e-5)


def test_units_that_answer_alike_have_no_margin(network):
    with torch.no_grad():
        network.fc3.weight[2], network.fc3.bias[2] = network.fc3.weight[1], network.fc3.bias[1]
        network.fc3.weight[3:] = 0
        network.fc3.bias[3:] = -10
    assert told(network, QUICK)["units"][0]["margin_after"] == 0


def test_the_other_outputs_are_those_that_predict_tells_of_the_optimized_image(network):
    unit = told(network, replace(QUICK, layer="l3", units=(7,)))["units"][0]
    (prediction,) = predict(network, torch.tensor(unit["optimized_image"])[None])
    assert unit["class_logits"] == prediction["logits"]
    assert unit["prediction"] == {name: prediction[name] for name in ("label", "probability")}


def test_image_statistics_are_those_of_the_two_images(network):
    unit = told(network, QUICK)["units"][0]
    for when, name in (("before", "initial_image"), ("after", "optimized_image")):
        assert unit["image_statistics"][when] == image_statistics(torch.tensor(unit[name]))


def test_the_digits_that_drive_a_unit_most_and_least_are_named_in_order(network, noise):
    result = told(network, QUICK, noise)
    unit = result["units"][0]
    images, labels = noise.split("test")
    drives = network(images.float() / 255)[:, 1].detach()
    for name, sign in (("top_digits", 1), ("bottom_digits", -1)):
        expected = (sign * drives).argsort(descending=True)[:NEIGHBOURS].tolist()
        assert [digit["index"] for digit in unit[name]] == expected
        for digit in unit[name]:
            assert digit["drive"] == pytest.approx(drives[digit["index"]].item(), abs=1e-5)
            assert digit["label"] == labels[digit["index"]]
    assert unit["top_digits"][0]["drive"] == unit["dataset_maximum"]
    assert unit["bottom_digits"][0]["drive"] == unit["dataset_minimum"]


@pytest.mark.parametrize(("direction", "listed"), [("excite", "top_digits"), ("inhibit", "bottom_digits")])
def test_the_digits_to_be_shown_come_along_once_each(network, noise, direction, listed):
    result = told(network, replace(QUICK, units=(1, 2, 3), direction=direction), noise)
    named = {digit["index"] for unit in result["units"] for digit in unit[listed]}
    assert [digit["index"] for digit in result["digits"]] == sorted(named)
    images, labels = noise.split("test")
    for digit in result["digits"]:
        assert digit["label"] == labels[digit["index"]]
        torch.testing.assert_close(torch.tensor(digit["image"]), images[digit["index"]] / 255, atol=5e-5, rtol=0)


def test_the_class_whose_mean_the_tuned_image_is_is_the_nearest(network, noise):
    image = torch.tensor(told(network, QUICK)["units"][0]["optimized_image"])
    images, labels = (values.clone() for values in noise.split("test"))
    images[labels == 7] = (image * 255).round().to(torch.uint8)
    nearest = told(network, QUICK, Digits({"test": (images, labels)}))["units"][0]["nearest_class_mean"]
    assert nearest["label"] == 7
    assert nearest["correlation"] == pytest.approx(1, abs=1e-4)
    assert [each["label"] for each in nearest["classes"]] == list(range(10))
    distances = {each["label"]: each["distance"] for each in nearest["classes"]}
    assert distances.pop(7) < 0.002 < min(distances.values())


def test_a_blank_image_is_near_to_no_class(network, noise):
    with torch.no_grad():
        network.conv1.weight[0] = 1.0
        network.conv1.bias[0] = 0.0
    settings = TuningSettings("l1", units=(90,), direction="inhibit", starts=4)
    result = told(network, settings, noise)
    json.dumps(result, allow_nan=False)
    unit = result["units"][0]
    assert unit["nearest_class_mean"]["label"] is None
    assert {each["correlation"] for each in unit["nearest_class_mean"]["classes"]} == {None}
    assert unit["image_statistics"]["after"]["extent"] is None


def test_class_means_are_those_of_the_digits(noise):
    images, _ = noise.split("test")
    for label, mean in class_means(noise).items():
        torch.testing.assert_close(mean, (images[label::10].double() / 255).mean(dim=0).float())


def test_without_digits_what_needs_them_is_none(network, noise):
    without, beside = told(network, QUICK), told(network, QUICK, noise)
    assert (without["digits"], without["class_means"]) == (None, None)
    assert without["units"][0].keys() == beside["units"][0].keys()
    missing = {name for name, value in without["units"][0].items() if value is None}
    assert missing == {
        *("dataset_maximum", "dataset_minimum", "dataset_percentile", "dead"),
        *("top_digits", "bottom_digits", "nearest_class_mean"),
    }
    assert None not in beside["units"][0].values()


def test_a_report_can_be_had_on_the_way_and_changes_nothing(network):
    tuning = Tuning(network, QUICK)
    assert report(tuning, None)["stopped"] is None
    tuning.advance()
    state = tuning.state()
    assert report(tuning, None) == report(tuning, None)
    assert tuning.state() == state
