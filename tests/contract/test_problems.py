"""Refusals: each status where the contract has it, and what still works without the data set."""

import base64
import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from models.digits import Digits
from service.errors import HTTP_PROBLEMS, PROBLEMS
from tests.contract.refusals import refusal
from tests.service_process import serving

BLANK = [[0.0] * 28 for _ in range(28)]
SAMPLE = {"sample": {"split": "test", "index": 0}}
QUICK = {"layer": "y", "unit": 3, "starts": 2, "steps": 5, "seed": 1}
JSON = {"Content-Type": "application/json"}


@pytest.fixture(scope="module")
def client_without_digits(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """A client of a service whose folder of data sets is empty."""
    empty = tmp_path_factory.mktemp("empty")
    data = tmp_path_factory.mktemp("without-digits")
    with serving(data, environment={"PATCHCLAMP_DATASETS": str(empty)}) as service, service.client() as client:
        yield client


def pointers(problem: dict[str, Any]) -> list[str]:
    return [error["pointer"] for error in problem["errors"]]


def test_a_body_that_is_no_json_is_a_400(client: httpx.Client) -> None:
    refusal(client.post("/lstm/simulate", content=b"{", headers=JSON), 400, "malformed-body")


@pytest.mark.parametrize(
    ("path", "slug"),
    [
        ("/nowhere", "not-found"),
        ("/models/nobody-s", "unknown-model"),
        ("/models/nobody-s/weights", "unknown-model"),
        ("/jobs/nobody-s", "unknown-job"),
        ("/jobs/nobody-s/result", "unknown-job"),
        ("/jobs/nobody-s/events", "unknown-job"),
        ("/problems/nobody-s", "not-found"),
        ("/web/nowhere.js", "not-found"),
    ],
)
def test_what_is_not_there_is_a_404(client: httpx.Client, path: str, slug: str) -> None:
    refusal(client.get(path), 404, slug)


def test_a_digit_outside_its_split_is_a_404_that_tells_how_far_it_goes(client: httpx.Client, digits: Digits) -> None:
    problem = refusal(client.get("/digits/test/10000"), 404, "unknown-digit")
    assert "9999" in problem["detail"]
    assert pointers(problem) == ["/index"]


def test_of_several_images_the_one_that_is_not_there_is_named(client: httpx.Client, digits: Digits) -> None:
    body = {"images": [SAMPLE, SAMPLE, {"sample": {"split": "test", "index": 10_000}}]}
    problem = refusal(client.post("/cnn/predict", json=body), 404, "unknown-digit")
    assert pointers(problem) == ["/images/2/sample/index"]


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("GET", "/cnn/tune", {"POST"}),
        ("PUT", "/cnn/predict", {"GET", "HEAD", "POST"}),
        ("DELETE", "/lstm/task", {"GET", "HEAD", "POST"}),
        ("POST", "/models", {"GET", "HEAD"}),
        ("PUT", "/models/digit-net", {"GET", "HEAD", "DELETE"}),
        ("POST", "/jobs/nobody-s", {"GET", "HEAD", "DELETE"}),
        ("PATCH", "/models/digit-net/default", {"PUT"}),
        ("POST", "/web/docs.js", {"GET", "HEAD"}),
    ],
)
def test_another_method_is_a_405_that_names_every_one_the_address_takes(
    client: httpx.Client, method: str, path: str, allowed: set[str]
) -> None:
    response = client.request(method, path)
    refusal(response, 405, "method-not-allowed")
    assert set(re.split(r",\s*", response.headers["allow"])) == allowed


def test_an_answer_in_no_accepted_media_type_is_a_406(client: httpx.Client) -> None:
    refusal(client.post("/lstm/task", json={}, headers={"Accept": "text/html"}), 406, "not-acceptable")


def test_an_unknown_rendering_is_a_406_that_names_those_there_are(client: httpx.Client) -> None:
    response = client.post("/lstm/simulate?rendering=none-of-ours", json={}, headers={"Accept": "image/png"})
    problem = refusal(response, 406, "unknown-rendering")
    assert "trial, scatter" in problem["detail"]


@pytest.mark.parametrize(("model", "slug"), [("digit-net", "shipped-model"), ("memory-lstm", "shipped-model")])
def test_a_shipped_model_stays_with_a_409(client: httpx.Client, model: str, slug: str) -> None:
    refusal(client.delete(f"/models/{model}"), 409, slug)
    assert client.get(f"/models/{model}").status_code == 200


def test_the_default_model_stays_with_a_409(client: httpx.Client) -> None:
    body = {"max_steps": 1, "seed": 1}
    trained = client.post("/lstm/train", json=body, headers={"Prefer": "wait=30"}).json()["result"]["model"]["id"]
    chosen = client.put("/models/memory-lstm/default", json={"model": trained})
    try:
        assert chosen.status_code == 200
        assert chosen.json()["is_default"]
        assert client.post("/lstm/simulate", json={}).json()["model"]["id"] == trained
        refusal(client.delete(f"/models/{trained}"), 409, "default-model")
    finally:
        restored = client.put("/models/memory-lstm/default", json={"model": "memory-lstm"})
    assert restored.json()["is_default"]
    assert client.delete(f"/models/{trained}").status_code == 204


def test_a_body_over_16_mib_is_a_413(client: httpx.Client) -> None:
    refusal(client.post("/lstm/simulate", content=bytes(17 * 2**20), headers=JSON), 413, "content-too-large")


def test_another_media_type_is_a_415(client: httpx.Client) -> None:
    response = client.post("/lstm/simulate", content=b"seq_len=20", headers={"Content-Type": "text/plain"})
    refusal(response, 415, "unsupported-media-type")
    response = client.post("/cnn/predict", content=b"GIF89a", headers={"Content-Type": "image/gif"})
    problem = refusal(response, 415, "unsupported-media-type")
    assert "image/png" in problem["detail"]


@pytest.mark.parametrize(
    ("path", "body", "expected"),
    [
        ("/cnn/tune", {"layer": "y", "unit": 10}, ["/unit"]),
        ("/cnn/tune", {"layer": "l1", "unit": {"channel": 6}}, ["/unit/channel"]),
        ("/cnn/tune", {"layer": "l3", "units": [0, 1, 120]}, ["/units/2"]),
        ("/cnn/tune", {}, ["/layer"]),
        ("/cnn/tune", {"layer": "l9"}, ["/layer"]),
        ("/lstm/simulate", {"seq_len": 0, "seed": -1}, ["/seq_len", "/seed"]),
        (
            "/lstm/simulate",
            {"clamps": [{"gate": "input", "value": 0}, {"gate": "input", "value": 2}]},
            ["/clamps/1/value"],
        ),
        ("/lstm/simulate", {"unheard_of": 1}, [""]),
        ("/cnn/predict", {"image": {"pixels": [*BLANK[1:], [2.0, *BLANK[0][1:]]]}}, ["/image/pixels/27/0"]),
        ("/cnn/predict", {"images": [{"pixels": BLANK}, {"data": "!"}]}, ["/images/1/data"]),
        ("/cnn/predict", {"image": {"sample": {"split": "test"}}}, ["/image/sample/index"]),
    ],
)
def test_a_field_outside_the_contract_is_a_422_that_points_at_it(
    client: httpx.Client, path: str, body: dict[str, Any], expected: list[str]
) -> None:
    response = client.post(path, json=body)
    assert response.status_code == 422
    assert pointers(refusal(response, 422, response.json()["type"].removeprefix("/problems/"))) == expected


def test_a_parameter_outside_the_contract_is_a_422_that_points_at_it(client: httpx.Client) -> None:
    assert pointers(refusal(client.get("/jobs?limit=0"), 422, "invalid-request")) == ["/limit"]


def test_a_model_that_nobody_made_is_a_404_and_one_of_the_wrong_family_a_422(client: httpx.Client) -> None:
    for path, other, body in (
        ("/lstm/simulate", "digit-net", {}),
        ("/cnn/predict", "memory-lstm", {"image": {"pixels": BLANK}}),
        ("/cnn/tune", "memory-lstm", QUICK),
    ):
        unknown = refusal(client.post(path, json={**body, "model": "nobody-s"}), 404, "unknown-model")
        wrong = refusal(client.post(path, json={**body, "model": other}), 422, "wrong-family")
        assert pointers(unknown) == pointers(wrong) == ["/model"]
    response = client.put("/models/digit-net/default", json={"model": "memory-lstm"})
    refusal(response, 422, "wrong-family")


@pytest.mark.parametrize("path", ["/livez", "/nowhere", "/lstm/task"])
def test_a_well_formed_request_id_comes_back_on_success_and_on_refusal(client: httpx.Client, path: str) -> None:
    for given in ("abc-123", "A" * 128, "trace.7_b"):
        assert client.get(path, headers={"X-Request-ID": given}).headers["x-request-id"] == given


@pytest.mark.parametrize("path", ["/livez", "/nowhere", "/lstm/task"])
def test_each_request_without_a_well_formed_id_gets_one_of_its_own(client: httpx.Client, path: str) -> None:
    made = [client.get(path, headers=headers).headers["x-request-id"] for headers in ({}, {"X-Request-ID": "a b"})]
    assert all(re.fullmatch(r"[0-9a-f]{32}", each) for each in made)
    assert made[0] != made[1]


def test_every_type_of_problem_can_be_looked_up_at_its_address(client: httpx.Client) -> None:
    for problem in (*PROBLEMS.values(), *HTTP_PROBLEMS.values()):
        told = client.get(problem.type).json()
        assert told == {"type": problem.type, "status": problem.status, "title": problem.title}


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/digits", None),
        ("GET", "/digits/test/0", None),
        ("POST", "/cnn/predict", {"image": SAMPLE}),
        ("POST", "/cnn/activations", {"image": SAMPLE}),
        ("POST", "/cnn/train", {"seed": 1}),
    ],
)
def test_without_the_data_set_what_needs_it_is_a_503_that_says_how_to_get_it(
    client_without_digits: httpx.Client, method: str, path: str, body: dict[str, Any] | None
) -> None:
    response = client_without_digits.request(method, path, json=body)
    problem = refusal(response, 503, "dataset-unavailable")
    assert int(response.headers["retry-after"]) > 0
    assert "PATCHCLAMP_DATASETS" in problem["detail"]


def test_without_the_data_set_given_pixels_are_still_predicted(client_without_digits: httpx.Client) -> None:
    response = client_without_digits.post("/cnn/predict", json={"image": {"pixels": BLANK}})
    assert response.status_code == 200
    assert response.json()["predictions"][0]["true_label"] is None


def test_without_the_data_set_the_memory_network_still_works(client_without_digits: httpx.Client) -> None:
    assert client_without_digits.post("/lstm/simulate", json={"seed": 1}).status_code == 200


def test_without_the_data_set_units_are_still_tuned(client_without_digits: httpx.Client) -> None:
    response = client_without_digits.post("/cnn/tune", json=QUICK, headers={"Prefer": "wait=60"})
    assert response.status_code == 200
    assert response.json()["status"] == "succeeded"
    (unit,) = response.json()["result"]["units"]
    assert unit["unit"] == 3
    assert unit["dataset_maximum"] is unit["dataset_percentile"] is unit["dead"] is None
    names = [picture["name"] for picture in response.json()["result"]["renderings"]]
    assert names == ["stimulus", "responses", "starts", "trace"]


def test_without_the_data_set_the_service_says_that_it_is_ready(client_without_digits: httpx.Client) -> None:
    assert client_without_digits.get("/readyz").status_code == 200


def test_no_picture_is_read_for_an_answer_that_cannot_be_sent(client: httpx.Client) -> None:
    body = {"image": {"data": base64.b64encode(b"no picture").decode()}}
    refusal(client.post("/cnn/predict", json=body, headers={"Accept": "text/html"}), 406, "not-acceptable")
