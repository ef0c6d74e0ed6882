"""HTTP as uvicorn reads it, with an end to patience: a head has a largest size, head and body have a slowest pace.

Waiting for answers is no matter of patience: an event stream may go on for as long as its job does.
"""

import asyncio
import secrets
from http import HTTPStatus
from typing import Any, Literal

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from service.logs import request_id
from service.problems import http_problem

HEAD_BYTES_AT_MOST = 64 * 2**10
HEAD_SECONDS = 10.0
BODY_SECONDS = 10.0
BODY_BYTES_PER_SECOND = 8 * 2**10
"""A body has `BODY_SECONDS` and a second more for every so many bytes that have arrived."""


class HeadTooLarge(Exception):
    """A request whose address and headers have more than `HEAD_BYTES_AT_MOST`."""


class Protocol(HttpToolsProtocol):
    """One connection; uvicorn's own would refuse in plain text, and wait for ever."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._awaited: Literal["head", "body"] | None = "head"
        self._since = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._arrived = 0  # since then, of the body or the head
        self._head_bytes = 0
        self._untold_bytes = 0  # that the parser keeps, as it has not seen the end of a header, a trailer or the like

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begins to wait for the first request."""
        super().connection_made(transport)
        self._await("head")

    def connection_lost(self, exc: Exception | None) -> None:
        """Waits for nothing any more."""
        self._await(None)
        if self._timer is not None:
            self._timer.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Reads on, and looks whether what has arrived is still a request to wait for."""
        if self._awaited is None and not self._is_answering:
            self._await("head")
        self._untold_bytes += len(data)
        self._arrived += len(data)
        super().data_received(data)
        if self._untold_bytes > HEAD_BYTES_AT_MOST:
            self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)

    def on_message_begin(self) -> None:
        """Begins a request."""
        super().on_message_begin()
        self._head_bytes = self._untold_bytes = 0
        self._await("head")

    def on_url(self, url: bytes) -> None:
        """Takes a part of the address."""
        self._count(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Takes a header, or a trailer."""
        self._count(len(name) + len(value))
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Ends the head."""
        self._untold_bytes = 0
        self._await("body")
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Takes a part of the body."""
        self._untold_bytes = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        """Ends the request."""
        self._untold_bytes = 0
        self._await(None)
        super().on_message_complete()

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002
        """Refuses what cannot be read as a request."""
        too_large = self._head_bytes > HEAD_BYTES_AT_MOST
        self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE if too_large else HTTPStatus.BAD_REQUEST)

    @property
    def _is_answering(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _count(self, size: int) -> None:
        self._untold_bytes = 0
        self._head_bytes += size
        if self._head_bytes > HEAD_BYTES_AT_MOST:
            raise HeadTooLarge

    def _await(self, awaited: Literal["head", "body"] | None) -> None:
        self._awaited, self._since, self._arrived = awaited, self.loop.time(), 0
        if awaited is not None and self._timer is None:
            self._look_after(HEAD_SECONDS)

    def _look_after(self, seconds: float) -> None:
        """Sets the one timer of the connection; what it will then find awaited may have begun in between.

        So it comes too early for most requests, and too late for none.
        """
        self._timer = self.loop.call_later(min(seconds, HEAD_SECONDS, BODY_SECONDS), self._look)

    def _look(self) -> None:
        """Ends the connection whose request is late, or looks again when it will be."""
        self._timer = None
        if self._awaited is None:
            return
        patience = self._patience()
        left = self._since + patience - self.loop.time()
        if left > 0:
            self._look_after(left)
        elif self._awaited == "head" and not self._head_bytes and not self._arrived:
            self.transport.close()  # nothing was asked
        else:
            self._refuse(HTTPStatus.REQUEST_TIMEOUT)

    def _patience(self) -> float:
        if self._awaited == "head":
            is_held_up = self._is_answering  # an answer goes first; what is asked meanwhile may wait
            patience = HEAD_SECONDS
        else:
            is_held_up = self.flow.read_paused  # by us, who have not read what has come
            patience = BODY_SECONDS + self._arrived / BODY_BYTES_PER_SECOND
        return self.loop.time() - self._since + BODY_SECONDS if is_held_up else patience

    def _refuse(self, status: HTTPStatus) -> None:
        """Refuses the request, unless an answer is on its way already, and hangs up."""
        if self.transport.is_closing():
            return
        if self.cycle is None or self.cycle.response_complete or not self.cycle.response_started:
            identity = secrets.token_hex(16)
            request_id.set(identity)
            response = http_problem(status, {"X-Request-ID": identity, "Connection": "close"})
            headers = [name + b": " + value for name, value in response.raw_headers]
            line = f"HTTP/1.1 {status} {status.phrase}".encode("ascii")
            self.transport.write(b"\r\n".join([line, *headers, b"", bytes(response.body)]))
        self.transport.close()
