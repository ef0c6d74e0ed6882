"""Census, lesion and similarity as a client has them: numbers, pictures, seeds, and what is refused."""

import base64
from typing import Any

import httpx
import pytest

from models.digits import Digits
from tests.contract.refusals import refusal

ANALYSES: dict[str, tuple[str, dict[str, Any], list[str]]] = {
    "census": ("/cnn/census", {"layers": ["l4", "l3"], "samples": 200}, ["l3", "l4"]),
    "units": ("/cnn/lesion", {"layer": "l2", "units": [0, {"channel": 3}], "samples": 200}, ["accuracy", "logits"]),
    "dose": (
        "/cnn/lesion",
        {"layer": "l4", "fraction": 0.5, "repeats": 2, "samples": 200},
        ["accuracy", "logits", "dose"],
    ),
    "each": ("/cnn/lesion", {"layer": "l4", "samples": 200}, ["accuracy", "logits", "each"]),
    "similarity": ("/cnn/similarity", {"per_class": 2}, ["matrices", "layers"]),
}


@pytest.mark.parametrize("name", ANALYSES)
def test_an_analysis_answers_with_its_seed_its_model_and_its_pictures(
    client: httpx.Client, digits: Digits, name: str
) -> None:
    path, body, names = ANALYSES[name]
    answer = client.post(path, json={**body, "seed": 5})
    assert answer.status_code == 200, answer.text
    assert answer.json()["seed"] == 5
    assert answer.json()["model"]["family"] == "digit-net"
    pictures = {rendering["name"]: rendering for rendering in answer.json()["renderings"]}
    assert list(pictures) == names
    last = client.post(f"{path}?rendering={names[-1]}", json={**body, "seed": 5}, headers={"Accept": "image/png"})
    assert last.content == base64.b64decode(pictures[names[-1]]["data"])


@pytest.mark.parametrize("name", ANALYSES)
def test_a_seed_left_out_is_told_and_gives_the_same_bytes_again(
    client: httpx.Client, digits: Digits, name: str
) -> None:
    path, body, _ = ANALYSES[name]
    drawn = client.post(f"{path}?renderings=none", json=body)
    again = client.post(f"{path}?renderings=none", json={**body, "seed": drawn.json()["seed"]})
    assert drawn.content == again.content


def test_another_network_has_another_census(client: httpx.Client, digits: Digits) -> None:
    lab, best = (
        client.post("/cnn/census?renderings=none", json={"model": model, "layers": ["l4"], "seed": 1}).json()
        for model in ("digit-net", "digit-net-best")
    )
    assert lab["layers"][0]["dead"]["units"] != best["layers"][0]["dead"]["units"]


def test_the_output_cannot_be_lesioned(client: httpx.Client, digits: Digits) -> None:
    problem = refusal(client.post("/cnn/lesion", json={"layer": "y"}), 422, "invalid-analysis")
    assert "l1, l2, l3 or l4" in problem["detail"]
    assert problem["errors"][0]["pointer"] == "/layer"


def test_a_unit_that_there_is_not_is_pointed_at(client: httpx.Client, digits: Digits) -> None:
    problem = refusal(client.post("/cnn/lesion", json={"layer": "l4", "units": [3, 84]}), 422, "unknown-unit")
    assert problem["errors"][0]["pointer"] == "/units/1"


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/cnn/census", {"layers": ["l9"]}),
        ("/cnn/census", {"layers": []}),
        ("/cnn/census", {"samples": 10_001}),
        ("/cnn/lesion", {"layer": "l3", "units": [1], "fraction": 0.5}),
        ("/cnn/lesion", {"layer": "l3", "fraction": 0}),
        ("/cnn/lesion", {"layer": "l3", "fraction": 0.5, "samples": 10_000}),
        ("/cnn/lesion", {"layer": "l3", "replacement": "noise"}),
        ("/cnn/lesion", {}),
        ("/cnn/similarity", {"per_class": 21}),
        ("/cnn/similarity", {"layers": ["l1", "pixels"]}),
    ],
)
def test_requests_outside_the_contract_are_refused(client: httpx.Client, path: str, body: dict[str, Any]) -> None:
    refusal(client.post(path, json=body), 422, "invalid-request")
