"""Lesions of the memory network as the service gives them, on the shipped networks, and their picture."""

import io
import json
from typing import Any

import numpy as np
import pytest
from PIL import Image
from pydantic import ValidationError

from models.errors import InvalidAnalysis
from service.lab import Lab
from service.operations.memory_lesions import lesions
from service.rendering import palette
from service.rendering.canvas import SCALE
from service.rendering.memory_lesions import LABELS, MARGIN, R2_CELL, ROW, TOP
from service.schemas.memory_lesions import MemoryLesionsAnswer, MemoryLesionsRequest


def asked(**fields: Any) -> MemoryLesionsRequest:
    return MemoryLesionsRequest(**{"seed": 1, **fields})


@pytest.mark.parametrize("n_repeat", [1, 2])
def test_the_answer_is_as_documented_and_fits_json(lab: Lab, n_repeat: int) -> None:
    result = lesions(asked(n_repeat=n_repeat), lab).result
    assert json.loads(json.dumps(result, allow_nan=False)) == result
    MemoryLesionsAnswer.model_validate(result, strict=True, extra="forbid")
    assert result["model"] == lab.catalogue.default("memory-lstm").reference
    assert (result["delay_ms"], result["trials"], result["n_repeat"]) == (15, 256, n_repeat)
    assert len(result["lesions"]) == 24


def test_values_of_ones_own_widen_the_table(lab: Lab) -> None:
    result = lesions(asked(values=[0.0, 0.5, 1.0]), lab).result
    assert len(result["lesions"]) == 36
    assert {lesion["value"] for lesion in result["lesions"]} == {0, 0.5, 1}


def test_another_model_has_another_table(lab: Lab) -> None:
    closed, opened = (lesions(asked(model=model), lab).result for model in ("memory-lstm", "memory-lstm-open"))
    assert closed["roles"]["input"] != opened["roles"]["input"]


def test_a_seed_left_out_is_told_and_gives_the_same_result_again(lab: Lab) -> None:
    drawn = lesions(asked(seed=None), lab).result
    assert lesions(asked(seed=drawn["seed"]), lab).result == drawn
    assert lesions(asked(seed=None), lab).result["intact"] != drawn["intact"]


def test_a_table_that_would_take_long_is_refused(lab: Lab) -> None:
    with pytest.raises(InvalidAnalysis, match="times as long as an answer may") as refusal:
        lesions(asked(delay=3000, values=[0.0, 0.25, 0.5, 0.75, 1.0]), lab)
    assert refusal.value.pointer == "/delay"


@pytest.mark.parametrize(
    "fields",
    [
        {"delay": 1},
        {"delay": 3001},
        {"trials": 63},
        {"trials": 1025},
        {"n_repeat": 0},
        {"n_repeat": 11},
        {"values": []},
        {"values": [0.0, 0.1, 0.2, 0.3, 0.4, 0.5]},
        {"values": [-0.1]},
        {"values": [float("nan")]},
        {"gate": "input"},
    ],
)
def test_what_is_outside_the_contract_is_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        asked(**fields)


def test_the_picture_tells_the_roles_in_words(lab: Lab) -> None:
    answered = lesions(asked(), lab)
    (rendering,) = answered.renderings
    assert rendering.name == "lesions"
    assert all(role in rendering.alt for role in answered.result["roles"].values())


def test_the_colour_of_a_cell_is_that_of_its_r2(lab: Lab) -> None:
    (rendering,) = lesions(asked(), lab).renderings
    image = np.asarray(Image.open(io.BytesIO(rendering.png())).convert("RGB")).astype(int)

    def colour(row: int, place: int) -> Any:
        """Of a corner of the cell; the first gate's rows follow the intact one after a gap."""
        left, top = MARGIN + LABELS + place * R2_CELL, TOP + 10 + ROW * (1 + row)
        return image[round(SCALE * (top + 4)), round(SCALE * (left + 4))]

    scale = palette.DIVERGING.table.astype(int)
    for (row, place), expected in {(0, 2): scale[-1], (0, 0): scale[127], (1, 0): scale[0]}.items():
        assert np.abs(colour(row, place) - expected).max() < 12


@pytest.mark.parametrize("fields", [{"values": [0.0, 0.25, 0.5, 0.75, 1.0], "n_repeat": 2}, {"values": [0.5]}])
def test_tables_of_any_size_are_drawn(lab: Lab, fields: dict[str, Any]) -> None:
    (rendering,) = lesions(asked(**fields), lab).renderings
    assert Image.open(io.BytesIO(rendering.png())).format == "PNG"
