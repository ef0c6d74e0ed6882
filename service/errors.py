"""What the service refuses, and the one table that turns every refusal into an RFC 9457 problem."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from models import errors as lab


class ServiceError(Exception):
    """Base of everything that the service itself refuses; the message says how to mend it.

    Attributes:
        pointer: The field to be mended, as a JSON pointer, or None.
        retry_after_seconds: When to try again, where that can be told.
    """

    def __init__(self, message: str, pointer: str | None = None) -> None:
        super().__init__(message)
        self.pointer = pointer
        self.retry_after_seconds: float | None = None


class UnknownModel(ServiceError):
    """A model id that nobody made, or that was deleted."""


class WrongFamily(ServiceError):
    """A model of another family than the endpoint works on."""


class ShippedModel(ServiceError):
    """A model that came with the service and stays."""


class DefaultModel(ServiceError):
    """A model that is its family's default and stays while it is."""


class UnknownJob(ServiceError):
    """A job id that nobody submitted, or that was deleted."""


class UnfinishedJob(ServiceError):
    """A job that has to end first."""


class FailedJob(ServiceError):
    """A job that ended without a result."""


class LostJob(ServiceError):
    """A job that ended its worker again and again without getting any further."""


class OutOfMemory(ServiceError):
    """A job that wants more memory than a worker may take."""


class IdempotencyConflict(ServiceError):
    """An Idempotency-Key that was used with another body."""


class QueueFull(ServiceError):
    """One job more than may wait."""


class TooManyJobs(ServiceError):
    """One unfinished job more than one student may have.

    Attributes:
        unfinished: The ids of those there are.
    """

    def __init__(self, message: str, unfinished: Collection[str] = ()) -> None:
        super().__init__(message)
        self.unfinished = unfinished


class TooManyRequests(ServiceError):
    """Requests that come faster than one student may send them."""


class ModelQuota(ServiceError):
    """More models than one student may keep."""


class MalformedBody(ServiceError):
    """A body that is no JSON, or no well-formed multipart."""


class InvalidRequest(ServiceError):
    """A body or parameter outside the contract.

    Attributes:
        errors: A pointer and a sentence for each field to be mended.
    """

    def __init__(self, message: str, errors: list[dict[str, str]]) -> None:
        super().__init__(message)
        self.errors = errors


class UnsupportedMediaType(ServiceError):
    """A body in a media type that the endpoint does not read."""


class NotAcceptable(ServiceError):
    """An Accept header that names nothing the endpoint can answer with."""


class UnknownRendering(ServiceError):
    """A rendering that the answer does not have."""


class SharedModel(ServiceError):
    """A model that everybody may use, and that is not theirs to take away."""


class KeyNeeded(ServiceError):
    """A request without a key, where everybody needs one."""


class InvalidKey(ServiceError):
    """A key or token that is nobody's, or not any longer."""


class NotAllowed(ServiceError):
    """Something that their role may not do."""


class PortalUnavailable(ServiceError):
    """The portal's keys are needed and cannot be had."""


class ForbiddenOrigin(ServiceError):
    """A page of another origin that wants more than it may."""


class NotReady(ServiceError):
    """Something the service needs is missing for now."""


PREFIX = "/problems/"


@dataclass(frozen=True)
class Problem:
    """One kind of problem: HTTP status, the slug of its type URI, and its title."""

    status: int
    slug: str
    title: str

    @property
    def type(self) -> str:
        """The problem's type, a stable URI path."""
        return f"{PREFIX}{self.slug}"

    def document(self, detail: str, pointer: str | None = None) -> dict[str, Any]:
        """The problem as RFC 9457 has it."""
        document: dict[str, Any] = {
            "type": self.type,
            "title": self.title,
            "status": self.status,
            "detail": detail,
        }
        if pointer is not None:
            document["errors"] = [{"pointer": pointer, "detail": detail}]
        return document


PROBLEMS: dict[type[Exception], Problem] = {
    lab.UnknownLayer: Problem(422, "unknown-layer", "There is no such layer"),
    lab.UnknownUnit: Problem(422, "unknown-unit", "There is no such unit"),
    lab.InvalidStimulus: Problem(422, "invalid-stimulus", "This is no stimulus"),
    lab.InvalidPicture: Problem(422, "invalid-picture", "This is no readable picture"),
    lab.PictureTooLarge: Problem(413, "picture-too-large", "The picture is too large"),
    lab.UnknownDigit: Problem(404, "unknown-digit", "There is no such digit"),
    lab.DatasetUnavailable: Problem(503, "dataset-unavailable", "MNIST is not available"),
    lab.InvalidTask: Problem(422, "invalid-task", "This is no memory task"),
    lab.InvalidTraining: Problem(422, "invalid-training", "These settings contradict each other"),
    lab.InvalidAnalysis: Problem(422, "invalid-analysis", "The analysis makes no sense like this"),
    lab.CorruptCheckpoint: Problem(500, "corrupt-checkpoint", "Stored weights are damaged"),
    UnknownModel: Problem(404, "unknown-model", "There is no such model"),
    WrongFamily: Problem(422, "wrong-family", "The model is of another family"),
    ShippedModel: Problem(409, "shipped-model", "Shipped models stay"),
    DefaultModel: Problem(409, "default-model", "The default model stays"),
    SharedModel: Problem(409, "shared-model", "A shared model stays"),
    KeyNeeded: Problem(401, "key-needed", "A key is needed"),
    InvalidKey: Problem(401, "invalid-key", "The key is not valid"),
    NotAllowed: Problem(403, "not-allowed", "Your role may not do this"),
    PortalUnavailable: Problem(503, "portal-unavailable", "The portal cannot be asked"),
    UnknownJob: Problem(404, "unknown-job", "There is no such job"),
    UnfinishedJob: Problem(409, "unfinished-job", "The job has not ended"),
    FailedJob: Problem(409, "no-result", "The job ended without a result"),
    LostJob: Problem(500, "lost-job", "The job could not be brought to its end"),
    OutOfMemory: Problem(500, "out-of-memory", "The job wants too much memory"),
    IdempotencyConflict: Problem(422, "idempotency-conflict", "The key belongs to another request"),
    QueueFull: Problem(503, "queue-full", "The queue is full"),
    TooManyJobs: Problem(429, "too-many-jobs", "You have too many unfinished jobs"),
    TooManyRequests: Problem(429, "too-many-requests", "You send too many requests"),
    ModelQuota: Problem(409, "model-quota", "You keep too many models"),
    MalformedBody: Problem(400, "malformed-body", "The body cannot be read"),
    InvalidRequest: Problem(422, "invalid-request", "The request is not valid"),
    UnsupportedMediaType: Problem(415, "unsupported-media-type", "The body has the wrong media type"),
    NotAcceptable: Problem(406, "not-acceptable", "There is no answer of that media type"),
    UnknownRendering: Problem(406, "unknown-rendering", "There is no such rendering"),
    ForbiddenOrigin: Problem(403, "forbidden-origin", "This origin may not do this"),
    NotReady: Problem(503, "not-ready", "The service is not ready"),
}

HTTP_PROBLEMS: dict[int, Problem] = {
    400: Problem(400, "bad-request", "The request cannot be read"),
    404: Problem(404, "not-found", "There is nothing at this address"),
    405: Problem(405, "method-not-allowed", "This address takes other methods"),
    408: Problem(408, "request-timeout", "The request did not arrive in time"),
    413: Problem(413, "content-too-large", "The body is too large"),
    431: Problem(431, "header-too-large", "The head of the request is too large"),
    500: Problem(500, "internal-error", "Something went wrong here"),
}


def problem_of(error: lab.LabError | ServiceError) -> dict[str, Any]:
    """The problem document of an error that was raised on purpose."""
    document = PROBLEMS[type(error)].document(str(error), error.pointer)
    if isinstance(error, InvalidRequest):
        document["errors"] = error.errors
    return document
