"""`GET /metrics` of the running service, read as Prometheus reads it."""

import httpx
from prometheus_client.parser import text_string_to_metric_families

from tests.service_process import Service


def samples(client: httpx.Client) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    """Every sample by its name and labels."""
    response = client.get("/metrics")
    assert response.status_code == 200
    assert response.headers["content-type"].startswith("text/plain; version=")
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(response.text)
        for sample in family.samples
    }


def named(name: str, **labels: str) -> tuple[str, frozenset[tuple[str, str]]]:
    return name, frozenset(labels.items())


def test_every_family_says_what_it_is(client: httpx.Client) -> None:
    families = list(text_string_to_metric_families(client.get("/metrics").text))
    assert len({family.name for family in families}) == len(families) >= 14
    assert all(family.documentation and family.type != "unknown" for family in families)


def test_requests_are_counted_by_template_method_and_status(client: httpx.Client) -> None:
    counted = named("patchclamp_http_requests_total", method="GET", route="/models/{model_id}", status="404")
    timed = named("patchclamp_http_request_duration_seconds_count", method="GET", route="/models/{model_id}")
    before = samples(client)
    for number in range(5):
        client.get(f"/models/nobody-s-{number}")
        client.get(f"/nowhere/{number}")
    after = samples(client)
    assert after[counted] - before.get(counted, 0) == 5
    assert after[timed] - before.get(timed, 0) == 5
    assert not any("nobody-s" in value or "nowhere" in value for _, labels in after for _, value in labels)


def test_refusals_are_counted_by_what_is_wrong(client: httpx.Client) -> None:
    reasons = ("unknown-model", "not-found", "invalid-request", "content-too-large", "method-not-allowed")
    counted = [named("patchclamp_http_refusals_total", problem=reason) for reason in reasons]
    before = samples(client)
    for _ in range(2):
        client.get("/models/nobody-s")
        client.get("/nowhere")
        client.get("/jobs?limit=0")
        client.post("/lstm/task", content=bytes(17 * 2**20), headers={"Content-Type": "application/json"})
        client.head("/models/nobody-s")
    client.patch("/models")
    after = samples(client)
    assert [after[each] - before.get(each, 0) for each in counted] == [4, 2, 2, 2, 1]


def test_the_worker_and_the_jobs_it_has_done_are_told(client: httpx.Client) -> None:
    counted = named("patchclamp_job_duration_seconds_count", kind="lstm.train", status="succeeded")
    before = samples(client).get(counted, 0)
    job = client.post("/lstm/train", json={"max_steps": 1, "seed": 1}, headers={"Prefer": "wait=60"}).json()
    after = samples(client)
    client.delete(f"/jobs/{job['id']}")
    assert after[counted] - before == 1
    assert after[named("patchclamp_database_up")] == 1
    assert [age < 15 for (name, _), age in after.items() if name == "patchclamp_worker_beat_age_seconds"] == [True]


def test_memory_and_cpu_are_those_of_the_api(client: httpx.Client, service: Service) -> None:
    told = samples(client)
    assert 50 * 2**20 < told[named("process_resident_memory_bytes")] < 2 * 2**30
    assert told[named("process_cpu_seconds_total")] > 0
