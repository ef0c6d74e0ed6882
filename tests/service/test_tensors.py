"""Answers as tensors: every number of the JSON is there, once."""

import json

import numpy as np
from safetensors.numpy import load

from service.tensors import packed


def unpacked(data: bytes):
    header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
    return load(data), json.loads(header["__metadata__"]["answer"])


def test_arrays_are_tensors_of_their_place_and_all_else_is_json():
    tensors, rest = unpacked(
        packed({"model": {"id": "m"}, "input": np.eye(2, dtype=np.float32), "inner": {"values": [[1, 2, 3]]}, "n": 4})
    )
    assert rest == {"model": {"id": "m"}, "inner": {}, "n": 4}
    assert tensors.keys() == {"input", "inner.values"}
    assert tensors["inner.values"].tolist() == [[1, 2, 3]]
    assert tensors["input"].dtype == np.float32


def test_what_items_have_alike_is_one_tensor():
    tensors, rest = unpacked(
        packed({"predictions": [{"label": 7, "logits": [1.5, 2]}, {"label": 2, "logits": [0, -1]}]})
    )
    assert rest == {"predictions": [{}, {}]}
    assert tensors["predictions.label"].tolist() == [7, 2]
    assert tensors["predictions.logits"].tolist() == [[1.5, 2], [0, -1]]


def test_what_is_of_different_shapes_has_a_tensor_each_and_what_is_missing_stays_json():
    layers = [{"name": "a", "values": [1, 2], "top": None}, {"name": "b", "values": [3], "top": 1}]
    tensors, rest = unpacked(packed({"layers": layers}))
    assert rest == {"layers": [{"name": "a", "top": None}, {"name": "b", "top": 1}]}
    assert {name: each.tolist() for name, each in tensors.items()} == {
        "layers.0.values": [1, 2],
        "layers.1.values": [3],
    }


def test_numbers_are_narrow_only_where_that_loses_nothing():
    tensors, _ = unpacked(packed({"halves": [0.5, 0.25], "tenths": [0.1, 0.2], "counts": [2**40, 1], "flags": [True]}))
    assert {name: each.dtype.name for name, each in tensors.items()} == {
        "halves": "float32",
        "tenths": "float64",
        "counts": "int64",
        "flags": "bool",
    }
    assert tensors["tenths"].tolist() == [0.1, 0.2]


def test_words_and_nothing_stay_json():
    told = {"words": ["a", "b"], "ragged": [[1], [2, 3]], "empty": [], "mixed": [1, "a"], "gaps": [1.0, None]}
    tensors, rest = unpacked(packed(told))
    assert (tensors, rest) == ({}, told)


def test_an_array_of_nothing_is_an_empty_list():
    assert unpacked(packed({"rows": np.empty((0, 2))})) == ({}, {"rows": []})
