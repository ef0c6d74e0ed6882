"""Horizon, lesions and gates of the memory network as a client has them: numbers, pictures, seeds, what is refused."""

import base64
from typing import Any

import httpx
import pytest

from tests.contract.refusals import refusal
from tests.contract.test_openapi import holds

ANALYSES: dict[str, tuple[str, dict[str, Any], list[str]]] = {
    "horizon": ("/lstm/horizon", {"delays": [3, 30], "trials": 64}, ["horizon"]),
    "horizons": ("/lstm/horizon", {"models": ["memory-lstm", "memory-lstm-open"], "n_repeat": 2}, ["horizon"]),
    "lesions": ("/lstm/lesions", {"delay": 10, "values": [0.5, 1]}, ["lesions"]),
    "gates": ("/lstm/gates", {"delay": 10, "batch_size": 4}, ["gates", "aligned", "trial", "scatter"]),
}
EVERY_ANALYSIS = pytest.mark.parametrize("name", ANALYSES)


@EVERY_ANALYSIS
def test_an_analysis_answers_as_documented_with_its_seed_its_model_and_its_pictures(
    client: httpx.Client, name: str
) -> None:
    path, body, names = ANALYSES[name]
    answer = client.post(path, json={**body, "seed": 5})
    assert answer.status_code == 200, answer.text
    holds(answer, "post", path)
    assert answer.json()["seed"] == 5
    assert answer.json()["model"]["family"] == "memory-lstm"
    pictures = {rendering["name"]: rendering for rendering in answer.json()["renderings"]}
    assert list(pictures) == names
    last = client.post(f"{path}?rendering={names[-1]}", json={**body, "seed": 5}, headers={"Accept": "image/png"})
    assert last.content == base64.b64decode(pictures[names[-1]]["data"])


@EVERY_ANALYSIS
def test_a_seed_left_out_is_told_and_gives_the_same_bytes_again(client: httpx.Client, name: str) -> None:
    path, body, _ = ANALYSES[name]
    drawn = client.post(f"{path}?renderings=none", json=body)
    again = client.post(f"{path}?renderings=none", json={**body, "seed": drawn.json()["seed"]})
    assert drawn.content == again.content


@pytest.mark.parametrize("path", ["/lstm/horizon", "/lstm/lesions"])
def test_an_empty_body_asks_for_the_default(client: httpx.Client, path: str) -> None:
    answer = client.post(f"{path}?renderings=none")
    assert answer.status_code == 200
    assert answer.json()["model"]["id"] == "memory-lstm"


def test_the_horizons_of_several_models_are_told_in_the_order_asked(client: httpx.Client) -> None:
    body = {"models": ["memory-lstm-open", "memory-lstm"], "seed": 1}
    answer = client.post("/lstm/horizon?renderings=none", json=body).json()
    assert [each["model"]["id"] for each in answer["models"]] == body["models"]
    assert answer["horizon_ms"] == answer["models"][0]["horizon_ms"] < answer["models"][1]["horizon_ms"]


@pytest.mark.parametrize(
    ("path", "body", "status", "slug", "pointer"),
    [
        ("/lstm/horizon", {"models": ["nobody-s"]}, 404, "unknown-model", "/model"),
        ("/lstm/horizon", {"model": "digit-net"}, 422, "wrong-family", "/model"),
        ("/lstm/horizon", {"delays": [3000] * 60, "trials": 1024, "n_repeat": 10}, 422, "invalid-analysis", "/delays"),
        ("/lstm/horizon", {"delays": [3001]}, 422, "invalid-request", "/delays/0"),
        ("/lstm/horizon", {"model": "memory-lstm", "models": ["memory-lstm"]}, 422, "invalid-request", ""),
        ("/lstm/lesions", {"delay": 3000}, 422, "invalid-analysis", "/delay"),
        ("/lstm/lesions", {"values": [0, 0]}, 422, "invalid-task", "/values"),
        ("/lstm/lesions", {"values": [2]}, 422, "invalid-request", "/values/0"),
    ],
)
def test_a_refusal_points_at_what_is_to_be_mended(
    client: httpx.Client, path: str, body: dict[str, Any], status: int, slug: str, pointer: str
) -> None:
    problem = refusal(client.post(path, json=body), status, slug)
    assert problem["errors"][0]["pointer"] == pointer
