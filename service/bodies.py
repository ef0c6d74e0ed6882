"""Request bodies, read in one way: JSON, or a picture as it is, checked before anything is done with them."""

import base64
import json
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from fastapi import Depends, Request
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails, from_json
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException

from service.errors import InvalidRequest, MalformedBody, UnsupportedMediaType
from service.schemas.common import Schema

T = TypeVar("T", bound=Schema)

MAX_BODY_BYTES = 16 * 2**20
PICTURES = ("image/png", "image/jpeg")
JSON = "application/json"
MULTIPART = "multipart/form-data"
_MAX_ERRORS = 10
_REPLY_PARAMETERS = {"renderings", "rendering"}


def json_body(schema: type[T]) -> Any:
    """A dependency that gives the JSON body as `schema`."""

    async def read(request: Request) -> T:
        return await read_json(schema, request)

    return Depends(read)


async def read_json(schema: type[T], request: Request) -> T:
    """The JSON body as `schema`; an empty body counts as ``{}``.

    Raises:
        UnsupportedMediaType, MalformedBody, InvalidRequest: It is anything else.
    """
    body = await _bytes(request)
    if body and _media_type(request) != JSON:
        raise UnsupportedMediaType(f"Send JSON, with the header Content-Type: {JSON}.")
    return parse(schema, body or b"{}")


async def read_image(schema: type[T], request: Request) -> T:
    """A JSON body as `schema`, a raw PNG or JPEG, or one in the multipart field ``file``.

    With a picture, the remaining fields are query parameters.

    Raises:
        UnsupportedMediaType, MalformedBody, InvalidRequest: It is anything else.
    """
    media_type = _media_type(request)
    reader = _IMAGE_READERS.get(media_type)
    if reader is None:
        kinds = ", ".join(_IMAGE_READERS)
        raise UnsupportedMediaType(f"Send the image with one of these content types: {kinds}.")
    if media_type == JSON:
        _refuse_options(request)
        return parse(schema, await _bytes(request))
    return _with_picture(schema, await reader(request), request)


def parse(schema: type[T], body: bytes) -> T:
    """The JSON `body` as `schema`.

    Raises:
        MalformedBody: It is no JSON, or names a field twice.
        InvalidRequest: It is not what the contract says; each field is named, none echoed.
    """
    try:
        parsed = schema.model_validate_json(body)
    except ValidationError as error:
        if error.errors(include_url=False, include_context=False)[0]["type"] == "json_invalid":
            raise MalformedBody("The body is no JSON; check its brackets, quotes and encoding (UTF-8).") from None
        raise refusal(schema, from_json(body), error, "fields") from None
    if body.count(b":") != _fields(parsed):
        _refuse_doubles(body)
    return parsed


def _fields(value: Any) -> int:
    """How many fields were read. Each has a colon, so where there are more colons, one may stand there twice."""
    if isinstance(value, BaseModel):
        return len(value.model_fields_set) + sum(map(_fields, vars(value).values()))
    if isinstance(value, list) and value and not isinstance(value[0], float):
        return sum(map(_fields, value))
    return 0


def _refuse_doubles(body: bytes) -> None:
    """Looks at every name: of two fields of one name the reader would have taken the last, and others the first."""

    def once(fields: list[tuple[str, Any]]) -> None:
        if len(dict(fields)) != len(fields):
            raise MalformedBody("The body names a field twice; give each field once.")

    json.loads(body, object_pairs_hook=once)


def refusal(schema: type[Schema], given: Any, error: ValidationError, what: str) -> InvalidRequest:
    """What is to be mended in `given` to make it a `schema`; `what` it has: fields or parameters."""
    details = error.errors(include_url=False, include_context=False)[:_MAX_ERRORS]
    return InvalidRequest(
        f"The request has {what} to be mended; see errors.",
        [_field_problem(schema, given, detail) for detail in details],
    )


def _field_problem(schema: type[Schema], given: Any, error: ErrorDetails) -> dict[str, str]:
    path = _path(given, error["loc"])
    if error["type"] == "extra_forbidden":
        allowed = f"; allowed here are {', '.join(schema.model_fields)}" if len(error["loc"]) == 1 else ""
        return {"pointer": _pointer(path[:-1]), "detail": f"There is a field that is not known{allowed}."}
    return {"pointer": _pointer(path), "detail": _sentence(error["msg"])}


def _path(given: Any, loc: tuple[int | str, ...]) -> list[int | str]:
    """The part of an error's place that is in the body: pydantic mixes in the names of union members."""
    path: list[int | str] = []
    for number, part in enumerate(loc):
        if isinstance(given, dict) and (part in given or number == len(loc) - 1):
            given = given.get(part)
        elif isinstance(given, list) and isinstance(part, int) and part < len(given):
            given = given[part]
        else:
            continue
        path.append(part)
    return path


def _pointer(path: list[int | str]) -> str:
    return "".join(f"/{str(part).replace('~', '~0').replace('/', '~1')}" for part in path)


def _sentence(message: str) -> str:
    message = message.removeprefix("Value error, ")
    return f"{message[0].upper()}{message[1:].removesuffix('.')}."


async def _bytes(request: Request) -> bytes:
    if request.headers.get("content-encoding", "identity") != "identity":
        raise UnsupportedMediaType("Send the body uncompressed, without a Content-Encoding.")
    return await request.body()


async def _uploaded(request: Request) -> bytes:
    try:
        async with request.form(max_files=1, max_fields=0) as form:
            files = [value for name, value in form.multi_items() if name == "file" and isinstance(value, UploadFile)]
            if len(files) != 1:
                raise InvalidRequest(
                    "Send the picture in the multipart field file.",
                    [{"pointer": "/file", "detail": "One file, please."}],
                )
            return await files[0].read()
    except HTTPException as error:
        if error.status_code == 413:
            raise
        raise MalformedBody("The multipart body cannot be read: send one file, in the field file.") from None


_IMAGE_READERS: dict[str, Callable[[Request], Awaitable[bytes]]] = {
    JSON: _bytes,
    "image/png": _bytes,
    "image/jpeg": _bytes,
    MULTIPART: _uploaded,
}


def _options(request: Request) -> dict[str, Any]:
    return {name: value for name, value in request.query_params.multi_items() if name not in _REPLY_PARAMETERS}


def _refuse_options(request: Request) -> None:
    if options := _options(request):
        raise InvalidRequest(
            "With a JSON body, give the options in it; query parameters go with a picture as the body.",
            [{"pointer": "", "detail": f"There are {len(options)} query parameters too many."}],
        )


def _with_picture(schema: type[T], picture: bytes, request: Request) -> T:
    options = _options(request)
    if unknown := set(options) - set(schema.model_fields) - {"preprocess"} | set(options) & {"image", "images"}:
        allowed = [*(name for name in schema.model_fields if name not in ("image", "images")), "preprocess"]
        raise InvalidRequest(
            f"With a picture as the body, the query parameters may be {', '.join(allowed)}.",
            [{"pointer": "", "detail": f"There are {len(unknown)} parameters that are not known."}],
        )
    image = {"data": base64.b64encode(picture).decode("ascii")}
    if preprocess := options.pop("preprocess", None):
        image["preprocess"] = preprocess
    given: dict[str, Any] = {**options, "image": image}
    if "layers" in given:
        given["layers"] = given["layers"].split(",")
    try:
        return schema.model_validate(given, strict=False)
    except ValidationError as error:
        raise refusal(schema, given, error, "parameters") from None


def _media_type(request: Request) -> str:
    return request.headers.get("content-type", "").split(";")[0].strip().lower()
