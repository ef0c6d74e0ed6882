"""`patchclamp serve` with real processes: what dies comes back, what shall end ends, strangers are refused."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest

from tests.service_process import ROOT, Service, await_ready, serving
from tests.waiting import until


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """One service, whose parts are killed again and again."""
    with serving(tmp_path_factory.mktemp("service")) as running:
        yield running


def part(service: Service, name: str) -> psutil.Process | None:
    """The child that runs this part of the service, if it is there."""
    for child in psutil.Process(service.process.pid).children():
        try:
            if name in child.cmdline():
                return child
        except (psutil.NoSuchProcess, psutil.ZombieProcess):
            continue
    return None


def killed(service: Service, name: str) -> int:
    """The process id that the part had before it was killed."""
    process = part(service, name)
    assert process is not None
    process.kill()
    return process.pid


def has_successor(service: Service, name: str, pid: int) -> bool:
    process = part(service, name)
    return process is not None and process.pid != pid


def test_a_killed_api_is_started_again_beside_the_same_worker(service: Service) -> None:
    worker = part(service, "worker")
    dead = killed(service, "api")
    until(lambda: has_successor(service, "api", dead))
    await_ready(service)
    assert worker == part(service, "worker")
    assert "api ended with status -9" in service.log.read_text()


def test_a_killed_worker_is_started_again_and_works(service: Service) -> None:
    api = part(service, "api")
    dead = killed(service, "worker")
    until(lambda: has_successor(service, "worker", dead))
    body = {"layer": "y", "unit": 3, "starts": 2, "steps": 5, "seed": 1}
    with service.client() as client:
        job = client.post("/cnn/tune", json=body, headers={"Prefer": "wait=60"})
    assert job.status_code == 200
    assert job.json()["status"] == "succeeded"
    assert api == part(service, "api")


def test_a_worker_keeps_its_name_when_it_is_started_again(service: Service) -> None:
    worker = part(service, "worker")
    assert worker is not None
    name = worker.cmdline()[worker.cmdline().index("--id") + 1]
    dead = killed(service, "worker")
    until(lambda: has_successor(service, "worker", dead))
    successor = part(service, "worker")
    assert successor is not None
    assert name in successor.cmdline()


def test_whoever_calls_while_the_api_is_started_again_waits_and_is_answered(service: Service) -> None:
    dead = killed(service, "api")
    assert httpx.get(f"{service.url}/livez", timeout=30).status_code == 200
    assert has_successor(service, "api", dead)


def test_apis_share_a_port_and_count_together_what_they_have_answered(tmp_path: Path) -> None:
    with serving(tmp_path, environment={"PATCHCLAMP_APIS": "2"}) as service:
        apis = [child for child in psutil.Process(service.process.pid).children() if "api" in child.cmdline()]
        assert len(apis) == 2
        for frozen in apis:  # so that the other one answers
            frozen.suspend()
            for _ in range(5):
                assert httpx.get(f"{service.url}/livez").status_code == 200
            frozen.resume()
        counted = 'patchclamp_http_requests_total{method="GET",route="/livez",status="200"} 10.0'
        assert counted in httpx.get(f"{service.url}/metrics").text


def test_a_port_that_is_taken_is_told_with_what_to_do(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        sentence = refused("serve", data=tmp_path, PATCHCLAMP_PORT=str(taken.getsockname()[1]))
    assert "cannot listen" in sentence
    assert "another PATCHCLAMP_PORT" in sentence


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_everything_ends_soon_when_it_is_told_to(tmp_path: Path, number: signal.Signals) -> None:
    with serving(tmp_path, environment={"PATCHCLAMP_WORKERS": "2"}) as service:
        children = psutil.Process(service.process.pid).children(recursive=True)
        assert len(children) == 3
        service.process.send_signal(number)
        assert service.process.wait(10) == 0
        assert not any(child.is_running() for child in children)
        with pytest.raises(httpx.TransportError):
            httpx.get(f"{service.url}/livez")


def test_children_do_not_outlive_a_supervisor_that_was_killed(tmp_path: Path) -> None:
    with serving(tmp_path) as service:
        children = psutil.Process(service.process.pid).children(recursive=True)
        assert len(children) == 2
        service.process.kill()
        service.process.wait()
        _, alive = psutil.wait_procs(children, timeout=10)
        assert alive == []


def refused(*command: str, data: Path, **settings: str) -> str:
    """What the command says before it ends with exit status 2."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("PATCHCLAMP_")}
    ended = subprocess.run(
        [sys.executable, "-m", "service.cli", *command],
        env={**inherited, "PATCHCLAMP_DATA": str(data), **settings},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert ended.returncode == 2
    assert "Traceback" not in ended.stderr
    return ended.stderr


@pytest.mark.parametrize("command", ["serve", "api"])
@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "example.org"])
def test_a_host_beyond_this_machine_is_refused_unless_open_access_is_said(
    tmp_path: Path, command: str, host: str
) -> None:
    sentence = refused(command, data=tmp_path, PATCHCLAMP_HOST=host)
    assert "PATCHCLAMP_OPEN_ACCESS=true" in sentence


def test_with_open_access_it_listens_everywhere(tmp_path: Path) -> None:
    settings = {"PATCHCLAMP_HOST": "0.0.0.0", "PATCHCLAMP_OPEN_ACCESS": "true"}
    with serving(tmp_path, environment=settings) as service:
        assert httpx.get(f"{service.url}/livez").status_code == 200


def test_a_misspelt_setting_is_refused_with_those_there_are(tmp_path: Path) -> None:
    sentence = refused("serve", data=tmp_path, PATCHCLAMP_WORKER="2")
    assert "PATCHCLAMP_WORKER:" in sentence
    assert "PATCHCLAMP_WORKERS" in sentence


def test_a_setting_out_of_range_is_refused_by_its_name(tmp_path: Path) -> None:
    assert "PATCHCLAMP_WORKERS:" in refused("serve", data=tmp_path, PATCHCLAMP_WORKERS="0")
