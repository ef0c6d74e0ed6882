"""Bodies held against their schema: strict, finite, with pointers into them and without their values."""

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.bodies import parse
from service.errors import InvalidRequest, MalformedBody
from service.schemas.cnn import ActivationsRequest, PredictRequest, TrainRequest
from service.schemas.common import Schema
from service.schemas.lstm import MemoryTrainRequest, SimulateRequest, TaskRequest
from service.schemas.tuning import TuneRequest

SCHEMAS: list[type[Schema]] = [
    PredictRequest,
    ActivationsRequest,
    TuneRequest,
    TrainRequest,
    TaskRequest,
    SimulateRequest,
    MemoryTrainRequest,
]
WORDS = st.text(max_size=8) | st.sampled_from(["image", "pixels", "sample", "layer", "unit", "units", "clamps", "seed"])
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3),
    max_leaves=10,
)


def errors(schema: type[Schema], content: Any) -> list[dict[str, str]]:
    with pytest.raises(InvalidRequest) as refusal:
        parse(schema, json.dumps(content).encode())
    return refusal.value.errors


def pointers(schema: type[Schema], content: Any) -> list[str]:
    return [error["pointer"] for error in errors(schema, content)]


@settings(deadline=None)
@given(content=ANYTHING, schema=st.sampled_from(SCHEMAS))
def test_any_json_is_read_or_refused(content: Any, schema: type[Schema]) -> None:
    with suppress(MalformedBody, InvalidRequest):
        assert isinstance(parse(schema, json.dumps(content).encode()), schema)


@settings(deadline=None)
@given(body=st.binary(max_size=40), schema=st.sampled_from(SCHEMAS))
def test_any_bytes_are_read_or_refused(body: bytes, schema: type[Schema]) -> None:
    with suppress(MalformedBody, InvalidRequest):
        assert isinstance(parse(schema, body), schema)


@pytest.mark.parametrize("body", [b"", b"{", b"{'a': 1}", b'{"a": 1,}', b"\xff", b'"\\ud800"', b"[" * 10_000])
def test_what_is_no_json_is_malformed(body: bytes) -> None:
    with pytest.raises(MalformedBody):
        parse(TaskRequest, body)


@pytest.mark.parametrize(
    ("schema", "content", "expected"),
    [
        (SimulateRequest, [], [""]),
        (SimulateRequest, {"seed": "1"}, ["/seed"]),
        (SimulateRequest, {"clamps": [{"gate": "input", "value": 0.5}, {"gate": "input"}]}, ["/clamps/1/value"]),
        (SimulateRequest, {"inputs": [[0, 0, 0], [0, 0, 2]]}, ["/inputs/1/2"]),
        (TuneRequest, {"layer": "y", "unit": {"channel": -1}}, ["/unit/channel"]),
        (TuneRequest, {"layer": "y", "units": [0, {"channel": "a"}]}, ["/units/1/channel"]),
        (TuneRequest, {"unit": 1}, ["/layer"]),
        (PredictRequest, {"image": {"sample": {"split": "test", "index": "a"}}}, ["/image/sample/index"]),
        (PredictRequest, {"images": [{"pixels": []}]}, ["/images/0/pixels"]),
        (PredictRequest, {"images": [{}, {"data": 1}]}, ["/images/0", "/images/1/data"]),
        (TrainRequest, {"seed": 1, "max_steps": 0, "name": ""}, ["/max_steps", "/name"]),
    ],
)
def test_each_error_points_into_the_body_as_it_was_sent(
    schema: type[Schema], content: Any, expected: list[str]
) -> None:
    assert sorted(pointers(schema, content)) == sorted(expected)


def test_an_unknown_field_is_not_echoed_and_the_known_ones_are_named() -> None:
    (error,) = errors(TaskRequest, {"seqlen": 20})
    assert error["pointer"] == ""
    assert "seqlen" not in error["detail"]
    assert "seq_len" in error["detail"]


def test_an_unknown_field_within_is_pointed_at_by_what_holds_it() -> None:
    assert pointers(SimulateRequest, {"clamps": [{"gate": "input", "value": 1, "until": 3}]}) == ["/clamps/0"]


def test_of_very_many_errors_some_are_told() -> None:
    assert len(errors(TaskRequest, {str(number): number for number in range(1000)})) == 10


def test_every_error_is_a_sentence() -> None:
    for error in errors(SimulateRequest, {"seed": -1, "trial": "a", "clamps": 3, "delay": 10**9}):
        assert error["detail"][0].isupper()
        assert error["detail"].endswith(".")
        assert not error["detail"].endswith("..")


@pytest.mark.parametrize(
    ("schema", "body"),
    [
        (TaskRequest, b'{"seed": 1, "seed": 1}'),
        (TaskRequest, rb'{"seed": 1, "\u0073eed": 2}'),
        (TuneRequest, b'{"layer": "l1", "unit": {"channel": 1, "channel": 2}}'),
        (PredictRequest, b'{"images": [{"data": "a"}, {"data": ":", "data": ":"}]}'),
        (TrainRequest, b'{"name": "a:b", "seed": 1, "name": "c"}'),
    ],
)
def test_a_field_twice_is_refused(schema: type[Schema], body: bytes) -> None:
    with pytest.raises(MalformedBody, match="twice"):
        parse(schema, body)


@pytest.mark.parametrize("name", ["a:b", '"seed":1,"seed":2', "::::", '\\":'])
def test_colons_and_quotes_within_a_string_are_no_fields(name: str) -> None:
    assert parse(TrainRequest, json.dumps({"seed": 1, "name": name}).encode()).name == name  # type: ignore[attr-defined]


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999", "-1e999"])
def test_numbers_that_are_not_finite_are_refused(number: str) -> None:
    with pytest.raises((InvalidRequest, MalformedBody)):
        parse(MemoryTrainRequest, f'{{"forget_bias": {number}}}'.encode())


def test_a_whole_number_is_a_number() -> None:
    assert parse(MemoryTrainRequest, b'{"forget_bias": 1}').forget_bias == 1.0  # type: ignore[attr-defined]
