"""The census as the service gives it, on the shipped network and real digits, and its pictures."""

import io
import json
from typing import Any

import pytest
import torch
from PIL import Image

from models.analysis import census as analysis
from models.digit_net import LAYERS, DigitNet
from models.digits import DigitSample
from service.lab import Lab
from service.operations.census import census
from service.rendering.census import layer_census
from service.rendering.rendering import Rendering
from service.schemas.census import CensusAnswer, CensusRequest

pytestmark = pytest.mark.usefixtures("digits")


def asked(**fields: Any) -> CensusRequest:
    return CensusRequest(**{"samples": 200, "seed": 1, **fields})


def silenced(network: DigitNet) -> DigitNet:
    """The network with nothing but zeros in every layer."""
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.zero_()
    return network


def pictures(network: DigitNet) -> list[Rendering]:
    """The census of every layer, drawn for pictures of noise."""
    images = torch.randint(0, 256, (100, 28, 28), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    sample = DigitSample(torch.arange(100), images, torch.arange(100) % 10)
    criteria = (analysis.SPARSE_BELOW, analysis.SELECTIVE_FROM)
    return [layer_census(layer, 100, *criteria) for layer in analysis.census(network, sample)]


def test_the_answer_is_as_documented_and_fits_json(lab: Lab) -> None:
    result = census(asked(), lab).result
    assert json.loads(json.dumps(result, allow_nan=False)) == result
    CensusAnswer.model_validate(result, strict=True, extra="forbid")
    assert result["model"] == lab.catalogue.default("digit-net").reference
    assert (result["seed"], result["samples"]) == (1, 200)
    assert [layer["name"] for layer in result["layers"]] == list(LAYERS)


def test_the_same_seed_gives_the_same_census_and_another_shows_other_digits(lab: Lab) -> None:
    first, again, other = (census(asked(seed=seed, layers=["y"]), lab).result for seed in (1, 1, 2))
    assert first == again
    assert first["layers"] != other["layers"]


def test_a_seed_left_out_is_drawn_and_told(lab: Lab) -> None:
    drawn = census(asked(seed=None, layers=["y"]), lab).result
    assert drawn == census(asked(layers=["y"], seed=drawn["seed"]), lab).result


def test_each_layer_asked_for_has_its_picture(lab: Lab) -> None:
    answered = census(asked(layers=["l4", "l1"]), lab)
    assert [rendering.name for rendering in answered.renderings] == ["l1", "l4"]
    for rendering, layer in zip(answered.renderings, answered.result["layers"], strict=True):
        assert Image.open(io.BytesIO(rendering.png())).width == 1440
        for kind in ("dead", "constant", "sparse", "selective"):
            assert f"{layer[kind]['count']:,} {kind}" in rendering.alt


@pytest.mark.parametrize("network", [DigitNet.initialised(0), silenced(DigitNet())], ids=["untrained", "silent"])
def test_a_layer_without_any_selective_or_live_unit_is_drawn_too(network: DigitNet) -> None:
    for picture in pictures(network):
        assert Image.open(io.BytesIO(picture.png())).format == "PNG"
        assert picture.alt.endswith(".")
        assert "nan" not in picture.alt
    assert "1,176 dead" in pictures(silenced(DigitNet()))[0].alt


def test_the_same_census_gives_the_same_bytes() -> None:
    first, again = (pictures(DigitNet.initialised(0))[2].png() for _ in range(2))
    assert first == again
