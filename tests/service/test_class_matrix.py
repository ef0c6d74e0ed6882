"""The jobs of tuning and of the class matrix as the service gives them, and their pictures."""

import io
import json
from typing import Any

import numpy as np
import pytest
from PIL import Image
from pydantic import BaseModel

from models.digits import Digits
from models.errors import InvalidTraining, UnknownUnit
from models.work import run
from service.jobs.kinds import Kind
from service.lab import Lab
from service.operations.class_matrix import CLASS_MATRIX
from service.operations.tuning import TUNE
from service.rendering.rendering import Rendering
from service.rendering.tuning import preview_sheet
from service.schemas.common import Schema
from service.schemas.tuning import ClassMatrixRequest, ClassMatrixResult, TuneRequest, TuneResult


@pytest.fixture
def without_digits(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> Lab:
    monkeypatch.setattr(lab, "digits_if_any", lambda: None)
    return lab


@pytest.fixture
def with_digits(lab: Lab, digits: Digits, monkeypatch: pytest.MonkeyPatch) -> Lab:
    monkeypatch.setattr(lab, "digits_if_any", lambda: digits)
    return lab


def result_of(kind: Kind[Any, Any], request: Schema, lab: Lab, shape: type[BaseModel]) -> dict[str, Any]:
    """The result of a job, by way of what the database keeps of its request and of it."""
    settled = kind.schema.model_validate(json.loads(kind.settle(request, lab).model_dump_json()))
    work = kind.begin(settled, lab)
    run(work)
    result = json.loads(json.dumps(kind.finish(settled, work, lab, "id").result, allow_nan=False))
    shape.model_validate(result, strict=True, extra="forbid")
    return result


def check(pictures: list[Rendering], names: list[str]) -> None:
    assert [picture.name for picture in pictures] == names
    for picture in pictures:
        image = Image.open(io.BytesIO(picture.png()))
        assert min(image.size) > 100
        assert len(picture.alt) > len(picture.title)
        assert picture.png() == picture.png()


@pytest.mark.parametrize(
    "fields",
    [
        {"unit": 3},
        {"units": "all", "direction": "inhibit"},
        {"layer": "l2", "units": "all"},
        {"layer": "l1", "units": [{"channel": 2}], "robustness": 0.5, "smoothness": 1.0, "diversity": 1.0},
        {"unit": 0, "method": "notebook"},
    ],
)
def test_a_tuning_is_as_documented_and_drawn(with_digits: Lab, fields: dict[str, Any]) -> None:
    request = TuneRequest.model_validate({"layer": "y", "starts": 2, "steps": 3, "seed": 1, **fields})
    result = result_of(TUNE, request, with_digits, TuneResult)
    check(TUNE.renderings(result), ["stimulus", "responses", "starts", "trace", "neighbours"])


def test_without_mnist_a_tuning_has_no_neighbours(without_digits: Lab) -> None:
    request = TuneRequest.model_validate({"layer": "y", "unit": 3, "starts": 2, "steps": 3, "seed": 1})
    result = result_of(TUNE, request, without_digits, TuneResult)
    check(TUNE.renderings(result), ["stimulus", "responses", "starts", "trace"])


def test_left_out_the_unit_is_chosen_and_all_are_all(without_digits: Lab) -> None:
    quick: dict[str, Any] = {"layer": "y", "starts": 2, "steps": 1, "seed": 1}
    assert len(result_of(TUNE, TuneRequest.model_validate(quick), without_digits, TuneResult)["units"]) == 1
    everything = result_of(TUNE, TuneRequest.model_validate({**quick, "units": "all"}), without_digits, TuneResult)
    assert [unit["unit"] for unit in everything["units"]] == list(range(10))
    assert everything["settings"]["units"] == list(range(10))


@pytest.mark.parametrize(
    ("fields", "error", "pointer"),
    [
        ({"units": "all", "layer": "l3", "starts": 69}, InvalidTraining, "/starts"),
        ({"method": "notebook", "robustness": 0.5}, InvalidTraining, "/robustness"),
        ({"diversity": 1.0, "starts": 1}, InvalidTraining, "/diversity"),
        ({"units": [0, 10]}, UnknownUnit, "/units/1"),
    ],
)
def test_what_cannot_be_tuned_is_refused_when_it_is_asked_for(
    lab: Lab, fields: dict[str, Any], error: type[Exception], pointer: str
) -> None:
    with pytest.raises(error) as refused:
        TUNE.settle(TuneRequest.model_validate({"layer": "y", **fields}), lab)
    assert getattr(refused.value, "pointer", None) == pointer


def test_the_class_matrix_is_as_documented_and_drawn(with_digits: Lab) -> None:
    request = ClassMatrixRequest.model_validate({"starts": 2, "steps": 20, "seed": 1})
    result = result_of(CLASS_MATRIX, request, with_digits, ClassMatrixResult)
    assert np.shape(result["matrix"]) == np.shape(result["digits_matrix"]) == (10, 10)
    assert np.shape(result["images"]) == (10, 28, 28)
    check(CLASS_MATRIX.renderings(result), ["matrix", "alike"])
    assert result == result_of(CLASS_MATRIX, request, with_digits, ClassMatrixResult)


def test_without_mnist_the_class_matrix_has_no_digits_beside(without_digits: Lab) -> None:
    request = ClassMatrixRequest.model_validate({"starts": 1, "steps": 1, "seed": 1})
    result = result_of(CLASS_MATRIX, request, without_digits, ClassMatrixResult)
    assert result["digits_matrix"] is None
    check(CLASS_MATRIX.renderings(result), ["matrix", "alike"])


@pytest.mark.parametrize(("images", "size"), [(1, (112, 112)), (3, (174, 58)), (10, (232, 174)), (120, (232, 174))])
def test_a_preview_shows_up_to_twelve_images_and_is_small(images: int, size: tuple[int, int]) -> None:
    png = preview_sheet(np.random.default_rng(0).random((images, 28, 28)))
    assert Image.open(io.BytesIO(png)).size == size
    assert len(png) < 20_000
