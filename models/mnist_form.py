"""Bringing any picture of a digit to MNIST form: ink 1 on paper 0, fitted into 20x20, centred by mass in 28x28."""

import io
import warnings
from contextlib import nullcontext
from threading import Lock
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from models.errors import InvalidPicture, InvalidStimulus, PictureTooLarge
from models.tones import tones

Preprocess = Literal["mnist", "none"]
Greys = NDArray[np.uint8]
Plane = NDArray[np.float32]

BYTES_AT_MOST = 8 * 2**20
SIDE_AT_MOST = 4096
SCANS_AT_MOST = 100

_SIDE, _FITTED_SIDE, _CENTRE = 28, 20, 14
_WORKING_SIDE = 256
_NOISE_REACH = 3.0
_FAINTEST = 0.04
_POINTER = "/image/data"
_one_at_a_time = Lock()  # of large pictures, whose pixels take tens of megabytes

warnings.filterwarnings("ignore", module="PIL")  # what it thinks of strange pictures is of use to nobody here


def read_picture(data: bytes) -> Greys:
    """The picture in a PNG or JPEG file, (row, column), upright as the camera was held, transparency laid on white.

    Raises:
        PictureTooLarge: More than 8 MiB, or more than 4096 pixels a side.
        InvalidPicture: No PNG or JPEG, or a damaged one.
    """
    if len(data) > BYTES_AT_MOST:
        raise PictureTooLarge(f"The picture has {len(data)} bytes; send at most {BYTES_AT_MOST}.", _POINTER)
    from models.kernels import grey_png  # brings numba, 0.3 s and 100 MB

    if (greys := grey_png.read(data)) is not None:
        return greys
    try:
        with Image.open(io.BytesIO(data), formats=("PNG", "JPEG")) as picture:
            _refuse_large(picture)
            _refuse_many_scans(picture, data)
            with _one_at_a_time if max(picture.size) > _WORKING_SIDE else nullcontext():
                picture.load()
                if picture.info:  # which is where a camera says how it was held
                    ImageOps.exif_transpose(picture, in_place=True)
                return _levels(_grey(picture))
    except (PictureTooLarge, InvalidPicture):
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:  # the latter where warnings raise
        raise PictureTooLarge(f"Send at most {SIDE_AT_MOST} pixels a side.", _POINTER) from error
    except Exception as error:  # Pillow's decoders meet lying bytes with many kinds of exception
        raise InvalidPicture("The bytes are no intact picture; send a PNG or JPEG file.", _POINTER) from error


def declared_pixels(data: bytes) -> int:
    """How many pixels a PNG or JPEG file says it has, none decoded; 0 where `read_picture` will refuse it anyway."""
    try:
        with Image.open(io.BytesIO(data), formats=("PNG", "JPEG")) as picture:
            return picture.width * picture.height
    except Exception:  # as there
        return 0


def mnist_form(greys: Greys, preprocess: Preprocess = "mnist") -> Plane:
    """The stimulus, float32 (row, column), 0 to 1, that a picture (row, column) of a digit makes.

    "mnist" finds the paper, takes it and its shading away, and fits and centres the ink as MNIST's makers did; a
    picture without ink gives zeros. "none" only rescales.
    """
    if preprocess == "none":
        fits = greys.shape == (_SIDE, _SIDE)
        return tones(greys if fits else _resized(greys, _SIDE, _SIDE, Image.Resampling.BICUBIC))
    return _centred(_fitted(_without_specks(_ink(tones(_reduced(greys))))))


def stimulus(pixels: Any) -> Plane:
    """The stimulus, float32 (row, column), given as 28 rows of 28 numbers from 0 (paper) to 1 (ink).

    Raises:
        InvalidStimulus: It is anything else.
    """
    rows = pixels if isinstance(pixels, list) and len(pixels) == _SIDE else ()
    if not rows or not all(isinstance(row, list) and len(row) == _SIDE for row in rows):
        raise InvalidStimulus("A stimulus has 28 rows of 28 numbers.", "/image/pixels")
    if not all(type(value) in (int, float) and 0 <= value <= 1 for row in rows for value in row):
        raise InvalidStimulus("Pixels are numbers from 0 (paper) to 1 (ink).", "/image/pixels")
    return np.array(rows, np.float32)


def _refuse_large(picture: Image.Image) -> None:
    if max(picture.size) > SIDE_AT_MOST:
        width, height = picture.size
        message = f"The picture has {width}x{height} pixels; send at most {SIDE_AT_MOST} a side."
        raise PictureTooLarge(message, _POINTER)


def _refuse_many_scans(picture: Image.Image, data: bytes) -> None:
    """Each scan of a progressive JPEG makes the decoder walk the whole picture, even one that says nothing."""
    if picture.format == "JPEG" and data.count(b"\xff\xda") > SCANS_AT_MOST:
        raise InvalidPicture(f"The JPEG has more than {SCANS_AT_MOST} scans; save it anew.", _POINTER)


def _grey(picture: Image.Image) -> Image.Image:
    if picture.mode.startswith("I"):  # 16 bits, which Pillow would clip rather than scale
        return Image.fromarray((np.asarray(picture).clip(0, 65535) // 257).astype(np.uint8))
    if picture.has_transparency_data:  # of the largest picture each band has 16 MiB, hence one band at a time
        transparent = picture if picture.mode == "RGBA" else picture.convert("RGBA")
        white = Image.new("L", transparent.size, "white")
        white.paste(transparent.convert("L"), mask=transparent.getchannel("A"))
        return white
    return picture if picture.mode == "L" else picture.convert("L")


def _levels(picture: Image.Image) -> Greys:
    return np.frombuffer(picture.tobytes(), np.uint8).reshape(picture.height, picture.width)


def _resized(greys: Greys, rows: int, columns: int, resampling: Image.Resampling) -> Greys:
    return _levels(Image.fromarray(greys).resize((columns, rows), resampling))


def _reduced(greys: Greys) -> Greys:
    scale = _WORKING_SIDE / max(greys.shape)
    if scale >= 1:
        return greys
    rows, columns = (max(1, round(side * scale)) for side in greys.shape)
    return _resized(greys, rows, columns, Image.Resampling.BOX)


def _ink(grey: Plane) -> Plane:
    """How much ink is in each pixel, 0 to 1: the distance from the paper, above its noise."""
    darkness = _signed_distance_from_paper(grey)
    noise = _noise(_border(darkness))
    for _ in range(3):  # with its shading taken away the paper is told from the ink the better
        paper = darkness < max(_otsu(darkness) / 2, _NOISE_REACH * noise)
        if not noise or paper.sum() < 32:
            break
        darkness = darkness - _shading(darkness, paper)
        noise = _noise(darkness[paper])
    floor = _NOISE_REACH * noise
    ink_level = float(np.quantile(darkness[darkness >= _otsu(darkness)], 0.9))
    if ink_level < max(_FAINTEST, 1.5 * floor):
        return np.zeros_like(grey)
    return np.clip((darkness - floor) / (ink_level - floor), 0, 1).astype(np.float32)


def _signed_distance_from_paper(grey: Plane) -> Plane:
    """Distance from the border's usual tone, positive towards the ink."""
    paper = np.median(_border(grey))
    return paper - grey if paper > _otsu(grey) else grey - paper


def _border(grey: Plane) -> Plane:
    width = max(1, min(grey.shape) // 20)
    return np.concatenate([part.ravel() for part in (grey[:width], grey[-width:], grey[:, :width], grey[:, -width:])])


def _noise(paper: Plane) -> float:
    """The standard deviation of paper, from its median absolute deviation, which a few inked pixels cannot move."""
    return 1.4826 * float(np.median(np.abs(paper - np.median(paper))))


def _otsu(values: Plane) -> float:
    """The threshold that splits the values into the two most distinct classes (Otsu 1979)."""
    low, high = float(values.min()), float(values.max())
    if low == high:
        return low
    bins = ((values - low) * (256 / (high - low))).astype(np.intp)  # np.histogram takes three times as long
    counts = np.bincount(np.minimum(bins, 255).ravel(), minlength=256)
    edges = np.linspace(low, high, 257)
    centres = (edges[:-1] + edges[1:]) / 2
    below = counts.cumsum()
    above = below[-1] - below
    sums = (counts * centres).cumsum()
    with np.errstate(invalid="ignore", divide="ignore"):
        between = below * above * (sums / below - (sums[-1] - sums) / above) ** 2
    between = np.nan_to_num(between[:-1])
    return float(edges[1 + np.flatnonzero(between == between.max())].mean())


def _shading(darkness: Plane, paper: NDArray[np.bool_]) -> Plane:
    """The paper's tone as a quadratic surface through the pixels that are paper."""
    row, column = (axis.astype(np.float32) for axis in np.indices(darkness.shape))
    row, column = row / max(1, row.max()) - 0.5, column / max(1, column.max()) - 0.5
    terms = np.stack([np.ones_like(row), row, column, row * row, row * column, column * column], axis=-1)
    fitted = np.flatnonzero(paper)[:: 1 + int(paper.sum()) // 4096]
    weights, *_ = np.linalg.lstsq(terms.reshape(-1, 6)[fitted], darkness.ravel()[fitted], rcond=None)
    return (terms @ weights).astype(np.float32)


def _without_specks(ink: Plane) -> Plane:
    """The ink without marks that hold less than a twentieth of the largest mark's."""
    marks = _marks(ink > 0)
    amounts = np.bincount(marks.ravel(), weights=ink.ravel())
    return np.where(amounts[marks] >= max(amounts[1:], default=0) / 20, ink, 0)


def _marks(mask: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Numbers each connected mark (8 neighbours), 0 being paper; on large pictures in coarse cells."""
    cell = -(-max(mask.shape) // 64)
    height, width = mask.shape
    padded = np.pad(mask, ((0, -height % cell), (0, -width % cell)))
    rows, columns = padded.shape[0] // cell, padded.shape[1] // cell
    coarse = padded.reshape(rows, cell, columns, cell).any(axis=(1, 3))
    framed = np.zeros((rows + 2, columns + 2), np.int64)
    marks = framed[1:-1, 1:-1]
    marks[coarse] = np.flatnonzero(coarse) + 1
    while True:
        names = np.append(0, marks)
        above_and_below = np.maximum(np.maximum(framed[:-2], framed[1:-1]), framed[2:])
        around = np.maximum(np.maximum(above_and_below[:, :-2], above_and_below[:, 1:-1]), above_and_below[:, 2:])
        grown = np.where(coarse, names[around], 0)  # what the mark is called where its name is from
        if (grown == marks).all():
            return np.where(mask, marks.repeat(cell, 0).repeat(cell, 1)[:height, :width], 0)
        marks[:] = grown


def _fitted(ink: Plane) -> Plane:
    """The ink's bounding box, its longer side scaled to 20 pixels."""
    rows, columns = np.flatnonzero(ink.any(axis=1)), np.flatnonzero(ink.any(axis=0))
    if not len(rows):
        return np.zeros((1, 1), dtype=np.float32)
    box = ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    scale = _FITTED_SIDE / max(box.shape)
    height, width = (max(1, round(side * scale)) for side in box.shape)
    fitted = np.asarray(Image.fromarray(box).resize((width, height), Image.Resampling.BICUBIC)).clip(0, 1)
    return fitted / max(fitted.max(), 1e-6)


def _centred(fitted: Plane) -> Plane:
    """28x28 with the centre of mass on its middle, as far as the ink's box allows."""
    placed = np.zeros((_SIDE, _SIDE), dtype=np.float32)
    top, left = (_offset(fitted.sum(axis=1 - axis)) for axis in (0, 1))
    placed[top : top + fitted.shape[0], left : left + fitted.shape[1]] = fitted
    return placed


def _offset(profile: Plane) -> int:
    mass = profile.sum()
    centre = (profile * np.arange(len(profile))).sum() / mass if mass else len(profile) / 2
    return int(np.clip(np.ceil(_CENTRE - centre - 0.5), 0, _SIDE - len(profile)))
