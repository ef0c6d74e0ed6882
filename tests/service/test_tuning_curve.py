"""Tuning curves as the service gives them, on the shipped network, and their pictures."""

import io
import json
from typing import Any

import pytest
import torch
from PIL import Image
from pydantic import ValidationError

from models.analysis import tuning_curve as analysis
from models.digit_net import LAYERS, DigitNet
from models.digits import Digits
from models.errors import DatasetUnavailable, InvalidAnalysis, UnknownUnit
from models.units import Unit
from service.lab import Lab
from service.operations.tuning_curve import tuning_curve
from service.rendering import tuning_curve as figures
from service.schemas.tuning_curve import TuningCurveAnswer, TuningCurveRequest

GRATINGS = ("orientation", "spatial_frequency", "size", "contrast")
EVERY_STIMULUS = pytest.mark.parametrize("stimulus", ["class", "position", *GRATINGS])


def asked(**fields: Any) -> TuningCurveRequest:
    return TuningCurveRequest(**{"layer": "l2", "unit": 171, "stimulus": "orientation", **fields})


@EVERY_STIMULUS
def test_the_answer_is_as_documented_and_fits_json(lab: Lab, digits: Digits, stimulus: str) -> None:
    result = tuning_curve(asked(stimulus=stimulus), lab).result
    assert json.loads(json.dumps(result, allow_nan=False)) == result
    TuningCurveAnswer.model_validate(result, strict=True, extra="forbid")
    assert result["model"] == lab.catalogue.default("digit-net").reference
    assert (result["layer"], result["unit"], result["stimulus"]) == ("l2", 171, stimulus)
    assert result["field"] == {"top": 9, "bottom": 19, "left": 9, "right": 19}
    assert (result["seed"] is None) == (stimulus != "class")
    assert (result["map"] is None) == (stimulus != "position")
    assert (result["component"] is None) == (stimulus not in GRATINGS)


def test_what_is_asked_for_is_what_is_shown(lab: Lab) -> None:
    values = [0.05, 0.1, 0.15, 0.2, 0.3, 0.4]
    request = asked(stimulus="spatial_frequency", values=values, orientation_deg=20, contrast=0.5, phases=6)
    result = tuning_curve(request, lab).result
    assert [point["value"] for point in result["curve"]] == values
    assert {point["n"] for point in result["curve"]} == {6}
    assert (result["held"]["orientation_deg"], result["held"]["contrast"], result["held"]["phases"]) == (20, 0.5, 6)


def test_the_seed_that_chose_the_digits_is_told_and_repeats_them(lab: Lab, digits: Digits) -> None:
    drawn = tuning_curve(asked(stimulus="class", per_class=20), lab).result
    assert drawn == tuning_curve(asked(stimulus="class", per_class=20, seed=drawn["seed"]), lab).result
    assert {point["n"] for point in drawn["curve"]} == {20}


def test_classes_need_mnist_and_gratings_do_not(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    def unavailable(_: Lab) -> Digits:
        raise DatasetUnavailable("There is no MNIST here.")

    monkeypatch.setattr(Lab, "digits", unavailable)
    tuning_curve(asked(), lab)
    with pytest.raises(DatasetUnavailable):
        tuning_curve(asked(stimulus="class"), lab)


def test_what_makes_no_sense_is_refused(lab: Lab) -> None:
    with pytest.raises(UnknownUnit, match="0 to 783"):
        tuning_curve(asked(unit=784), lab)
    with pytest.raises(InvalidAnalysis, match="l2 to y"):
        tuning_curve(asked(layer="l1", stimulus="size"), lab)
    with pytest.raises(InvalidAnalysis, match="leave spot_pixels out"):
        tuning_curve(asked(spot_pixels=2), lab)


@pytest.mark.parametrize(
    "fields",
    [
        {"stimulus": "direction"},
        {"values": [0.0, 45.0]},
        {"values": [float(value) for value in range(65)]},
        {"cycles_per_pixel": 0.6},
        {"phases": 1000},
        {"stimulus": "class", "per_class": 10_000},
        {"stimulus": "position", "spot_pixels": 0},
    ],
)
def test_numbers_that_cost_too_much_work_or_make_no_stimulus_are_outside_the_schema(fields: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        asked(**fields)


# Pictures


@EVERY_STIMULUS
@pytest.mark.parametrize("unit", [("l1", {"channel": 2}), ("l2", 171), ("l3", 5), ("y", 7)], ids=lambda unit: unit[0])
def test_each_curve_has_its_picture_and_its_stimuli_with_the_numbers_in_words(
    lab: Lab, digits: Digits, stimulus: str, unit: tuple[str, Any]
) -> None:
    answered = tuning_curve(asked(layer=unit[0], unit=unit[1], stimulus=stimulus, seed=1), lab)
    assert [rendering.name for rendering in answered.renderings] == ["curve", "stimuli"]
    for rendering in answered.renderings:
        image = Image.open(io.BytesIO(rendering.png()))
        assert image.width == 1440
        assert rendering.png() == rendering.png()
        assert answered.result["label"] in rendering.title
        assert "none°" not in rendering.alt
    fit = answered.result["fit"]
    if fit is not None:
        assert "R²" in answered.renderings[0].alt


@pytest.mark.parametrize("stimulus", ["position", *GRATINGS])
def test_a_unit_that_answers_everything_alike_is_drawn_and_said(stimulus: Any) -> None:
    network = DigitNet.initialised(0)
    with torch.no_grad():
        network.fc1.weight.zero_()
    unit = Unit.of(LAYERS["l3"], 4)
    answer, shown = analysis.tuning_curve(network, unit, analysis.TuningCurveSettings(stimulus))
    described = {"label": unit.label, "stimulus": stimulus, "field": unit.receptive_field._asdict(), **answer}
    curve = figures.curve(described)
    assert "answers everything alike" in curve.alt
    assert curve.png()
    assert figures.stimuli(described, *zip(*shown, strict=True)).png()


@pytest.mark.parametrize("preferred", [0.0, 44.0, 90.0, 179.9])
def test_the_preferred_orientation_stands_in_the_middle_of_the_axis(preferred: float) -> None:
    points = [{"value": float(value)} for value in range(0, 180, 15)]
    axis = figures._Axis.of({"stimulus": "orientation", "curve": points, "fit": {"peak": preferred}})
    places, heights = axis.placed([point["value"] for point in points], range(12))
    assert (places[1:] > places[:-1]).all()
    assert places[-1] - places[0] == 180
    assert heights[0] == heights[-1]
    (middle, _), _ = axis.placed([preferred], [0])
    assert abs(middle - (places[0] + places[-1]) / 2) <= 22.5
