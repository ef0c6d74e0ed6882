"""What browsers are told: other origins, frames, what a page may load."""

import subprocess
import sys

import httpx
import pytest

from tests.contract.conftest import PORTAL
from tests.contract.refusals import refusal
from tests.contract.test_openapi import operations
from tests.service_process import ROOT

STRANGER = "https://stranger.example"
ASKED_BY_PORTALS = "authorization,content-type,idempotency-key,if-none-match,last-event-id,prefer,x-request-id"


def preflight(client: httpx.Client, path: str, origin: str, method: str, headers: str = "") -> httpx.Response:
    """The browser's question before it lets a script ask."""
    asked = {"Origin": origin, "Access-Control-Request-Method": method, "Access-Control-Request-Headers": headers}
    return client.options(path, headers={name: value for name, value in asked.items() if value})


def parts(policy: str) -> dict[str, list[str]]:
    """The directives of a content security policy."""
    return {name: sources for name, *sources in (directive.split() for directive in policy.split(";"))}


def test_the_portal_may_ask_every_operation_with_all_headers_it_needs(portal_api: httpx.Client) -> None:
    for method, path, _ in operations():
        answer = preflight(portal_api, path, PORTAL, method.upper(), ASKED_BY_PORTALS)
        assert answer.status_code == 200, (method, path, answer.text)
        assert answer.headers["access-control-allow-origin"] == PORTAL
        assert method.upper() in answer.headers["access-control-allow-methods"]
        assert "Origin" in answer.headers["vary"]


@pytest.mark.parametrize(
    ("origin", "method", "headers"),
    [
        (STRANGER, "GET", ""),
        ("null", "GET", ""),
        ("http://portal.example", "GET", ""),
        ("https://portal.example.evil.example", "GET", ""),
        (PORTAL, "PATCH", ""),
        (PORTAL, "POST", "x-unheard-of"),
    ],
)
def test_the_browser_is_told_no_in_words_where_a_script_may_not_ask(
    portal_api: httpx.Client, origin: str, method: str, headers: str
) -> None:
    answer = preflight(portal_api, "/lstm/simulate", origin, method, headers)
    refusal(answer, 403, "forbidden-origin")
    assert ("access-control-allow-origin" in answer.headers) == (origin == PORTAL)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/models", 200),
        ("POST", "/lstm/task", 200),
        ("GET", "/nowhere", 404),
        ("PUT", "/models", 405),
        ("GET", "/jobs?limit=0", 422),
        ("GET", "/web/docs.js", 200),
    ],
)
def test_only_the_portal_s_scripts_may_read_answers_and_refusals(
    portal_api: httpx.Client, method: str, path: str, status: int
) -> None:
    for origin in (PORTAL, STRANGER, None):
        answer = portal_api.request(method, path, headers={} if origin is None else {"Origin": origin})
        assert answer.status_code == (403 if origin == STRANGER and method != "GET" else status)
        assert answer.headers.get("access-control-allow-origin") == (PORTAL if origin == PORTAL else None)
        assert "Origin" in answer.headers["vary"]  # or a cache gives one origin's answer to another
        assert "access-control-allow-credentials" not in answer.headers


def test_the_portal_may_read_that_its_body_is_too_large(portal_api: httpx.Client) -> None:
    headers = {"Origin": PORTAL, "Content-Type": "application/json"}
    answer = portal_api.post("/lstm/task", content=bytes(17 * 2**20), headers=headers)
    refusal(answer, 413, "content-too-large")
    assert answer.headers["access-control-allow-origin"] == PORTAL


def test_the_portal_s_scripts_may_read_the_headers_they_need(portal_api: httpx.Client) -> None:
    exposed = portal_api.get("/models", headers={"Origin": PORTAL}).headers["access-control-expose-headers"]
    assert {each.strip() for each in exposed.split(",")} >= {"ETag", "Link", "Location", "Retry-After", "X-Request-ID"}


@pytest.mark.parametrize("path", ["/docs", "/web/docs.js", "/models", "/nowhere", "/digits/test/0"])
def test_every_answer_says_who_may_frame_it_and_that_nothing_in_it_runs(portal_api: httpx.Client, path: str) -> None:
    headers = portal_api.get(path).headers
    policy = parts(headers["content-security-policy"])
    assert policy["frame-ancestors"] == ["'self'", PORTAL]
    assert policy["default-src"] == ["'self'"]
    assert policy["object-src"] == policy["base-uri"] == ["'none'"]
    assert "unsafe" not in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"


ITSELF = "http://lab.example:8000"


@pytest.mark.parametrize(
    "told",
    [
        {"Sec-Fetch-Site": "cross-site", "Origin": STRANGER},
        {"Sec-Fetch-Site": "same-site", "Origin": "http://localhost:1"},
        {"Sec-Fetch-Site": "cross-site", "Origin": "null"},  # a frame without an origin
        {"Sec-Fetch-Site": "cross-site"},
        {"Origin": STRANGER},  # an older browser
        {"Origin": "null"},
        {"Origin": ITSELF.replace(":8000", ":8001")},
    ],
)
def test_nothing_is_done_for_a_stranger_s_page_whatever_form_it_sends(
    client: httpx.Client, told: dict[str, str]
) -> None:
    picture = (ROOT / "docs" / "examples" / "three.png").read_bytes()
    known = client.get("/jobs").json()["jobs"]
    for path, form in {
        "/lstm/train": {},
        "/cnn/train": {"content": "{}", "headers": {"Content-Type": "text/plain"}},
        "/cnn/predict": {"files": {"file": picture}},
        "/jobs/00000000-0000-4000-8000-000000000000/cancel": {"data": {"a": "b"}},
    }.items():
        headers = {**form.pop("headers", {}), **told, "Host": "lab.example:8000"}
        refusal(client.post(path, headers=headers, **form), 403, "forbidden-origin")
    for method, path in (("DELETE", "/models/nobody-s"), ("PUT", "/models/digit-net/shared")):
        refusal(client.request(method, path, headers={**told, "Host": "lab.example:8000"}), 403, "forbidden-origin")
    assert client.get("/models", headers=told).status_code == 200
    assert client.get("/jobs").json()["jobs"] == known


@pytest.mark.parametrize(
    "told",
    [
        {"Sec-Fetch-Site": "same-origin", "Origin": "https://proxy.example"},  # which names itself otherwise to us
        {"Sec-Fetch-Site": "none"},
        {"Origin": ITSELF},
        {},
    ],
)
def test_our_own_pages_and_whatever_is_no_browser_are_let_in(client: httpx.Client, told: dict[str, str]) -> None:
    answer = client.post("/lstm/task?renderings=none", headers={**told, "Host": "lab.example:8000"})
    assert answer.status_code == 200, answer.text


def test_the_portal_s_pages_may_do_what_they_are_for(portal_api: httpx.Client) -> None:
    told = {"Sec-Fetch-Site": "cross-site", "Origin": PORTAL}
    assert portal_api.post("/lstm/task?renderings=none", headers=told).status_code == 200


def test_where_no_portal_is_named_no_other_origin_may_read_or_frame(client: httpx.Client) -> None:
    answer = client.get("/models", headers={"Origin": PORTAL})
    assert not any(name.startswith("access-control-") for name in answer.headers)
    assert parts(answer.headers["content-security-policy"])["frame-ancestors"] == ["'self'"]
    refusal(preflight(client, "/models", PORTAL, "GET"), 405, "method-not-allowed")


def test_a_service_that_would_let_every_site_use_cookies_does_not_start() -> None:
    environment = {"PATCHCLAMP_CORS_ORIGINS": "*", "PATCHCLAMP_CORS_CREDENTIALS": "true", "PATH": "/usr/bin:/bin"}
    command = [sys.executable, "-m", "service.cli", "api"]
    ended = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, timeout=30, check=False)
    assert ended.returncode == 2
    assert "PATCHCLAMP_CORS_CREDENTIALS" in ended.stderr
    assert "name the origins" in ended.stderr
