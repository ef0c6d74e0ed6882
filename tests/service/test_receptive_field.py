"""Receptive fields as the service gives them, on the shipped network, and their picture."""

import io
import json
from typing import Any

import pytest
import torch
from PIL import Image
from pydantic import ValidationError

from models.analysis import receptive_field as analysis
from models.digit_net import LAYERS, DigitNet
from models.errors import UnknownUnit
from models.units import Unit
from service.lab import Lab
from service.operations.receptive_field import receptive_field
from service.rendering import receptive_field as figures
from service.schemas.receptive_field import ReceptiveFieldAnswer, ReceptiveFieldRequest


def asked(**fields: Any) -> ReceptiveFieldRequest:
    return ReceptiveFieldRequest(**{"layer": "l2", "unit": 171, "samples": 1000, "seed": 1, **fields})


@pytest.mark.parametrize(("layer", "unit"), [("l1", 0), ("l2", {"channel": 1}), ("l2", 171), ("l4", 0), ("y", 9)])
def test_the_answer_is_as_documented_and_fits_json(lab: Lab, layer: str, unit: Any) -> None:
    result = receptive_field(asked(layer=layer, unit=unit), lab).result
    assert json.loads(json.dumps(result, allow_nan=False)) == result
    ReceptiveFieldAnswer.model_validate(result, strict=True, extra="forbid")
    assert result["model"] == lab.catalogue.default("digit-net").reference
    assert (result["layer"], result["unit"], result["samples"], result["seed"]) == (layer, unit, 1000, 1)


def test_the_measured_field_lies_in_the_theoretical_one(lab: Lab) -> None:
    result = receptive_field(asked(samples=4096), lab).result
    theoretical, measured = result["theoretical"], result["measured"]
    assert theoretical["size"] == {"rows": 10, "columns": 10}
    assert all(measured[edge] >= theoretical[edge] for edge in ("top", "left"))
    assert all(measured[edge] <= theoretical[edge] for edge in ("bottom", "right"))
    assert result["significant_pixels"] > 10


def test_a_seed_left_out_is_drawn_and_told(lab: Lab) -> None:
    drawn = receptive_field(asked(seed=None), lab).result
    assert drawn == receptive_field(asked(seed=drawn["seed"]), lab).result


def test_an_unknown_unit_is_refused(lab: Lab) -> None:
    with pytest.raises(UnknownUnit, match="0 to 783"):
        receptive_field(asked(unit=784), lab)


@pytest.mark.parametrize("samples", [10, 20_001, 4096.5])
def test_samples_have_bounds(samples: Any) -> None:
    with pytest.raises(ValidationError):
        asked(samples=samples)


@pytest.mark.parametrize(("layer", "unit"), [("l1", 0), ("l2", 171), ("y", 3)])
def test_the_picture_tells_both_boxes_in_words(lab: Lab, layer: str, unit: int) -> None:
    answered = receptive_field(asked(layer=layer, unit=unit, samples=4096), lab)
    (rendering,) = answered.renderings
    assert rendering.name == "field"
    assert Image.open(io.BytesIO(rendering.png())).width == 1440
    assert rendering.png() == rendering.png()
    for box in (answered.result["theoretical"], answered.result["measured"]):
        assert f"rows {box['top']} to {box['bottom'] - 1}, columns {box['left']} to {box['right'] - 1}" in rendering.alt
    assert f"{answered.result['significant_pixels']} pixels beyond" in rendering.alt


def test_a_unit_that_hears_nothing_is_drawn_and_said() -> None:
    network = DigitNet.initialised(0)
    with torch.no_grad():
        network.fc1.weight.zero_()
    unit = Unit.of(LAYERS["l3"], 4)
    rendering = figures.field({"label": unit.label, **analysis.receptive_field(network, unit, samples=256)})
    assert "does not vary" in rendering.alt
    assert rendering.png()
