"""The OpenAPI document: committed, complete, true of the running service; and the page that shows it."""

import json
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Any

import httpx
import pytest
from jsonschema import Draft202012Validator

from models.digits import Digits
from tests.contract.refusals import MEDIA_TYPE
from tests.service_process import ROOT

METHODS = ("get", "post", "put", "delete")
COMMITTED = json.loads((ROOT / "docs" / "openapi.json").read_text("utf-8"))
QUICK_SEARCH = {"starts": 2, "steps": 5, "seed": 1}
QUICK_TRAINING = {"max_steps": 1, "seed": 1}
QUICK_JOBS: dict[str, dict[str, Any]] = {
    "/cnn/tune": {"layer": "l1", "units": [0, {"channel": 1}], **QUICK_SEARCH},
    "/cnn/class-matrix": QUICK_SEARCH,
    "/cnn/quiz": {"starts": 2, "seed": 1},
    "/cnn/compare": {"subjects": [{"layer": "y", "unit": 3}, {"layer": "l1", "unit": 90, "step": 1}], **QUICK_SEARCH},
    "/cnn/train": QUICK_TRAINING,
    "/lstm/train": QUICK_TRAINING,
    "/lstm/compare": {
        "settings": [{"name": "one"}, {"name": "two", "hidden_size": 2}],
        "networks": 2,
        **QUICK_TRAINING,
    },
}
SAMPLE = {"sample": {"split": "test", "index": 7}}


def operations() -> list[tuple[str, str, dict[str, Any]]]:
    """Method, path and description of every operation."""
    return [
        (method, path, operation)
        for path, item in COMMITTED["paths"].items()
        for method, operation in item.items()
        if method in METHODS
    ]


def named(operation: tuple[str, str, dict[str, Any]]) -> str:
    return f"{operation[0]} {operation[1]}"


EVERY_OPERATION = pytest.mark.parametrize("operation", [each[2] for each in operations()], ids=map(named, operations()))
WITH_EXAMPLE = [each for each in operations() if "requestBody" in each[2]]


@pytest.fixture(scope="module")
def jobs(client: httpx.Client) -> Iterator[dict[str, str]]:
    """The id of an ended job of each kind."""
    ended = {}
    for path, body in QUICK_JOBS.items():
        job = client.post(f"{path}?renderings=none", json=body, headers={"Prefer": "wait=60"}).json()
        assert job["status"] == "succeeded", job
        ended[path] = job["id"]
    yield ended
    for job_id in ended.values():
        client.delete(f"/jobs/{job_id}")


def test_the_committed_document_is_the_running_service_s(client: httpx.Client) -> None:
    assert client.get("/openapi.json").json() == COMMITTED, "write it anew: python -m service.cli openapi"


def test_every_operation_has_an_id_of_its_own() -> None:
    ids = [operation["operationId"] for _, _, operation in operations()]
    assert len(set(ids)) == len(ids)
    assert all(re.fullmatch(r"[a-z_]+", each) for each in ids)


@EVERY_OPERATION
def test_every_operation_says_what_it_does(operation: dict[str, Any]) -> None:
    assert operation["summary"]
    assert operation["description"].endswith(".")


@EVERY_OPERATION
def test_every_parameter_has_a_schema_and_every_body_an_example(operation: dict[str, Any]) -> None:
    assert all(parameter["schema"] for parameter in operation.get("parameters", ()))
    if "requestBody" in operation:
        assert operation["requestBody"]["content"]["application/json"]["example"]


@EVERY_OPERATION
def test_every_refusal_is_told_as_a_problem_document(operation: dict[str, Any]) -> None:
    refusals = {status: each for status, each in operation["responses"].items() if int(status) >= 400}
    assert "500" in refusals
    if "requestBody" in operation:
        assert set(refusals) >= {"400", "413", "415", "422"}
    if "parameters" in operation:
        assert "422" in refusals
    for each in refusals.values():
        assert list(each["content"]) == [MEDIA_TYPE]
        assert each["content"][MEDIA_TYPE]["schema"] == {"$ref": "#/components/schemas/ProblemDocument"}


def test_the_document_knows_every_path_of_the_contract() -> None:
    told = {(method, path) for method, path, _ in operations()}
    assert told >= {
        *(
            ("post", f"/cnn/{name}")
            for name in ("predict", "activations", "tune", "train", "class-matrix", "quiz", "compare")
        ),
        *(("post", f"/cnn/{name}") for name in ("census", "lesion", "similarity", "tuning-curve", "receptive-field")),
        *(
            ("post", f"/lstm/{name}")
            for name in ("task", "simulate", "gates", "horizon", "lesions", "train", "compare")
        ),
        *(("get", path) for path in ("/digits", "/digits/{split}/{index}", "/jobs", "/models")),
        *(("get", path) for path in ("/livez", "/readyz", "/metrics")),
        *(("get", f"/jobs/{{job_id}}{rest}") for rest in ("", "/events", "/result")),
        *(("get", f"/models/{{model_id}}{rest}") for rest in ("", "/weights")),
        *(("delete", path) for path in ("/jobs/{job_id}", "/models/{model_id}")),
        ("post", "/jobs/{job_id}/cancel"),
        ("put", "/models/{family}/default"),
    }


def test_the_options_of_a_picture_sent_as_it_is_are_query_parameters_of_the_document() -> None:
    for path, options in (
        ("/cnn/predict", {"model", "preprocess"}),
        ("/cnn/activations", {"model", "preprocess", "layers", "drive"}),
    ):
        told = {each["name"] for each in COMMITTED["paths"][path]["post"]["parameters"] if each["in"] == "query"}
        assert told == {*options, "renderings", "rendering"}


@pytest.mark.parametrize(("method", "path", "operation"), WITH_EXAMPLE, ids=map(named, WITH_EXAMPLE))
def test_every_example_is_accepted(
    client: httpx.Client,
    digits: Digits,
    jobs: dict[str, str],
    method: str,
    path: str,
    operation: dict[str, Any],
) -> None:
    example = operation["requestBody"]["content"]["application/json"]["example"]
    response = client.request(method, path.format(family="digit-net", job_id=jobs["/cnn/quiz"]), json=example)
    if path.endswith("/default"):
        client.put("/models/digit-net/default", json={"model": "digit-net"})
    if "location" in response.headers:
        client.post(f"{response.headers['location']}/cancel")
    assert response.status_code in (200, 202), response.text


def holds(response: httpx.Response, method: str, path: str) -> None:
    """The answer is what the document says for its status, and has no field that the document does not know."""
    schema = COMMITTED["paths"][path][method]["responses"][str(response.status_code)]
    (answer,) = [each["schema"] for name, each in schema["content"].items() if name.endswith("json")]
    Draft202012Validator(closed({**answer, "components": COMMITTED["components"]})).validate(response.json())


def closed(schema: Any) -> Any:
    """The schema with every object shut against fields it does not name."""
    if isinstance(schema, list):
        return [closed(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    shut = {"additionalProperties": False} if isinstance(schema.get("properties"), dict) and "type" in schema else {}
    return {**{name: closed(value) for name, value in schema.items()}, **shut}


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/cnn/predict", {"image": SAMPLE}),
        ("/cnn/activations", {"image": SAMPLE, "drive": True}),
        ("/cnn/census", {"samples": 200, "seed": 1}),
        ("/cnn/lesion", {"layer": "l2", "units": [0, {"channel": 3}], "samples": 200}),
        ("/cnn/lesion", {"layer": "l4", "fraction": 0.5, "repeats": 1, "samples": 200}),
        ("/cnn/lesion", {"layer": "l1", "samples": 200}),
        ("/cnn/similarity", {"per_class": 2}),
    ],
)
def test_the_answer_of_the_digit_network_is_as_documented(
    client: httpx.Client, digits: Digits, path: str, body: dict[str, Any]
) -> None:
    response = client.post(path, json=body)
    assert response.status_code == 200
    holds(response, "post", path)


@pytest.mark.parametrize(
    "path", ["/lstm/task", "/lstm/simulate", "/lstm/gates", "/lstm/horizon", "/lstm/lesions", "/lstm/state-space"]
)
@pytest.mark.parametrize("query", ["", "?renderings=none"])
def test_the_answer_of_the_memory_network_is_as_documented(client: httpx.Client, path: str, query: str) -> None:
    response = client.post(f"{path}{query}", json={"seed": 1})
    assert response.status_code == 200
    holds(response, "post", path)


@pytest.mark.parametrize(
    ("path", "address"),
    [("/digits", "/digits?limit=3"), ("/digits/{split}/{index}", "/digits/test/7")],
)
def test_digits_are_as_documented(client: httpx.Client, digits: Digits, path: str, address: str) -> None:
    holds(client.get(address), "get", path)


@pytest.mark.parametrize(
    ("path", "address"),
    [
        ("/models", "/models"),
        ("/models/{model_id}", "/models/memory-lstm"),
        ("/jobs", "/jobs"),
        ("/livez", "/livez"),
        ("/readyz", "/readyz"),
        ("/problems/{slug}", "/problems/unknown-model"),
        ("/jobs/{job_id}", "/jobs/nobody-s"),
        ("/models/{model_id}", "/models/nobody-s"),
        ("/jobs", "/jobs?limit=none"),
    ],
)
def test_what_is_read_is_as_documented(client: httpx.Client, path: str, address: str) -> None:
    holds(client.get(address), "get", path)


def test_jobs_and_their_results_are_as_documented(client: httpx.Client, digits: Digits, jobs: dict[str, str]) -> None:
    for path, job_id in jobs.items():
        holds(client.get(f"/jobs/{job_id}"), "get", "/jobs/{job_id}")
        holds(client.get(f"/jobs/{job_id}/result"), "get", "/jobs/{job_id}/result")
        submitted = client.post(path, json=QUICK_JOBS[path])
        holds(submitted, "post", path)
        holds(client.post(f"/jobs/{submitted.json()['id']}/cancel"), "post", "/jobs/{job_id}/cancel")


class Links(HTMLParser):
    """Every address that a page has its browser fetch."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [value for name, value in attrs if name in ("src", "href") and value]


def test_the_documentation_page_and_all_it_needs_come_from_the_service_itself(client: httpx.Client) -> None:
    page = client.get("/docs")
    assert page.status_code == 200
    assert page.headers["content-type"].startswith("text/html")
    assert "default-src 'self'" in page.headers["content-security-policy"]
    links = Links(page.text).found
    assert any(link.endswith(".js") for link in links)
    assert any(link.endswith(".css") for link in links)
    for link in links:
        assert link.startswith("/")
        assert not link.startswith("//")
        needed = client.get(link)
        assert needed.status_code == 200
        assert ("javascript" if link.endswith(".js") else "css") in needed.headers["content-type"]
    assert "http://" not in page.text
    assert "https://" not in page.text


def test_the_documentation_page_shows_our_document_and_asks_nobody_else(client: httpx.Client) -> None:
    script = client.get("/web/docs.js").text
    assert '"/openapi.json"' in script
    assert "//" not in script
