"""Images as they come in requests, turned into stimuli."""

import base64
import binascii
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from models.errors import InvalidPicture, LabError, PictureTooLarge
from models.mnist_form import declared_pixels, mnist_form, read_picture, stimulus
from service.lab import Lab
from service.schemas.common import ImageInput, PictureImage, PixelsImage, SampleImage

T = TypeVar("T")

BRIEF_IMAGES = 4
BRIEF_DATA = 4096  # characters of base64: a drawing, and nothing that unpacks to more than some milliseconds of work
PIXELS_TOGETHER = 2**26  # four pictures of the largest size, or 256 of 512x512


@dataclass(frozen=True)
class Stimulus:
    """What the network sees, float32 (row, column) from 0 to 1, and the true label where it is known."""

    pixels: NDArray[np.float32]
    true_label: int | None
    caption: str


def stimuli(images: Sequence[ImageInput], lab: Lab) -> list[Stimulus]:
    """The stimulus of each image.

    Raises:
        UnknownDigit, DatasetUnavailable: A sample that there is not.
        InvalidPicture, PictureTooLarge: A picture that cannot be read.
    """
    allowance = _Allowance()
    if len(images) > 1:  # one alone is never too large for its request
        _each(images, allowance.spend_on_large)  # before the first of them is decoded
    return _each(images, lambda image: _stimulus(image, lab, allowance))


def are_brief(images: Sequence[ImageInput], lab: Lab) -> bool:
    """Whether the stimuli are made in a millisecond or so: a few that need no file to be opened, no large picture."""
    return len(images) <= BRIEF_IMAGES and all(_is_brief(image, lab) for image in images)


def batch(stimuli: Sequence[Stimulus]) -> NDArray[np.float32]:
    """The pixels of all, (image, row, column)."""
    return np.array([stimulus.pixels for stimulus in stimuli])


def _each(images: Sequence[ImageInput], made: Callable[[ImageInput], T]) -> list[T]:
    """What is made of each image; a refusal names the one that it is about."""
    of_all: list[T] = []
    for number, image in enumerate(images):
        try:
            of_all.append(made(image))
        except LabError as error:
            if len(images) > 1 and error.pointer is not None:
                error.pointer = error.pointer.replace("/image/", f"/images/{number}/", 1)
            raise
    return of_all


class _Allowance:
    """The pixels that the pictures of one request may have together: nobody else's are decoded meanwhile."""

    def __init__(self) -> None:
        self._pixels = PIXELS_TOGETHER

    def spend_on_large(self, image: ImageInput) -> None:
        """On a picture that is not brief, by what it says of itself."""
        if isinstance(image, PictureImage) and len(image.data) > BRIEF_DATA:
            self._spend(declared_pixels(_decoded(image.data)))

    def spend_on_brief(self, image: PictureImage, greys: NDArray[np.uint8]) -> None:
        """On any other, which is decoded by now."""
        if len(image.data) <= BRIEF_DATA:
            self._spend(greys.size)

    def _spend(self, pixels: int) -> None:
        self._pixels -= pixels
        if self._pixels < 0:
            raise PictureTooLarge(
                f"The pictures have more than {PIXELS_TOGETHER} pixels together; send smaller ones, or fewer at once.",
                "/image/data",
            )


def _stimulus(image: ImageInput, lab: Lab, allowance: _Allowance) -> Stimulus:
    match image:
        case SampleImage(sample=sample):
            digits = lab.digits()
            pixels, label = digits.image(sample.split, sample.index), digits.label(sample.split, sample.index)
            return Stimulus(pixels, label, f"{sample.split} digit {sample.index}, a {label}")
        case PixelsImage(pixels=pixels):
            return Stimulus(stimulus(pixels), None, "pixels as given")
        case PictureImage(data=data, preprocess=preprocess):
            greys = read_picture(_decoded(data))
            allowance.spend_on_brief(image, greys)
            return Stimulus(mnist_form(greys, preprocess), None, "the picture in MNIST form")
    raise TypeError(f"no stimulus can be made of a {type(image).__name__}")


def _is_brief(image: ImageInput, lab: Lab) -> bool:
    match image:
        case SampleImage():
            return lab.has_digits_at_hand
        case PictureImage(data=data):
            return len(data) <= BRIEF_DATA
    return True


def _decoded(data: str) -> bytes:
    try:
        return base64.b64decode(data, validate=True)
    except (binascii.Error, ValueError):
        raise InvalidPicture("The picture is no base64; encode a PNG or JPEG file.", "/image/data") from None
