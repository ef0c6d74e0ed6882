"""What a script has of an answer as tensors instead of JSON."""

import httpx
import numpy as np
from safetensors.numpy import load

from benchmarks.table import Ratio
from benchmarks.timing import compare
from service.answers import SAFETENSORS

DIGIT = 7


def tensors(client: httpx.Client) -> Ratio:
    """Every layer's activity, asked for and read into arrays."""
    seen = {"image": {"sample": {"split": "test", "index": DIGIT}}}

    def as_tensors() -> None:
        body = client.post("/cnn/activations", json=seen, headers={"Accept": SAFETENSORS}).raise_for_status().content
        load(body)

    def as_json() -> None:
        answer = client.post("/cnn/activations?renderings=none", json=seen).raise_for_status().json()
        for layer in answer["layers"]:
            np.asarray(layer["values"], np.float32)

    def often(ask) -> None:  # one alone is over too soon to be timed
        for _ in range(50):
            ask()

    return compare(
        "/cnn/activations read into arrays by a script, as tensors",
        lambda: often(as_tensors),
        "as JSON",
        lambda: often(as_json),
        pairs=5,
    )
