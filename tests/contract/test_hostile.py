"""Requests that nobody means well with: refused or harmless, at once, never echoed; on SQLite and on PostgreSQL."""

import base64
import io
import json
import socket
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from http.client import HTTPResponse
from itertools import repeat
from typing import Any, NamedTuple

import httpx
import psutil
import pytest
from PIL import Image

from service.warming import warm_answers
from tests.contract.refusals import problem_document
from tests.postgresql import serving_on
from tests.service_process import Service
from tests.spending import sparing

SECONDS_AT_MOST, MIB_AT_MOST = 2, 200
MARKER = "zebrafish"  # in every input that has room for a word, and in no answer
MIB = 2**20
PREDICT, ACTIVATIONS, TUNE = "/cnn/predict", "/cnn/activations", "/cnn/tune"
SIMULATE, TASK, TRAIN = "/lstm/simulate", "/lstm/task", "/lstm/train"
BLANK = [[0.0] * 28 for _ in range(28)]
JSON, PNG = {"Content-Type": "application/json"}, {"Content-Type": "image/png"}
CHEAP = {"layer": "y", "unit": 0, "starts": 1, "steps": 1, "seed": 1}


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def service(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    warm_answers()  # what an API has to compile on a machine where none has run is no cost of the requests meanwhile
    with serving_on(request.param, tmp_path_factory.mktemp(request.param)) as running:
        yield running


@pytest.fixture(scope="module")
def api(service: Service) -> psutil.Process:
    """The process that answers."""
    (process,) = (child for child in psutil.Process(service.process.pid).children() if "api" in child.cmdline())
    return process


@pytest.fixture(scope="module")
def client(service: Service) -> Iterator[httpx.Client]:
    with service.client() as client:
        yield client


Content = bytes | Callable[[], bytes | Iterable[bytes]]


class Hostile(NamedTuple):
    """A request, and the statuses that may answer it; contents of some size are made when they are sent."""

    name: str
    statuses: set[int]
    path: str
    method: str = "POST"
    content: Content | str = b""
    headers: Mapping[str, str] = {}


def sent(name: str, statuses: set[int], path: str, body: Content | str, **headers: str) -> Hostile:
    """A body that claims to be JSON."""
    return Hostile(name, statuses, path, "POST", body, {"Content-Type": "application/json", **headers})


def asked(name: str, statuses: set[int], path: str, content: Any, **headers: str) -> Hostile:
    """Well-formed JSON that asks for something odd."""
    return sent(name, statuses, path, json.dumps(content), **headers)


def pictured(
    name: str, statuses: set[int], picture: Content, media_type: str = "image/png", query: str = ""
) -> Hostile:
    """Bytes that claim to be a picture."""
    return Hostile(name, statuses, f"{PREDICT}{query}", "POST", picture, {"Content-Type": media_type})


def form(
    name: str, statuses: set[int], body: Content, content_type: str = "multipart/form-data; boundary=b"
) -> Hostile:
    """Bytes that claim to be a multipart form."""
    return Hostile(name, statuses, PREDICT, "POST", body, {"Content-Type": content_type})


def part(content: bytes, disposition: str = 'form-data; name="file"; filename="a.png"', more: str = "") -> bytes:
    """One part of a multipart form."""
    return f"--b\r\nContent-Disposition: {disposition}\r\n{more}\r\n".encode() + content + b"\r\n"


def got(name: str, statuses: set[int], path: str, **headers: str) -> Hostile:
    """A GET request."""
    return Hostile(name, statuses, path, "GET", b"", headers)


def image(size: tuple[int, int] = (28, 28), mode: str = "L", file_format: str = "PNG", **options: Any) -> bytes:
    """A black picture."""
    file = io.BytesIO()
    Image.new(mode, size).save(file, file_format, **options)
    return file.getvalue()


def lying_png(width: int, height: int) -> bytes:
    """A PNG of 28x28 whose header claims another size, with the checksum to go with it."""
    honest = image()
    header = struct.pack(">II", width, height) + honest[24:29]
    return honest[:16] + header + struct.pack(">I", zlib.crc32(b"IHDR" + header)) + honest[33:]


def many_scans(side: int, scans: int) -> bytes:
    """A progressive JPEG that says nothing, a great many times: each scan makes the decoder walk the whole picture."""
    frame = b"\xff\xc2\x00\x0b\x08" + struct.pack(">HH", side, side) + b"\x01\x01\x11\x00"
    quantisation = b"\xff\xdb\x00\x43\x00" + b"\x01" * 64
    codes = b"\xff\xc4\x00\x14\x10" + b"\x01" + bytes(15) + b"\xe0"  # the one code 0: end of band for 2^14 blocks
    blocks = (side // 8) ** 2
    ends = "".join("0" + "0" * 14 for _ in range(blocks // 2**14 + 1))
    padded = ends + "1" * (-len(ends) % 8)
    entropy = bytes(int(padded[start : start + 8], 2) for start in range(0, len(padded), 8))
    scan = b"\xff\xda\x00\x08\x01\x01\x00\x01\x3f\x00" + entropy.replace(b"\xff", b"\xff\x00")
    return b"\xff\xd8" + quantisation + frame + codes + scan * scans + b"\xff\xd9"


def chunk(kind: bytes, content: bytes) -> bytes:
    """A chunk of a PNG."""
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def sixteen_bits(side: int) -> bytes:
    """A PNG of RGBA at 16 bits, all black and transparent."""
    header = struct.pack(">IIBBBBB", side, side, 16, 6, 0, 0, 0)
    pixels = zlib.compress(bytes(side * (1 + side * 8)), 9)
    return image()[:8] + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


def overflowing_png(size: int) -> bytes:
    """A PNG of 28x28 whose pixels unpack to `size` bytes."""
    return image()[:33] + chunk(b"IDAT", zlib.compress(bytes(size), 9)) + chunk(b"IEND", b"")


def texted_png(word: str, size: int) -> bytes:
    """A PNG with a comment that unpacks to `size` bytes."""
    text = b"Comment\0\0" + zlib.compress(word.encode() * (size // len(word)), 9)
    return image()[:33] + chunk(b"zTXt", text) + image()[33:]


def profiled_png(size: int) -> bytes:
    """A PNG with a colour profile that unpacks to `size` bytes."""
    return image()[:33] + chunk(b"iCCP", b"a\0\0" + zlib.compress(bytes(size), 9)) + image()[33:]


def frames(count: int) -> bytes:
    """An animated PNG."""
    return image(save_all=True, append_images=[Image.new("L", (28, 28), number % 256) for number in range(1, count)])


def commented_jpeg(comment: str) -> bytes:
    """A JPEG with a comment."""
    return image(file_format="JPEG", comment=comment)


def oriented_jpeg(orientation: int) -> bytes:
    """A JPEG that says which way up the camera was held."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    return image(file_format="JPEG", exif=exif)


def zipped(word: str) -> bytes:
    """A ZIP archive of one file."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(word, word)
    return file.getvalue()


def base64_of(picture: bytes) -> str:
    return base64.b64encode(picture).decode("ascii")


def hundred_bombs() -> bytes:
    """100 pictures of 4096x4096 in 8 MiB: each alone is let through."""
    return json.dumps({"images": [{"data": base64_of(image((4096, 4096), "RGBA"))}] * 100}).encode()


def trial(*steps: Sequence[float]) -> dict[str, Any]:
    """A stream of one's own for the memory network."""
    return {"inputs": [list(step) for step in steps]}


NOT_JSON = [
    sent("empty where fields are needed", {422}, TUNE, b""),
    sent("only white space", {400}, TUNE, b" \n\t "),
    sent("null", {422}, TUNE, b"null"),
    sent("a number", {422}, SIMULATE, b"7"),
    sent("a word", {422}, SIMULATE, f'"{MARKER}"'),
    sent("an array", {422}, SIMULATE, f'["{MARKER}"]'),
    sent("no JSON at all", {400}, SIMULATE, f"{MARKER}=1&seq_len=20"),
    sent("truncated", {400}, SIMULATE, f'{{"seq_len": 20, "model": "{MARKER}'),
    sent("trailing comma", {400}, SIMULATE, '{"seq_len": 20,}'),
    sent("two documents", {400}, SIMULATE, f'{{"seq_len": 20}} {{"{MARKER}": 1}}'),
    sent("comment", {400}, SIMULATE, f'{{"seq_len": 20 /* {MARKER} */}}'),
    sent("single quotes", {400}, SIMULATE, f"{{'seq_len': '{MARKER}'}}"),
    sent("UTF-16", {400}, SIMULATE, f'{{"model": "{MARKER}"}}'.encode("utf-16")),
    sent("UTF-32", {400}, SIMULATE, f'{{"model": "{MARKER}"}}'.encode("utf-32")),
    sent("byte order mark", {400}, SIMULATE, f'{{"model": "{MARKER}"}}'.encode("utf-8-sig")),
    sent("invalid UTF-8", {400, 422}, TRAIN, b'{"name": "' + MARKER.encode() + b'\xff\xfe"}'),
    sent("overlong UTF-8", {400, 422}, TRAIN, b'{"name": "' + MARKER.encode() + b'\xc0\xaf"}'),
    sent("zero bytes inside", {400}, SIMULATE, f'{{"seq_len"\x00: 20, "{MARKER}": 1}}'),
    sent("nested 100,000 deep", {400}, SIMULATE, b'{"clamps": ' + b"[" * 100_000 + b"]" * 100_000 + b"}"),
    sent("objects 100,000 deep", {400}, SIMULATE, b'{"a":' * 100_000 + b"1" + b"}" * 100_000),
    sent("brackets never closed", {400}, SIMULATE, b"[" * MIB),
    sent("lone surrogate", {400, 422}, TRAIN, rf'{{"name": "{MARKER}\ud800"}}'),
    sent("lone surrogate as a field", {400, 422}, SIMULATE, rf'{{"{MARKER}\udfff": 1}}'),
    sent("lone surrogate in an enumeration", {400, 422}, TUNE, r'{"layer": "\ud800"}'),
]

NUMBERS = [
    sent("NaN", {400, 422}, SIMULATE, '{"clamps": [{"gate": "forget", "value": NaN}]}'),
    sent("Infinity", {400, 422}, "/lstm/train", '{"forget_bias": Infinity}'),
    sent("minus Infinity", {400, 422}, "/lstm/train", '{"forget_bias": -Infinity}'),
    sent("1e999", {400, 422}, "/cnn/train", '{"learning_rate": 1e999}'),
    sent("-1e999 as a pixel", {400, 422}, PREDICT, '{"image": {"pixels": [[-1e999]]}}'),
    sent("NaN as a pixel", {400, 422}, PREDICT, json.dumps({"image": {"pixels": [[float("nan")] * 28] * 28}})),
    sent("NaN as a seed", {400, 422}, SIMULATE, '{"seed": NaN}'),
    sent("1e400 as an integer", {400, 422}, SIMULATE, '{"seq_len": 1e400}'),
    sent("an integer of 400 digits", {400, 422}, SIMULATE, f'{{"seed": 1{"0" * 400}}}'),
    sent("an integer of 5,000 digits", {400, 422}, SIMULATE, f'{{"seed": 1{"0" * 5000}}}'),
    sent("an integer of a million digits", {400, 422}, TUNE, f'{{"layer": "y", "unit": 1{"0" * 1_000_000}}}'),
    sent("a fraction of a million digits", {400, 422}, SIMULATE, f'{{"seed": 0.{"3" * 1_000_000}}}'),
    sent("a leading zero", {400}, SIMULATE, '{"seq_len": 020}'),
    sent("a hexadecimal number", {400}, SIMULATE, '{"seq_len": 0x20}'),
    asked("a seed of -1", {422}, SIMULATE, {"seed": -1}),
    asked("a seed of 2^64", {422}, SIMULATE, {"seed": 2**64}),
    asked("a seed of 2^32", {422}, TASK, {"seed": 2**32}),
    asked("a whole number as a string", {422}, SIMULATE, {"seq_len": "20"}),
    asked("a boolean for a whole number", {422}, SIMULATE, {"seq_len": True}),
    asked("a boolean for a unit", {422}, TUNE, {"layer": "y", "unit": False}),
    asked("a fraction for a whole number", {422}, SIMULATE, {"seq_len": 20.5}),
    asked("20.0 for a whole number", {422}, SIMULATE, {"seq_len": 20.0}),
    asked("a number for a boolean", {422}, ACTIVATIONS, {"image": {"pixels": BLANK}, "drive": 1}),
    asked("a number for a word", {422}, TUNE, {"layer": 1}),
]

FIELDS = [
    sent("a field twice", {400}, SIMULATE, '{"seq_len": 20, "seq_len": 30, "seed": 1}'),
    sent("a field twice with one value", {400}, SIMULATE, '{"seed": 1, "seed": 1}'),
    sent("a field twice, once in escapes", {400}, SIMULATE, r'{"seed": 1, "s\u0065ed": 1}'),
    sent("a field twice within", {400}, SIMULATE, '{"clamps": [{"gate": "input", "value": 0, "gate": "forget"}]}'),
    sent("an image twice", {400}, PREDICT, json.dumps({"image": {"pixels": BLANK}})[:-1] + ', "image": {"data": "A"}}'),
    sent("a field 100,000 times", {400}, SIMULATE, "{" + '"seed": 1,' * 100_000 + '"seed": 1}'),
    asked("colons in a name", {202}, TRAIN, {"name": '":":{"seed":1,"seed":2}', "max_steps": 1}),
    asked("16 million colons", {413, 422}, PREDICT, {"image": {"data": ":" * 16_000_000}}),
    asked("an unknown field", {422}, SIMULATE, {MARKER: 1}),
    asked("many unknown fields", {422}, SIMULATE, {f"{MARKER}{number}": number for number in range(10_000)}),
    asked("an unknown field within", {422}, PREDICT, {"image": {"sample": {"split": "test", "index": 1, MARKER: 1}}}),
    asked("a field of Python's own", {422}, SIMULATE, {"__class__": MARKER, "__proto__": {MARKER: 1}}),
    asked("a missing field", {422}, ACTIVATIONS, {"layers": ["y"]}),
    asked("null for a needed field", {422}, TUNE, {"layer": None}),
    asked("an object for a word", {422}, TUNE, {"layer": {MARKER: 1}}),
    asked("an array for an object", {422}, PREDICT, {"image": [MARKER]}),
    asked("an unknown layer", {422}, TUNE, {"layer": MARKER}),
    asked("a layer that is a file", {422}, TUNE, {"layer": f"../{MARKER}"}),
    asked("a million layers", {422}, ACTIVATIONS, {"image": {"pixels": BLANK}, "layers": ["y"] * 1_000_000}),
    asked("no layers", {422}, ACTIVATIONS, {"image": {"pixels": BLANK}, "layers": []}),
    asked("an unknown method", {422}, TUNE, {"layer": "y", "method": MARKER}),
    asked("an empty name", {422}, TRAIN, {"name": ""}),
    asked("a name without end", {422}, TRAIN, {"name": MARKER * 100_000}),
]

UNITS = [
    asked("a unit outside its layer", {422}, TUNE, {"layer": "y", "unit": 10}),
    asked("a negative unit", {422}, TUNE, {"layer": "y", "unit": -1}),
    asked("unit 10^9", {422}, TUNE, {"layer": "l1", "unit": 10**9}),
    asked("a channel of a dense layer", {422}, TUNE, {"layer": "l3", "unit": {"channel": 0}}),
    asked("a place in a dense layer", {422}, TUNE, {"layer": "y", "unit": {"channel": 0, "row": 0, "column": 0}}),
    asked("a channel too many", {422}, TUNE, {"layer": "l1", "unit": {"channel": 6}}),
    asked("a row too many", {422}, TUNE, {"layer": "l1", "unit": {"channel": 0, "row": 14, "column": 0}}),
    asked("a negative channel", {422}, TUNE, {"layer": "l1", "unit": {"channel": -1}}),
    asked("a row without a column", {422}, TUNE, {"layer": "l1", "unit": {"channel": 0, "row": 1}}),
    asked("a row without a channel", {422}, TUNE, {"layer": "l1", "unit": {"row": 1, "column": 1}}),
    asked("an empty place", {422}, TUNE, {"layer": "l1", "unit": {}}),
    asked("a place with a word", {422}, TUNE, {"layer": "l1", "unit": {"channel": 0, MARKER: 1}}),
    asked("a unit and units", {422}, TUNE, {"layer": "y", "unit": 1, "units": [1]}),
    asked("no units", {422}, TUNE, {"layer": "y", "units": []}),
    asked("one unit outside among several", {422}, TUNE, {"layer": "y", "units": [0, 10]}),
    asked("starts times units too many", {422}, TUNE, {"layer": "l3", "units": list(range(120)), "starts": 256}),
    asked("10^9 starts", {422}, TUNE, {"layer": "y", "unit": 1, "starts": 10**9}),
    asked("no starts", {422}, TUNE, {"layer": "y", "unit": 1, "starts": 0}),
    asked("10^9 steps", {422}, TUNE, {"layer": "y", "unit": 1, "steps": 10**9}),
    asked("a learning rate of 0", {422}, TUNE, {"layer": "y", "unit": 1, "learning_rate": 0}),
    asked("a negative time limit", {422}, TUNE, {"layer": "y", "unit": 1, "max_seconds": -1}),
]

MEMORY = [
    asked("sequences of 0 ms", {422}, SIMULATE, {"seq_len": 0}),
    asked("sequences of 3 ms", {422}, TASK, {"seq_len": 3}),
    asked("sequences of 10^9 ms", {422}, SIMULATE, {"seq_len": 10**9}),
    asked("a length and a delay", {422}, SIMULATE, {"seq_len": 20, "delay": 10}),
    asked("a delay of 0 ms", {422}, SIMULATE, {"delay": 0}),
    asked("a delay of 10^6 ms", {422}, SIMULATE, {"delay": 10**6}),
    asked("delays that make a trial too long", {422}, SIMULATE, {"delay": 2900, "n_repeat": 2}),
    asked("a batch too large", {422}, SIMULATE, {"seq_len": 3000, "n_repeat": 1, "batch_size": 1024}),
    asked("no repetition", {422}, TASK, {"n_repeat": 0}),
    asked("a trial outside the batch", {422}, SIMULATE, {"trial": 16}),
    asked("a negative trial", {422}, TASK, {"trial": -1}),
    asked("an unknown gate", {422}, SIMULATE, {"clamps": [{"gate": MARKER, "value": 1}]}),
    asked("a clamp outside its range", {422}, SIMULATE, {"clamps": [{"gate": "input", "value": 1.5}]}),
    asked("a clamp in no window", {422}, SIMULATE, {"clamps": [{"gate": "input", "value": 1, "window": MARKER}]}),
    asked("a thousand clamps", {422}, SIMULATE, {"clamps": [{"gate": "input", "value": 1}] * 1000}),
    asked("a stream without a memorize", {422}, SIMULATE, trial([0, 0, 0], [0, 0, 1])),
    asked("a stream without a report", {422}, SIMULATE, trial([0, 1, 0], [0, 0, 0])),
    asked("a stream with both pulses at once", {422}, SIMULATE, trial([0, 1, 1], [0, 0, 1])),
    asked("a stream with half a pulse", {422}, SIMULATE, trial([0, 0.5, 0], [0, 0, 1])),
    asked("a stream beyond its range", {422}, SIMULATE, trial([2, 1, 0], [0, 0, 1])),
    asked("a stream of pairs", {422}, SIMULATE, trial([0, 1], [0, 1])),
    asked("an empty stream", {422}, SIMULATE, {"inputs": []}),
    asked("a stream without end", {422}, SIMULATE, trial(*repeat([0, 0, 0], 100_000))),
    asked("a stream and a length", {422}, SIMULATE, {**trial([0, 1, 0], [0, 0, 1]), "seq_len": 20}),
    asked("the longest sequences first", {422}, TRAIN, {"seq_len_min": 20, "seq_len_max": 10}),
    asked("a thousand networks", {422}, TRAIN, {"networks": 1000}),
]

IMAGES = [
    asked("no image", {422}, PREDICT, {}),
    asked("an image and images", {422}, PREDICT, {"image": {"pixels": BLANK}, "images": [{"pixels": BLANK}]}),
    asked("no images", {422}, PREDICT, {"images": []}),
    asked("257 images", {422}, PREDICT, {"images": [{"sample": {"split": "test", "index": 0}}] * 257}),
    asked("an image of nothing", {422}, PREDICT, {"image": {}}),
    asked("an image of two kinds", {422}, PREDICT, {"image": {"pixels": BLANK, "data": MARKER}}),
    asked("an image from an address", {422}, PREDICT, {"image": {"url": f"http://127.0.0.1/{MARKER}"}}),
    asked("27 rows", {422}, PREDICT, {"image": {"pixels": BLANK[1:]}}),
    asked("ragged rows", {422}, PREDICT, {"image": {"pixels": [*BLANK[1:], [0.0]]}}),
    asked("pixels of 255", {422}, PREDICT, {"image": {"pixels": [[255] * 28] * 28}}),
    asked("negative pixels", {422}, PREDICT, {"image": {"pixels": [[-0.1] * 28] * 28}}),
    asked("pixels that are words", {422}, PREDICT, {"image": {"pixels": [[MARKER] * 28] * 28}}),
    asked("pixels that are true", {422}, PREDICT, {"image": {"pixels": [[True] * 28] * 28}}),
    asked("an unknown split", {422}, PREDICT, {"image": {"sample": {"split": MARKER, "index": 0}}}),
    asked("a negative index", {422}, PREDICT, {"image": {"sample": {"split": "test", "index": -1}}}),
    asked("index 10^9", {422}, PREDICT, {"image": {"sample": {"split": "test", "index": 10**9}}}),
    asked("base64 with garbage", {422}, PREDICT, {"image": {"data": f"{MARKER}!?*"}}),
    asked("base64 outside ASCII", {422}, PREDICT, {"image": {"data": f"{MARKER}äöü\x00"}}),
    asked("base64 of no picture", {422}, PREDICT, {"image": {"data": base64_of(MARKER.encode() * 100)}}),
    asked("a data address", {422}, PREDICT, {"image": {"data": f"data:image/png;base64,{base64_of(image())}"}}),
    asked("base64 beyond 8 MiB", {413}, PREDICT, {"image": {"data": "A" * 12_000_000}}),
    asked("an unknown preprocessing", {422}, PREDICT, {"image": {"data": base64_of(image()), "preprocess": MARKER}}),
    Hostile("100 bombs", {413}, PREDICT, "POST", hundred_bombs, JSON),
    asked("options of a picture beside JSON", {422}, f"{PREDICT}?model={MARKER}", {"image": {"pixels": BLANK}}),
]

PICTURES = [
    pictured("an empty picture", {422}, b""),
    pictured("a picture that is a text", {422}, MARKER.encode()),
    pictured("only a signature", {422}, image()[:8]),
    pictured("a truncated PNG", {422}, image((500, 500))[:-40]),
    pictured("a truncated JPEG", {422}, image((500, 500), file_format="JPEG")[:400], "image/jpeg"),
    pictured("a PNG that claims 65535x65535", {413}, lying_png(65535, 65535)),
    pictured("a PNG that claims 4096x4096", {422}, lying_png(4096, 4096)),
    pictured("a PNG that claims 0x0", {422}, lying_png(0, 0)),
    pictured("a PNG that claims 2^31 columns", {413, 422}, lying_png(2**31 - 1, 1)),
    pictured("a bomb of 8000x8000", {413}, lambda: image((8000, 8000))),
    pictured("a bomb of 4096x4096", {200}, lambda: image((4096, 4096), "RGBA")),
    pictured("a bomb of 1 bit", {413}, lambda: image((20_000, 20_000), "1")),
    pictured("a JPEG of 20,000 scans", {422}, lambda: many_scans(4096, 20_000), "image/jpeg"),
    pictured("a picture that is also a page", {200}, image() + f"<script>{MARKER}</script>".encode()),
    pictured("a GIF renamed", {422}, image(file_format="GIF")),
    pictured("a WebP renamed", {422}, image(file_format="WEBP")),
    pictured("a TIFF renamed", {422}, image(file_format="TIFF")),
    pictured("a BMP renamed", {422}, image(file_format="BMP")),
    pictured("an SVG renamed", {422}, f"<svg xmlns='http://www.w3.org/2000/svg'>{MARKER}</svg>".encode()),
    pictured("an SVG as such", {415}, b"<svg/>", "image/svg+xml"),
    pictured("a picture of one pixel", {200}, image((1, 1))),
    pictured("a picture of one row", {200}, image((4096, 1))),
    pictured("a picture of one column", {200}, image((1, 4096)), query="?preprocess=none"),
    pictured("a picture of 16 bits", {200}, image((64, 64), "I;16")),
    pictured("a picture in four inks", {200}, image((64, 64), "CMYK", "JPEG"), "image/jpeg"),
    pictured("a picture in four inks at its largest", {200}, lambda: image((4096, 4096), "CMYK", "JPEG"), "image/jpeg"),
    pictured("a JPEG that claims 65,535x65,535", {413}, lambda: many_scans(65_528, 1), "image/jpeg"),
    pictured("a JPEG of one scan that says nothing", {200, 422}, lambda: many_scans(4096, 1), "image/jpeg"),
    pictured("a JPEG that calls itself a PNG", {200}, image(file_format="JPEG")),
    pictured("a PNG within a JPEG", {422}, b"\xff\xd8" + image(), "image/jpeg"),
    pictured("a picture with a ZIP behind it", {200}, lambda: image() + zipped(MARKER)),
    pictured("a page before a picture", {422}, f"<script>{MARKER}</script>".encode() + image()),
    pictured("a JPEG with a page in its comment", {200}, commented_jpeg(f"<script>{MARKER}</script>"), "image/jpeg"),
    pictured("a text of 100 MiB within a PNG", {200, 422}, lambda: texted_png(MARKER, 100 * MIB)),
    pictured(
        "10,000 texts within a PNG", {200, 422}, lambda: image()[:33] + chunk(b"tEXt", b"a\0b") * 10_000 + image()[33:]
    ),
    pictured("a colour profile of 100 MiB", {200, 422}, lambda: profiled_png(100 * MIB)),
    pictured("a chunk that claims 2 GiB", {422}, image()[:33] + struct.pack(">I", 2**31 - 1) + b"IDAT" + bytes(40)),
    pictured("a wrong checksum", {422}, image()[:29] + b"\0\0\0\0" + image()[33:]),
    pictured("pixels that go on for 100 MiB", {200, 422}, lambda: overflowing_png(100 * MIB)),
    pictured("1,000 frames", {200}, lambda: frames(1000)),
    pictured("an orientation that is none", {200}, oriented_jpeg(999), "image/jpeg"),
    pictured("a palette without colours", {200, 422}, image((28, 28), "P").replace(b"PLTE", b"xLTE")),
    pictured("16 bits of four channels at their largest", {200}, lambda: sixteen_bits(4096)),
    pictured("a picture beyond 8 MiB", {413}, lambda: image() + bytes(9 * MIB)),
    pictured("an unknown query parameter", {422}, image(), query=f"?{MARKER}=1"),
    pictured("an unknown preprocessing in the query", {422}, image(), query=f"?preprocess={MARKER}"),
    pictured("an image in the query", {422}, image(), query=f"?image={MARKER}"),
    pictured("a model that is a path in the query", {422}, image(), query=f"?model=../{MARKER}"),
]

FORMS = [
    form("no boundary", {400}, part(image()) + b"--b--", "multipart/form-data"),
    form("an empty boundary", {400}, part(image()), "multipart/form-data; boundary="),
    form("a boundary that is never met", {400, 422}, part(image()), f"multipart/form-data; boundary={MARKER}"),
    form("no part", {400, 422}, b"--b--\r\n"),
    form("an empty form", {400, 422}, b""),
    form("no file", {400}, part(MARKER.encode(), 'form-data; name="file"') + b"--b--\r\n"),
    form("a file of another name", {422}, part(image(), f'form-data; name="{MARKER}"; filename="a"') + b"--b--\r\n"),
    form("two files", {400}, part(image()) * 2 + b"--b--\r\n"),
    form("10,000 files", {400}, part(MARKER.encode()) * 10_000 + b"--b--\r\n"),
    form("10,000 fields", {400}, part(b"1", f'form-data; name="{MARKER}"') * 10_000 + b"--b--\r\n"),
    form("a part without a name", {400}, part(image(), "form-data") + b"--b--\r\n"),
    form("a part without a disposition", {400}, b"--b\r\n\r\n" + image() + b"\r\n--b--\r\n"),
    form("a part header of 1 MiB", {400}, part(image(), more=f"X-Long: {MARKER * 120_000}\r\n") + b"--b--\r\n"),
    form("10,000 part headers", {400}, part(image(), more=f"X-Many: {MARKER}\r\n" * 10_000) + b"--b--\r\n"),
    form("a part header that is none", {400}, part(image(), more=f"{MARKER}\r\n") + b"--b--\r\n"),
    form("a truncated form", {400, 422}, part(image())[:-30]),
    form("a form that is cut in its header", {400, 422}, b"--b\r\nContent-Dispo"),
    form("an unknown charset", {200, 400}, part(image()) + b"--b--", "multipart/form-data; boundary=b; charset=zebra"),
    form(
        "a zero byte as charset", {200, 400}, part(image()) + b"--b--", 'multipart/form-data; boundary=b; charset=" "'
    ),
    form(
        "a file name that is a path",
        {200},
        part(image(), f'form-data; name="file"; filename="../../{MARKER}"') + b"--b--\r\n",
    ),
    form("a boundary of 10,000", {400, 422}, part(image()), f"multipart/form-data; boundary={'b' * 10_000}"),
]

MEDIA_TYPES = [
    Hostile("no content type", {415}, SIMULATE, content=b'{"seq_len": 20}'),
    sent("text", {415}, SIMULATE, f'{{"model": "{MARKER}"}}', **{"Content-Type": "text/plain"}),
    sent("a form", {415}, SIMULATE, f"model={MARKER}", **{"Content-Type": "application/x-www-form-urlencoded"}),
    sent("a content type that is none", {415}, PREDICT, b"{}", **{"Content-Type": f"{MARKER};;;=,"}),
    sent("a content type without end", {415}, PREDICT, b"{}", **{"Content-Type": MARKER * 1000}),
    sent("XML", {415}, PREDICT, f'<!DOCTYPE a [<!ENTITY b "{MARKER}">]>', **{"Content-Type": "application/xml"}),
    sent("gzip", {415}, SIMULATE, zlib.compress(b"{}", wbits=31), **{"Content-Encoding": "gzip"}),
    sent("a gzip bomb", {415}, SIMULATE, zlib.compress(bytes(10 * MIB), wbits=31), **{"Content-Encoding": "gzip"}),
    sent("gzip under another name", {415}, SIMULATE, b"{}", **{"Content-Encoding": "x-gzip"}),
    sent("gzip behind nothing", {415}, SIMULATE, b"{}", **{"Content-Encoding": "identity, gzip"}),
    sent("an unknown coding", {415}, SIMULATE, b"{}", **{"Content-Encoding": MARKER}),
    Hostile(
        "a gzipped picture",
        {415},
        PREDICT,
        "POST",
        zlib.compress(image(), wbits=31),
        {**PNG, "Content-Encoding": "gzip"},
    ),
    sent("brotli", {415}, SIMULATE, MARKER, **{"Content-Encoding": "br"}),
    Hostile("a picture where JSON is wanted", {415}, TUNE, content=image(), headers={"Content-Type": "image/png"}),
]

SIZES = [
    sent("17 MiB", {413}, SIMULATE, lambda: b" " * (17 * MIB)),
    sent("17 MiB to an address that takes none", {404, 413}, "/nowhere", lambda: b" " * (17 * MIB)),
    pictured("a picture of 17 MiB", {413}, lambda: image() + bytes(17 * MIB)),
    form("a form of 17 MiB", {413}, lambda: part(bytes(17 * MIB)) + b"--b--\r\n"),
    Hostile("17 MiB in chunks", {413}, SIMULATE, "POST", lambda: repeat(b" " * MIB, 17), JSON),
    Hostile("a picture of 17 MiB in chunks", {413}, PREDICT, "POST", lambda: repeat(bytes(MIB), 17), PNG),
]

MODEL_IDS = [
    asked("a model that is a path", {422}, SIMULATE, {"model": f"../../etc/{MARKER}"}),
    asked("a model in capitals", {422}, SIMULATE, {"model": MARKER.upper()}),
    asked("a model with a zero byte", {422}, SIMULATE, {"model": f"{MARKER}\x00"}),
    asked("a model with a line end", {422}, SIMULATE, {"model": f"{MARKER}\n"}),
    asked("a model without end", {422}, SIMULATE, {"model": "a" * 1_000_000}),
    asked("a model that nobody made", {404}, SIMULATE, {"model": MARKER}),
    asked("a model of another family", {422}, SIMULATE, {"model": "digit-net"}),
    got("a path to the password file", {404}, "/models/..%2f..%2f..%2fetc%2fpasswd"),
    got("two dots", {404}, "/models/%2e%2e"),
    got("weights from above", {404}, "/models/%2e%2e/weights"),
    got("a card with a zero byte", {404, 422}, f"/models/{MARKER}%00"),
    got("a card with broken UTF-8", {404, 422}, f"/models/{MARKER}%ff%fe"),
    got("a card of 10,000 characters", {404, 422}, f"/models/{MARKER * 1200}"),
    got("a card with quotes", {404}, f"/models/'%20OR%201=1;--{MARKER}"),
    got("weights with a line end", {404}, f"/models/{MARKER}%0d%0aX-Evil:1/weights"),
    Hostile("deleting a path", {404}, f"/models/..%2f{MARKER}", "DELETE"),
    Hostile(
        "a default of no family", {422}, f"/models/{MARKER}/default", "PUT", b"{}", {"Content-Type": "application/json"}
    ),
]

ADDRESSES = [
    got("an unknown address", {404}, f"/{MARKER}"),
    got("an address of 100,000 characters", {404, 414, 400}, f"/{MARKER * 7000}"),
    got("the web folder from above", {404}, "/web/%2e%2e/%2e%2e/settings.py"),
    got("the web folder with a zero byte", {404}, f"/web/{MARKER}%00.js"),
    got("the web folder with a long name", {404}, f"/web/{MARKER * 200}"),
    got("the web folder itself", {404}, "/web/"),
    got("a job that is a path", {404, 422}, "/jobs/..%2f..%2fetc%2fpasswd"),
    got("a job with a zero byte", {404, 422}, f"/jobs/{MARKER}%00"),
    got("the result of a job with a zero byte", {404, 422}, f"/jobs/{MARKER}%00/result"),
    got("the events of a job with a zero byte", {404, 422}, f"/jobs/{MARKER}%00/events"),
    Hostile("cancelling a job with a zero byte", {404, 422}, f"/jobs/{MARKER}%00/cancel"),
    got("a job of 10,000 characters", {404, 422}, f"/jobs/{MARKER * 1200}"),
    got("a digit of 10^30", {422}, f"/digits/test/{10**30}"),
    got("a digit of 5,000 digits", {422}, f"/digits/test/1{'0' * 5000}"),
    got("a negative digit", {422}, "/digits/test/-1"),
    got("a digit of a word", {422}, f"/digits/test/{MARKER}"),
    got("a split of a word", {422}, f"/digits/{MARKER}/0"),
    got("a problem of a path", {404}, "/problems/..%2fetc"),
    got("a kind with a zero byte", {200, 422}, f"/jobs?kind={MARKER}%00"),
    got("a status of a word", {422}, f"/jobs?status={MARKER}"),
    got("a limit of 10^9", {422}, f"/jobs?limit={10**9}"),
    got("a limit of a word", {422}, f"/jobs?limit={MARKER}"),
    got("a family of a word", {422}, f"/models?family={MARKER}"),
    got("a cursor that is none", {422}, f"/jobs?cursor={MARKER}"),
    got("a cursor outside ASCII", {422}, f"/jobs?cursor={MARKER}%c3%a4%ff"),
    got("a cursor of NaN", {422}, f"/jobs?cursor={base64_of(b'nan:a')}"),
    got("a cursor of infinity", {422}, f"/jobs?cursor={base64_of(b'1e999:a')}"),
    got("a cursor with a zero byte", {422}, f"/jobs?cursor={base64_of(b'1:a' + bytes(1))}"),
    got("a cursor without end", {422}, f"/jobs?cursor={'A' * 10_000}"),
    got("a cursor of digits beyond the last", {422}, "/digits?cursor=60001"),
    got("a cursor of digits of a word", {422}, f"/digits?cursor={MARKER}"),
    got("an unknown rendering switch", {422}, f"/digits?renderings={MARKER}"),
    Hostile("GET where POST is taken", {405}, "/cnn/train", "GET"),
    Hostile("POST where GET is taken", {405}, "/models"),
    Hostile("PATCH of a model", {405}, f"/models/{MARKER}", "PATCH"),
    Hostile("TRACE", {405}, TASK, "TRACE"),
    Hostile("a method of our own", {400, 405}, TASK, "ZEBRA"),
    Hostile("POST to a script", {405}, "/web/docs.js"),
]

HEADERS = [
    asked("Accept of a word", {406}, TASK, {}, Accept=MARKER),
    asked("Accept of nothing but commas", {200, 406}, TASK, {}, Accept=",,,;;;q=,"),
    asked("Accept that likes nothing", {406}, TASK, {}, Accept="*/*;q=0"),
    asked("Accept with a quality that is none", {200, 406}, TASK, {}, Accept=f"application/json;q={MARKER}"),
    asked("Accept with a quality of NaN", {200, 406}, TASK, {}, Accept="application/json;q=nan, image/png;q=nan"),
    asked("Accept without end", {200, 406}, TASK, {}, Accept=",".join([f"text/{MARKER}"] * 2000)),
    asked("a picture of a job", {406}, TUNE, CHEAP, Accept="image/png"),
    got("a picture of a job that is not there", {406}, f"/jobs/{MARKER}", Accept="image/png"),
    asked("another method in a header", {422}, SIMULATE, {"seed": -1}, **{"X-HTTP-Method-Override": "DELETE"}),
    asked("an expectation that is none", {200}, TASK, {}, Expect=MARKER),
    asked("addresses of others", {200}, TASK, {}, **{"X-Forwarded-For": MARKER, "Forwarded": f"for={MARKER}"}),
    asked("a page where there is JSON", {406}, TASK, {}, Accept="text/html"),
    asked("an unknown rendering", {406}, f"{TASK}?rendering={MARKER}", {}, Accept="image/png"),
    asked("a rendering without end", {422}, f"{TASK}?rendering={MARKER * 10}", {}, Accept="image/png"),
    asked(
        "an If-None-Match that is none", {200}, TASK, {}, **{"Accept": "image/png", "If-None-Match": f'{MARKER},,"W/'}
    ),
    asked("Prefer: wait=-1", {202}, TUNE, CHEAP, Prefer="wait=-1"),
    asked("Prefer: wait=abc", {202}, TUNE, CHEAP, Prefer=f"wait={MARKER}"),
    asked("Prefer: wait=1e9", {202}, TUNE, CHEAP, Prefer="wait=1e9"),
    asked("Prefer: wait=10^30", {202}, TUNE, CHEAP, Prefer=f"wait={10**30}"),
    asked("Prefer without end", {422}, TUNE, CHEAP, Prefer=MARKER * 1000),
    asked("Prefer twice over", {200, 202}, TUNE, CHEAP, Prefer=",".join(["wait=1"] * 20)),
    asked("an empty Idempotency-Key", {202, 422}, TUNE, CHEAP, **{"Idempotency-Key": ""}),
    asked("an Idempotency-Key without end", {422}, TUNE, CHEAP, **{"Idempotency-Key": MARKER * 1000}),
    asked("an Idempotency-Key with quotes", {202}, TUNE, CHEAP, **{"Idempotency-Key": f"';--\"{MARKER}\\"}),
    got("a Last-Event-ID of a word", {422, 404}, "/jobs/none/events", **{"Last-Event-ID": MARKER}),
    got("a Last-Event-ID of -2", {422, 404}, "/jobs/none/events", **{"Last-Event-ID": "-2"}),
    got("a Last-Event-ID of 10^30", {422, 404}, "/jobs/none/events", **{"Last-Event-ID": str(10**30)}),
    got("an X-Request-ID with a space", {200}, "/livez", **{"X-Request-ID": f"{MARKER} {MARKER}"}),
    got("an X-Request-ID without end", {200}, "/livez", **{"X-Request-ID": MARKER * 1000}),
    got("another host", {200}, "/livez", Host=f"{MARKER}.example"),
    asked(
        "a name with control characters", {202, 422}, TRAIN, {"name": f"{MARKER}\x00\x1b[2J\u202e\r\n", "max_steps": 1}
    ),
    asked("a name of emoji", {202}, TRAIN, {"name": "🧠" * 80, "max_steps": 1}),
]

GREATEST = [
    asked("the longest simulation", {200}, SIMULATE, {"seq_len": 3000, "n_repeat": 1, "batch_size": 133}),
    asked("the largest batch with all gates", {200}, "/lstm/gates", {"seq_len": 4, "n_repeat": 97, "batch_size": 1024}),
    asked("256 images", {200}, PREDICT, {"images": [{"pixels": BLANK}] * 256}),
    asked("a seed of 2^32 - 1", {200}, SIMULATE, {"seed": 2**32 - 1}),
]

HOSTILE = [
    *NOT_JSON,
    *NUMBERS,
    *FIELDS,
    *UNITS,
    *MEMORY,
    *IMAGES,
    *PICTURES,
    *FORMS,
    *MEDIA_TYPES,
    *SIZES,
    *MODEL_IDS,
    *ADDRESSES,
    *HEADERS,
    *GREATEST,
]


@pytest.mark.parametrize("hostile", HOSTILE, ids=lambda each: each.name)
def test_is_answered_at_small_cost_without_a_fault_or_an_echo(
    client: httpx.Client, api: psutil.Process, hostile: Hostile
) -> None:
    content = hostile.content() if callable(hostile.content) else hostile.content
    with sparing(api.pid, SECONDS_AT_MOST, MIB_AT_MOST):
        response = client.request(hostile.method, hostile.path, content=content, headers=hostile.headers)
    assert response.status_code in hostile.statuses, response.text[:500]
    assert_harmless(response)


def request(line: str, *headers: str, body: bytes = b"") -> bytes:
    """A request as it goes over the wire."""
    return "\r\n".join([line, "Host: a", *headers, "", ""]).encode() + body


def posted(*headers: str, body: bytes = b"") -> bytes:
    """A POST of JSON as it goes over the wire."""
    return request(f"POST {SIMULATE} HTTP/1.1", "Content-Type: application/json", *headers, body=body)


LIVEZ = "GET /livez HTTP/1.1"
UPGRADE = (
    "Connection: upgrade",
    "Upgrade: websocket",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: MTIzNDU2Nzg5MDEyMzQ1Ng==",
)
BYTES = {
    "no HTTP": (400, f"{MARKER}\r\n\r\n".encode()),
    "a TLS hello": (400, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(500)),
    "another protocol": (400, request(f"GET /{MARKER} FTP/1.1")),
    "a header that is none": (400, request(LIVEZ, MARKER)),
    "a line feed in a request id": (400, request(LIVEZ, f"X-Request-ID: a\n{MARKER}: 1")),
    "a carriage return in a request id": (400, request(LIVEZ, f"X-Request-ID: a\r{MARKER}: 1")),
    "a zero byte in a request id": (400, request(LIVEZ, f"X-Request-ID: a\0{MARKER}")),
    "a folded request id": (400, request(LIVEZ, f"X-Request-ID: a\r\n {MARKER}")),
    "a request id outside ASCII": (200, request(LIVEZ, f"X-Request-ID: {MARKER}ä")),
    "two request ids": (200, request(LIVEZ, f"X-Request-ID: {MARKER}1", f"X-Request-ID: {MARKER}2")),
    "a negative length": (400, posted("Content-Length: -1")),
    "a length of a word": (400, posted(f"Content-Length: {MARKER}")),
    "a length of 10^30": (400, posted(f"Content-Length: {10**30}")),
    "two lengths": (400, posted("Content-Length: 2", "Content-Length: 3", body=b"{}")),
    "a length and chunks": (400, posted("Content-Length: 2", "Transfer-Encoding: chunked", body=b"0\r\n\r\n")),
    "a length over 16 MiB and no body": (413, posted("Content-Length: 17000000")),
    "a length shorter than the body": (400, posted("Content-Length: 1", body=f'{{"{MARKER}": 1}}'.encode())),
    "a chunk of no length": (400, posted("Transfer-Encoding: chunked", body=f"{MARKER}\r\n{{}}\r\n".encode())),
    "a path from above": (404, request(f"GET /web/../../../etc/{MARKER} HTTP/1.1")),
    "a path outside ASCII": (400, f"GET /{MARKER}".encode() + b"\xff\xfe HTTP/1.1\r\nHost: a\r\n\r\n"),
    "a path with a space": (400, request(f"GET /{MARKER} {MARKER} HTTP/1.1")),
    "3,000 headers": (404, request(f"GET /{MARKER} HTTP/1.1", *[f"X-{MARKER}: 1"] * 3000)),
    "10,000 headers": (431, request(f"GET /{MARKER} HTTP/1.1", *[f"X-{MARKER}: 1"] * 10_000)),
    "a header of 1 MiB": (431, request(LIVEZ, f"X-Long: {MARKER * 120_000}")),
    "a header without end": (431, f"{LIVEZ}\r\nHost: a\r\nX-Long: {MARKER * 50_000}".encode()),
    "an address of 1 MiB": (431, request(f"GET /{MARKER * 120_000} HTTP/1.1")),
    "an address without end": (431, f"GET /{MARKER * 50_000}".encode()),
    "a chunk's word without end": (431, posted("Transfer-Encoding: chunked", body=f"1;{MARKER * 50_000}".encode())),
    "a gzipped transfer": (400, posted("Transfer-Encoding: gzip", body=zlib.compress(b"{}", wbits=31))),
    "a space before the colon": (400, posted("Content-Length : 2", body=b"{}")),
    "chunks twice over": (400, posted("Transfer-Encoding: chunked, chunked", body=b"0\r\n\r\n")),
    "an upgrade": (404, request(f"GET /{MARKER} HTTP/1.1", *UPGRADE)),
    "a connection through us": (400, request(f"CONNECT {MARKER}.example:443 HTTP/1.1")),
}


@pytest.mark.parametrize(("status", "raw"), BYTES.values(), ids=BYTES)
def test_bytes_that_no_client_would_send_are_answered_all_the_same(service: Service, status: int, raw: bytes) -> None:
    response = answer_to(service, raw)
    assert response.status_code == status, response.text
    assert_harmless(response)


def test_a_body_shorter_than_its_length_is_dropped_when_the_client_leaves(service: Service) -> None:
    with connected(service) as connection:
        connection.sendall(posted("Content-Length: 100", body=b'{"seq_len": 20}'))
        connection.shutdown(socket.SHUT_WR)
        assert connection.recv(1) == b""


def test_a_request_id_that_is_long_gone_bad_is_replaced(client: httpx.Client) -> None:
    for given in (f"{MARKER} {MARKER}", MARKER * 100, f"<{MARKER}>", f"{MARKER};drop", f"../{MARKER}"):
        assert MARKER not in client.get("/livez", headers={"X-Request-ID": given}).headers["x-request-id"]


def test_after_all_that_the_same_processes_serve_and_no_fault_is_logged(client: httpx.Client, service: Service) -> None:
    assert client.get("/readyz").status_code == 200
    log = service.log.read_text()
    assert "Traceback" not in log
    assert "started again" not in log


def answer_to(service: Service, raw: bytes) -> httpx.Response:
    """What comes back when these bytes are sent."""
    with connected(service) as connection:
        connection.sendall(raw)
        response = HTTPResponse(connection)
        response.begin()
        return httpx.Response(response.status, headers=response.getheaders(), content=response.read())


def connected(service: Service) -> socket.socket:
    address = httpx.URL(service.url)
    return socket.create_connection((address.host, address.port or 80), timeout=30)


def assert_harmless(response: httpx.Response) -> None:
    """An answer without a fault; a refusal in the one form they all have, without a word of the input."""
    assert response.status_code < 500
    assert MARKER not in str(response.headers).lower()
    assert response.headers["x-request-id"]
    if response.status_code >= 400:
        problem_document(response)
        assert MARKER not in response.text.lower()
    if response.status_code == 405:
        assert response.headers["allow"]
