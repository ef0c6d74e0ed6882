"""POST /lstm/state-space against the running service."""

from typing import Any

import httpx
import pytest

from tests.contract.refusals import refusal
from tests.contract.test_openapi import holds

PATH = "/lstm/state-space"


def test_the_state_space_of_the_default_network_comes_with_its_pictures(client: httpx.Client) -> None:
    response = client.post(PATH, json={"seed": 1})
    holds(response, "post", PATH)
    answer = response.json()
    assert answer["model"]["id"] == "memory-lstm"
    assert [each["name"] for each in answer["renderings"]] == ["trajectories", "eigenvalues"]
    assert len(answer["trajectories"]) == 16
    assert answer["memory"]["kind"] == "line"


def test_a_seed_left_out_is_told_and_gives_the_same_bytes_again(client: httpx.Client) -> None:
    drawn = client.post(PATH, json={})
    assert client.post(PATH, json={"seed": drawn.json()["seed"]}).content == drawn.content


def test_a_network_of_several_units_that_was_just_trained_has_three_axes(client: httpx.Client) -> None:
    training = {"hidden_size": 4, "max_steps": 20, "seed": 1}
    trained = client.post("/lstm/train", json=training, headers={"Prefer": "wait=60"}).json()["result"]["model"]["id"]
    answer = client.post(f"{PATH}?renderings=none", json={"model": trained, "delay": 10, "seed": 1}).json()
    assert len(answer["axes"]["directions"]) == 3
    assert {len(point["eigenvalues"]) for point in answer["points"]} <= {8}
    assert client.delete(f"/models/{trained}").status_code == 204


@pytest.mark.parametrize(
    ("body", "status", "slug", "pointer"),
    [
        ({"delay": 1001}, 422, "invalid-request", "/delay"),
        ({"trials": 0}, 422, "invalid-request", "/trials"),
        ({"clamps": [{"gate": "memory", "value": 0}]}, 422, "invalid-request", "/clamps/0/gate"),
        ({"model": "digit-net"}, 422, "wrong-family", "/model"),
        ({"model": "nobody-s"}, 404, "unknown-model", "/model"),
    ],
)
def test_what_cannot_be_is_refused_by_its_place(
    client: httpx.Client, body: dict[str, Any], status: int, slug: str, pointer: str
) -> None:
    problem = refusal(client.post(PATH, json=body), status, slug)
    assert problem["errors"][0]["pointer"] == pointer
