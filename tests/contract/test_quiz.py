"""The quiz and the class matrix over HTTP: hidden wherever a job is shown, told to whoever guesses."""

import json
from typing import Any

import httpx
import pytest

from tests.contract.refusals import refusal

SECRETS = {"unit", "units", "label", "trace", "is_seed_secret", "drive_after", "rank_after", "layer_drive_after"}
QUICK = {"layer": "l3", "starts": 2}


@pytest.fixture(scope="module")
def quiz(client: httpx.Client) -> dict[str, Any]:
    """A finished quiz as it was answered."""
    response = client.post("/cnn/quiz", json=QUICK, headers={"Prefer": "wait=60"})
    assert response.status_code == 200, response.text
    return response.json()


def names_in(told: Any) -> set[str]:
    """All field names of a JSON document, at any depth."""
    if isinstance(told, dict):
        return set(told).union(*map(names_in, told.values()))
    return set().union(*map(names_in, told)) if isinstance(told, list) else set()


def test_the_unit_is_hidden_wherever_the_job_is_shown(client: httpx.Client, quiz: dict[str, Any]) -> None:
    address = quiz["links"]["self"]
    listed = client.get("/jobs", params={"kind": "cnn.quiz"}).json()["jobs"]
    events = client.get(quiz["links"]["events"]).text
    told = [json.loads(line.removeprefix("data: ")) for line in events.splitlines() if line.startswith("data: ")]
    shown = [quiz, client.get(address).json(), client.get(quiz["links"]["result"]).json(), *listed, *told]
    answer = client.post(f"/cnn/quiz/{quiz['id']}/guess", json={"unit": 0, "reveal": True}).json()["answer"]
    for document in shown:
        assert not names_in(document) & SECRETS
        assert str(answer["seed"]) not in json.dumps(document)
    assert any(document.get("id") == quiz["id"] for document in listed)
    assert {"metrics": {}}.items() <= quiz["progress"].items()
    assert quiz["result"]["seed"] is None
    assert [picture["name"] for picture in quiz["result"]["renderings"]] == ["stimulus", "responses"]


def test_a_guess_is_judged_and_the_right_one_is_told_the_answer(client: httpx.Client, quiz: dict[str, Any]) -> None:
    address = f"/cnn/quiz/{quiz['id']}/guess"
    answer = client.post(address, json={"unit": 0, "reveal": True}).json()["answer"]
    right = client.post(address, json={"unit": answer["unit"]}).json()
    assert (right["correct"], right["answer"]) == (True, answer)
    assert right["sentence"].startswith("Right")
    wrong = client.post(address, json={"unit": (answer["unit"] + 1) % 120}).json()
    assert (wrong["correct"], wrong["answer"]) == (False, None)
    assert answer["label"] not in wrong["sentence"]
    # The seed that was told repeats the quiz: the same stimulus.
    again = client.post("/cnn/quiz", json={**QUICK, "seed": answer["seed"]}, headers={"Prefer": "wait=60"}).json()
    assert again["result"]["seed"] == answer["seed"] == again["request"]["seed"]
    assert again["result"]["optimized_image"] == quiz["result"]["optimized_image"]


def test_a_guess_that_makes_no_sense_is_refused(client: httpx.Client, quiz: dict[str, Any]) -> None:
    address = f"/cnn/quiz/{quiz['id']}/guess"
    problem = refusal(client.post(address, json={"unit": 120}), 422, "unknown-unit")
    assert "0 to 119" in problem["detail"]
    refusal(client.post(address, json={}), 422, "invalid-request")
    refusal(client.post("/cnn/quiz/nowhere/guess", json={"unit": 0}), 404, "unknown-job")


def test_only_a_finished_quiz_can_be_guessed(client: httpx.Client) -> None:
    tuning = client.post("/cnn/tune", json={"layer": "y", "unit": 3, "starts": 1, "steps": 1}).json()
    problem = refusal(client.post(f"/cnn/quiz/{tuning['id']}/guess", json={"unit": 3}), 404, "unknown-job")
    assert "/cnn/quiz" in problem["detail"]
    ahead = client.post(
        "/cnn/tune", json={"layer": "y", "unit": 3, "starts": 64, "steps": 5000, "early_stop": False}
    ).json()
    try:
        queued = client.post("/cnn/quiz", json=QUICK).json()
        refusal(client.post(f"/cnn/quiz/{queued['id']}/guess", json={"unit": 3}), 409, "unfinished-job")
        client.post(queued["links"]["cancel"])
        refusal(client.post(f"/cnn/quiz/{queued['id']}/guess", json={"unit": 3}), 409, "no-result")
    finally:
        client.post(ahead["links"]["cancel"])


def test_the_class_matrix_is_a_job_with_its_two_pictures(client: httpx.Client) -> None:
    body = {"starts": 2, "steps": 20, "seed": 1}
    job = client.post("/cnn/class-matrix", json=body, headers={"Prefer": "wait=60"}).json()
    assert (job["kind"], job["status"]) == ("cnn.class-matrix", "succeeded")
    result = job["result"]
    assert [len(row) for row in result["matrix"]] == [10] * 10
    assert [picture["name"] for picture in result["renderings"]] == ["matrix", "alike"]
    refusal(client.post("/cnn/class-matrix", json={"starts": 257}), 422, "invalid-request")
