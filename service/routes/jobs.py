"""Jobs: submitted by other addresses, watched, cancelled and fetched here."""

import base64
import binascii
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from functools import reduce
from operator import or_
from typing import Annotated, Any
from uuid import UUID

from fastapi import Depends, Header, Query, Request, Response
from fastapi.sse import EventSourceResponse, ServerSentEvent
from starlette.concurrency import run_in_threadpool

from service.answers import JsonReplies, Replies, Reply, json_response
from service.dependencies import made
from service.errors import FailedJob, InvalidRequest, UnfinishedJob
from service.jobs.engine import Job, Settled
from service.jobs.kinds import Kind
from service.operations import KINDS
from service.operations.answered import Answered
from service.routes.access import NO_ZERO_BYTE, Identity, JobStore, LabOfProcess, guarded_router, pictured, problems
from service.schemas.common import Schema
from service.schemas.jobs import JobDocument, JobList, Status

router = guarded_router("jobs", "/jobs")

MAX_WAIT_SECONDS = 60
RETRY_AFTER_SECONDS = 1
_ANY_RESULT: Any = reduce(or_, (kind.answer for kind in KINDS.values()))
_WAIT = re.compile(r"(?:^|[,;])\s*wait\s*=\s*\"?(\d{1,9})\"?\s*(?=$|[,;])")


class _Submission:
    """A job on its way in, with the headers that say how to take it."""

    def __init__(
        self,
        http: Request,
        reply: JsonReplies,
        lab: LabOfProcess,
        jobs: JobStore,
        prefer: Annotated[
            str | None, Header(max_length=200, description="`wait=SECONDS` (at most 60) waits for the end.")
        ] = None,
        idempotency_key: Annotated[
            str | None,
            Header(min_length=1, max_length=200, description="Sent again with the same body, it gives the same job."),
        ] = None,
    ) -> None:
        self._reply, self._lab, self._jobs = reply, lab, jobs
        self._refusal: Exception | None = http.state.refusal
        self._wait_seconds = _wait_seconds(prefer)
        self._key = idempotency_key

    async def of(self, kind: Kind[Any, Any], request: Schema) -> Response:
        """Submits the job; 202, or 200 when it ended while the client was willing to wait."""
        job = await run_in_threadpool(self._submit, kind, request)
        if self._wait_seconds and not job.status.is_terminal:
            job = await self._jobs.wait(job, self._wait_seconds)
        document = await run_in_threadpool(_document, job, self._reply)
        address = {"Location": f"/jobs/{job.id}"}
        if self._wait_seconds and job.status.is_terminal:
            applied = {"Preference-Applied": f"wait={self._wait_seconds}"}
            return json_response(document, 200, {**address, **applied})
        return json_response(document, 202, {**address, "Retry-After": str(RETRY_AFTER_SECONDS)})

    def _submit(self, kind: Kind[Any, Any], request: Schema) -> Job:
        return self._jobs.submit(
            kind.name,
            request.model_dump(mode="json", exclude_unset=True),
            lambda: self._settled(kind, request),
            key=self._key,
        )

    def _settled(self, kind: Kind[Any, Any], request: Schema) -> Settled:
        if self._refusal is not None:  # of a new job; one that was accepted before is not settled again
            raise self._refusal
        settled = kind.settle(request, self._lab)
        return Settled(settled.model_dump(mode="json"), kind.size(settled), kind.models(settled))


Submission = Annotated[_Submission, Depends(made(_Submission))]
_LINKS = {
    name: {"operationId": f"jobs_{operation}", "parameters": {"job_id": "$response.body#/id"}}
    for name, operation in (
        ("self", "get_job"),
        ("events", "get_events"),
        ("cancel", "cancel_job"),
        ("result", "get_result"),
        ("delete", "delete_job"),
    )
}


def job_responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The responses of an operation that submits a job."""
    headers = {
        "Location": {"description": "Where the job is.", "schema": {"type": "string"}},
        "Retry-After": {"description": "Seconds after which to look again.", "schema": {"type": "integer"}},
    }
    ended = "The job has ended within the time given by `Prefer: wait`."
    accepted = "The job is accepted and will end."
    return {
        200: {"model": JobDocument, "description": ended, "links": _LINKS},
        202: {"model": JobDocument, "description": accepted, "headers": headers, "links": _LINKS},
        **problems(*statuses, 406, 409, 422, 429, 503),
    }


@router.get("", response_model=JobList, responses=problems(422))
def list_jobs(
    jobs: JobStore,
    status: Status | None = None,
    kind: Annotated[str | None, Query(max_length=40, pattern=NO_ZERO_BYTE)] = None,
    owner: Annotated[
        str | None, Query(max_length=2000, pattern=NO_ZERO_BYTE, description="Whose: for lecturers.")
    ] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    cursor: Annotated[str | None, Query(max_length=200, description="`next` of the page before.")] = None,
) -> Response:
    """List your jobs, newest first, without their results; a lecturer's are those of the course."""
    page = jobs.list(status, kind, limit + 1, _place(cursor), owner)
    following = _cursor(page[limit - 1]) if len(page) > limit else None
    return json_response({"jobs": [_shown(job).document() for job in page[:limit]], "next": following})


@router.get("/{job_id}", response_model=JobDocument, responses=problems(404, 406, 422))
def get_job(job_id: Identity, reply: JsonReplies, jobs: JobStore) -> Response:
    """Tell how a job stands, with its result once it has succeeded."""
    return json_response(_document(jobs.get(job_id), reply))


@router.delete("/{job_id}", status_code=204, responses=problems(404, 409, 422))
def delete_job(job_id: Identity, jobs: JobStore) -> Response:
    """Forget a job that has ended; models it made stay."""
    jobs.delete(job_id)
    return Response(status_code=204)


@router.post("/{job_id}/cancel", response_model=JobDocument, responses=problems(404, 406, 422))
def cancel_job(job_id: Identity, reply: JsonReplies, jobs: JobStore) -> Response:
    """Cancel a job: a queued one at once, a running one within a second of work; one that has ended stays as it is."""
    return json_response(_document(jobs.cancel(job_id), reply))


@router.get(
    "/{job_id}/result",
    responses=pictured(_ANY_RESULT, 404, 409),
)
def get_result(job_id: Identity, reply: Replies, jobs: JobStore) -> Response:
    """Fetch the result of a job that has succeeded, alone."""
    if not jobs.get(job_id, with_result=False).status.is_terminal:
        raise UnfinishedJob("The job has not ended; look again later or follow its events.")

    def answered() -> Answered:
        job = _shown(jobs.get(job_id))
        if job.result is None:
            raise FailedJob(f"The job has {job.status} and left no result; GET /jobs/{{id}} tells more.")
        return _answered(job.kind, job.result)

    return reply.determined(["job", job_id], answered)


def _existing(job_id: Identity, jobs: JobStore) -> Job:
    """Refuses an unknown job before the stream begins."""
    return jobs.get(job_id, with_result=False)


@router.get(
    "/{job_id}/events",
    response_class=EventSourceResponse,
    responses={200: {"description": "Events `progress`, `preview`, then how the job ended."}, **problems(404, 422)},
)
async def get_events(
    job: Annotated[Job, Depends(_existing)],
    jobs: JobStore,
    last_event_id: Annotated[int, Header(ge=-1, le=2**31, description="Goes on after this event.")] = -1,
) -> AsyncIterator[ServerSentEvent]:
    """Follow a job as Server-Sent Events; works for one that has already ended."""
    async for event in jobs.events(job.id, last_event_id + 1):
        data = _shown(event.data).document() if isinstance(event.data, Job) else event.data
        yield ServerSentEvent(id=str(event.id), event=event.name, data=data)


def _shown(job: Job) -> Job:
    """The job without what its kind conceals."""
    kind = KINDS[job.kind]
    result = None if job.result is None else kind.shown_result(job.result)
    return replace(job, request=kind.shown_request(job.request), result=result)


def _document(job: Job, reply: Reply) -> dict[str, Any]:
    job = _shown(job)
    document = job.document()
    if job.result is not None:
        document["result"] = reply.document(_answered(job.kind, job.result))
    return document


def _answered(kind: str, result: Any) -> Answered:
    return Answered(result, lambda: KINDS[kind].renderings(result))


def _wait_seconds(prefer: str | None) -> int:
    found = _WAIT.search(prefer or "")
    return min(int(found[1]), MAX_WAIT_SECONDS) if found else 0


def _cursor(job: Job) -> str:
    created, job_id = job.place
    return base64.urlsafe_b64encode(f"{created}:{job_id}".encode()).decode()


def _place(cursor: str | None) -> tuple[int, str] | None:
    if cursor is None:
        return None
    try:
        created, _, job_id = base64.urlsafe_b64decode(cursor.encode()).decode().partition(":")
        return int(created[:18]), str(UUID(job_id))
    except (ValueError, binascii.Error):
        detail = "Use the cursor that the page before gave as next."
        raise InvalidRequest("The cursor is none of ours.", [{"pointer": "/cursor", "detail": detail}]) from None
