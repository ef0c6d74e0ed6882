"""What every refusal promises, whatever it refuses."""

from typing import Any

import httpx

MEDIA_TYPE = "application/problem+json"


def refusal(response: httpx.Response, status: int, slug: str) -> dict[str, Any]:
    """The problem document of a response that has to be this refusal."""
    problem = problem_document(response)
    assert (response.status_code, problem["type"]) == (status, f"/problems/{slug}"), problem
    return problem


def problem_document(response: httpx.Response) -> dict[str, Any]:
    """The problem document of a response, held against RFC 9457 and the contract."""
    assert response.headers["content-type"] == MEDIA_TYPE, response.text
    problem = response.json()
    assert set(problem) >= {"type", "title", "status", "detail", "request_id"}
    assert problem["type"].startswith("/problems/")
    assert problem["title"]
    assert problem["status"] == response.status_code
    assert problem["detail"].endswith(".")
    assert problem["request_id"] == response.headers["x-request-id"]
    for error in problem.get("errors", ()):
        assert set(error) == {"pointer", "detail"}
        assert error["pointer"] == "" or error["pointer"].startswith("/")
        assert error["detail"].endswith(".")
    return problem
