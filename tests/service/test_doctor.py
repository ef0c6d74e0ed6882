"""`patchclamp doctor`: what it says where all is well, and where something is not; it never touches a thing."""

import json
import os
import shutil
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from models import kernels
from models.digits import torchvision_mnist
from service import database, doctor
from service.doctor import Finding, Verdict, examine
from service.settings import Settings
from tests.postgresql import cluster
from tests.service_process import ROOT, serving

CHECKS = [
    "settings",
    "data folder",
    "disk",
    "database",
    "keys",
    "limits",
    "models",
    "digits",
    "kernels",
    "port",
    "worker",
]


def settings(data: Path, **given: object) -> Settings:
    return Settings(data=data, **{"port": free_port(), **given})  # type: ignore[arg-type]


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def findings(settings: Settings) -> dict[str, Finding]:
    return {finding.check: finding for finding in examine(settings)}


@pytest.fixture(autouse=True)
def mirrors(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The addresses from which MNIST can be had: none, until a test puts one in."""
    addresses: list[str] = []
    monkeypatch.setattr(torchvision_mnist(), "mirrors", addresses)
    return addresses


@pytest.fixture
def prepared(tmp_path: Path) -> Path:
    """A data folder with the database of a service that has ended."""
    engine = database.connect(f"sqlite:///{tmp_path / 'patchclamp.db'}")
    database.prepare(f"sqlite:///{tmp_path / 'patchclamp.db'}", engine)
    engine.dispose()
    return tmp_path


def fingerprints(folder: Path) -> dict[str, str]:
    return {path.name: sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}


def test_a_fresh_installation_can_serve_and_nothing_is_made(tmp_path: Path) -> None:
    found = findings(settings(tmp_path / "var"))
    assert list(found) == CHECKS
    assert Verdict.PROBLEM not in {finding.verdict for finding in found.values()}
    assert "the first start makes it" in found["database"].finding
    assert list(tmp_path.iterdir()) == []


def test_what_is_not_well_says_what_to_do(tmp_path: Path) -> None:
    found = findings(settings(tmp_path, artifacts=tmp_path, datasets=tmp_path))
    assert all(bool(finding.remedy) is (finding.verdict is not Verdict.OK) for finding in found.values())
    assert found["models"].verdict is found["digits"].verdict is Verdict.PROBLEM


def test_the_database_of_a_service_that_has_ended_is_read_without_a_trace(prepared: Path) -> None:
    before = fingerprints(prepared)
    assert findings(settings(prepared))["database"].verdict is Verdict.OK
    assert fingerprints(prepared) == before


def spoil_pages(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[4096 : len(content) // 2] = b"\xff" * (len(content) // 2 - 4096)
    file.write_bytes(content)


def cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


def replace(file: Path) -> None:
    file.write_bytes(b"this is no database, it is a letter. " * 100)


@pytest.mark.parametrize("spoil", [spoil_pages, cut, replace])
def test_a_damaged_file_is_told_and_left_as_it_is(prepared: Path, spoil: Callable[[Path], None]) -> None:
    spoil(prepared / "patchclamp.db")
    before = fingerprints(prepared)
    found = findings(settings(prepared))["database"]
    assert found.verdict is Verdict.PROBLEM
    assert "is damaged" in found.finding
    assert "backup" in found.remedy
    assert fingerprints(prepared) == before


def change(folder: Path, statement: str) -> None:
    with sqlite3.connect(folder / "patchclamp.db") as connection:
        connection.execute(statement)
    connection.close()


@pytest.mark.parametrize(
    ("statement", "verdict", "said"),
    [
        ("drop table patchclamp_workers", Verdict.WARNING, "lacks patchclamp_workers"),
        ("alter table patchclamp_jobs drop column starts", Verdict.WARNING, "lacks patchclamp_jobs.starts"),
        ("update dbos_migrations set version = version - 1", Verdict.WARNING, "of an earlier version"),
        ("update dbos_migrations set version = version + 1", Verdict.PROBLEM, "by a newer version"),
        ("pragma journal_mode = delete", Verdict.WARNING, "no write-ahead log"),
    ],
)
def test_a_database_of_another_version_or_without_its_log_is_told(
    prepared: Path, statement: str, verdict: Verdict, said: str
) -> None:
    change(prepared, statement)
    found = findings(settings(prepared))["database"]
    assert (found.verdict, said in found.finding) == (verdict, True), found


def test_a_database_in_memory_is_refused(tmp_path: Path) -> None:
    assert findings(settings(tmp_path, database_url="sqlite://"))["database"].verdict is Verdict.PROBLEM


def test_a_postgresql_that_does_not_answer_is_told_without_its_password(tmp_path: Path) -> None:
    url = f"postgresql://lab:geheim@127.0.0.1:{free_port()}/lab"
    found = findings(settings(tmp_path, database_url=url))
    assert found["database"].verdict is Verdict.PROBLEM
    assert "cannot be reached" in found["database"].finding
    assert "geheim" not in "".join(finding.line() for finding in found.values())
    assert found["worker"].verdict is Verdict.WARNING


def test_a_postgresql_is_told_empty_and_then_up_to_date(tmp_path: Path) -> None:
    with cluster() as url:
        own = settings(tmp_path, database_url=url)
        assert "is empty" in findings(own)["database"].finding
        with doctor._reader(own).connect() as connection, pytest.raises(DBAPIError, match="read-only"):
            connection.execute(sa.text("create table ours (id int)"))
        engine = database.connect(url)
        database.prepare(url, engine)
        engine.dispose()
        found = findings(own)["database"]
        assert found.verdict is Verdict.OK
        assert "up to date" in found.finding


@pytest.fixture
def artifacts(tmp_path: Path) -> Path:
    shutil.copytree(ROOT / "artifacts", tmp_path / "artifacts")
    return tmp_path / "artifacts"


def test_a_model_with_other_weights_than_its_card_names_is_told(tmp_path: Path, artifacts: Path) -> None:
    shutil.copy(artifacts / "digit-net-best" / "model.safetensors", artifacts / "digit-net")
    found = findings(settings(tmp_path, artifacts=artifacts))["models"]
    assert found.verdict is Verdict.PROBLEM
    assert found.finding == "digit-net has other weights than its card names."


@pytest.mark.parametrize("card", ["", "{", "[]", "{}", '{"family": "perceptron", "sha256": ""}'])
def test_a_model_with_a_damaged_card_is_told(tmp_path: Path, artifacts: Path, card: str) -> None:
    (artifacts / "memory-lstm" / "card.json").write_text(card)
    found = findings(settings(tmp_path, artifacts=artifacts))["models"]
    assert found.verdict is Verdict.PROBLEM
    assert found.finding.startswith("memory-lstm ")


def test_a_default_model_that_is_not_there_is_told(tmp_path: Path, artifacts: Path) -> None:
    shutil.rmtree(artifacts / "digit-net")
    found = findings(settings(tmp_path, artifacts=artifacts))["models"]
    assert found.finding == "digit-net is not there."


class Mirror(BaseHTTPRequestHandler):
    """Answers the question for a file's headers, and nothing else."""

    def do_HEAD(self) -> None:
        self.send_response(200)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        pass


def test_digits_that_are_not_here_are_told_with_whether_they_can_be_had(tmp_path: Path, mirrors: list[str]) -> None:
    own = settings(tmp_path, datasets=None)
    assert findings(own)["digits"].verdict is Verdict.WARNING
    with HTTPServer(("127.0.0.1", 0), Mirror) as mirror:
        Thread(target=mirror.serve_forever, daemon=True).start()
        mirrors.append(f"http://127.0.0.1:{mirror.server_port}/mnist/")
        found = findings(own)["digits"]
        mirror.shutdown()
    assert found.verdict is Verdict.OK
    assert "downloaded" in found.finding
    assert list(tmp_path.iterdir()) == []


def test_kernels_that_cannot_be_compiled_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def uncompiled() -> None:
        raise RuntimeError("no locator available")

    monkeypatch.setattr(kernels, "warm", uncompiled)
    found = findings(settings(tmp_path))["kernels"]
    assert found.verdict is Verdict.PROBLEM
    assert "no locator available" in found.finding


def test_a_port_that_another_program_has_is_told(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        other.settimeout(0)
        found = doctor._port(settings(tmp_path, port=other.getsockname()[1]), is_serving=False)
    assert found.verdict is Verdict.PROBLEM
    assert "Another program has it" in found.finding


def test_a_folder_that_cannot_be_written_and_a_full_disk_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    assert findings(settings(tmp_path / "file"))["data folder"].verdict is Verdict.PROBLEM
    for free, verdict in ((10 * 2**20, Verdict.PROBLEM), (500 * 2**20, Verdict.WARNING)):
        monkeypatch.setattr(shutil, "disk_usage", lambda _, free=free: shutil._ntuple_diskusage(2**40, 0, free))
        assert findings(settings(tmp_path))["disk"].verdict is verdict


def run_doctor(data: Path, *options: str, **given: str) -> subprocess.CompletedProcess[str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("PATCHCLAMP_")}
    digits = {name: value for name, value in os.environ.items() if name == "PATCHCLAMP_DATASETS"}
    return subprocess.run(
        [sys.executable, "-m", "service.cli", "doctor", *options],
        env={**inherited, **digits, "PATCHCLAMP_DATA": str(data), "PATCHCLAMP_PORT": str(free_port()), **given},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_beside_a_running_service_it_sees_port_and_worker(tmp_path: Path) -> None:
    with serving(tmp_path) as service:
        port = service.url.rpartition(":")[2]
        found = findings(settings(tmp_path, port=int(port)))
        assert found["port"].finding == f"The service answers on 127.0.0.1:{port}."
        assert found["worker"].verdict is found["database"].verdict is Verdict.OK


def test_an_api_without_a_worker_is_a_problem(prepared: Path) -> None:
    found = doctor._worker(settings(prepared), is_serving=True)
    assert found.verdict is Verdict.PROBLEM
    assert doctor._worker(settings(prepared), is_serving=False).verdict is Verdict.WARNING


def test_it_prints_one_line_for_each_thing_and_ends_with_0(tmp_path: Path) -> None:
    ended = run_doctor(tmp_path)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert ended.stderr == ""
    lines = ended.stdout.splitlines()
    assert len(lines) == len(CHECKS)
    for line, check in zip(lines, CHECKS, strict=True):
        assert line.startswith(("ok       ", "warning  "))
        assert check in line


def test_as_json_it_says_the_same_and_a_problem_ends_it_with_1(prepared: Path) -> None:
    replace(prepared / "patchclamp.db")
    ended = run_doctor(prepared, "--json")
    told = json.loads(ended.stdout)
    assert ended.returncode == 1
    assert told["can_serve"] is False
    assert [finding["check"] for finding in told["findings"]] == CHECKS
    assert {finding["check"] for finding in told["findings"] if finding["verdict"] == "problem"} == {"database"}


def test_the_limits_in_force_are_told(tmp_path: Path) -> None:
    given = settings(tmp_path, jobs_per_student=7, running_jobs_per_student=2, models_per_student=0, keep_days=30)
    finding = doctor._limits(given)
    assert finding.verdict is Verdict.OK
    assert "7 unfinished jobs, 2 of them running at once, any number of models" in finding.finding
    assert "500 of each student, for 30 days" in finding.finding


@pytest.mark.parametrize(
    ("given", "complaint", "remedy"),
    [
        ({"jobs_per_student": 1000}, "fill the queue", "PATCHCLAMP_QUEUED_JOBS"),
        ({"jobs_per_student": 0}, "fill the queue", "PATCHCLAMP_QUEUED_JOBS"),
        ({"running_jobs_per_student": 51}, "ever has so many", "PATCHCLAMP_RUNNING_JOBS_PER_STUDENT"),
        ({"keep_per_student": 49}, "forgotten while", "PATCHCLAMP_KEEP_PER_STUDENT"),
        ({"requests_per_minute": 60}, "draws", "PATCHCLAMP_REQUESTS_PER_MINUTE be at least 3600"),
        ({"workers": 64, "worker_memory_mb": 10**6}, "more memory than the", "PATCHCLAMP_WORKER_MEMORY_MB"),
    ],
)
def test_limits_that_do_not_fit_are_named(tmp_path: Path, given: dict[str, int], complaint: str, remedy: str) -> None:
    finding = doctor._limits(settings(tmp_path, **given))
    assert finding.verdict is Verdict.WARNING
    assert complaint in finding.finding
    assert remedy in finding.remedy


@pytest.mark.parametrize("given", [{"PATCHCLAMP_PRT": "80"}, {"PATCHCLAMP_WORKERS": "0"}, {"PATCHCLAMP_HOST": "::"}])
def test_settings_that_are_refused_are_its_one_finding(tmp_path: Path, given: dict[str, str]) -> None:
    ended = run_doctor(tmp_path, **given)
    assert ended.returncode == 1
    (line,) = ended.stdout.splitlines()
    assert line.startswith("problem  settings")
    assert "PATCHCLAMP_" in line
