"""Small grey PNGs, read as Pillow reads them, or left to it."""

import io
import struct
import tracemalloc
import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import ExifTags, Image

from models.kernels import grey_png

SIDES = st.integers(1, 40)
GREYS = st.tuples(SIDES, SIDES).flatmap(lambda shape: arrays(np.uint8, shape))
SHADED = np.add.outer(np.arange(28), 3 * np.arange(20)).astype(np.uint8)


@pytest.fixture(scope="module", autouse=True)
def compiled() -> None:
    grey_png.warm()  # what takes a second is no matter of an example's time


def test_what_is_warm_is_what_reads() -> None:
    for side in (1, 28):
        assert grey_png.read(written(np.zeros((side, side), np.uint8))) is not None
    assert len(grey_png._undo_filters.signatures) == 1


def as_pillow_reads(data: bytes) -> np.ndarray:
    with Image.open(io.BytesIO(data), formats=("PNG",)) as picture:
        return np.asarray(picture)


def written(greys: np.ndarray, mode: str = "L", **options) -> bytes:
    file = io.BytesIO()
    Image.fromarray(greys).convert(mode).save(file, "PNG", **options)
    return file.getvalue()


def turned() -> Image.Exif:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    return exif


def chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def of_lines(lines: bytes, rows: int, columns: int, depth: int = 8, interlaced: int = 0) -> bytes:
    """A PNG of filtered lines as they are."""
    header = struct.pack(">IIBBBBB", columns, rows, depth, 0, 0, 0, interlaced)
    chunks = (chunk(b"IHDR", header), chunk(b"IDAT", zlib.compress(lines)), chunk(b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


@given(greys=GREYS, optimize=st.booleans())
def test_what_pillow_has_written_is_read_as_it_was(greys: np.ndarray, optimize: bool) -> None:
    np.testing.assert_array_equal(grey_png.read(written(greys, optimize=optimize)), greys)


@given(greys=GREYS, filters=st.lists(st.integers(0, 4), min_size=40, max_size=40))
def test_each_filter_is_undone_as_pillow_does_it(greys: np.ndarray, filters: list[int]) -> None:
    rows, columns = greys.shape
    lines = b"".join(bytes([kind]) + line.tobytes() for kind, line in zip(filters, greys, strict=False))
    data = of_lines(lines, rows, columns)
    np.testing.assert_array_equal(grey_png.read(data), as_pillow_reads(data))


@pytest.mark.parametrize(
    "data",
    [
        *(pytest.param(written(SHADED, mode), id=mode) for mode in ("1", "LA", "P", "RGB", "RGBA")),
        pytest.param(written(SHADED, transparency=0), id="transparent grey"),
        pytest.param(written(SHADED, exif=turned()), id="held sideways"),
        pytest.param(written(SHADED) + b"more", id="bytes after its end"),
        pytest.param(written(np.zeros((257, 1), np.uint8)), id="high"),
        pytest.param(written(np.zeros((1, 257), np.uint8)), id="wide"),
        pytest.param(of_lines(bytes(28 * 29), 28, 28, interlaced=1), id="interlaced"),
        pytest.param(of_lines(bytes(28 * 29), 28, 28, depth=4), id="4 bits"),
        pytest.param(of_lines(b"\5" + bytes(28), 1, 28), id="unknown filter"),
        pytest.param(of_lines(bytes(28), 1, 28), id="a pixel too few"),
        pytest.param(of_lines(bytes(30), 1, 28), id="a pixel too many"),
        pytest.param(of_lines(b"", 0, 0), id="no pixels"),
    ],
)
def test_whatever_is_not_plain_is_left_to_pillow(data: bytes) -> None:
    assert grey_png.read(data) is None


@given(data=st.data())
def test_a_file_with_a_wrong_byte_or_cut_short_is_left_to_pillow(data: st.DataObject) -> None:
    intact = written(SHADED)
    at, flipped = data.draw(st.integers(0, len(intact) - 1)), data.draw(st.integers(1, 255))
    damaged = bytes(byte ^ flipped if place == at else byte for place, byte in enumerate(intact))
    assert grey_png.read(damaged) is None
    assert grey_png.read(intact[:at]) is None


def test_no_more_is_unpacked_than_the_picture_has() -> None:
    bomb = of_lines(bytes(2**26), 28, 28)
    assert len(bomb) < 2**17
    tracemalloc.start()
    try:
        assert grey_png.read(bomb) is None
        assert tracemalloc.get_traced_memory()[1] < 2**20
    finally:
        tracemalloc.stop()
