"""Similarity as the service gives it, on the shipped network and real digits, and its pictures."""

import io
import json
from typing import Any

import numpy as np
import pytest
from PIL import Image
from pydantic import ValidationError

from models.digit_net import LAYERS
from service.lab import Lab
from service.operations.similarity import similarity
from service.rendering import similarity as figures
from service.schemas.similarity import SimilarityAnswer, SimilarityRequest

pytestmark = pytest.mark.usefixtures("digits")


def asked(**fields: Any) -> SimilarityRequest:
    return SimilarityRequest(**{"per_class": 2, "seed": 1, **fields})


def test_the_answer_is_as_documented_and_fits_json(lab: Lab) -> None:
    result = similarity(asked(), lab).result
    assert json.loads(json.dumps(result, allow_nan=False)) == result
    SimilarityAnswer.model_validate(result, strict=True, extra="forbid")
    assert result["model"] == lab.catalogue.default("digit-net").reference
    assert (result["seed"], result["per_class"]) == (1, 2)
    assert [layer["name"] for layer in result["layers"]] == ["input", *LAYERS]
    assert result["labels"] == np.repeat(range(10), 2).tolist()
    assert lab.digits().split("test")[1][result["indices"]].tolist() == result["labels"]


def test_a_trained_network_sets_classes_apart_the_deeper_the_further(lab: Lab) -> None:
    result = similarity(asked(per_class=10), lab).result
    separability = {layer["name"]: layer["separability"] for layer in result["layers"]}
    assert separability["l2"] < separability["l3"] < separability["l4"] < separability["y"]
    first = result["layer_similarity"][0]
    assert first[1] == max(first[1:])  # no layer is as like the input as the first one


def test_the_same_seed_shows_the_same_digits_and_another_does_not(lab: Lab) -> None:
    assert similarity(asked(), lab).result == similarity(asked(), lab).result
    other = similarity(asked(seed=2), lab).result
    assert other["indices"] != similarity(asked(), lab).result["indices"]
    drawn = similarity(asked(seed=None, layers=["y"]), lab).result
    assert drawn == similarity(asked(layers=["y"], seed=drawn["seed"]), lab).result


@pytest.mark.parametrize("layers", [None, ["l3"], ["y", "input"], ["l1", "l2", "l3", "l4"]])
def test_matrices_and_layers_are_drawn(lab: Lab, layers: list | None) -> None:
    answered = similarity(asked(layers=layers), lab)
    assert [rendering.name for rendering in answered.renderings] == ["matrices", "layers"]
    for rendering in answered.renderings:
        assert Image.open(io.BytesIO(rendering.png())).width <= 1440
        assert rendering.alt.endswith(".")
    for layer in answered.result["layers"]:
        assert layer["name"] in answered.renderings[0].alt


@pytest.mark.parametrize("per_class", [1, 21])
def test_too_few_and_too_many_digits_are_refused(per_class: int) -> None:
    with pytest.raises(ValidationError):
        asked(per_class=per_class)


def test_layers_without_any_pattern_are_drawn_grey() -> None:
    silent = {"name": "l4", "dissimilarity": [[None] * 20] * 20, "separability": None}
    matrices = figures.matrices([silent], per_class=2)
    image = np.asarray(Image.open(io.BytesIO(matrices.png())).convert("RGB"))
    assert (image == figures.UNDEFINED).all(axis=2).mean() > 0.2
    assert "none in l4" in matrices.alt
    assert "l3 and l4 none" in figures.layers(["l3", "l4"], [[1.0, None], [None, None]]).alt
    assert figures.layers(["l3", "l4"], [[1.0, None], [None, None]]).png()
