"""Colours by number: inks stay true however many there are, and what is laid thinly over another is their mixture."""

import io

import numpy as np
import pytest
from PIL import Image

from service.rendering.paintbox import LEVELS, PaintBox
from service.rendering.palette import BLUE, DIVERGING, INKS, PAPER, VERMILLION, Colour, mixed
from service.rendering.png import encoded

PAPERS = np.zeros(LEVELS, np.uint8)
EACH_LEVEL = np.arange(LEVELS, dtype=np.uint8)


def colours(box: PaintBox, numbers: np.ndarray) -> list[Colour]:
    return [tuple(colour) for colour in np.frombuffer(box.palette(), np.uint8).reshape(-1, 3)[numbers].tolist()]


def crowded() -> PaintBox:
    """Many inks in every mixture with many others."""
    box = PaintBox()
    for red in range(0, 250, 25):
        dots = box.laid_over(PAPERS, EACH_LEVEL, (red, 40, 200))
        for green in range(0, 250, 25):
            dots = box.laid_over(dots, EACH_LEVEL[::-1], (90, green, 10), 0.7)
    return box


def test_ink_over_paper_is_mixed_by_how_thick_it_lies() -> None:
    box = PaintBox()
    found = colours(box, box.laid_over(PAPERS, EACH_LEVEL, BLUE))
    assert found == [mixed(PAPER, BLUE, level / (LEVELS - 1)) for level in range(LEVELS)]
    half = colours(box, box.laid_over(PAPERS, EACH_LEVEL, BLUE, opacity=0.5))
    assert half == [mixed(PAPER, BLUE, 0.5 * level / (LEVELS - 1)) for level in range(LEVELS)]


def test_ink_over_ink_is_mixed_with_what_lies_below() -> None:
    box = PaintBox()
    below = np.array([box.number(VERMILLION), box.number(VERMILLION), 0], np.uint8)
    found = colours(box, box.laid_over(below, np.array([0, 3, 3], np.uint8), BLUE))
    assert found == [VERMILLION, mixed(VERMILLION, BLUE, 1 / 3), mixed(PAPER, BLUE, 1 / 3)]


def test_inks_drawn_last_stay_true_in_a_crowded_picture() -> None:
    box = crowded()
    assert colours(box, np.array([box.number(ink) for ink in INKS])) == list(INKS)
    assert len(box.palette()) <= 3 * 255


def test_a_crowded_picture_has_no_dot_without_a_colour_and_takes_the_nearest() -> None:
    box = crowded()
    dots = box.laid_over(PAPERS, EACH_LEVEL, (3, 250, 250))
    assert dots.max() < len(box.palette()) // 3
    wanted = np.array([mixed(PAPER, (3, 250, 250), level / (LEVELS - 1)) for level in range(LEVELS)])
    there = np.frombuffer(box.palette(), np.uint8).reshape(-1, 3).astype(int)
    nearest = np.square(wanted[:, None] - there).sum(axis=-1).min(axis=1)
    assert np.square(wanted - there[dots]).sum(axis=-1).tolist() == nearest.tolist()


def test_a_map_keeps_its_ends_and_its_middle() -> None:
    box = PaintBox()
    numbers = box.numbers(DIVERGING)
    found = np.array(colours(box, numbers))
    assert found[[0, 128, 255]].tolist() == DIVERGING.table[[0, 128, 255]].tolist()
    assert np.abs(found - DIVERGING.table).max() <= 4
    assert box.numbers(DIVERGING) is numbers


@pytest.mark.parametrize("kind", ["L", "P"])
def test_a_png_holds_every_dot(kind: str) -> None:
    dots = np.random.default_rng(1).integers(0, 200, (37, 53), dtype=np.uint8)
    image = Image.fromarray(dots)
    if kind == "P":
        image.putpalette(np.random.default_rng(2).integers(0, 256, 600, dtype=np.uint8).tobytes())
    read = Image.open(io.BytesIO(encoded(image)))
    assert read.mode == kind
    assert read.size == (53, 37)
    assert (np.asarray(read) == dots).all()
    assert (np.asarray(read.convert("RGB")) == np.asarray(image.convert("RGB"))).all()
    assert encoded(image) == encoded(image.copy())
