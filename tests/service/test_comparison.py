"""The comparison as a job: what it refuses, what it answers, what its pictures bear."""

import io
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa
from PIL import Image
from pydantic import ValidationError

from models.digits import Digits
from models.errors import DatasetUnavailable, InvalidAnalysis, LabError, UnknownUnit
from models.work import run
from service.errors import ServiceError, UnknownModel, WrongFamily
from service.lab import Lab
from service.operations.comparison import COMPARE
from service.rendering import comparison as figures
from service.rendering.rendering import Rendering
from service.schemas.comparison import CompareRequest, CompareResult
from service.settings import Settings
from tests.service_process import ROOT

QUICK: dict[str, Any] = {"starts": 2, "steps": 3, "seed": 1}
FIRST: dict[str, Any] = {"layer": "y", "unit": 0}


@pytest.fixture
def lab(engine: sa.Engine, tmp_path: Path) -> Lab:
    """A lab without MNIST; digit-net-best, copied, has no training settings on its card."""
    for model in ("digit-net", "digit-net-best", "memory-lstm"):
        shutil.copytree(ROOT / "artifacts" / model, tmp_path / "artifacts" / model)
    path = tmp_path / "artifacts" / "digit-net-best" / "card.json"
    card = {name: value for name, value in json.loads(path.read_text("utf-8")).items() if name != "training"}
    path.write_text(json.dumps(card), encoding="utf-8")
    places = {"artifacts": tmp_path / "artifacts", "data": tmp_path, "datasets": tmp_path / "nowhere"}
    return Lab(Settings.model_validate(places), engine)


def settled(lab: Lab, *subjects: dict[str, Any], **more: Any) -> CompareRequest:
    return COMPARE.settle(CompareRequest.model_validate({"subjects": list(subjects), **QUICK, **more}), lab)


def done(lab: Lab, *subjects: dict[str, Any], **more: Any) -> dict[str, Any]:
    """The result of the job, through JSON as the store keeps it."""
    request = COMPARE.schema.model_validate(settled(lab, *subjects, **more).model_dump(mode="json"))
    work = COMPARE.begin(request, lab)
    run(work)
    result = COMPARE.finish(request, work, lab, "job").result
    return json.loads(json.dumps(result, allow_nan=False))


def test_a_subject_s_model_is_its_own_else_the_request_s_else_the_default(lab: Lab) -> None:
    best = {**FIRST, "model": "digit-net-best"}
    models = [
        [each.model for each in settled(lab, FIRST, best, **more).subjects]
        for more in ({}, {"model": "digit-net-best"})
    ]
    assert models == [["digit-net", "digit-net-best"], ["digit-net-best", "digit-net-best"]]


def test_the_answer_is_what_the_schema_says_and_names_every_model(lab: Lab) -> None:
    result = done(lab, {**FIRST, "model": "digit-net-best"}, {"layer": "l2", "unit": {"channel": 3}})
    assert set(result) == set(CompareResult.model_fields) - {"renderings"}
    CompareResult.model_validate(result)
    assert result["model"] == lab.catalogue.get("digit-net-best").reference
    assert [each["model"]["id"] for each in result["subjects"]] == ["digit-net-best", "digit-net"]
    assert [each["sha256"] for each in result["subjects"]] == [each["model"]["sha256"] for each in result["subjects"]]
    assert (result["seed"], result["starts"], result["steps"]) == (1, 2, 3)
    assert [each.name for each in COMPARE.renderings(result)] == ["stimuli", "cross", "spectra"]


def test_without_a_seed_one_is_drawn_and_told(lab: Lab) -> None:
    seeds = {settled(lab, FIRST, FIRST, seed=None).seed for _ in range(3)}
    assert None not in seeds
    assert len(seeds) == 3


@pytest.mark.parametrize(
    ("second", "error", "pointer"),
    [
        ({"layer": "y", "unit": 10}, UnknownUnit, "/subjects/1/unit"),
        ({"layer": "l1", "unit": {"channel": 6}}, UnknownUnit, "/subjects/1/unit/channel"),
        ({**FIRST, "model": "nobody-s"}, UnknownModel, "/subjects/1/model"),
        ({**FIRST, "model": "memory-lstm"}, WrongFamily, "/subjects/1/model"),
        ({**FIRST, "step": 801}, InvalidAnalysis, "/subjects/1/step"),
        ({**FIRST, "step": 0, "model": "digit-net-best"}, InvalidAnalysis, "/subjects/1/step"),
    ],
)
def test_what_cannot_be_is_refused_when_it_is_asked_for(
    lab: Lab, second: dict[str, Any], error: type[LabError | ServiceError], pointer: str
) -> None:
    with pytest.raises(error) as refused:
        settled(lab, FIRST, second)
    assert refused.value.pointer == pointer


def test_an_unknown_model_of_the_request_is_refused_even_where_all_subjects_name_theirs(lab: Lab) -> None:
    named = {**FIRST, "model": "digit-net"}
    with pytest.raises(UnknownModel) as refused:
        settled(lab, named, named, model="nobody-s")
    assert refused.value.pointer == "/model"


def test_a_step_needs_mnist_at_once_and_nothing_else_does(lab: Lab) -> None:
    with pytest.raises(DatasetUnavailable):
        settled(lab, FIRST, {**FIRST, "step": 5})
    assert done(lab, FIRST, FIRST)["response_correlation"] is None


@pytest.mark.parametrize("count", [1, 17])
def test_fewer_than_two_or_more_than_sixteen_subjects_are_no_comparison(count: int) -> None:
    with pytest.raises(ValidationError):
        CompareRequest.model_validate({"subjects": [FIRST] * count})


def test_a_unit_at_several_steps_is_pictured_as_a_development(lab: Lab, engine: sa.Engine, digits: Digits) -> None:
    lab._shelf._digits = digits
    result = done(lab, {**FIRST, "step": 0}, {**FIRST, "step": 12})
    CompareResult.model_validate(result)
    assert [point["step"] for point in result["development"]] == [0, 12]
    assert result["retraining"][0]["model"] == lab.catalogue.get("digit-net").reference
    assert result["subjects"][0]["sha256"] != result["subjects"][0]["model"]["sha256"]
    names = [each.name for each in COMPARE.renderings(result)]
    assert names == ["stimuli", "cross", "spectra", "development"]


# Pictures


def subject(number: int = 0, **other: Any) -> dict[str, Any]:
    power = np.random.default_rng(number).random(21)
    told = {
        "name": f"y unit {number}",
        "model": {"id": "digit-net"},
        "step": None,
        "layer": "y",
        "kind": "dense",
        "unit": number,
        "label": f"y unit {number}",
        "optimized_image": np.random.default_rng(number).random((28, 28)).tolist(),
        "drive": 10.0 * number,
        "dataset_maximum": 5.0,
        "receptive_field": {"top": 0, "bottom": 28, "left": 0, "right": 28},
        "extent": {"box": None, "inked_fraction": 0.5},
        "spectrum": {"cycles_per_image": list(range(21)), "power": power.tolist(), "centroid": 9.0},
    }
    return {**told, **other}


CONV = {
    "layer": "l2",
    "kind": "conv",
    "unit": 783,
    "label": "l2 channel 15, row 6, column 6 (unit 783)",
    "receptive_field": {"top": 21, "bottom": 28, "left": 21, "right": 28},
}
BLANK = {
    "optimized_image": np.zeros((28, 28)).tolist(),
    "extent": {"box": None, "inked_fraction": 0.0},
    "spectrum": {"cycles_per_image": list(range(21)), "power": [0.0] * 21, "centroid": None},
    "dataset_maximum": None,
    "drive": -3.0,
}
LONG = {"model": {"id": "a-model-with-a-name-that-goes-on-and-on-for-longer-than-any-cell"}, "step": 12_000, **CONV}


def cross(subjects: list[dict[str, Any]], share: float | None = 0.5) -> Rendering:
    count = len(subjects)
    drives = (np.arange(count**2).reshape(count, count) - 3.5).tolist()
    return figures.cross(subjects, drives, [[share] * count] * count)


def development(**other: Any) -> Rendering:
    known = {"drive": 3.0, "accuracy": 0.9, "image_correlation": 0.1, "response_correlation": -0.2, **other}
    return figures.development([subject()], [{"step": step, **known} for step in (0, 3, 10_000)])


FIGURES: dict[str, Callable[[], Rendering]] = {
    **{
        f"{name} of {count}": lambda draw=draw, count=count: draw([subject(number) for number in range(count)])
        for count in (2, 3, 5, 16)
        for name, draw in {"stimuli": figures.stimuli, "spectra": figures.spectra, "cross": cross}.items()
    },
    **{
        f"{name} of {kind}": lambda draw=draw, other=other: draw([subject(0), subject(1, **other)])
        for kind, other in {"a conv unit": CONV, "a blank image": BLANK, "a long name": LONG}.items()
        for name, draw in {"stimuli": figures.stimuli, "spectra": figures.spectra, "cross": cross}.items()
    },
    "blank images only": lambda: figures.spectra([subject(0, **BLANK), subject(1, **BLANK)]),
    "shares that are not known": lambda: cross([subject(0), subject(1)], None),
    "shares beyond the scale": lambda: cross([subject(0), subject(1)], 7.0),
    "development": development,
    "development without digits": lambda: development(accuracy=None, response_correlation=None),
    "development of nothing": lambda: development(
        drive=0.0, accuracy=None, response_correlation=None, image_correlation=None
    ),
}


@pytest.mark.parametrize("figure", FIGURES.values(), ids=FIGURES)
def test_every_picture_is_drawn_the_same_each_time_with_title_and_words(figure: Callable[[], Rendering]) -> None:
    drawn = figure()
    png = drawn.png()
    assert png == figure().png()
    with Image.open(io.BytesIO(png)) as image:
        assert image.width <= 1440
        assert image.getextrema() != (0, 0)
    assert drawn.title
    assert len(drawn.alt) > len(drawn.title)
    assert "nan" not in drawn.alt


def test_a_conv_unit_s_field_is_framed_and_a_dense_unit_s_is_not() -> None:
    orange = np.array([213, 94, 0])
    drawn = {
        name: np.asarray(figures.stimuli([subject(0, **other), subject(1, **other)]).draw().convert("RGB"))
        for name, other in {"conv": CONV, "dense": {}}.items()
    }
    found = {name: (np.abs(pixels - orange).sum(axis=-1) == 0).sum() for name, pixels in drawn.items()}
    assert found["conv"] > 200
    assert found["dense"] == 0


def test_the_words_of_a_table_tell_what_another_unit_s_image_does_at_most() -> None:
    told = figures.cross([subject(1), subject(2)], [[10.0, 4.0], [-1.0, 8.0]], [[1, 0.5], [-0.1, 1]]).alt
    assert "that of y unit 1 does most: it drives y unit 2 to 4, 50% of its own" in told
