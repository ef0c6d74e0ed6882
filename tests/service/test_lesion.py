"""Lesions as the service gives them, on the shipped network and real digits, and their pictures."""

import io
import json
from typing import Any

import pytest
from PIL import Image
from pydantic import ValidationError

from models.errors import InvalidAnalysis, UnknownUnit
from service.lab import Lab
from service.operations.lesion import lesion
from service.rendering import lesion as figures
from service.schemas.common import UnitPlace
from service.schemas.lesion import LesionAnswer, LesionRequest

pytestmark = pytest.mark.usefixtures("digits")


def asked(**fields: Any) -> LesionRequest:
    return LesionRequest(**{"layer": "l4", "samples": 200, "seed": 1, **fields})


@pytest.mark.parametrize(
    ("fields", "names"),
    [
        ({"units": [0, 5]}, ["accuracy", "logits"]),
        ({"layer": "l2", "units": [UnitPlace(channel=3), 783], "replacement": "mean"}, ["accuracy", "logits"]),
        ({"fraction": 0.5, "repeats": 2}, ["accuracy", "logits", "dose"]),
        ({"fraction": 1, "repeats": 1, "replacement": "mean"}, ["accuracy", "logits", "dose"]),
        ({}, ["accuracy", "logits", "each"]),
        ({"layer": "l1", "replacement": "mean"}, ["accuracy", "logits", "each"]),
    ],
)
def test_the_answer_is_as_documented_and_has_the_pictures_that_apply(
    lab: Lab, fields: dict[str, Any], names: list[str]
) -> None:
    answered = lesion(asked(**fields), lab)
    result = answered.result
    assert json.loads(json.dumps(result, allow_nan=False)) == result
    LesionAnswer.model_validate(result, strict=True, extra="forbid")
    assert result["model"] == lab.catalogue.default("digit-net").reference
    assert (result["seed"], result["samples"]) == (1, 200)
    assert [rendering.name for rendering in answered.renderings] == names
    for rendering in answered.renderings:
        assert Image.open(io.BytesIO(rendering.png())).format == "PNG"
        assert rendering.alt.endswith(".")


def test_units_are_lesioned_as_they_are_named(lab: Lab) -> None:
    result = lesion(
        asked(layer="l2", units=[UnitPlace(channel=1, row=0, column=2), UnitPlace(channel=3), 0]), lab
    ).result
    assert result["units"] == [51, {"channel": 3}, 0]
    assert result["lesioned"] == 51
    assert result["dose"] is result["each"] is None


def test_a_fraction_is_told_in_its_first_order_and_as_a_dose_curve(lab: Lab) -> None:
    result = lesion(asked(fraction=0.25, repeats=3), lab).result
    (dose,) = [dose for dose in result["dose"] if dose["fraction"] == 0.25]
    assert len(result["units"]) == result["lesioned"] == dose["lesioned"] == 21
    assert dose["accuracies"][0] == result["accuracy_after"]
    assert len(dose["accuracies"]) == 3


def test_left_open_each_unit_is_lesioned_and_the_costliest_told_in_full(lab: Lab) -> None:
    result = lesion(asked(), lab).result
    costliest = min(result["each"], key=lambda alone: alone["accuracy"])
    assert len(result["each"]) == 84
    assert result["units"] == [costliest["unit"]]
    assert result["accuracy_after"] == costliest["accuracy"] < result["accuracy_before"]


@pytest.mark.parametrize("fields", [{"fraction": 0.3, "repeats": 2}, {"units": [1]}, {}])
def test_the_same_seed_gives_the_same_lesion(lab: Lab, fields: dict[str, Any]) -> None:
    assert lesion(asked(**fields), lab).result == lesion(asked(**fields), lab).result


def test_a_seed_left_out_is_drawn_and_told(lab: Lab) -> None:
    drawn = lesion(asked(seed=None, units=[3]), lab).result
    assert drawn == lesion(asked(seed=drawn["seed"], units=[3]), lab).result


def test_the_output_and_units_that_there_are_not_are_refused(lab: Lab) -> None:
    with pytest.raises(InvalidAnalysis, match="l1, l2, l3 or l4"):
        lesion(asked(layer="y", units=[3]), lab)
    with pytest.raises(UnknownUnit, match="0 to 83") as refused:
        lesion(asked(units=[3, 84]), lab)
    assert refused.value.pointer == "/units/1"


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"units": [1], "fraction": 0.5}, "either units or fraction"),
        ({"fraction": 0.5, "samples": 10_000, "repeats": 5}, "at most 40000"),
        ({"fraction": 0.0}, "greater than 0"),
        ({"units": []}, "at least 1 item"),
    ],
)
def test_requests_that_make_no_sense_are_refused(fields: dict[str, Any], told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        asked(**fields)


def made(**fields: Any) -> dict[str, Any]:
    """A lesion that changes nothing."""
    same = {"accuracy_before": 1.0, "accuracy_after": 1.0}
    classes = {"class_accuracy_before": [1.0] * 10, "class_accuracy_after": [1.0] * 10}
    lesioned = {"layer": "l3", "units": [4], "lesioned": 1, "size": 120, "replacement": "zero", "samples": 1000}
    return {**lesioned, **same, **classes, "predictions_changed": 0, "logit_change": [[0.0] * 10] * 10, **fields}


def test_pictures_tell_what_was_lesioned_and_what_came_of_it() -> None:
    after = [1.0, 0.25, *[1.0] * 8]
    told = made(class_accuracy_after=after, accuracy_after=0.925, predictions_changed=75)
    assert figures.accuracy(told).title == "Accuracy without unit 4 of l3"
    for words in ("1 100% to 25%", "100% to 92.5%", "75 are read otherwise"):
        assert words in figures.accuracy(told).alt
    held = made(units=[{"channel": 2}], layer="l2", replacement="mean")
    assert figures.accuracy(held).title == "Accuracy with channel 2 of l2 held at the mean"
    several = made(units=[4, 5, 6], lesioned=3)
    assert figures.logits(several).title == "Change of the logits without 3 of 120 units of l3"


def test_lesions_that_change_nothing_are_drawn_too() -> None:
    harmless = [{"unit": unit, "accuracy": 1.0, "change": 0.0} for unit in range(120)]
    level = [{"fraction": dose, "lesioned": 0, "accuracy": 1.0, "sd": None, "accuracies": [1.0]} for dose in (0.0, 1.0)]
    for picture in (
        figures.accuracy(made()),
        figures.logits(made()),
        figures.each(made(each=harmless)),
        figures.dose(made(lesioned=0, dose=level)),
    ):
        assert Image.open(io.BytesIO(picture.png())).format == "PNG"
    assert "120 of 120 change nothing" in figures.each(made(each=harmless)).alt
