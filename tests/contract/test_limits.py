"""Refusals for want of room, over HTTP: an API without workers, so that what waits goes on waiting."""

from pathlib import Path

from tests.contract.refusals import refusal
from tests.service_process import await_ready, serving

TRAINING = {"max_steps": 1, "seed": 1}


def test_a_full_queue_is_a_503_that_says_when_to_come_again_but_never_to_a_retry(tmp_path: Path) -> None:
    limits = {"PATCHCLAMP_QUEUED_JOBS": "2", "PATCHCLAMP_REQUESTS_PER_MINUTE": "1"}
    with serving(tmp_path, "api", environment=limits, is_awaited=False) as api, api.client() as client:
        await_ready(api, "/livez")
        first = client.post("/lstm/train", json=TRAINING, headers={"Idempotency-Key": "first"})
        second = client.post("/lstm/train", json=TRAINING)
        assert [job.json()["position"] for job in (first, second)] == [1, 2]
        # Nobody can tell when it begins: there is no worker.
        assert second.json()["starts_in_seconds"] is second.json()["progress"]["eta_seconds"] is None
        full = client.post("/lstm/train", json=TRAINING)
        assert refusal(full, 503, "queue-full")["detail"].startswith("2 jobs wait already")
        assert int(full.headers["retry-after"]) >= 1
        again = client.post("/lstm/train", json=TRAINING, headers={"Idempotency-Key": "first"})
        assert (again.status_code, again.json()["id"]) == (202, first.json()["id"])
        client.post(f"/jobs/{second.json()['id']}/cancel")
        assert client.post("/lstm/train", json=TRAINING).status_code == 202
