"""A database that the version before has written: the service starts on it and goes on where that one stopped."""

from pathlib import Path

import pytest

from tests import earlier_version
from tests.postgresql import cluster
from tests.service_process import Service, serving


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_the_service_goes_on_with_the_database_of_the_version_before(database: str, tmp_path: Path) -> None:
    if database == "sqlite":
        earlier_version.restore(f"sqlite:///{tmp_path / 'patchclamp.db'}")
        with serving(tmp_path) as service:
            everything_is_there_and_usable(service)
    else:
        with cluster() as url:
            earlier_version.restore(url)
            with serving(tmp_path, environment={"PATCHCLAMP_DATABASE_URL": url}) as service:
                everything_is_there_and_usable(service)


def everything_is_there_and_usable(service: Service) -> None:
    with service.client() as client:
        training = client.get(f"/jobs/{earlier_version.TRAINING}").json()
        assert (training["status"], training["result"]["model"]["id"]) == ("succeeded", earlier_version.MODEL)
        picture = client.get(training["links"]["result"], headers={"Accept": "image/png"})
        assert picture.headers["content-type"] == "image/png"

        model = client.get(f"/models/{earlier_version.MODEL}").json()
        assert (model["sha256"], model["is_default"]) == (earlier_version.SHA256, True)
        memory = client.post("/lstm/simulate?renderings=none", json={"seed": 1}).json()
        assert memory["model"]["id"] == earlier_version.MODEL

        events = client.get(f"/jobs/{earlier_version.QUEUED}/events").text  # ends when the job does
        assert "event: succeeded" in events
        again = {"layer": "y", "unit": 3, "starts": 2, "steps": 5, "seed": 1}
        job = client.post("/cnn/tune", json=again, headers={"Idempotency-Key": "queued"}).json()
        assert (job["id"], job["status"]) == (earlier_version.QUEUED, "succeeded")
