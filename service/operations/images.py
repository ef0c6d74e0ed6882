"""Images as they come in requests, turned into stimuli."""

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from models.errors import InvalidPicture
from models.mnist_form import mnist_form, read_picture, stimulus
from service.lab import Lab
from service.schemas.common import ImageInput, PictureImage, PixelsImage, SampleImage


@dataclass(frozen=True)
class Stimulus:
    """What the network sees, (row, column) from 0 to 1, and the true label where it is known."""

    pixels: Tensor
    true_label: int | None
    caption: str


def stimuli(images: Sequence[ImageInput], lab: Lab) -> list[Stimulus]:
    """The stimulus of each image.

    Raises:
        UnknownDigit, DatasetUnavailable: A sample that there is not.
        InvalidPicture, PictureTooLarge: A picture that cannot be read.
    """
    return [_stimulus(image, lab) for image in images]


def batch(stimuli: Sequence[Stimulus]) -> Tensor:
    """The pixels of all, (image, row, column)."""
    return torch.stack([stimulus.pixels for stimulus in stimuli])


def _stimulus(image: ImageInput, lab: Lab) -> Stimulus:
    match image:
        case SampleImage(sample=sample):
            digits = lab.digits()
            pixels, label = digits.image(sample.split, sample.index), digits.label(sample.split, sample.index)
            return Stimulus(pixels, label, f"{sample.split} digit {sample.index}, a {label}")
        case PixelsImage(pixels=pixels):
            return Stimulus(stimulus(pixels), None, "pixels as given")
        case PictureImage(data=data, preprocess=preprocess):
            picture = read_picture(_decoded(data))
            return Stimulus(mnist_form(picture, preprocess), None, "the picture in MNIST form")
    raise TypeError(f"no stimulus can be made of a {type(image).__name__}")


def _decoded(data: str) -> bytes:
    try:
        return base64.b64decode(data, validate=True)
    except (binascii.Error, ValueError):
        raise InvalidPicture("The picture is no base64; encode a PNG or JPEG file.", "/image/data") from None
