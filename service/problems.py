"""Every refusal and every fault as one `application/problem+json`, without a word of the input."""

import logging
import math
import re
import secrets
from typing import Any

import orjson
from anyio import BrokenResourceError
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.routing import Match, Mount
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from models.errors import LabError
from service.database import is_outage
from service.errors import (
    HTTP_PROBLEMS,
    PREFIX,
    PROBLEMS,
    InvalidKey,
    InvalidRequest,
    KeyNeeded,
    NotReady,
    Problem,
    QueueFull,
    ServiceError,
    problem_of,
)
from service.logs import request_id

log = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,128}")
_RETRY_AFTER_SECONDS = {429: 30, 503: 10}  # where nothing better is known
_CHALLENGES: dict[type[Exception], str] = {  # RFC 6750
    KeyNeeded: 'Bearer realm="patchclamp"',
    InvalidKey: 'Bearer realm="patchclamp", error="invalid_token"',
}
_HTTP_DETAILS = {
    400: "The request cannot be read as HTTP; check how it was put together.",
    404: "There is nothing here; /docs lists every address.",
    405: "This address does not take that method; the header Allow names those it takes.",
    408: "The request came too slowly; send it anew, all at once.",
    413: "The body is larger than 16 MiB; send less at once.",
    431: "Address and headers have more than 64 KiB together; send less.",
}


def install(app: FastAPI) -> None:
    """Lets `app` answer all that goes wrong with a problem document."""
    app.add_exception_handler(LabError, _refused)
    app.add_exception_handler(ServiceError, _refused)
    app.add_exception_handler(RequestValidationError, _invalid_parameters)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(DBAPIError, _without_database)
    app.add_exception_handler(PoolTimeout, _without_database)


class ProblemResponse(Response):
    """A problem on its way out, which tells the layers that count and log requests what it is."""

    media_type = MEDIA_TYPE

    def __init__(self, document: dict[str, Any], headers: dict[str, str]) -> None:
        super().__init__(orjson.dumps({**document, "request_id": request_id.get()}), document["status"], headers)
        self._type: str = document["type"]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request."""
        scope.setdefault("state", {})["problem"] = self._type.removeprefix(PREFIX)
        await super().__call__(scope, receive, send)


def problem_response(document: dict[str, Any], headers: dict[str, str] | None = None) -> Response:
    """The problem as a response, with Retry-After where waiting helps."""
    status = document["status"]
    waiting = {"Retry-After": str(_RETRY_AFTER_SECONDS[status])} if status in _RETRY_AFTER_SECONDS else {}
    return ProblemResponse(document, {**waiting, **(headers or {})})


def http_problem(status: int, headers: dict[str, str] | None = None) -> Response:
    """The refusal of a request as HTTP, before anybody looked at what it asks for."""
    problem = HTTP_PROBLEMS.get(status) or Problem(status, f"http-{status}", "The request was refused")
    detail = _HTTP_DETAILS.get(status, "The request was refused; see the status.")
    return problem_response(problem.document(detail), headers)


class RequestIds:
    """Gives each request an id that is on its response and its log lines."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        identity = _well_formed(scope) or secrets.token_hex(16)
        request_id.set(identity)

        async def named(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], (b"x-request-id", identity.encode("ascii"))]
            await send(message)

        await self._app(scope, receive, named)


class Faults:
    """Turns faults into plain 500s, and words the refusal of a body that is too large, which Starlette does not."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        sender = _Sender(scope, receive, send)
        try:
            await self._app(scope, receive, sender)
        except ClientDisconnect:
            log.info("the client left before its request was complete")
        except Exception as fault:
            if sender.has_started and _is_departure(fault):
                log.info("the client left in the middle of its answer")
                return
            log.exception("unexpected fault in %s", scope["method"])
            if sender.has_started:
                raise
            detail = (
                "Something went wrong here, not with your request; the server's log tells more under the request id."
            )
            await problem_response(HTTP_PROBLEMS[500].document(detail))(scope, receive, sender)


def _is_departure(fault: Exception) -> bool:
    """Whether this is all that FastAPI says when a client leaves its stream of events while one is on its way."""
    return isinstance(fault, ExceptionGroup) and fault.split(BrokenResourceError)[1] is None


class _Sender:
    """Sends a response, another one in place of Starlette's 413."""

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._scope, self._receive, self._send = scope, receive, send
        self._is_replaced = False
        self.has_started = False

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.has_started = True
            if message["status"] == 413 and not _is_problem(message):
                self._is_replaced = True
                await http_problem(413)(self._scope, self._receive, self._send)
                return
        if not self._is_replaced:
            await self._send(message)


def _is_problem(message: Message) -> bool:
    return (b"content-type", MEDIA_TYPE.encode("ascii")) in message["headers"]


def _well_formed(scope: Scope) -> str | None:
    given = [value for name, value in scope["headers"] if name == b"x-request-id"]
    text = given[0].decode("latin-1") if len(given) == 1 else ""
    return text if _REQUEST_ID.fullmatch(text) else None


async def _refused(_request: Request, error: Exception) -> Response:
    assert isinstance(error, LabError | ServiceError)
    if PROBLEMS[type(error)].status >= 500 and not isinstance(error, QueueFull):
        log.error("%s: %s", type(error).__name__, error)
    seconds = error.retry_after_seconds if isinstance(error, ServiceError) else None
    waiting = {} if seconds is None else {"Retry-After": str(max(1, math.ceil(seconds)))}
    challenge = _CHALLENGES.get(type(error))
    challenged = {"WWW-Authenticate": challenge} if challenge else {}
    return problem_response(problem_of(error), {**waiting, **challenged})


async def _invalid_parameters(_request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    errors = [{"pointer": f"/{each['loc'][-1]}", "detail": f"{each['msg']}."} for each in error.errors()]
    message = "The request has parameters to be mended; see errors."
    return problem_response(problem_of(InvalidRequest(message, errors)))


async def _without_database(_request: Request, error: Exception) -> Response:
    if not is_outage(error):
        raise error
    log.error("the database cannot be used: %s", error)
    detail = (
        "The database cannot be used for now; try again later. With the same Idempotency-Key no job is begun twice."
    )
    return problem_response(PROBLEMS[NotReady].document(detail))


async def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    headers = dict(error.headers or {})
    if error.status_code == 405:
        headers["Allow"] = _allowed(request, headers.get("Allow", ""))
    return http_problem(error.status_code, headers)


def _allowed(request: Request, found: str) -> str:
    """Every method that the address takes; Starlette names those of the first route that it finds there."""
    routes = [route for route in request.app.routes if not isinstance(route, Mount)]
    taken = {
        method
        for method in ("GET", "POST", "PUT", "DELETE")
        for route in routes
        if route.matches({**request.scope, "method": method})[0] is Match.FULL
    }
    taken |= set(found.split(", ")) - {""}
    return ", ".join(sorted(taken | ({"HEAD"} if "GET" in taken else set())))
