"""Jobs from submission to deletion, on SQLite and again on PostgreSQL."""

import base64
import io
import json
import threading
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest
from PIL import Image

from models.digits import Digits
from tests.postgresql import serving_on
from tests.service_process import Service
from tests.waiting import until

QUICK = {"layer": "y", "unit": 3, "starts": 4, "steps": 20, "seed": 1}
# Long enough that it is still running whenever a test looks, bounded all the same.
LONG = {"layer": "y", "unit": 3, "starts": 64, "steps": 5000, "early_stop": False, "seed": 1}


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def service(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with serving_on(request.param, tmp_path_factory.mktemp(request.param)) as running:
        yield running


@pytest.fixture(scope="module")
def client(service: Service) -> Iterator[httpx.Client]:
    with service.client() as client:
        yield client


def submit(client: httpx.Client, body: dict[str, Any], **headers: str) -> dict[str, Any]:
    response = client.post("/cnn/tune", json=body, headers=headers)
    assert response.status_code == 202, response.text
    return response.json()


def ended(client: httpx.Client, job_id: str, seconds: float = 60) -> dict[str, Any]:
    """The job once it has ended, from its own last event."""
    return list(events(client, job_id, seconds=seconds))[-1]["data"]


def events(client: httpx.Client, job_id: str, seconds: float = 60, **headers: str) -> Iterator[dict[str, Any]]:
    event: dict[str, Any] = {}
    with client.stream("GET", f"/jobs/{job_id}/events", headers=headers, timeout=seconds) as response:
        assert response.status_code == 200
        assert response.headers["content-type"].startswith("text/event-stream")
        for line in response.iter_lines():
            name, _, value = line.partition(": ")
            if name == "data":
                event["data"] = json.loads(value)
            elif name in ("id", "event"):
                event[name] = value
            elif not line and "data" in event:
                yield event
                event = {}


@pytest.fixture
def long_job(client: httpx.Client) -> Iterator[dict[str, Any]]:
    """A job that is running, and is cancelled when the test ends."""
    job = submit(client, LONG)
    until(lambda: client.get(f"/jobs/{job['id']}").json()["progress"]["step"] > 0)
    yield job
    client.post(f"/jobs/{job['id']}/cancel")


def test_a_job_is_accepted_with_its_address_and_runs_to_its_result(client: httpx.Client) -> None:
    response = client.post("/cnn/tune", json=QUICK)
    assert response.status_code == 202
    job = response.json()
    assert response.headers["location"] == f"/jobs/{job['id']}" == job["links"]["self"]
    assert int(response.headers["retry-after"]) >= 1
    assert job["status"] in ("queued", "running")
    assert job["kind"] == "cnn.tune"
    assert job["request"]["seed"] == 1
    final = ended(client, job["id"])
    assert final["status"] == "succeeded"
    assert final["progress"]["fraction"] == 1.0
    assert final["progress"]["step"] == final["progress"]["total"] == 20
    assert final["created_at"] <= final["started_at"] <= final["finished_at"]
    result = client.get(f"/jobs/{job['id']}/result").json()
    assert result["units"][0]["unit"] == 3
    assert result["model"]["id"] == "digit-net"
    with_digits = ["neighbours"] if result["digits"] is not None else []
    assert [picture["name"] for picture in result["renderings"]] == [
        *("stimulus", "responses", "starts", "trace"),
        *with_digits,
    ]


def test_prefer_wait_answers_with_the_finished_job(client: httpx.Client) -> None:
    response = client.post("/cnn/tune?renderings=none", json=QUICK, headers={"Prefer": "wait=30"})
    assert response.status_code == 200
    assert response.headers["preference-applied"] == "wait=30"
    assert response.json()["status"] == "succeeded"
    assert response.json()["result"]["seed"] == 1
    assert "renderings" not in response.json()["result"]


def test_prefer_wait_answers_202_when_the_job_takes_longer(client: httpx.Client) -> None:
    response = client.post("/cnn/tune", json=LONG, headers={"Prefer": "respond-async, wait=1"})
    assert response.status_code == 202
    client.post(f"/jobs/{response.json()['id']}/cancel")


def test_the_same_body_and_seed_give_the_same_result(client: httpx.Client) -> None:
    results = []
    for _ in range(2):
        job = submit(client, QUICK)
        ended(client, job["id"])
        results.append(client.get(f"/jobs/{job['id']}/result").content)
    assert results[0] == results[1]


def test_a_seed_that_was_left_out_is_drawn_and_told_so_that_the_result_can_be_repeated(client: httpx.Client) -> None:
    body = {name: value for name, value in QUICK.items() if name != "seed"}
    first = ended(client, submit(client, body)["id"])
    again = ended(client, submit(client, {**body, "seed": first["request"]["seed"]})["id"])
    results = [client.get(f"/jobs/{job['id']}/result?renderings=none").json() for job in (first, again)]
    assert results[0] == results[1]
    assert results[0]["seed"] == first["request"]["seed"]


def test_an_idempotency_key_gives_the_same_job_again_and_refuses_another_body(client: httpx.Client) -> None:
    key = str(uuid.uuid4())
    first = submit(client, QUICK, **{"Idempotency-Key": key})
    again = submit(client, QUICK, **{"Idempotency-Key": key})
    assert first["id"] == again["id"]
    other = client.post("/cnn/tune", json={**QUICK, "unit": 4}, headers={"Idempotency-Key": key})
    assert other.status_code == 422
    assert other.json()["type"] == "/problems/idempotency-conflict"


def test_simultaneous_retries_with_one_key_make_one_job(client: httpx.Client) -> None:
    key = str(uuid.uuid4())
    with ThreadPoolExecutor(8) as pool:
        jobs = list(pool.map(lambda _: submit(client, QUICK, **{"Idempotency-Key": key}), range(8)))
    assert len({job["id"] for job in jobs}) == 1


def test_events_tell_progress_and_previews_and_at_last_how_the_job_ended(client: httpx.Client) -> None:
    job = submit(client, {**QUICK, "steps": 300, "starts": 64, "early_stop": False})
    told = list(events(client, job["id"]))
    assert [int(event["id"]) for event in told] == list(range(len(told)))
    progress = [event["data"] for event in told if event["event"] == "progress"]
    steps = [each["step"] for each in progress]
    assert steps == sorted(steps)
    assert len(steps) >= 2
    assert steps[-1] == 300
    assert all(0 <= each["fraction"] <= 1 and each["eta_seconds"] >= 0 for each in progress)
    preview = next(event["data"] for event in told if event["event"] == "preview")
    with Image.open(io.BytesIO(base64.b64decode(preview["data"]))) as image:
        assert image.format == "PNG"
    assert told[-1]["event"] == "succeeded"
    assert told[-1]["data"]["id"] == job["id"]


def test_events_of_an_ended_job_are_told_again_and_go_on_after_the_last_one_seen(client: httpx.Client) -> None:
    job = submit(client, QUICK)
    ended(client, job["id"])
    all_of_them = list(events(client, job["id"]))
    rest = list(events(client, job["id"], **{"Last-Event-ID": all_of_them[0]["id"]}))
    assert rest == all_of_them[1:]


def test_a_running_job_is_cancelled_within_a_second_of_work_and_the_next_one_begins(
    client: httpx.Client, long_job: dict[str, Any]
) -> None:
    following = submit(client, QUICK)
    asked = time.monotonic()
    cancelled = client.post(f"/jobs/{long_job['id']}/cancel").json()
    assert cancelled["status"] == "cancelled"
    assert cancelled["finished_at"] is not None
    assert ended(client, following["id"])["status"] == "succeeded"
    # One slice of at most a second, then a quick job.
    assert time.monotonic() - asked < 5
    assert client.post(f"/jobs/{long_job['id']}/cancel").json()["status"] == "cancelled"
    refused = client.get(f"/jobs/{long_job['id']}/result")
    assert refused.status_code == 409
    assert list(events(client, long_job["id"]))[-1]["event"] == "cancelled"


LARGEST_MEMORIES = {"networks": 64, "hidden_size": 32, "batch_size": 256, "n_repeat": 20, "seq_len_max": 48, "seed": 1}
LARGEST_DIGITS = {"target_accuracy": 1.0, "max_steps": 20_000, "batch_size": 512, "seed": 1}


@pytest.mark.parametrize(("address", "body"), [("/lstm/train", LARGEST_MEMORIES), ("/cnn/train", LARGEST_DIGITS)])
def test_the_largest_training_there_may_be_lets_the_next_job_begin_as_soon(
    client: httpx.Client, digits: Digits, address: str, body: dict[str, Any]
) -> None:
    job = client.post(address, json=body).json()
    assert next(events(client, job["id"]))["event"] == "progress"  # the first slice is done
    following = submit(client, QUICK)
    client.post(f"/jobs/{job['id']}/cancel")
    begun = ended(client, following["id"])["started_at"]
    cancelled = client.get(f"/jobs/{job['id']}").json()["finished_at"]
    # A slice of about a second, on a machine that others load as well; a step of all 64 networks would be a minute.
    assert datetime.fromisoformat(begun) - datetime.fromisoformat(cancelled) < timedelta(seconds=10)


def test_queued_jobs_know_their_position_and_are_cancelled_at_once(
    client: httpx.Client, long_job: dict[str, Any]
) -> None:
    queued = [submit(client, QUICK) for _ in range(3)]
    positions = [client.get(f"/jobs/{job['id']}").json()["position"] for job in queued]
    assert positions == [1, 2, 3]
    assert client.post(f"/jobs/{queued[0]['id']}/cancel").json()["status"] == "cancelled"
    assert client.get(f"/jobs/{queued[2]['id']}").json()["position"] == 2
    assert client.get(f"/jobs/{long_job['id']}").json()["position"] is None


def test_an_unfinished_job_has_no_result_yet_and_cannot_be_deleted(
    client: httpx.Client, long_job: dict[str, Any]
) -> None:
    for refused in (client.get(f"/jobs/{long_job['id']}/result"), client.delete(f"/jobs/{long_job['id']}")):
        assert refused.status_code == 409
        assert refused.json()["type"] == "/problems/unfinished-job"


def test_a_finished_job_can_be_deleted(client: httpx.Client) -> None:
    job = submit(client, QUICK)
    ended(client, job["id"])
    assert client.delete(f"/jobs/{job['id']}").status_code == 204
    for address in (f"/jobs/{job['id']}", f"/jobs/{job['id']}/events", f"/jobs/{job['id']}/result"):
        assert client.get(address).status_code == 404


def test_jobs_are_listed_newest_first_page_by_page_and_by_status_and_kind(client: httpx.Client) -> None:
    made = [submit(client, QUICK)["id"] for _ in range(5)]
    ended(client, made[-1])
    listed: list[dict[str, Any]] = []
    cursor = None
    while True:
        page = client.get("/jobs", params={"limit": 2, **({"cursor": cursor} if cursor else {})}).json()
        listed += page["jobs"]
        cursor = page["next"]
        if cursor is None:
            break
    assert [job["id"] for job in listed[:5]] == made[::-1]
    assert len({job["id"] for job in listed}) == len(listed)
    assert all(job["result"] is None for job in listed)
    succeeded = client.get("/jobs", params={"status": "succeeded", "kind": "cnn.tune", "limit": 200}).json()["jobs"]
    assert set(made) <= {job["id"] for job in succeeded}
    assert client.get("/jobs", params={"kind": "cnn.train", "status": "queued"}).json()["jobs"] == []


def test_a_trained_model_is_usable_the_moment_its_job_has_ended(client: httpx.Client) -> None:
    body = {"max_steps": 50, "seed": 1, "name": "hasty"}
    response = client.post("/lstm/train", json=body, headers={"Prefer": "wait=60"})
    assert response.status_code == 200, response.text
    result = response.json()["result"]
    assert result["target_reached"] is False
    model = result["model"]["id"]
    simulated = client.post("/lstm/simulate", json={"model": model, "seed": 1})
    assert simulated.status_code == 200
    assert simulated.json()["model"] == result["model"]
    card = client.get(f"/models/{model}").json()["card"]
    assert card["job"] == response.json()["id"]
    assert card["name"] == "hasty"
    assert client.delete(f"/jobs/{response.json()['id']}").status_code == 204
    assert client.get(f"/models/{model}").status_code == 200
    assert client.delete(f"/models/{model}").status_code == 204
    assert client.get(f"/models/{model}").status_code == 404


def test_the_same_training_with_the_same_seed_gives_the_same_weights(client: httpx.Client) -> None:
    body = {"max_steps": 50, "seed": 2}
    made = [client.post("/lstm/train", json=body, headers={"Prefer": "wait=60"}).json()["result"] for _ in range(2)]
    assert made[0]["model"]["sha256"] == made[1]["model"]["sha256"]
    assert made[0]["model"]["id"] != made[1]["model"]["id"]


def test_a_cancelled_training_leaves_no_model(client: httpx.Client) -> None:
    before = client.get("/models").json()
    body = {"target_loss": 1e-9, "max_steps": 50_000, "hidden_size": 16, "networks": 8, "seed": 3}
    job = client.post("/lstm/train", json=body).json()
    until(lambda: client.get(f"/jobs/{job['id']}").json()["progress"]["step"] > 0)
    client.post(f"/jobs/{job['id']}/cancel")
    assert client.get("/models").json() == before


def test_a_job_that_fails_is_a_successful_read_with_the_problem_inside(client: httpx.Client, digits: Digits) -> None:
    """Its model is deleted while it waits in the queue."""
    body = {"max_steps": 20, "seed": 4, "target_accuracy": 1.0}
    trained = client.post("/cnn/train", json=body, headers={"Prefer": "wait=60"})
    model = trained.json()["result"]["model"]["id"]
    blocker = submit(client, LONG)
    doomed = submit(client, {**QUICK, "model": model})
    assert client.delete(f"/models/{model}").status_code == 204
    client.post(f"/jobs/{blocker['id']}/cancel")
    job = ended(client, doomed["id"])
    assert job["status"] == "failed"
    assert job["result"] is None
    assert job["error"]["type"] == "/problems/unknown-model"
    assert client.get(f"/jobs/{doomed['id']}").status_code == 200
    assert client.get(f"/jobs/{doomed['id']}/result").status_code == 409


def test_watchers_that_leave_do_not_disturb_the_job(client: httpx.Client, service: Service) -> None:
    job = submit(client, {**QUICK, "steps": 300, "starts": 64, "early_stop": False})

    def watch_one_event() -> None:
        with service.client() as watcher:
            next(events(watcher, job["id"]))

    watchers = [threading.Thread(target=watch_one_event) for _ in range(5)]
    for watcher in watchers:
        watcher.start()
    for watcher in watchers:
        watcher.join()
    assert ended(client, job["id"])["status"] == "succeeded"


def test_an_unknown_job_is_not_found(client: httpx.Client) -> None:
    for method, address in (("GET", ""), ("GET", "/events"), ("GET", "/result"), ("POST", "/cancel"), ("DELETE", "")):
        response = client.request(method, f"/jobs/{uuid.uuid4()}{address}")
        assert response.status_code == 404
        assert response.json()["type"] == "/problems/unknown-job"
