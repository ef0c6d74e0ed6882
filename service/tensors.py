"""Answers as tensors, for scripts: arrays as they lie in memory instead of digits that have to be read one by one."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray
from safetensors.numpy import save

_TAKEN = object()


def packed(result: Mapping[str, Any]) -> bytes:
    """The result in the format safetensors; all that is no array of numbers is JSON, under `answer` in its metadata.

    A tensor has the name of its field, with dots on the way to it: ``input``, ``layers.0.values``. Numbers that each
    item of a list has alike are one tensor of them all: ``predictions.logits`` is (prediction, unit). Numbers are
    float32 where that loses nothing.
    """
    tensors: dict[str, NDArray[Any]] = {}
    rest = _rest(result, "", tensors)
    answer = orjson.dumps(rest, option=orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_UTC_Z).decode("utf-8")
    return save(tensors, {"answer": answer})


def _rest(value: Any, name: str, tensors: dict[str, NDArray[Any]]) -> Any:
    """What is left of a value when its arrays are taken out."""
    if isinstance(value, Mapping):
        rest = {key: _rest(each, f"{name}.{key}" if name else key, tensors) for key, each in value.items()}
        return {key: each for key, each in rest.items() if each is not _TAKEN}
    if _are_alike(value):
        columns = {key: _array([each[key] for each in value]) for key in value[0]}
        tensors |= {f"{name}.{key}": column for key, column in columns.items() if column is not None}
        left = [{key: each[key] for key in each if columns[key] is None} for each in value]
        return [_rest(each, f"{name}.{place}", tensors) for place, each in enumerate(left)]
    if isinstance(value, (list, tuple, np.ndarray)):
        array = _array(value)
        if array is not None:
            tensors[name] = array
            return _TAKEN
    return value


def _are_alike(value: Any) -> bool:
    """Whether this is a list of things that have the same fields."""
    return (
        isinstance(value, Sequence)
        and bool(value)
        and all(isinstance(each, Mapping) and each.keys() == value[0].keys() for each in value)
    )


def _array(value: Any) -> NDArray[Any] | None:
    """The numbers as an array; None where there are none, or other things among them."""
    try:
        array = np.asarray(value)
    except ValueError:  # rows of different lengths
        return None
    if array.dtype.kind not in "biuf" or array.size == 0:
        return None
    if array.dtype == np.float64:
        narrow = array.astype(np.float32)
        array = narrow if np.array_equal(narrow, array) else array
    return np.ascontiguousarray(array)
