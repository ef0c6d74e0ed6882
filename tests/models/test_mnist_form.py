import io
import struct
import zlib

import numpy as np
import pytest
import torch
from PIL import Image

from models.digits import Digits
from models.errors import InvalidPicture, InvalidStimulus, PictureTooLarge
from models.mnist_form import BYTES_AT_MOST, mnist_form, read_picture, stimulus
from models.training.digit_net import DigitNetTraining, DigitNetTrainingSettings
from models.work import run

GENERATOR = np.random.default_rng(0)


def encoded(picture: Image.Image, form: str = "PNG", **options) -> bytes:
    file = io.BytesIO()
    picture.save(file, form, **options)
    return file.getvalue()


def bar(height: int = 60, width: int = 40, paper: int = 255, ink: int = 0) -> np.ndarray:
    """A vertical bar, off centre."""
    grey = np.full((height, width), paper, dtype=np.uint8)
    grey[10:50, 8:16] = ink
    return grey


def as_photo(digit: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Dark ink (0 to 1) on off-white paper, softly shaded from one side, with the camera's noise."""
    row, column = np.indices(digit.shape) / max(digit.shape)
    angle = generator.uniform(0, 2 * np.pi)
    paper = generator.uniform(0.75, 0.95) + 0.12 * (np.cos(angle) * column + np.sin(angle) * row - 0.5)
    ink = generator.uniform(0.1, 0.35)
    return np.clip(paper * (1 - digit) + ink * digit + generator.normal(0, 0.03, digit.shape), 0, 1)


def rescaled(digit: torch.Tensor, side: int, generator: np.random.Generator) -> np.ndarray:
    """The digit at another size, padded unevenly; 0 to 1."""
    picture = Image.fromarray(digit.numpy()).resize((side, side), Image.Resampling.BICUBIC)
    top, bottom, left, right = generator.integers(0, side, 4)
    return np.pad(np.asarray(picture) / 255, ((top, bottom), (left, right)))


def to_greys(values: np.ndarray) -> np.ndarray:
    return np.round(255 * values).astype(np.uint8)


# Reading


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA"])
def test_every_kind_of_png_is_read_as_grey(mode):
    greys = read_picture(encoded(Image.fromarray(bar()).convert(mode)))
    assert greys.dtype == np.uint8
    np.testing.assert_array_equal(greys, bar())


def test_jpeg_is_read_in_grey_colour_and_cmyk():
    for mode in ("L", "RGB", "CMYK"):
        greys = read_picture(encoded(Image.fromarray(bar()).convert(mode), "JPEG", quality=95))
        assert np.abs(greys.astype(int) - bar()).mean() < 4


def test_sixteen_bits_are_scaled_not_clipped():
    greys = read_picture(encoded(Image.fromarray(bar(paper=200, ink=3).astype(np.uint16) * 257)))
    np.testing.assert_array_equal(greys, bar(paper=200, ink=3))


def test_transparency_is_laid_on_white():
    grey = np.zeros((60, 40, 2), dtype=np.uint8)
    grey[..., 1] = 255 - bar()
    np.testing.assert_array_equal(read_picture(encoded(Image.fromarray(grey, "LA"))), bar())


def test_a_transparent_palette_colour_is_laid_on_white():
    picture = Image.fromarray((bar() == 0).astype(np.uint8), "P")
    picture.putpalette([90, 90, 90, 0, 0, 0])
    np.testing.assert_array_equal(read_picture(encoded(picture, transparency=0)), bar())


def test_a_phone_s_photo_is_turned_upright():
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by 90 degrees clockwise
    sideways = Image.fromarray(np.rot90(bar()))
    np.testing.assert_array_equal(read_picture(encoded(sideways, exif=exif)), bar())


def png_that_declares(width: int, height: int) -> bytes:
    """A PNG with a header, and pixels that never come."""
    chunks = ((b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)), (b"IDAT", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body)) for name, body in chunks
    )


@pytest.mark.parametrize("side", [4097, 10_000, 60_000])
def test_a_declared_size_is_refused_before_a_pixel_is_decoded(side):
    with pytest.raises(PictureTooLarge, match="4096") as refused:
        read_picture(png_that_declares(side, side))
    assert refused.value.pointer == "/image/data"


def test_too_many_bytes_are_refused_unread():
    with pytest.raises(PictureTooLarge, match=str(BYTES_AT_MOST)):
        read_picture(bytes(BYTES_AT_MOST + 1))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"hello",
        encoded(Image.fromarray(bar()))[:-40],
        encoded(Image.fromarray(bar()), "JPEG")[:300],
        png_that_declares(28, 28),
        png_that_declares(0, 0),
        encoded(Image.fromarray(bar()), "GIF"),
        encoded(Image.fromarray(bar()), "BMP"),
        encoded(Image.fromarray(bar()), "TIFF"),
    ],
    ids=["empty", "text", "cut png", "cut jpeg", "no pixels", "no size", "gif", "bmp", "tiff"],
)
def test_what_is_no_intact_png_or_jpeg_is_refused(data):
    with pytest.raises(InvalidPicture, match="PNG or JPEG"):
        read_picture(data)


def test_no_damaged_byte_gets_past_the_two_refusals():
    intact = np.frombuffer(encoded(Image.fromarray(bar()).convert("RGB"), "JPEG", exif=Image.Exif()), dtype=np.uint8)
    for _ in range(300):
        damaged = intact.copy()
        damaged[GENERATOR.integers(2, len(intact), 4)] = GENERATOR.integers(0, 256, 4)
        try:
            assert read_picture(damaged.tobytes()).dtype == np.uint8
        except (InvalidPicture, PictureTooLarge):
            continue


# MNIST form


@pytest.mark.parametrize(("paper", "ink"), [(255, 0), (0, 255), (200, 90), (60, 180)])
def test_a_bar_becomes_twenty_pixels_high_in_the_middle_whatever_paper_and_ink(paper, ink):
    form = mnist_form(bar(paper=paper, ink=ink))
    expected = np.zeros((28, 28))
    expected[4:24, 12:16] = 1  # 40x8 fitted to 20x4
    assert form.dtype == np.float32
    np.testing.assert_allclose(form, expected, atol=1e-5)


def test_ink_is_centred_by_its_mass():
    grey = bar(100, 100)
    grey[42:50, 8:88] = 0  # an L, heavy at the bottom
    form = mnist_form(grey)
    for axis in (0, 1):
        profile = form.sum(axis=1 - axis)
        centre = (profile * np.arange(28)).sum() / profile.sum()
        assert 13.5 <= centre < 14.5 or profile[0] > 0 or profile[-1] > 0


def test_specks_do_not_move_the_digit():
    grey = bar(paper=230, ink=20)
    clean = mnist_form(grey)
    grey[2, 2] = grey[57, 36] = grey[30:32, 37] = 20
    np.testing.assert_allclose(mnist_form(grey), clean, atol=1e-5)


@pytest.mark.parametrize("tone", [0.0, 0.5, 1.0])
def test_a_blank_picture_gives_nothing_with_or_without_noise(tone):
    noise = GENERATOR.normal(0, 0.03, (90, 120))
    assert not mnist_form(to_greys(np.full((90, 120), tone))).any()
    assert not mnist_form(to_greys(np.clip(0.1 + 0.8 * tone + noise, 0, 1))).any()


def test_shaded_noisy_paper_comes_out_as_clean_paper():
    photo = as_photo(np.pad(np.ones((120, 24)), 80), GENERATOR)
    form = mnist_form(to_greys(photo))
    assert form[4:24].any(axis=1).all()
    assert not form[:3].any()
    assert not form[-3:].any()
    assert not form[:, :9].any()
    assert not form[:, 19:].any()
    assert form[5:23, 13:15].min() > 0.8


@pytest.mark.parametrize("size", [(1, 1), (1, 300), (300, 1), (2, 2), (4096, 3)])
def test_odd_sizes_are_no_trouble(size):
    noise = GENERATOR.integers(0, 256, size, dtype=np.uint8)
    form = mnist_form(noise)
    assert form.shape == (28, 28)
    assert 0 <= form.min() <= form.max() <= 1


def test_without_preprocessing_it_is_only_rescaled():
    grey = GENERATOR.integers(0, 256, (28, 28), dtype=np.uint8)
    form = mnist_form(grey, preprocess="none")
    np.testing.assert_array_equal(form, grey / np.float32(255))
    assert (mnist_form(np.full((100, 300), 255, np.uint8), preprocess="none") == 1).all()


def test_digits_in_mnist_form_stay_as_they_are(digits):
    images = digits.split("test")[0][:300]
    formed = np.array([mnist_form(image.numpy()) for image in images])
    change = np.abs(formed - images.numpy() / 255)
    assert change.mean() < 0.002
    assert (change.max(axis=(1, 2)) < 0.1).mean() > 0.98


@pytest.fixture(scope="module")
def well_trained(digits: Digits):
    settings = DigitNetTrainingSettings(
        target_accuracy=None, max_steps=800, batch_size=64, learning_rate=0.003, schedule="cosine", max_shift=1
    )
    training = DigitNetTraining(settings, digits)
    run(training)
    return training.network


@pytest.mark.parametrize("photographed", [False, True], ids=["drawn", "photographed"])
def test_digits_of_any_size_place_and_paper_are_still_recognised(digits, well_trained, photographed):
    images, labels = (part[:1000] for part in digits.split("test"))
    generator = np.random.default_rng(7)
    sides = generator.permutation(np.geomspace(12, 400, len(images)).astype(int))
    formed = []
    for position, (image, side) in enumerate(zip(images, sides, strict=True)):
        digit = rescaled(image, side, generator)
        plain = digit if position % 2 else 1 - digit
        formed.append(mnist_form(to_greys(as_photo(digit, generator) if photographed else plain)))
    with torch.no_grad():
        original = (well_trained(images.float() / 255).argmax(dim=1) == labels).float().mean()
        kept = (well_trained(torch.from_numpy(np.array(formed))).argmax(dim=1) == labels).float().mean()
    assert original > 0.97
    assert kept >= 0.95 * original


# Stimuli given as numbers


def test_pixels_are_used_as_they_are():
    pixels = np.random.default_rng(0).random((28, 28), dtype=np.float32).tolist()
    assert stimulus(pixels).tolist() == pixels
    assert stimulus([[0] * 28] * 28).dtype == np.float32


@pytest.mark.parametrize("value", [-0.01, 1.01, float("nan"), float("inf"), 10**400, True, "1", None, [0]])
def test_a_pixel_that_is_no_shade_is_refused(value):
    pixels: list = [[0.0] * 28 for _ in range(28)]
    pixels[5][6] = value
    with pytest.raises(InvalidStimulus, match=r"0 \(paper\) to 1 \(ink\)") as refused:
        stimulus(pixels)
    assert refused.value.pointer == "/image/pixels"


@pytest.mark.parametrize("pixels", [[], [[0] * 28] * 27, [[0] * 28] * 27 + [[0] * 29], [0] * 28, None, {}])
def test_a_stimulus_of_another_shape_is_refused(pixels):
    with pytest.raises(InvalidStimulus, match="28 rows"):
        stimulus(pixels)
