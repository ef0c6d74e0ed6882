"""What the tests of single faults ask a service."""

from functools import partial
from typing import Any

import httpx

from tests import waiting
from tests.faults.undisturbed import Submission, canonical

until = partial(waiting.until, seconds=60)  # what was killed has to start again


def submit(client: httpx.Client, submission: Submission, key: str) -> httpx.Response:
    """The answer to a submission with this Idempotency-Key."""
    headers = {"Content-Type": "application/json", "Idempotency-Key": key}
    return client.post(submission.address, content=submission.body, headers=headers)


def is_refused(response: httpx.Response) -> bool:
    """Whether the answer is an honest 503: a problem document that says when to come again."""
    is_problem = response.headers["Content-Type"] == "application/problem+json"
    return response.status_code == 503 and is_problem and int(response.headers["Retry-After"]) > 0


def progress(client: httpx.Client, job: str) -> dict[str, Any]:
    """How far the job is."""
    return client.get(f"/jobs/{job}").json()["progress"]


def ended(client: httpx.Client, job: str) -> bytes:
    """The result, once the job has ended."""
    until(lambda: client.get(f"/jobs/{job}").json()["status"] not in ("queued", "running"), seconds=180)
    found = client.get(f"/jobs/{job}/result?renderings=none")
    assert found.status_code == 200, client.get(f"/jobs/{job}").text
    return canonical(found.json())
