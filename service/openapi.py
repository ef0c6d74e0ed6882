"""The OpenAPI document: what FastAPI knows of the routes, and the bodies that we read ourselves."""

from collections.abc import Iterator
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute
from pydantic.json_schema import models_json_schema

from service.answers import ACCESS_TOKEN, Wanted
from service.bodies import JSON, MULTIPART, PICTURES
from service.schemas.common import PictureImage, ProblemDocument, Schema

SECURITY = {
    "bearer": {
        "type": "http",
        "scheme": "bearer",
        "description": "A key of this service, or a token that the portal has signed (JWT). Needed as soon as there is "
        "a key.",
    },
    "address_token": {
        "type": "apiKey",
        "in": "query",
        "name": ACCESS_TOKEN,
        "description": "A token of the portal that is good for ten minutes at most, where a page cannot send headers.",
    },
}
REF = "#/components/schemas/{model}"
DESCRIPTION = """\
Patch-clamp recording for neural networks: train a small CNN on handwritten digits and record every layer, find the
stimulus that a neuron prefers, train a one-unit LSTM on a memorize-and-report task and watch its gates.

Every analysis takes an optional `model` and, where chance plays a part, a `seed`; the same model, body and seed give
the same bytes. Errors are RFC 9457 `application/problem+json` and say how to mend the request.

As soon as a key was made, or a portal signs tokens, every request needs one: `Authorization: Bearer …`. You see your
own jobs and models, and what is shared; somebody else's id answers 404, like one that nobody has.
"""
_bodies: dict[str, type[Schema]] = {}


def operation_id(route: APIRoute) -> str:
    """What an operation is called: its tag and its function."""
    return f"{route.tags[0]}_{route.name}".replace(" ", "_") if route.tags else route.name


WANTED = [
    {"name": name, "in": "query", "required": False, "description": option["description"], "schema": option}
    for name, option in Wanted.model_json_schema()["properties"].items()
]
"""The query parameters of an operation that is answered as the client wants it."""


def asks(schema: type[Schema], example: dict[str, Any], *, pictures: bool = False) -> dict[str, Any]:
    """The request body and the query parameters of an operation that is answered at once."""
    accepted = accepts(schema, example, pictures=pictures)
    return {**accepted, "parameters": [*WANTED, *accepted.get("parameters", ())]}


def accepts(schema: type[Schema], example: dict[str, Any], *, pictures: bool = False) -> dict[str, Any]:
    """The request body of an operation, for its `openapi_extra`."""
    _bodies[schema.__name__] = schema
    content: dict[str, Any] = {JSON: {"schema": {"$ref": REF.format(model=schema.__name__)}, "example": example}}
    if pictures:
        picture = {"type": "string", "format": "binary"}
        content |= {media_type: {"schema": picture} for media_type in PICTURES}
        form = {"type": "object", "properties": {"file": picture}, "required": ["file"]}
        content[MULTIPART] = {"schema": form}
    body = {"content": content, "required": bool(schema.model_json_schema().get("required")) or pictures}
    return {"requestBody": body, **({"parameters": _picture_options(schema)} if pictures else {})}


def _picture_options(schema: type[Schema]) -> list[dict[str, Any]]:
    """The query parameters that go with a picture sent as it is."""
    options = {**schema.model_json_schema()["properties"], **PictureImage.model_json_schema()["properties"]}
    return [
        {
            "name": name,
            "in": "query",
            "description": f"With a picture as the body: {option.get('description', name)}",
            "schema": option,
            "explode": False,
        }
        for name, option in options.items()
        if name not in ("image", "images", "data")
    ]


def parameters_of(schema: type[Schema]) -> list[dict[str, Any]]:
    """The fields as query parameters, said as `service.addresses` reads them."""
    described = schema.model_json_schema()
    parameters: list[dict[str, Any]] = []
    for name, field in described["properties"].items():
        ways = list(_ways(name, field, described.get("$defs", {})))
        is_required = name in described.get("required", ()) and len(ways) == 1
        description = {"description": field["description"]} if "description" in field else {}
        parameters += [
            {"name": way, "in": "query", "schema": value, "required": is_required, "explode": False, **description}
            for way, value in ways
        ]
    return parameters


def _ways(name: str, field: dict[str, Any], definitions: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The parameters that can say a field: a word, a list with commas, or each of its parts, of lists the first."""
    for option in _options(field, definitions):
        if option["type"] == "object":
            for part, inner in option["properties"].items():
                yield from _ways(f"{name}.{part}", inner, definitions)
        elif option["type"] == "array":
            items = _options(option["items"], definitions)
            for item in items:
                if item["type"] in ("object", "array"):
                    yield from _ways(f"{name}.0", item, definitions)
                else:
                    yield name, {**option, "items": item}
        elif option["type"] != "null":
            yield name, option


def _options(field: dict[str, Any], definitions: dict[str, Any]) -> list[dict[str, Any]]:
    """The forms that a field may have, each in full."""
    if "$ref" in field:
        return _options(definitions[field["$ref"].rpartition("/")[2]], definitions)
    if options := field.get("anyOf") or field.get("oneOf"):
        return [form for option in options for form in _options(option, definitions)]
    return [field]


def install(app: FastAPI) -> None:
    """Lets `app` describe itself so."""
    app.openapi = lambda: _document(app)  # type: ignore[method-assign]


def _say_who_needs_a_key(document: dict[str, Any]) -> None:
    """Whatever may answer 401 wants one of the schemes; a token in the address lets nobody do more than read."""
    for item in document["paths"].values():
        for method, operation in item.items():
            if "401" in operation["responses"]:
                operation["security"] = [{"bearer": []}, *([{"address_token": []}] if method == "get" else [])]
    document["components"]["securitySchemes"] = SECURITY


def _document(app: FastAPI) -> dict[str, Any]:
    if app.openapi_schema is None:
        document = get_openapi(title=app.title, version=app.version, description=DESCRIPTION, routes=app.routes)
        _, bodies = models_json_schema(
            [(schema, "validation") for schema in (*_bodies.values(), ProblemDocument)], ref_template=REF
        )
        schemas = document.setdefault("components", {}).setdefault("schemas", {})
        schemas |= bodies["$defs"]
        # FastAPI's own shape of a validation error is never sent.
        for name in ("HTTPValidationError", "ValidationError"):
            schemas.pop(name, None)
        document["components"]["schemas"] = dict(sorted(schemas.items()))
        _say_who_needs_a_key(document)
        app.openapi_schema = document
    return app.openapi_schema
