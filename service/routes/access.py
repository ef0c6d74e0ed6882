"""What routes reach for: who is asking, and the lab and the job store as far as those reach for them."""

import inspect
from collections.abc import Callable, Coroutine
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Request, Response
from fastapi.routing import APIRoute
from starlette.routing import request_response

from service.admission import Admission
from service.answers import ACCESS_TOKEN, PNG, SAFETENSORS
from service.errors import NotAllowed
from service.jobs.engine import Jobs
from service.lab import Lab
from service.openapi import operation_id
from service.principals import ANYBODY, Principal

Handler = Callable[[Request], Coroutine[Any, Any, Response]]


async def _known(request: Request) -> Principal:
    """Whoever asks, any role; what is answered to them is for them alone."""
    admission: Admission = request.app.state.admission
    scheme, _, credentials = request.headers.get("authorization", "").partition(" ")
    caller = await admission.caller(
        credentials if scheme.lower() == "bearer" and credentials else None,
        request.query_params.get(ACCESS_TOKEN) if request.method in ("GET", "HEAD") else None,
    )
    request.state.is_private = caller is not ANYBODY
    return caller


async def _admit(request: Request) -> None:
    """Lets in who may come in, and refuses one request too many.

    One that may only repeat an accepted job is looked at first, as it is submitted.
    """
    caller = await _known(request)
    if caller.role == "monitor":
        raise NotAllowed("A monitor's key reads GET /metrics and nothing else; use a key of your own.")
    refusal = request.app.state.pace.refusal(caller)
    if refusal is not None and not _may_repeat(request):
        raise refusal
    request.state.caller, request.state.refusal = caller, refusal


def _may_repeat(request: Request) -> bool:
    return "idempotency-key" in request.headers and request.scope["route"].status_code == 202


async def _monitor(request: Request) -> None:
    known = await _known(request)
    if known.role not in ("monitor", "admin"):
        raise NotAllowed("The service's numbers are for admins and monitors.")


async def _whole_lab(request: Request) -> Lab:
    return request.app.state.lab


async def _whole_job_store(request: Request) -> Jobs:
    return request.app.state.jobs


def lab_of(request: Request) -> Lab:
    """The lab as whoever was admitted sees it."""
    return request.app.state.lab.seen_by(request.state.caller)


async def _lab(request: Request) -> Lab:
    return lab_of(request)


async def _jobs(request: Request) -> Jobs:
    return request.app.state.jobs.seen_by(request.state.caller)


# For routes that answer everybody, with nothing that is anybody's.
WholeLab = Annotated[Lab, Depends(_whole_lab)]
WholeJobStore = Annotated[Jobs, Depends(_whole_job_store)]

# Of this process, as whoever was admitted sees them: what is not theirs is not there.
LabOfProcess = Annotated[Lab, Depends(_lab)]
JobStore = Annotated[Jobs, Depends(_jobs)]

FOR_MONITORS = Depends(_monitor)
# PostgreSQL's text has no place for a zero byte.
NO_ZERO_BYTE = r"^[^\x00]*$"
Identity = Annotated[str, Path(max_length=80, pattern=NO_ZERO_BYTE)]

_REASONS = {
    400: "The body cannot be read.",
    401: "A key is needed, or it is not valid.",
    403: "The role of this key may not do this, or a page of another origin wants more than to look.",
    404: "There is no such thing, or it is somebody else's.",
    406: "None of the accepted media types can be had.",
    409: "Not in this state.",
    413: "The body or a picture in it is too large.",
    415: "The body has a media type that is not read here.",
    422: "A field is outside the contract; `errors` names it.",
    429: "More than one student may have or ask for; `Retry-After` tells when there is room again.",
    500: "A fault of the service; its log tells more under the request id.",
    503: "The queue is full, or something the service needs is missing for now; see `Retry-After`.",
}


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The refusals of an operation, for the OpenAPI document."""
    return {
        status: {
            "description": _REASONS[status],
            "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/ProblemDocument"}}},
        }
        for status in sorted({*statuses, 500, 503})
    }


class _Guarded(APIRoute):
    """A route that lets in who may come in, before anything is done for them.

    What wants nothing but the request is handed it as Starlette does it; FastAPI would look what else there is, and
    make ready to close it, for a tenth of an answer.
    """

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        super().__init__(path, endpoint, **options)
        if [*inspect.signature(endpoint).parameters] == ["request"] and inspect.iscoroutinefunction(endpoint):
            self.app = request_response(_guarded(endpoint))

    def get_route_handler(self) -> Handler:
        """What answers a request."""
        return _guarded(super().get_route_handler())


def _guarded(handle: Handler) -> Handler:
    async def admit_and_handle(request: Request) -> Response:
        await _admit(request)
        return await handle(request)

    return admit_and_handle


def guarded_router(tag: str, prefix: str = "") -> APIRouter:
    """A router whose operations need a key as soon as there is one; 503: a token's portal cannot be asked."""
    return APIRouter(
        prefix=prefix,
        tags=[tag],
        route_class=_Guarded,
        responses=problems(401, 403, 429, 503),
        generate_unique_id_function=operation_id,
    )


def pictured(answer: Any, *statuses: int) -> dict[int | str, dict[str, Any]]:
    """The responses of an operation that answers with JSON, the same as tensors, or one of its renderings."""
    content = {PNG: _BINARY, SAFETENSORS: _BINARY}
    return {
        200: {"model": answer, "description": "The numbers and their pictures.", "content": content},
        304: {"description": "The picture has not changed."},
        **problems(*statuses, 406, 422),
    }


_BINARY = {"schema": {"type": "string", "format": "binary"}}
