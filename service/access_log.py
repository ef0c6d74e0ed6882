"""One line for each request when it has ended, with nothing that the client wrote."""

import asyncio
import logging
import re
import time
from collections.abc import Callable
from typing import NamedTuple

from starlette.types import ASGIApp, Message, Receive, Scope, Send

log = logging.getLogger(__name__)

UNMATCHED = "unmatched"
_METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}
_JOB = re.compile(r"/jobs/([0-9a-f-]{36})")


class EndedRequest(NamedTuple):
    """What may be told of a request.

    Attributes:
        method: One of the usual ones, or ``other``.
        route: The template of the address, such as ``/jobs/{job_id}``; `UNMATCHED` where there is no such address.
        status: None where the client left before there was any.
        job_id: The job that the request asked for, or that it made.
        problem: Why it was refused, such as ``queue-full``; None where it was not.
    """

    method: str
    route: str
    status: int | None
    seconds: float
    job_id: str | None
    problem: str | None = None


class AccessLog:
    """Logs each request when the last byte of its answer is out, and tells `count` of it.

    The outermost layer: it sees the answers that other layers give.
    """

    def __init__(self, app: ASGIApp, count: Callable[[EndedRequest], None]) -> None:
        self._app = app
        self._count = count

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        root, began = scope.get("root_path", ""), time.perf_counter()
        start: Message = {}

        async def watched(message: Message) -> None:
            if message["type"] == "http.response.start":
                start.update(message)
            await send(message)

        try:
            await self._app(scope, receive, watched)
        finally:
            ended = EndedRequest(
                method=scope["method"] if scope["method"] in _METHODS else "other",
                route=_template(scope, root),
                status=start.get("status"),
                seconds=time.perf_counter() - began,
                job_id=_job_id(scope, start),
                problem=scope.get("state", {}).get("problem"),
            )
            asyncio.get_running_loop().call_soon(self._end, ended)

    def _end(self, request: EndedRequest) -> None:
        self._count(request)
        _tell(request)


def _tell(request: EndedRequest) -> None:
    milliseconds = round(1000 * request.seconds, 1)
    log.log(
        logging.ERROR if request.status is not None and request.status >= 500 else logging.INFO,
        "%s %s %s in %s ms",
        request.method,
        request.route,
        request.status or "unanswered",
        milliseconds,
        extra={
            "method": request.method,
            "route": request.route,
            "status": request.status,
            "milliseconds": milliseconds,
            "job_id": request.job_id,
            "problem": request.problem,
        },
    )


def _template(scope: Scope, root: str) -> str:
    """The address as its route has it; one that has no parameters is its own template."""
    if "route" in scope:
        return scope["route"].path
    if mount := scope.get("root_path", "").removeprefix(root):
        return f"{mount}/{{path}}"
    return scope["path"] if "endpoint" in scope and not scope["path_params"] else UNMATCHED


def _job_id(scope: Scope, start: Message) -> str | None:
    """The id in the address, or in the header Location of a job that was just accepted."""
    locations = [value.decode("latin-1") for name, value in start.get("headers", ()) if name == b"location"]
    found = next(filter(None, map(_JOB.match, (scope["path"], *locations))), None)
    return found[1] if found else None
