"""Answers over 16 connections: ours beside an echo's and other servers', on one core each.

Ours is the API as it comes, asked with a student's key, every request counted against a limit.
"""

import base64
import io
import json
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
from PIL import Image

from benchmarks.http.servers import PEERS, Server, running, uvicorn
from benchmarks.http.wrk import Load, Request, drive
from benchmarks.table import Figure, Line, Ratio
from models.digits import Digits
from service import database, keys
from service.answers import SAFETENSORS
from service.settings import Settings

CONNECTIONS = 16
OURS, FLOOR, BARE = "ours", "FastAPI's echo", "uvicorn's echo"
WARM_UP_SECONDS = 4.0  # each process of its own makes its kernels ready meanwhile
DIGITS_A_SECOND = 10_000
JSON = {"Content-Type": "application/json"}
PLENTY = 10**9  # requests a minute: the pace is kept, and nobody is refused


@dataclass(frozen=True)
class _Case:
    claim: str
    request: Request
    promised_share: float | None = None
    has_peers: bool = False
    digits: int = 1


def http_path(datasets: Path, rounds: int, seconds: float) -> Iterator[Line]:
    """Every server in turn, one round after the other; of each the median."""
    picture = _png(datasets)
    with ExitStack() as stack:
        ours, bearer = stack.enter_context(_ours(datasets, "api"))
        echo, bare = (
            stack.enter_context(running(uvicorn(f"benchmarks.http.peers.echo:{app}"))) for app in ("in_fastapi", "bare")
        )
        peers = {name: (stack.enter_context(running(*how)), request) for name, how, request in _peers(picture)}
        for case in _cases(picture, bearer):
            floor = Request(f"/{_size(ours, case.request)}", case.request.body)
            asked = {
                OURS: (ours, case.request),
                FLOOR: (echo, floor),
                **({BARE: (bare, floor), **peers} if case.has_peers else {}),
            }
            loads: dict[str, list[Load]] = {name: [] for name in asked}
            for _ in range(rounds):
                for name, (server, request) in asked.items():
                    with server.awake():
                        loads[name].append(drive(server.port, request, CONNECTIONS, seconds))
            yield from _lines(case, {name: _median(each) for name, each in loads.items()})
    yield _side_by_side(datasets, picture, rounds, seconds)


def _side_by_side(datasets: Path, picture: bytes, rounds: int, seconds: float) -> Line:
    """As `patchclamp serve` with one API process and with two, on the two cores that the load comes from, too."""
    loads: dict[int, list[Load]] = {1: [], 2: []}
    with ExitStack() as stack:
        services = {apis: stack.enter_context(_ours(datasets, "serve", apis, cores=(0, 1))) for apis in loads}
        for duration in (WARM_UP_SECONDS, *[seconds] * rounds):
            for apis, (server, bearer) in services.items():
                with server.awake():
                    loads[apis].append(
                        drive(server.port, _predict(picture, bearer), CONNECTIONS, duration, cores=(0, 1))
                    )
    one, two = (_median(loads[apis][1:]).seconds for apis in (1, 2))
    return Ratio("two API processes on two cores, /cnn/predict", "one API process", two, one, promise=1.5)


def _predict(picture: bytes, bearer: Mapping[str, str]) -> Request:
    path = "/cnn/predict?renderings=none&preprocess=none"
    return Request(path, picture, {"Content-Type": "image/png", **bearer})


def _lines(case: _Case, loads: Mapping[str, Load]) -> Iterator[Line]:
    ours, floor = loads[OURS], loads[FLOOR]
    for name, load in loads.items():
        if name != OURS:
            share = case.promised_share if name == FLOOR else None
            yield Ratio(case.claim, name, ours.seconds, load.seconds, floor_seconds=floor.seconds, promised_share=share)
    yield Figure(f"{case.claim}: its 99th percentile", ours.p99_ms / ours.p50_ms, "times the median")
    if case.digits > 1:
        yield Figure(f"{case.claim}: digits a second", case.digits / ours.seconds, "", at_least=DIGITS_A_SECOND)


def _median(loads: Sequence[Load]) -> Load:
    return sorted(loads, key=lambda load: load.seconds)[len(loads) // 2]


def _cases(picture: bytes, bearer: Mapping[str, str]) -> list[_Case]:
    digit, digits = {"sample": {"split": "test", "index": 0}}, [{"sample": {"split": "test", "index": 0}}] * 256
    png, asked = {"Content-Type": "image/png", **bearer}, {**JSON, **bearer}
    return [
        _Case(
            "/cnn/predict, a PNG of 28x28",
            _predict(picture, bearer),
            promised_share=0.35,
            has_peers=True,
        ),
        _Case("the same, brought to MNIST form", Request("/cnn/predict?renderings=none", picture, png)),
        _Case(
            "/cnn/predict, 256 digits at once",
            Request("/cnn/predict?renderings=none", json.dumps({"images": digits}).encode(), asked),
            digits=len(digits),
        ),
        _Case(
            "/cnn/activations in full",
            Request("/cnn/activations?renderings=none", json.dumps({"image": digit}).encode(), asked),
            promised_share=0.25,
        ),
        _Case(
            "the same as tensors",
            Request("/cnn/activations", json.dumps({"image": digit}).encode(), {**asked, "Accept": SAFETENSORS}),
        ),
    ]


def _peers(picture: bytes) -> Iterator[tuple[str, tuple[list[str], str], Request]]:
    fastapi = uvicorn("benchmarks.http.peers.plain_fastapi:app")
    yield "FastAPI and torch", (fastapi, "/"), Request("/predict", picture, {"Content-Type": "image/png"})
    if not PEERS.is_dir():
        print("LitServe and BentoML are left out: make bench-http installs them.", file=sys.stderr)
        return
    litserve = [str(PEERS / "python"), "-m", "benchmarks.http.peers.with_litserve", "{port}"]
    encoded = json.dumps({"image": base64.b64encode(picture).decode()}).encode()
    yield "LitServe", (litserve, "/health"), Request("/predict", encoded, JSON)
    bentoml = [str(PEERS / "bentoml"), "serve", "benchmarks.http.peers.with_bentoml:Digits", "--port", "{port}"]
    form = httpx.Request("POST", "http://peer", files={"image": ("digit.png", picture, "image/png")})
    request = Request("/predict", form.read(), {"Content-Type": form.headers["Content-Type"]})
    yield "BentoML", (bentoml, "/readyz"), request


@contextmanager
def _ours(
    datasets: Path, part: str, apis: int = 1, cores: Sequence[int] = (0,)
) -> Iterator[tuple[Server, Mapping[str, str]]]:
    """A part of our service, and the header that a student sends."""
    with tempfile.TemporaryDirectory() as data:
        settings = Settings(data=Path(data))  # pyright: ignore[reportCallIssue]
        engine = database.connect(settings.database_url)
        database.prepare(settings.database_url, engine)
        key = keys.make(engine, "student", "benchmark", "student", None)
        engine.dispose()
        environment = {
            "PATCHCLAMP_DATA": data,
            "PATCHCLAMP_DATASETS": str(datasets),
            "PATCHCLAMP_REQUESTS_PER_MINUTE": str(PLENTY),
            "PATCHCLAMP_APIS": str(apis),
        }
        command = [sys.executable, "-m", "service.cli", part]
        with running(command, "/readyz", environment, port_variable="PATCHCLAMP_PORT", cores=cores) as server:
            yield server, {"Authorization": f"Bearer {key}"}


def _size(server: Server, request: Request) -> int:
    """Of the answer's body, in bytes."""
    url = f"http://127.0.0.1:{server.port}{request.path}"
    with server.awake():
        answer = httpx.post(url, content=request.body, headers=request.headers, timeout=60).raise_for_status()
    return len(answer.content)


def _png(datasets: Path) -> bytes:
    """A digit of MNIST as a PNG, as clients would send it."""
    images, _ = Digits.open(datasets, None).split("test")
    file = io.BytesIO()
    Image.fromarray(images[0].numpy()).save(file, "PNG", optimize=True)
    return file.getvalue()
