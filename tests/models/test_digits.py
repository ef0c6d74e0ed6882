import os
import subprocess
import sys

import numpy as np
import pytest
import torch

from models import digits as digits_module
from models.digits import SIZES, Digits, torchvision_mnist
from models.errors import DatasetUnavailable, UnknownDigit


def write_split(raw, prefix, size, rows=28):
    raw.mkdir(parents=True, exist_ok=True)
    labels = bytes(index % 10 for index in range(size))
    (raw / f"{prefix}-labels-idx1-ubyte").write_bytes((0x801).to_bytes(4, "big") + size.to_bytes(4, "big") + labels)
    header = b"".join(number.to_bytes(4, "big") for number in (0x803, size, rows, 28))
    images = b"".join(bytes([index % 256]) * (rows * 28) for index in range(size))
    (raw / f"{prefix}-images-idx3-ubyte").write_bytes(header + images)


@pytest.fixture
def made_root(tmp_path):
    raw = tmp_path / "made" / "MNIST" / "raw"
    write_split(raw, "train", SIZES["train"])
    write_split(raw, "t10k", SIZES["test"])
    return tmp_path / "made"


def test_a_made_folder_is_read_as_it_was_written(made_root):
    digits = Digits.open(datasets=made_root, data=None)
    images, labels = digits.split("train")
    assert (images.shape, images.dtype) == ((60_000, 28, 28), torch.uint8)
    assert (labels.shape, labels.dtype) == ((60_000,), torch.int64)
    assert digits.label("test", 7) == 7
    np.testing.assert_array_equal(digits.image("test", 255), np.ones((28, 28), np.float32))
    assert [len(labels) for _, labels in (digits.training, digits.heldout)] == [55_000, 5_000]
    assert torch.equal(torch.cat([digits.training[1], digits.heldout[1]]), labels)


def test_the_data_folder_is_used_when_it_already_holds_mnist(made_root):
    made_root.rename(made_root.parent / "datasets")
    assert Digits.open(datasets=None, data=made_root.parent).label("train", 3) == 3


@pytest.mark.parametrize("damage", ["truncated", "missing", "shape", "header", "labels"])
def test_a_damaged_folder_is_said_to_be_damaged(made_root, damage):
    images = made_root / "MNIST" / "raw" / "t10k-images-idx3-ubyte"
    labels = made_root / "MNIST" / "raw" / "t10k-labels-idx1-ubyte"
    if damage == "truncated":
        images.write_bytes(images.read_bytes()[:-1])
    elif damage == "missing":
        images.unlink()
    elif damage == "shape":
        write_split(images.parent, "t10k", SIZES["test"], rows=27)
    elif damage == "header":
        images.write_bytes(b"")
    else:
        labels.write_bytes(labels.read_bytes()[:-1] + b"\x0a")
    with pytest.raises(DatasetUnavailable, match="PATCHCLAMP_DATASETS"):
        Digits.open(datasets=made_root, data=None)


def test_without_any_folder_nothing_is_downloaded(monkeypatch):
    monkeypatch.setattr(digits_module, "_download", lambda _: pytest.fail("downloads"))
    with pytest.raises(DatasetUnavailable, match="PATCHCLAMP_DATASETS"):
        Digits.open(datasets=None, data=None)


def test_a_failed_download_leaves_nothing_behind(monkeypatch, tmp_path):
    def fail(root):
        (root / "half").touch()
        raise OSError

    monkeypatch.setattr(digits_module, "_download", fail)
    with pytest.raises(DatasetUnavailable, match="network"):
        Digits.open(datasets=None, data=tmp_path / "data")
    assert list((tmp_path / "data").iterdir()) == []


def test_whoever_downloads_second_uses_what_the_first_has_stored(monkeypatch, made_root, tmp_path):
    def download_while_another_process_finishes(root):
        (root / "half").touch()
        made_root.rename(tmp_path / "datasets")

    monkeypatch.setattr(digits_module, "_download", download_while_another_process_finishes)
    assert Digits.open(datasets=None, data=tmp_path).label("test", 4) == 4
    assert [path.name for path in tmp_path.iterdir()] == ["datasets"]


def test_a_silent_network_is_given_up(monkeypatch, tmp_path):
    sleeper = tmp_path / "sleeper"
    sleeper.write_text(f"#!{sys.executable}\nimport time\ntime.sleep(60)\n")
    sleeper.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(sleeper))
    monkeypatch.setattr(digits_module, "_SILENCE_SECONDS", 0.2)
    with pytest.raises(DatasetUnavailable, match="silent"):
        Digits.open(datasets=None, data=tmp_path / "data")


def test_importing_digits_does_not_import_torchvision():
    subprocess.run(
        [sys.executable, "-c", "import sys, models.digits; assert 'torchvision' not in sys.modules"], check=True
    )


@pytest.mark.parametrize(
    ("split", "index", "pointer"),
    [
        ("test", 10_000, "/image/sample/index"),
        ("train", -1, "/image/sample/index"),
        ("other", 0, "/image/sample/split"),
    ],
)
def test_a_digit_that_is_not_there_is_refused(digits, split, index, pointer):
    with pytest.raises(UnknownDigit) as refused:
        digits.image(split, index)
    assert refused.value.pointer == pointer


def test_the_real_digits_are_mnist(digits):
    assert digits.split("test")[1][:10].tolist() == [7, 2, 1, 0, 4, 1, 4, 9, 5, 9]
    training = digits.split("train")[0].float() / 255
    assert training.mean() == pytest.approx(0.1307, abs=1e-4)
    assert training.std() == pytest.approx(0.3081, abs=1e-4)
    assert digits.image("test", 0).max() <= 1


@pytest.mark.parametrize("split", ["train", "test"])
def test_torchvision_reads_the_same_digits(digits, split):
    mnist = torchvision_mnist()(os.environ["PATCHCLAMP_DATASETS"], train=split == "train", download=False)
    images, labels = digits.split(split)
    assert torch.equal(images, mnist.data)
    assert torch.equal(labels, mnist.targets)
