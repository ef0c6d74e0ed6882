"""Images of requests, counted before they are decoded."""

import base64
import io

import numpy as np
import pytest
from PIL import Image

from models.errors import PictureTooLarge
from service.operations import images
from service.schemas.common import PictureImage


def large() -> PictureImage:
    """A picture of 4096x4096, whose file is no brief one."""
    file = io.BytesIO()
    Image.new("RGBA", (4096, 4096)).save(file, "PNG")
    return PictureImage(data=base64.b64encode(file.getvalue()).decode(), preprocess="mnist")


def test_too_many_pixels_together_are_refused_before_a_picture_is_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[bytes] = []
    monkeypatch.setattr(images, "read_picture", lambda data: read.append(data) or np.zeros((28, 28), np.uint8))
    with pytest.raises(PictureTooLarge, match="together") as refused:
        images.stimuli([large()] * 5, lab=None)  # pyright: ignore[reportArgumentType]
    assert (read, refused.value.pointer) == ([], "/images/4/data")
    assert len(images.stimuli([large()] * 4, lab=None)) == len(read) == 4  # pyright: ignore[reportArgumentType]
