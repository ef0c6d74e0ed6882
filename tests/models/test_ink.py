"""What the kernel does that numpy and Pillow do, too; what comes of it is in `test_mnist_form.py`."""

import numpy as np
import pytest
from PIL import Image

from models.kernels import ink

GENERATOR = np.random.default_rng(0)


@pytest.mark.parametrize("shape", [(20, 20), (33, 7), (200, 90), (1, 256), (256, 1), (2, 3)])
@pytest.mark.parametrize("columns", [1, 2, 13, 20])
def test_rows_are_resized_as_pillow_does(shape: tuple[int, int], columns: int) -> None:
    picture = GENERATOR.random(shape, dtype=np.float32)
    pillow = Image.fromarray(picture).resize((columns, shape[0]), Image.Resampling.BICUBIC)
    np.testing.assert_allclose(ink._resized(picture, columns), np.asarray(pillow), atol=2e-6)


@pytest.mark.parametrize("count", [1, 2, 3, 10, 101, 5000])
@pytest.mark.parametrize("share", [0.0, 0.5, 0.9, 1.0])
def test_quantiles_are_numpy_s(count: int, share: float) -> None:
    for values in (
        GENERATOR.normal(size=count).astype(np.float32),
        GENERATOR.integers(0, 3, count).astype(np.float32),
        np.zeros(count, np.float32),
    ):
        kept = values.copy()
        assert ink._quantile(values, share) == pytest.approx(float(np.quantile(values, share)), rel=1e-6, abs=1e-7)
        np.testing.assert_array_equal(values, kept)


def test_what_is_shaded_quadratically_is_flat_without_its_shading() -> None:
    row, column = np.indices((60, 90)) / 89
    darkness = (0.2 - 0.3 * row + 0.1 * column + 0.25 * row * column - 0.15 * column**2).astype(np.float32)
    paper = np.ones(darkness.shape, bool)
    darkness[20:30, 40:60] += 0.5
    paper[20:30, 40:60] = False
    ink._take_shading_away(darkness, paper)
    np.testing.assert_allclose(darkness, np.where(paper, 0, 0.5), atol=1e-5)


def test_marks_touch_by_their_corners_and_have_their_ink_added_up() -> None:
    amounts = np.array([[1.0, 0, 0, 0], [0, 2, 0, 8], [0, 0, 0, 8]])
    marks, totals = ink._marks(amounts)
    assert marks.tolist() == [[1, 0, 0, 0], [0, 1, 0, 2], [0, 0, 0, 2]]
    assert totals[:3].tolist() == [0, 3, 16]


def test_what_is_warm_is_what_brings_pictures_to_mnist_form() -> None:
    ink.warm()
    ink.mnist_form(GENERATOR.random((40, 30), dtype=np.float32))
    assert len(ink.mnist_form.signatures) == 1
