"""Requests said as addresses, and read from them."""

import base64
from typing import Any
from urllib.parse import parse_qsl, quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service import addresses
from service.errors import InvalidRequest
from service.routes.analyses import ANALYSES
from service.schemas.cnn import ActivationsRequest, PredictRequest
from service.schemas.common import Schema
from service.schemas.horizon import HorizonRequest
from service.schemas.lesion import LesionRequest
from service.schemas.lstm import SimulateRequest, TaskRequest
from service.schemas.memory_lesions import MemoryLesionsRequest
from service.schemas.tuning_curve import TuningCurveRequest

SAMPLE = {"sample": {"split": "test", "index": 7}}
GRADIENT = {"pixels": [[row * column / 729 for column in range(28)] for row in range(28)]}
PINS = {"digit-net": "f25b25cfc238", "memory-lstm": "4f726cedf152", "memory-lstm-open": "b50ad8111374"}
CLAMPS = [{"gate": "input", "value": 0, "window": "delay"}, {"gate": "forget", "value": 0.25}]


def read(schema: type[Schema], query: str) -> Schema:
    return addresses.read(schema, parse_qsl(query, keep_blank_values=True))[0]


def refused(schema: type[Schema], query: str) -> list[dict[str, str]]:
    with pytest.raises(InvalidRequest) as refusal:
        read(schema, query)
    return refusal.value.errors


@pytest.mark.parametrize(
    ("schema", "query", "body"),
    [
        (SimulateRequest, "", {}),
        (SimulateRequest, "delay=15&seed=1", {"delay": 15, "seed": 1}),
        (ActivationsRequest, "image.sample.split=test&image.sample.index=7", {"image": SAMPLE}),
        (
            ActivationsRequest,
            "image.sample.split=test&image.sample.index=7&layers=y&drive=true",
            {"image": SAMPLE, "layers": ["y"], "drive": True},
        ),
        (TuningCurveRequest, "layer=y&unit=0&stimulus=class", {"layer": "y", "unit": 0, "stimulus": "class"}),
        (
            TuningCurveRequest,
            "layer=l1&unit.channel=3&stimulus=size&values=1,2,4.5,8,16,20,24,28",
            {"layer": "l1", "unit": {"channel": 3}, "stimulus": "size", "values": [1, 2, 4.5, 8, 16, 20, 24, 28]},
        ),
        (LesionRequest, "layer=l3&units=3", {"layer": "l3", "units": [3]}),
        (
            LesionRequest,
            "layer=l2&units.0=0&units.1.channel=3",
            {"layer": "l2", "units": [0, {"channel": 3}]},
        ),
        (
            SimulateRequest,
            "clamps.0.gate=input&clamps.0.value=0&clamps.0.window=delay&clamps.1.gate=forget&clamps.1.value=0.25",
            {"clamps": CLAMPS},
        ),
        (SimulateRequest, "clamps=", {"clamps": []}),
        (SimulateRequest, "inputs.0=0.5,1,0&inputs.1=0,0,1", {"inputs": [[0.5, 1, 0], [0, 0, 1]]}),
    ],
)
def test_an_address_says_what_a_body_would(schema: type[Schema], query: str, body: dict[str, Any]) -> None:
    assert read(schema, query) == schema.model_validate(body, strict=False)


@pytest.mark.parametrize(
    ("schema", "body"),
    [
        (PredictRequest, {"image": GRADIENT}),
        (PredictRequest, {"images": [SAMPLE, GRADIENT, {"data": "iVBO+/==", "preprocess": "none"}]}),
        (ActivationsRequest, {"image": SAMPLE, "layers": ["l1", "y"], "drive": True, "model": "digit-net"}),
        (TuningCurveRequest, {"layer": "l1", "unit": {"channel": 3}, "stimulus": "contrast", "orientation_deg": 7.5}),
        (LesionRequest, {"layer": "l2", "units": [0, {"channel": 3, "row": 1, "column": 2}]}),
        (SimulateRequest, {"inputs": [[0.1, 1.0, 0.0], [1e-7, 0.0, 1.0]], "seed": 2**32 - 1}),
        (SimulateRequest, {"seq_len": 300, "clamps": CLAMPS}),
        (HorizonRequest, {"models": ["memory-lstm", "memory-lstm-open"], "delays": [5]}),
        (MemoryLesionsRequest, {"values": [0.0, 0.5, 1.0]}),
        (TaskRequest, {}),
    ],
)
def test_what_is_said_is_read_again(schema: type[Schema], body: dict[str, Any]) -> None:
    request = schema.model_validate(body, strict=False)
    said = addresses.write(request, PINS)
    again, pins = addresses.read(schema, parse_qsl(said, keep_blank_values=True, strict_parsing=bool(said)))
    assert again == request
    assert addresses.write(again, pins) == said


def test_an_address_holds_each_model_to_its_weights() -> None:
    request = HorizonRequest.model_validate({"models": ["memory-lstm", "memory-lstm-open"], "seed": 1})
    said = addresses.write(request, PINS)
    assert "models=memory-lstm@4f726cedf152,memory-lstm-open@b50ad8111374&" in said
    _, pins = addresses.read(HorizonRequest, parse_qsl(said))
    assert pins == {name: pin for name, pin in PINS.items() if name.startswith("memory")}


@pytest.mark.parametrize(
    ("schema", "query", "pointers"),
    [
        (SimulateRequest, "seq_len=0&seed=-1", ["/seq_len", "/seed"]),
        (SimulateRequest, "seq_len=", ["/seq_len"]),
        (SimulateRequest, "seq_len=nan", ["/seq_len"]),
        (SimulateRequest, "seq_len=20,30", ["/seq_len"]),
        (SimulateRequest, "clamps.0.gate=input&clamps.0.value=nan", ["/clamps/0/value"]),
        (SimulateRequest, "clamps.0.gate=input&clamps.2.gate=input", ["/clamps"]),
        (SimulateRequest, "clamps.99999999999.gate=input", ["/clamps"]),
        (SimulateRequest, "unheard_of=1", [""]),
        (SimulateRequest, "seed=1&seed=2", [""]),
        (SimulateRequest, "seed=1&seed.0=2", [""]),
        (SimulateRequest, "clamps=1&clamps.0.gate.x=input", [""]),
        (SimulateRequest, f"clamps.{'0.' * 5000}0=1", ["/clamps/0"]),
        (TuningCurveRequest, "layer=l9&unit=0&stimulus=class", ["/layer"]),
        (TuningCurveRequest, "unit=0&stimulus=class", ["/layer"]),
        (ActivationsRequest, "image=7", ["/image"]),
        (ActivationsRequest, "image.sample.split=test", ["/image/sample/index"]),
    ],
)
def test_what_cannot_be_meant_is_refused_by_its_place(schema: type[Schema], query: str, pointers: list[str]) -> None:
    assert [error["pointer"] for error in refused(schema, query)] == pointers


def test_each_analysis_has_an_address_of_its_own() -> None:
    assert len({analysis.path for analysis in ANALYSES}) == len(ANALYSES) == 13


@given(name=st.text(), value=st.text() | st.binary().map(lambda picture: base64.b64encode(picture).decode()))
def test_a_query_is_quoted_as_python_s_library_does_it(name: str, value: str) -> None:
    assert addresses.query([(name, value)]) == "=".join(quote(each, safe="@,:") for each in (name, value))
