"""Whatever comes in by any way is read or refused in words, in little time and memory.

A fixed budget of examples, the same in every run; `make fuzz FUZZ=100000` draws so many new ones for each way in.
"""

import io
import json
import os
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from fastapi import Request
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from models.errors import LabError
from models.mnist_form import mnist_form, read_picture
from service.answers import JSON, PNG, preferred, tagged_response
from service.app import create_app
from service.bodies import parse
from service.errors import ServiceError
from service.routes.jobs import MAX_WAIT_SECONDS, _place, _wait_seconds
from service.schemas.common import Schema
from service.warming import warm_answers
from tests.fuzz.mutation import mutated, with_sound_checksums
from tests.service_process import ROOT
from tests.spending import sparing

EXAMPLES = os.environ.get("FUZZ_EXAMPLES")
SECONDS_AT_MOST, MIB_AT_MOST = 2, 200


@pytest.fixture(scope="module", autouse=True)
def compiled() -> None:
    warm_answers()  # what takes seconds, once on a machine, is no cost of an example


def budget(examples: int) -> settings:
    """So many examples, always the same; or as many as were asked for, each time others."""
    return settings(
        max_examples=int(EXAMPLES or examples),
        derandomize=EXAMPLES is None,
        database=None,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
    )


def drawn(mode: str, file_format: str, side: int = 40, **options: Any) -> bytes:
    """A picture of a digit in a file."""
    picture = Image.new(
        mode, (side, side + 7), None if mode == "P" else "white" if mode not in ("I;16", "F") else 60_000
    )
    if mode != "I;16":
        ImageDraw.Draw(picture).line(
            [(8, 8), (30, 12), (14, 35)], fill=0 if mode in ("1", "L", "P", "I") else "black", width=4
        )
    file = io.BytesIO()
    picture.save(file, file_format, **options)
    return file.getvalue()


PICTURES = [
    (ROOT / "docs" / "examples" / "three.png").read_bytes(),
    *(drawn(mode, "PNG") for mode in ("1", "L", "LA", "P", "RGB", "RGBA", "I;16")),
    drawn("P", "PNG", transparency=0),
    drawn("L", "PNG", compress_level=0),
    *(drawn(mode, "JPEG") for mode in ("L", "RGB", "CMYK")),
    drawn("RGB", "JPEG", progressive=True, quality=30),
    drawn("L", "JPEG", comment=b"a comment", exif=b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0"),
]
DOCUMENT = json.loads((ROOT / "docs" / "openapi.json").read_text("utf-8"))


def schemas(base: type[Schema] = Schema) -> dict[str, type[Schema]]:
    """Every schema by its name."""
    found = {each.__name__: each for each in base.__subclasses__()}
    for each in base.__subclasses__():
        found |= schemas(each)
    return found


def bodies() -> dict[str, tuple[type[Schema], list[bytes]]]:
    """The schema of every operation's JSON body, and the bodies that the document has as its examples."""
    assert create_app  # which knows all operations
    named, found = schemas(), {}
    for item in DOCUMENT["paths"].values():
        for operation in item.values():
            if content := operation.get("requestBody", {}).get("content", {}).get("application/json"):
                name = content["schema"]["$ref"].rpartition("/")[2]
                found.setdefault(name, (named[name], []))[1].append(json.dumps(content["example"]).encode())
    return found


BODIES = bodies()
ODD = st.sampled_from(
    [
        *(b"null", b"true", b"-1", b"0", b"0.5", b"1e999", b"NaN", b"-Infinity", b'""', b"[]", b"{}", b"[[[[[]]]]]"),
        *(b"1" * 400, b"0." + b"3" * 400, b'"\\ud800"', b'"\\u0000"', b'"' + "é".encode() * 100 + b'"', b"[" * 300),
    ]
)
CHARACTERS = st.text(st.characters(max_codepoint=255, exclude_characters="\r\n\0"), max_size=60)


def header_of(*pieces: str) -> st.SearchStrategy[str]:
    """A header's text, of pieces that mean something and of any others."""
    return st.lists(st.sampled_from(pieces) | CHARACTERS, max_size=12).map("".join)


def held(read: Callable[[], Any]) -> Any:
    """What is read, None where it is refused on purpose; anything else fails, as does what takes long or much."""
    with sparing(os.getpid(), SECONDS_AT_MOST, MIB_AT_MOST), suppress(LabError, ServiceError):
        return read()
    return None


@budget(700)
@given(content=mutated(PICTURES), preprocess=st.sampled_from(["mnist", "none"]), is_mended=st.booleans())
def test_pictures(content: bytes, preprocess: Any, is_mended: bool) -> None:
    picture = with_sound_checksums(content) if is_mended else content
    stimulus = held(lambda: mnist_form(read_picture(picture), preprocess))
    if stimulus is not None:
        assert stimulus.shape == (28, 28)
        assert 0 <= float(stimulus.min()) <= float(stimulus.max()) <= 1


@pytest.mark.parametrize("name", BODIES)
@budget(60)
@given(data=st.data())
def test_bodies(name: str, data: st.DataObject) -> None:
    schema, corpus = BODIES[name]
    body = data.draw(mutated(corpus))
    if data.draw(st.booleans()):
        at = data.draw(st.integers(0, len(body)))
        body = body[:at] + data.draw(ODD) + body[at + data.draw(st.integers(0, 3)) :]
    parsed = held(lambda: parse(schema, body))
    assert parsed is None or isinstance(parsed, schema)


@budget(300)
@given(accept=header_of("application/json", "image/png", "*/*", "image/*", ";q=", "0.5", "nan", "1e9", "-1", ",", ";"))
def test_accept(accept: str) -> None:
    request = Request({"type": "http", "headers": [(b"accept", accept.encode("latin-1"))]})
    assert held(lambda: preferred(request, (JSON, PNG))) in (JSON, PNG, None)


@budget(200)
@given(tags=header_of('"', "W/", "*", ",", tagged_response(b"a", PNG).headers["etag"]))
def test_if_none_match(tags: str) -> None:
    response = held(lambda: tagged_response(b"a", PNG, tags))
    assert response.status_code in (200, 304)
    assert response.body == (b"a" if response.status_code == 200 else b"")


@budget(200)
@given(prefer=header_of("wait", "=", "60", '"', ",", ";", " ", "respond-async", "٣"))
def test_prefer(prefer: str) -> None:
    assert 0 <= held(lambda: _wait_seconds(prefer)) <= MAX_WAIT_SECONDS


@budget(300)
@given(
    cursor=mutated([b"MTc2NDAzMDAwMDAwMDAwMDo1YWMyYmEwYS0yNzliLTQwNGEtOTEyNy02NzVmZTI5ZWQwNDQ="])
    | st.binary(max_size=200)
)
def test_cursor(cursor: bytes) -> None:
    place = held(lambda: _place(cursor.decode("latin-1")))
    if place is not None:
        created, job_id = place
        assert abs(created) < 2**63
        assert len(job_id) == 36
