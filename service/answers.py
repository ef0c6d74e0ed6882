"""Answers as the client asked for them: JSON with pictures, JSON without, tensors, or one picture itself."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, Literal, Self

import orjson
from fastapi import Depends, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field, ValidationError

from service import tensors
from service.dependencies import made
from service.errors import NotAcceptable, UnknownRendering
from service.operations.answered import Answered
from service.rendering.rendering import Rendering

JSON = "application/json"
PNG = "image/png"
SAFETENSORS = "application/x-safetensors"
KEPT_SECONDS = 86_400  # a newer build may draw better pictures
NEVER_ASKED_AGAIN = f"max-age={KEPT_SECONDS}"
ASKED_AGAIN = "no-cache"
ACCESS_TOKEN = "access_token"  # nosec B105: the parameter's name, no token
# Other sites may show our pictures; a redirect to one and a 304 have to say so, too.
FOR_OTHER_SITES = {"Cross-Origin-Resource-Policy": "cross-origin"}


class Wanted(BaseModel):
    """What the address says of the answer."""

    renderings: Literal["all", "none"] = Field(
        default="all", description="`none` leaves the pictures out of a JSON answer."
    )
    rendering: str | None = Field(
        default=None,
        max_length=40,
        description="Which picture; the answer is then a PNG unless `Accept` wants JSON. "
        "Default, with `Accept: image/png`: the first.",
    )

    @classmethod
    def by(cls, request: Request) -> Self:
        """What this request wants.

        Raises:
            RequestValidationError: It wants what there is not.
        """
        try:
            return cls.model_validate(dict(request.query_params.multi_items()))
        except ValidationError as error:
            raise RequestValidationError(error.errors()) from None


class Reply:
    """How this client wants its answer."""

    offered: Sequence[str] = (JSON, PNG, SAFETENSORS)

    def __init__(self, request: Request, wanted: Annotated[Wanted, Query()]) -> None:
        offered = self.offered if wanted.rendering is None else _pictures_first(self.offered)
        self._media_type = preferred(request, offered)
        self._with_renderings = wanted.renderings == "all" and self._media_type != SAFETENSORS
        self._rendering = wanted.rendering
        self._request = request

    @property
    def has_pictures(self) -> bool:
        """Whether a picture is wanted, which takes some milliseconds to draw."""
        return self._with_renderings or self._media_type == PNG

    def answer(self, found: Answered) -> Response:
        """The result as JSON or as tensors, or one of its renderings as PNG."""
        if self._media_type == PNG:
            return png_response(self._picture(found.renderings), self._if_none_match)
        return self._numbers(found)

    def determined(self, by: Any, answered: Callable[[], Answered], keeping: str = NEVER_ASKED_AGAIN) -> Response:
        """The answer that `by` determines; it is not computed for a client that has it already."""
        build = self._request.app.state.build
        told = [by, self._media_type, self._rendering, self._with_renderings, build]
        headers = {
            "ETag": _tag(orjson.dumps(told)),
            "Cache-Control": f"private, {keeping}" if self._is_private else keeping,
            "Vary": "Accept, Authorization",
            **(FOR_OTHER_SITES if self._media_type == PNG else {}),
        }
        if _is_among(headers["ETag"], self._if_none_match):
            return Response(status_code=304, headers=headers)
        found = answered()
        if self._media_type == PNG:
            return Response(self._picture(found.renderings), headers=headers, media_type=PNG)
        return self._numbers(found, headers)

    def document(self, found: Answered) -> Mapping[str, Any]:
        """The result with its renderings, where they are wanted; nothing is drawn where not."""
        if not self._with_renderings:
            return found.result
        return {**found.result, "renderings": [rendering.as_json() for rendering in found.renderings]}

    def _numbers(self, found: Answered, headers: Mapping[str, str] | None = None) -> Response:
        if self._media_type == SAFETENSORS:
            return Response(tensors.packed(found.result), headers=headers, media_type=SAFETENSORS)
        return json_response(self.document(found), headers=headers)

    @property
    def _if_none_match(self) -> str:
        return self._request.headers.get("if-none-match", "")

    @property
    def _is_private(self) -> bool:
        return "authorization" in self._request.headers or ACCESS_TOKEN in self._request.query_params

    def _picture(self, renderings: Sequence[Rendering]) -> bytes:
        chosen = [each for each in renderings if self._rendering in (None, each.name)]
        if not chosen:
            names = ", ".join(each.name for each in renderings) or "none"
            raise UnknownRendering(f"There is no such rendering; there are: {names}.")
        return chosen[0].png()


class JsonReply(Reply):
    """How this client wants an answer that is no picture itself, though there may be some in it."""

    offered = (JSON,)


Replies = Annotated[Reply, Depends(made(Reply))]
JsonReplies = Annotated[JsonReply, Depends(made(JsonReply))]


def json_response(content: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """`content` as JSON; numpy arrays and datetimes are understood."""
    body = orjson.dumps(content, option=orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_UTC_Z)
    return Response(body, status, headers, JSON)


def png_response(png: bytes, if_none_match: str = "") -> Response:
    """A picture with its strong ETag, or 304 where the client has it already."""
    return tagged_response(png, PNG, if_none_match, FOR_OTHER_SITES)


def tagged_response(
    body: bytes, media_type: str, if_none_match: str = "", headers: Mapping[str, str] | None = None
) -> Response:
    """Bytes with their strong ETag, or 304 where the client has them already."""
    told = {"ETag": _tag(body), "Cache-Control": ASKED_AGAIN, "Vary": "Accept", **(headers or {})}
    if _is_among(told["ETag"], if_none_match) or if_none_match.strip() == "*":
        return Response(status_code=304, headers=told)
    return Response(body, headers=told, media_type=media_type)


def _tag(told: bytes) -> str:
    return f'"{hashlib.sha256(told).hexdigest()[:32]}"'


def _is_among(tag: str, if_none_match: str) -> bool:
    return tag in (each.strip().removeprefix("W/") for each in if_none_match.split(","))


def preferred(request: Request, offered: Sequence[str]) -> str:
    """The offered media type that the Accept header likes best; the first one where it does not care.

    Raises:
        NotAcceptable: It likes none of them.
    """
    accept = request.headers.get("accept", "*/*")
    if accept == "*/*":
        return offered[0]
    accepted = [_weighed(part) for part in accept.split(",") if part.strip()] or [("*/*", 1)]
    ranked = [(max(_liking(media_type, accept) for accept in accepted), media_type) for media_type in offered]
    (_, liking), best = max(ranked, key=lambda pair: pair[0][1])
    if liking <= 0:
        raise NotAcceptable(f"This answers with {' or '.join(offered)}; ask for one of them in Accept.")
    return best


def _pictures_first(offered: Sequence[str]) -> Sequence[str]:
    return sorted(offered, key=lambda media_type: media_type != PNG)


def _weighed(part: str) -> tuple[str, float]:
    media_range, *parameters = (piece.strip().lower() for piece in part.split(";"))
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip() == "q":
            try:
                return media_range, min(max(float(value), 0.0), 1.0)
            except ValueError:
                return media_range, 0.0
    return media_range, 1.0


def _liking(media_type: str, accept: tuple[str, float]) -> tuple[int, float]:
    """How specific an accepted range is for the type (the most specific one counts), and its weight."""
    media_range, weight = accept
    if media_range == media_type:
        return 3, weight
    if media_range == f"{media_type.split('/')[0]}/*":
        return 2, weight
    return (1, weight) if media_range == "*/*" else (0, 0.0)
