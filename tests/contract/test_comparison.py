"""POST /cnn/compare against the running service."""

from typing import Any

import httpx
import pytest

from models.digits import Digits
from tests.contract.refusals import refusal

QUICK: dict[str, Any] = {"starts": 2, "steps": 10, "seed": 1}
FIRST: dict[str, Any] = {"layer": "y", "unit": 3}


def compared(client: httpx.Client, *subjects: dict[str, Any]) -> dict[str, Any]:
    response = client.post("/cnn/compare", json={"subjects": subjects, **QUICK}, headers={"Prefer": "wait=60"})
    assert response.status_code == 200, response.text
    job = response.json()
    assert (job["kind"], job["status"]) == ("cnn.compare", "succeeded"), job
    return job["result"]


def test_two_networks_are_compared_and_shown(client: httpx.Client) -> None:
    result = compared(client, FIRST, {**FIRST, "model": "digit-net-best"})
    assert [each["model"]["id"] for each in result["subjects"]] == ["digit-net", "digit-net-best"]
    assert [each["name"] for each in result["renderings"]] == ["stimuli", "cross", "spectra"]
    for subject, row in zip(result["subjects"], result["cross_drive"], strict=True):
        body = {"image": {"pixels": subject["optimized_image"]}, "model": subject["model"]["id"]}
        (prediction,) = client.post("/cnn/predict", json=body).json()["predictions"]
        assert prediction["logits"][3] == subject["drive"]
        assert subject["drive"] in row


def test_a_step_of_a_model_is_the_model_s_own_at_its_end(client: httpx.Client, digits: Digits) -> None:
    training = {"max_steps": 20, "seed": 4, "target_accuracy": 1.0}
    trained = client.post("/cnn/train", json=training, headers={"Prefer": "wait=60"}).json()["result"]["model"]
    result = compared(client, *({**FIRST, "model": trained["id"], "step": step} for step in (0, 20)))
    assert result["subjects"][1]["sha256"] == trained["sha256"] != result["subjects"][0]["sha256"]
    assert result["retraining"][0]["repeats_the_model"] is True
    assert [point["step"] for point in result["development"]] == [0, 20]
    assert client.delete(f"/models/{trained['id']}").status_code == 204


@pytest.mark.parametrize(
    ("second", "status", "slug", "pointer"),
    [
        ({"layer": "y", "unit": 10}, 422, "unknown-unit", "/subjects/1/unit"),
        ({**FIRST, "model": "nobody-s"}, 404, "unknown-model", "/subjects/1/model"),
        ({**FIRST, "model": "memory-lstm"}, 422, "wrong-family", "/subjects/1/model"),
        ({**FIRST, "step": 801}, 422, "invalid-analysis", "/subjects/1/step"),
        ({**FIRST, "step": -1}, 422, "invalid-request", "/subjects/1/step"),
        ({**FIRST, "direction": "inhibit"}, 422, "invalid-request", "/subjects/1"),
    ],
)
def test_a_subject_that_cannot_be_is_refused_by_its_place(
    client: httpx.Client, second: dict[str, Any], status: int, slug: str, pointer: str
) -> None:
    response = client.post("/cnn/compare", json={"subjects": [FIRST, second]})
    assert refusal(response, status, slug)["errors"][0]["pointer"] == pointer


def test_one_subject_is_no_comparison(client: httpx.Client) -> None:
    refusal(client.post("/cnn/compare", json={"subjects": [FIRST]}), 422, "invalid-request")
