"""POST /lstm/compare against the running service."""

import hashlib
from typing import Any

import httpx
import pytest

from tests.contract.refusals import refusal

QUICK: dict[str, Any] = {"networks": 2, "max_steps": 10, "seed": 1}
LAB: dict[str, Any] = {"name": "lab's recipe"}
TWO_UNITS: dict[str, Any] = {"name": "two units", "hidden_size": 2}


def finished(client: httpx.Client, *settings: dict[str, Any], **more: Any) -> dict[str, Any]:
    body = {"settings": settings, **QUICK, **more}
    response = client.post("/lstm/compare", json=body, headers={"Prefer": "wait=60"})
    assert response.status_code == 200, response.text
    job = response.json()
    assert (job["kind"], job["status"]) == ("lstm.compare", "succeeded"), job
    return job


def test_two_ways_to_train_are_compared_and_shown(client: httpx.Client) -> None:
    job = finished(client, LAB, TWO_UNITS)
    assert job["request"]["settings"][1]["seq_len_max"] == 20, "the request is shown with every setting in full"
    assert job["progress"]["total"] == 20
    result = job["result"]
    assert result["seeds"] == [1, 2]
    assert [each["name"] for each in result["renderings"]] == ["horizons", "curves"]
    assert result["settings"][0]["against_baseline"] is None
    assert [pair["seed"] for pair in result["settings"][1]["against_baseline"]["pairs"]] == [1, 2]


def test_the_baseline_s_networks_are_those_of_lstm_train(client: httpx.Client) -> None:
    compared = finished(client, LAB, TWO_UNITS)["result"]["settings"][0]
    trained = client.post("/lstm/train?renderings=none", json=QUICK, headers={"Prefer": "wait=60"}).json()["result"]
    assert compared["history"] == trained["history"]
    client.delete(f"/models/{trained['model']['id']}")


def test_kept_networks_can_be_used_at_once(client: httpx.Client) -> None:
    for told in finished(client, LAB, TWO_UNITS, keep=True)["result"]["settings"]:
        model = client.get(f"/models/{told['model']['id']}").json()
        assert model["card"]["name"] == told["name"]
        weights = client.get(f"/models/{model['id']}/weights").content
        assert hashlib.sha256(weights).hexdigest() == told["model"]["sha256"]
        assert client.post("/lstm/simulate", json={"model": model["id"], "seed": 1}).status_code == 200
        assert client.delete(f"/models/{model['id']}").status_code == 204


@pytest.mark.parametrize(
    ("second", "slug", "pointer"),
    [
        ({"name": "long", "seq_len_min": 50}, "invalid-training", "/settings/1/seq_len_max"),
        ({"name": "large", "hidden_size": 33}, "invalid-request", "/settings/1/hidden_size"),
        ({"name": "patient", "max_steps": 10}, "invalid-request", "/settings/1"),
        ({"hidden_size": 2}, "invalid-request", "/settings/1/name"),
    ],
)
def test_a_setting_that_cannot_be_is_refused_by_its_place(
    client: httpx.Client, second: dict[str, Any], slug: str, pointer: str
) -> None:
    response = client.post("/lstm/compare", json={"settings": [LAB, second]})
    assert refusal(response, 422, slug)["errors"][0]["pointer"] == pointer


@pytest.mark.parametrize("settings", [[LAB], [LAB, LAB]])
def test_one_way_to_train_is_no_comparison(client: httpx.Client, settings: list[dict[str, Any]]) -> None:
    refusal(client.post("/lstm/compare", json={"settings": settings}), 422, "invalid-request")
