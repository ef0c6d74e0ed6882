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

_SIDE = 28
_WORKING_SIDE = 256
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
    from models.kernels import ink  # brings numba, 0.3 s and 100 MB

    return ink.mnist_form(tones(_reduced(greys)))


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
