"""Clients that hold a connection without using it are sent away; those who are only slow are not, nor anybody else."""

import selectors
import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field

import httpx
import pytest

from service.protocol import BODY_BYTES_PER_SECOND, BODY_SECONDS, HEAD_SECONDS
from tests.service_process import Service

CROWD = 300
SECOND = 1.0
TASK = b"POST /lstm/task HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
FAIR_PACE = 2 * BODY_BYTES_PER_SECOND
FAIR_BODY = b"{" + b" " * int((BODY_SECONDS + 3) * FAIR_PACE) + b"}"


@dataclass
class Slow:
    """A client that says `opening` at once and then `pace` more bytes a second; and what it was told, and when.

    It has ended when it was answered or hung up on; one that has something to say `afterwards` says it then.
    Both are told in seconds since it began to connect: opening a crowd takes a loaded machine longer than a second.
    """

    opening: bytes
    more: bytes = b""
    pace: int = 1
    afterwards: bytes = b""
    told: bytes = b""
    answered: float | None = None
    ended: float | None = None
    began: float = field(init=False)
    connection: socket.socket = field(init=False)

    def begin(self, address: tuple[str, int]) -> None:
        self.began = time.monotonic()
        self.connection = socket.create_connection(address, timeout=30)
        self.connection.sendall(self.opening)
        self.connection.setblocking(False)

    def go_on(self) -> None:
        with suppress(OSError):  # hung up on, which reading tells
            self.more = self.more[self.connection.send(self.more[: self.pace]) :]

    def hear(self) -> None:
        try:
            heard = self.connection.recv(65536)
        except OSError:
            heard = b""
        seconds = time.monotonic() - self.began
        self.told += heard
        is_answered = heard.startswith(b"HTTP/1.1 200") and b"text/event-stream" not in heard
        if is_answered and self.afterwards:
            self.answered = seconds
            self.more, self.afterwards = self.afterwards, b""
        elif is_answered or not heard:
            self.ended = seconds


@dataclass(frozen=True)
class Told:
    """How the crowd fared, and how quickly others were answered meanwhile."""

    crowd: Mapping[str, list[Slow]]
    others_seconds: list[float]


@pytest.fixture(scope="module")
def told(service: Service, client: httpx.Client) -> Iterator[Told]:
    long = {"max_steps": 20_000, "target_loss": 1e-12, "networks": 64, "hidden_size": 8, "seed": 1}
    running, queued = (client.post("/lstm/train", json=long).json()["id"] for _ in range(2))
    fair_head = TASK + f"Content-Length: {len(FAIR_BODY)}\r\n\r\n".encode()
    crowd = {
        "events of a job that waits": [Slow(f"GET /jobs/{queued}/events HTTP/1.1\r\nHost: a\r\n\r\n".encode())],
        "silent": [Slow(b"") for _ in range(CROWD)],
        "empty lines": [Slow(b"\r\n", b"\r\n" * 1000, 2)],
        "half a head": [Slow(b"GET /livez HTTP/1.1\r\nHo") for _ in range(CROWD)],
        "a head byte by byte": [Slow(b"GET /livez HTTP/1.1\r\nX-Long: ", b"a" * 1000) for _ in range(10)],
        "half a body": [Slow(TASK + b'Content-Length: 100\r\n\r\n{"seed"') for _ in range(CROWD)],
        "a body byte by byte": [Slow(TASK + b"Content-Length: 1000\r\n\r\n", b" " * 1000) for _ in range(10)],
        "chunks byte by byte": [Slow(TASK + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n" * 1000, 6)],
        "a fair body": [Slow(fair_head, FAIR_BODY, int(FAIR_PACE))],
        "half a head after a fair body": [
            Slow(fair_head, FAIR_BODY, int(FAIR_PACE), afterwards=b"GET /livez HTTP/1.1\r\nHo")
        ],
    }
    url = httpx.URL(service.url)
    with ExitStack() as connections:
        for slow in (each for group in crowd.values() for each in group):
            slow.begin((url.host, url.port or 80))
            connections.callback(slow.connection.close)
        yield Told(crowd, list(_served(crowd, client)))
    for job in (queued, running):
        client.post(f"/jobs/{job}/cancel")


def _served(crowd: Mapping[str, list[Slow]], client: httpx.Client) -> Iterator[float]:
    """Lets the crowd go on second by second until all but the events have ended; others ask meanwhile."""
    began = time.monotonic()
    with selectors.DefaultSelector() as waiting:
        for slow in (each for group in crowd.values() for each in group):
            waiting.register(slow.connection, selectors.EVENT_READ, slow)
        next_second = SECOND
        while len(waiting.get_map()) > 1 and next_second < 3 * BODY_SECONDS:
            for key, _ in waiting.select(max(0.0, next_second - (time.monotonic() - began))):
                key.data.hear()
                if key.data.ended is not None:
                    waiting.unregister(key.fileobj)
            if time.monotonic() - began >= next_second:
                next_second += SECOND
                for key in waiting.get_map().values():
                    key.data.go_on()
                asked = time.monotonic()
                assert client.post("/lstm/task?renderings=none", json={"seed": 1}).status_code == 200
                yield time.monotonic() - asked


def test_who_asks_nothing_is_hung_up_on(told: Told) -> None:
    for slow in told.crowd["silent"]:
        assert slow.ended is not None
        assert HEAD_SECONDS - 1 < slow.ended < HEAD_SECONDS + 5
        assert slow.told == b""


@pytest.mark.parametrize("name", ["empty lines", "half a head", "a head byte by byte"])
def test_a_head_that_does_not_end_is_a_408(told: Told, name: str) -> None:
    for slow in told.crowd[name]:
        assert slow.ended is not None
        assert HEAD_SECONDS - 1 < slow.ended < HEAD_SECONDS + 5
        assert_timeout(slow.told)


@pytest.mark.parametrize("name", ["half a body", "a body byte by byte", "chunks byte by byte"])
def test_a_body_that_hardly_arrives_is_a_408(told: Told, name: str) -> None:
    for slow in told.crowd[name]:
        assert slow.ended is not None
        assert BODY_SECONDS - 1 < slow.ended < BODY_SECONDS + 5
        assert_timeout(slow.told)


def test_a_body_that_arrives_slowly_but_steadily_is_taken(told: Told) -> None:
    (fair,) = told.crowd["a fair body"]
    assert fair.told.startswith(b"HTTP/1.1 200"), fair.told[:1000]
    assert fair.ended is not None
    assert fair.ended > BODY_SECONDS


def test_a_head_that_does_not_end_is_a_408_whatever_came_before_it(told: Told) -> None:
    (slow,) = told.crowd["half a head after a fair body"]
    assert slow.told.startswith(b"HTTP/1.1 200"), slow.told[:1000]
    assert slow.answered is not None
    assert slow.ended is not None
    assert HEAD_SECONDS - 1 < slow.ended - slow.answered < HEAD_SECONDS + 5
    assert_timeout(slow.told[slow.told.index(b"HTTP/1.1 4") :])


def test_others_are_served_as_ever_meanwhile(told: Told) -> None:
    assert len(told.others_seconds) >= BODY_SECONDS - 1
    assert sorted(told.others_seconds)[len(told.others_seconds) // 2] < 0.5


def test_events_may_be_waited_for_longer_than_a_request(told: Told) -> None:
    (stream,) = told.crowd["events of a job that waits"]
    assert stream.told.startswith(b"HTTP/1.1 200")
    assert stream.ended is None


def assert_timeout(told: bytes) -> None:
    assert told.startswith(b"HTTP/1.1 408 Request Timeout\r\n")
    assert b"application/problem+json" in told
    assert b"/problems/request-timeout" in told
