"""A damaged model is named, and the others go on."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from service import doctor
from service.settings import Settings
from tests.service_process import ROOT, Service, await_ready, serving

BLANK = {"image": {"pixels": [[0.0] * 28] * 28}}


@pytest.fixture
def artifacts(tmp_path: Path) -> Path:
    return Path(shutil.copytree(ROOT / "artifacts", tmp_path / "artifacts"))


@pytest.fixture
def service(tmp_path: Path, artifacts: Path) -> Iterator[Service]:
    flip_a_byte(artifacts / "digit-net" / "model.safetensors")
    (artifacts / "memory-lstm-long" / "card.json").write_text("{")
    environment = {"PATCHCLAMP_ARTIFACTS": str(artifacts)}
    with serving(tmp_path, environment=environment, is_awaited=False) as running:
        await_ready(running, "/livez")
        yield running


def test_damaged_models_are_named_by_readyz_and_doctor_and_the_others_go_on(
    service: Service, artifacts: Path, tmp_path: Path
) -> None:
    with service.client() as client:
        readiness = client.get("/readyz")
        assert readiness.status_code == 503  # a default model is among them
        assert "digit-net, memory-lstm-long" in readiness.json()["checks"]["models"]
        refused = client.post("/cnn/predict", json=BLANK)
        assert refused.status_code == 500
        assert refused.json()["type"] == "/problems/corrupt-checkpoint"
        for address, body in {
            "/cnn/predict": {**BLANK, "model": "digit-net-best"},
            "/lstm/simulate": {"seed": 1},
            "/lstm/gates": {"seed": 1, "model": "memory-lstm-open"},
        }.items():
            assert client.post(f"{address}?renderings=none", json=body).status_code == 200
        settings = Settings(data=tmp_path, artifacts=artifacts)  # pyright: ignore[reportCallIssue]
        finding = doctor._models(settings.artifacts)
        assert finding.verdict is doctor.Verdict.PROBLEM
        assert "digit-net has other weights" in finding.finding
        assert "memory-lstm-long cannot be loaded" in finding.finding

        flip_a_byte(artifacts / "digit-net" / "model.safetensors")  # as it was
        await_ready(service)
        assert client.get("/readyz").json()["checks"]["models"].startswith("memory-lstm-long cannot be loaded")
        assert client.post("/cnn/predict?renderings=none", json=BLANK).status_code == 200


def flip_a_byte(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[-7] ^= 0x40
    file.write_bytes(content)
