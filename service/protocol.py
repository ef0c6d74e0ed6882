"""HTTP as uvicorn reads it, with the refusal of bytes that are no HTTP in the form of all others."""

import uuid

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from service.logs import request_id
from service.problems import http_problem


class Protocol(HttpToolsProtocol):
    """One connection; uvicorn's own would refuse in plain text."""

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002
        """Refuses what cannot be read as a request, and hangs up."""
        identity = uuid.uuid4().hex
        request_id.set(identity)
        response = http_problem(400, {"X-Request-ID": identity, "Connection": "close"})
        headers = [name + b": " + value for name, value in response.raw_headers]
        self.transport.write(b"\r\n".join([b"HTTP/1.1 400 Bad Request", *headers, b"", bytes(response.body)]))
        self.transport.close()
