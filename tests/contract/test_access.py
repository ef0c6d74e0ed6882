"""Who may do what, on a real service with keys and a portal: who gets in, and whose jobs and models are whose."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from service import database, keys
from service.principals import Role
from tests.contract.refusals import refusal
from tests.portal import AUDIENCE, ISSUER, Portal, portal
from tests.postgresql import cluster
from tests.service_process import Service, serving

MEMORY = "memory-lstm"
TRAINING = {"max_steps": 1, "seed": 1}
PEOPLE: dict[str, tuple[str, Role]] = {
    "anna": ("neuro", "student"),
    "ben": ("neuro", "student"),
    "smith": ("neuro", "lecturer"),
    "jones": ("logic", "lecturer"),
    "root": ("", "admin"),
    "prometheus": ("", "monitor"),
}


class School:
    """A service that knows these people, and the portal whose tokens it takes."""

    def __init__(self, service: Service, database_url: str, people: dict[str, str], portal: Portal) -> None:
        self.service, self.database_url, self.portal = service, database_url, portal
        self._keys = people

    def key(self, person: str) -> str:
        return self._keys[person]

    def client(self, credentials: str | None) -> httpx.Client:
        headers = {} if credentials is None else {"Authorization": f"Bearer {credentials}"}
        return self.service.client(headers=headers)

    @contextmanager
    def people(self, *names: str) -> Iterator[list[httpx.Client]]:
        clients = [self.client(self._keys[name]) for name in names]
        yield clients
        for client in clients:
            client.close()


@contextmanager
def database_of(kind: str, folder: Path) -> Iterator[str]:
    if kind == "sqlite":
        yield f"sqlite:///{folder / 'patchclamp.db'}"
    else:
        with cluster() as url:
            yield url


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def school(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[School]:
    folder = tmp_path_factory.mktemp("school")
    with database_of(request.param, folder) as url, portal() as signer:
        engine = database.connect(url)
        database.prepare(url, engine)
        people = {name: keys.make(engine, name, course, role, None) for name, (course, role) in PEOPLE.items()}
        engine.dispose()
        settings = {
            "PATCHCLAMP_DATABASE_URL": url,
            "PATCHCLAMP_PORTAL_JWKS": signer.url,
            "PATCHCLAMP_PORTAL_ISSUER": ISSUER,
            "PATCHCLAMP_PORTAL_AUDIENCE": AUDIENCE,
        }
        with serving(folder, environment=settings) as service:
            yield School(service, url, people, signer)


def trained(client: httpx.Client, key: str | None = None) -> dict[str, Any]:
    """A job of this client that has trained a memory."""
    headers = {"Prefer": "wait=60", **({} if key is None else {"Idempotency-Key": key})}
    job = client.post("/lstm/train?renderings=none", json=TRAINING, headers=headers).json()
    assert job["status"] == "succeeded", job
    return job


@pytest.fixture(scope="module")
def job(school: School) -> dict[str, Any]:
    """A job of Anna's that has ended."""
    with school.people("anna") as (anna,):
        return trained(anna)


@pytest.fixture
def model(school: School) -> str:
    """A model of Anna's."""
    with school.people("anna") as (anna,):
        return trained(anna)["result"]["model"]["id"]


PUBLIC = ["/livez", "/readyz", "/", "/docs", "/openapi.json", "/web/docs.js", "/problems/key-needed", "/embed/digits"]


@pytest.mark.parametrize("path", PUBLIC)
def test_what_is_nobody_s_in_particular_needs_no_key(school: School, path: str) -> None:
    with school.client(None) as stranger:
        assert stranger.get(path).status_code == 200


def test_every_other_operation_needs_one_before_it_looks_at_anything_else(school: School) -> None:
    with school.client(None) as stranger:
        document = stranger.get("/openapi.json").json()
        for path, item in document["paths"].items():
            for method, operation in item.items():
                if method == "parameters" or path in PUBLIC or path == "/problems/{slug}":
                    assert "security" not in operation
                    continue
                address = path.replace("{split}/{index}", "test/0").replace("{family}", MEMORY)
                response = stranger.request(method, address, content=b"{")
                assert response.status_code == 401, (method, path)
                if method != "head":
                    refusal(response, 401, "key-needed")
                assert response.headers["www-authenticate"] == 'Bearer realm="patchclamp"'
                schemes = [scheme for each in operation["security"] for scheme in each]
                assert schemes == (["bearer", "address_token"] if method in ("get", "head") else ["bearer"])
                assert {"401", "503"} <= set(operation["responses"])


@pytest.mark.parametrize("scheme", ["Bearer pc_0123456789ab_nobody", "Bearer nonsense", "Bearer a.b.c", "bearer é"])
def test_a_key_that_is_nobody_s_is_refused(school: School, scheme: str) -> None:
    with school.client(None) as stranger:
        response = stranger.get("/jobs", headers=[(b"Authorization", scheme.encode("latin-1"))])
        refusal(response, 401, "invalid-key")
        assert response.headers["www-authenticate"] == 'Bearer realm="patchclamp", error="invalid_token"'
        refusal(stranger.get("/jobs", headers={"Authorization": "Basic YTpi"}), 401, "key-needed")


def test_a_student_s_job_is_for_another_student_as_if_it_were_not(school: School, job: dict[str, Any]) -> None:
    with school.people("anna", "ben") as (anna, ben):
        nobody_s = "00000000-0000-4000-8000-000000000000"
        for method, rest, body in (
            ("GET", "", None),
            ("GET", "/result", None),
            ("GET", "/events", None),
            ("POST", "/cancel", None),
            ("DELETE", "", None),
        ):
            answers = [ben.request(method, f"/jobs/{job_id}{rest}", json=body) for job_id in (job["id"], nobody_s)]
            problems = [refusal(answer, 404, "unknown-job") for answer in answers]
            for problem in problems:
                problem.pop("request_id")
            assert problems[0] == problems[1]
        refusal(ben.post(f"/cnn/quiz/{job['id']}/guess", json={"unit": 3}), 404, "unknown-job")
        assert job["id"] not in [each["id"] for each in ben.get("/jobs").json()["jobs"]]
        assert [each["owner"] for each in anna.get("/jobs?limit=1").json()["jobs"]] == ["neuro/anna"]
        assert anna.get(f"/jobs/{job['id']}/result").status_code == 200


def test_a_student_s_model_is_for_another_student_as_if_it_were_not(school: School, model: str) -> None:
    with school.people("anna", "ben") as (anna, ben):
        mine = [each["id"] for each in anna.get(f"/models?family={MEMORY}").json()["models"]]
        assert model in mine
        assert model not in [each["id"] for each in ben.get(f"/models?family={MEMORY}").json()["models"]]
        uses: list[tuple[str, str, dict[str, Any] | None]] = [
            ("GET", f"/models/{model}", None),
            ("GET", f"/models/{model}/weights", None),
            ("DELETE", f"/models/{model}", None),
            *(("POST", f"/lstm/{name}", {"model": model}) for name in ("simulate", "gates", "lesions", "state-space")),
            ("POST", "/lstm/horizon", {"models": [MEMORY, model], "delays": [1]}),
            ("POST", "/cnn/predict", {"model": model, "image": {"pixels": [[0] * 28] * 28}}),
            ("POST", "/cnn/tune", {"model": model, "layer": "y", "unit": 1}),
            (
                "POST",
                "/cnn/compare",
                {"subjects": [{"layer": "y", "unit": 1}, {"layer": "y", "unit": 1, "model": model}]},
            ),
        ]
        for method, path, body in uses:
            refusal(ben.request(method, path, json=body), 404, "unknown-model")
        assert anna.post("/lstm/simulate?renderings=none", json={"model": model, "delay": 5}).status_code == 200
        assert anna.delete(f"/models/{model}").status_code == 204


def test_a_lecturer_reaches_the_course_and_no_other(school: School, job: dict[str, Any], model: str) -> None:
    with school.people("smith", "jones", "root") as (smith, jones, root):
        for reaching in (smith, root):
            assert reaching.get(f"/jobs/{job['id']}").json()["owner"] == "neuro/anna"
            listed = reaching.get("/jobs", params={"owner": "neuro/anna"}).json()["jobs"]
            assert {each["owner"] for each in listed} == {"neuro/anna"}
            assert reaching.get(f"/models/{model}").json()["owner"] == "neuro/anna"
        refusal(jones.get(f"/jobs/{job['id']}"), 404, "unknown-job")
        refusal(jones.get(f"/models/{model}"), 404, "unknown-model")
        refusal(jones.put(f"/models/{model}/shared"), 404, "unknown-model")
        assert jones.get("/jobs", params={"owner": "neuro/anna"}).json()["jobs"] == []
        assert smith.delete(f"/models/{model}").status_code == 204


def test_a_lecturer_shares_a_model_with_everybody_and_withdraws_it(school: School, model: str) -> None:
    with school.people("anna", "ben", "smith", "jones") as (anna, ben, smith, jones):
        refusal(anna.put(f"/models/{model}/shared"), 403, "not-allowed")
        assert smith.put(f"/models/{model}/shared").json()["is_shared"] is True
        seen = ben.get(f"/models/{model}").json()
        assert (seen["is_shared"], seen["owner"]) == (True, None)
        assert ben.post("/lstm/simulate?renderings=none", json={"model": model, "delay": 5}).status_code == 200
        for student in (anna, ben):
            refusal(student.delete(f"/models/{model}"), 409, "shared-model")
            refusal(student.delete(f"/models/{model}/shared"), 403, "not-allowed")
        refusal(jones.delete(f"/models/{model}"), 409, "shared-model")
        refusal(jones.delete(f"/models/{model}/shared"), 403, "not-allowed")
        assert smith.delete(f"/models/{model}/shared").status_code == 204
        refusal(ben.get(f"/models/{model}"), 404, "unknown-model")
        assert anna.delete(f"/models/{model}").status_code == 204


def test_only_a_lecturer_chooses_a_default_and_it_answers_everybody(school: School, model: str) -> None:
    with school.people("anna", "ben", "smith") as (anna, ben, smith):
        refusal(anna.put(f"/models/{MEMORY}/default", json={"model": model}), 403, "not-allowed")
        assert smith.put(f"/models/{MEMORY}/default", json={"model": model}).json()["is_shared"] is True
        answer = ben.post("/lstm/simulate?renderings=none", json={"delay": 5}).json()
        assert answer["model"]["id"] == model
        refusal(smith.delete(f"/models/{model}/shared"), 409, "default-model")
        assert smith.put(f"/models/{MEMORY}/default", json={"model": MEMORY}).status_code == 200
        refusal(smith.delete(f"/models/{MEMORY}/shared"), 409, "shipped-model")
        assert smith.delete(f"/models/{model}").status_code == 204


def test_the_same_idempotency_key_of_two_people_is_two_jobs(school: School) -> None:
    with school.people("anna", "ben") as (anna, ben):
        first, again, other = trained(anna, "same"), trained(anna, "same"), trained(ben, "same")
        assert first["id"] == again["id"] != other["id"]


def test_a_name_with_a_colon_gives_nobody_another_s_job(school: School) -> None:
    with school.client(school.portal.token("a")) as a, school.client(school.portal.token("a:b")) as a_b:
        assert trained(a, "b:c")["id"] != trained(a_b, "c")["id"]


def test_numbers_are_for_monitors_and_admins_and_monitors_get_nothing_else(school: School) -> None:
    with school.people("anna", "smith", "root", "prometheus") as (anna, smith, root, prometheus):
        for refused in (anna, smith):
            refusal(refused.get("/metrics"), 403, "not-allowed")
        for told in (root, prometheus):
            assert "patchclamp_jobs" in told.get("/metrics").text
        refusal(prometheus.get("/models"), 403, "not-allowed")
        refusal(prometheus.post("/lstm/train", json=TRAINING), 403, "not-allowed")


def test_a_token_of_the_portal_is_as_good_as_a_key(school: School, job: dict[str, Any]) -> None:
    with school.client(school.portal.token("anna", course="neuro")) as anna:
        assert anna.get(f"/jobs/{job['id']}").status_code == 200
    with school.client(school.portal.token("anna")) as namesake:
        refusal(namesake.get(f"/jobs/{job['id']}"), 404, "unknown-job")
    with school.client(school.portal.token("dean", role=["lecturer"], course="neuro")) as dean:
        assert dean.get(f"/jobs/{job['id']}").status_code == 200
    with school.client(school.portal.token(aud="another")) as stranger:
        refusal(stranger.get("/jobs"), 401, "invalid-key")


def test_a_picture_is_shown_with_a_token_in_its_address_and_kept_out_of_shared_caches(
    school: School, job: dict[str, Any]
) -> None:
    token = school.portal.token("anna", course="neuro")
    address = f"/jobs/{job['id']}/result"
    with school.client(None) as browser:
        picture = {"Accept": "image/png"}
        shown = browser.get(address, params={"access_token": token}, headers=picture)
        assert shown.headers["content-type"] == "image/png"
        assert "private" in shown.headers["cache-control"].split(", ")
        assert "public" not in shown.headers["cache-control"]
        refusal(browser.post("/lstm/train", params={"access_token": token}, json=TRAINING), 401, "key-needed")
        lasting = school.portal.token("anna", exp=int(time.time()) + 86_400)
        refusal(browser.get(address, params={"access_token": lasting}, headers=picture), 401, "invalid-key")
        refusal(browser.get(address, params={"access_token": school.key("anna")}), 401, "invalid-key")
        fault = browser.get("/jobs", params={"access_token": token, "limit": "none"})
        assert token not in fault.text
    told = school.service.log.read_text()
    assert "/jobs/{job_id}/result" in told
    assert not any(secret in told for secret in (token, lasting, school.key("anna"), "access_token"))


def test_a_key_opens_and_closes_doors_of_a_running_service_within_seconds(school: School) -> None:
    engine = database.connect(school.database_url)
    with school.client(keys.make(engine, "cleo", "neuro", "student", None)) as cleo:
        answered_within(cleo, 200)
        (key_id,) = (key.id for key in keys.read(engine).values() if key.name == "cleo")
        keys.revoke(engine, key_id)
        answered_within(cleo, 401)
    engine.dispose()


def answered_within(client: httpx.Client, status: int, seconds: float = 5) -> None:
    """Asks until the answer is this one: keys are read anew every two seconds, and nothing tells when."""
    deadline = time.monotonic() + seconds
    while client.get("/models").status_code != status:
        assert time.monotonic() < deadline
        time.sleep(0.05)
