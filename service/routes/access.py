"""What routes reach for: who is asking, the lab and the job store of this process."""

from typing import Annotated, Any

from fastapi import Depends, Path, Request

from service.jobs.engine import Jobs
from service.lab import Lab
from service.principals import ANYBODY, Principal


def _caller() -> Principal:
    return ANYBODY


def _lab(request: Request) -> Lab:
    return request.app.state.lab


def _jobs(request: Request) -> Jobs:
    return request.app.state.jobs


Caller = Annotated[Principal, Depends(_caller)]


async def _paced(request: Request, caller: Caller) -> None:
    """Refuses one request too many; one that may only repeat an accepted job is looked at first, as it is submitted."""
    refusal = request.app.state.pace.refusal(caller)
    may_repeat = "idempotency-key" in request.headers and request.scope["route"].status_code == 202
    if refusal is not None and not may_repeat:
        raise refusal
    request.state.refusal = refusal


LabOfProcess = Annotated[Lab, Depends(_lab)]
JobStore = Annotated[Jobs, Depends(_jobs)]
# PostgreSQL's text has no place for a zero byte.
NO_ZERO_BYTE = r"^[^\x00]*$"
Identity = Annotated[str, Path(max_length=80, pattern=NO_ZERO_BYTE)]

_REASONS = {
    400: "The body cannot be read.",
    404: "There is no such thing.",
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


# Of every operation that is for somebody in particular.
GUARDED: dict[str, Any] = {"dependencies": [Depends(_paced)], "responses": problems(429)}


def pictured(answer: Any, *statuses: int) -> dict[int | str, dict[str, Any]]:
    """The responses of an operation that answers with JSON or one of its renderings."""
    return {
        200: {"model": answer, "description": "The numbers and their pictures.", "content": {"image/png": _PNG}},
        304: {"description": "The picture has not changed."},
        **problems(*statuses, 406, 422),
    }


_PNG = {"schema": {"type": "string", "format": "binary"}}
