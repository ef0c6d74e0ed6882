"""What a queued job is told about its turn, held against what then happens."""

import time
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import httpx
import pytest

from tests.service_process import serving

SEARCHES = [{"layer": "y", "unit": 3, "starts": 64, "steps": steps, "early_stop": False} for steps in (300, 600)]
CLASS: list[tuple[str, dict[str, Any]]] = [
    ("/cnn/tune", SEARCHES[0]),
    ("/lstm/train", {"networks": 8, "target_loss": 1e-9, "max_steps": 10_000}),
    ("/cnn/tune", SEARCHES[1]),
]


def seconds(time_of: str) -> float:
    return datetime.fromisoformat(time_of).timestamp()


def queue_of(client: httpx.Client, ids: list[str]) -> list[dict[str, Any]]:
    """The jobs that are still queued at one moment, the next one first, with that moment."""
    seen_at = time.time()
    queued = client.get("/jobs?status=queued&limit=200").json()["jobs"]
    told = [{**job, "seen_at": seen_at} for job in queued if job["id"] in ids]
    return sorted(told, key=lambda job: job["position"])


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """Before a service of this class alone: what others' jobs took would be foretold of these."""
    with serving(tmp_path_factory.mktemp("queue")) as service, service.client() as client:
        yield client


@pytest.fixture(scope="module")
def history(client: httpx.Client) -> tuple[list[dict[str, Any]], dict[str, dict[str, Any]]]:
    """What was told of queued jobs, once a second, and how all of them ended."""
    for path, body in CLASS * 2:  # so that the service has seen what such jobs take
        assert client.post(path, json={**body, "seed": 1}, headers={"Prefer": "wait=60"}).status_code == 200
    submitted = [client.post(path, json={**body, "seed": seed}) for seed in range(3) for path, body in CLASS]
    ids = [response.json()["id"] for response in submitted]
    told = []
    while waiting := queue_of(client, ids):
        told += waiting
        # Until the next one in line has ended, which is when there is something new to be told.
        with client.stream("GET", f"/jobs/{waiting[0]['id']}/events") as events:
            for _ in events.iter_lines():
                pass
    final = {job: client.get(f"/jobs/{job}?renderings=none").json() for job in ids}
    with client.stream("GET", f"/jobs/{ids[-1]}/events") as events:
        list(events.iter_lines())
    final[ids[-1]] = client.get(f"/jobs/{ids[-1]}?renderings=none").json()
    return told, final


def test_positions_are_the_order_in_which_jobs_begin(history: tuple[list[Any], dict[str, Any]]) -> None:
    told, final = history
    first = {job["id"]: job["position"] for job in reversed(told)}
    begun = sorted(first, key=lambda job: final[job]["started_at"])
    assert sorted(first, key=lambda job: first[job]) == begun
    assert len(begun) >= 5


def test_beginnings_and_ends_are_foretold_within_a_factor_of_two(history: tuple[list[Any], dict[str, Any]]) -> None:
    told, final = history
    ratios = []
    for job in told:
        begins, ends = (seconds(final[job["id"]][name]) - job["seen_at"] for name in ("started_at", "finished_at"))
        ratios += [
            foretold / came
            for foretold, came in ((job["starts_in_seconds"], begins), (job["progress"]["eta_seconds"], ends))
            if came >= 1  # nobody plans by less
        ]
    assert len(ratios) >= 8
    right = [0.5 <= ratio <= 2 for ratio in ratios]
    assert sum(right) >= 0.9 * len(right), sorted(ratios)


def test_a_job_that_is_not_queued_has_neither_position_nor_beginning(
    history: tuple[list[Any], dict[str, Any]],
) -> None:
    for job in history[1].values():
        assert job["status"] == "succeeded"
        assert job["position"] is job["starts_in_seconds"] is None
