"""MNIST: 70,000 handwritten digits in a torchvision root, downloaded through torchvision where they are not."""

import math
import shutil
import struct
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.errors import DatasetUnavailable, UnknownDigit
from models.tones import tones

Split = Literal["train", "test"]
SIZES: dict[str, int] = {"train": 60_000, "test": 10_000}
TRAINING_SIZE = 55_000
"""Of the train split, the digits that networks learn from; the other 5,000 are held out to tell when to stop."""

_PREFIXES = {"train": "train", "test": "t10k"}
_UNSIGNED_BYTES = 0x0800
_SILENCE_SECONDS = 8


@dataclass(frozen=True)
class Digits:
    """The digits in memory: images uint8 (image, row, column), 0 paper to 255 ink, and labels int64 (image,)."""

    splits: dict[str, tuple[Tensor, Tensor]]

    @classmethod
    def open(cls, datasets: Path | None, data: Path | None) -> "Digits":
        """MNIST from the torchvision root `datasets`; where none is named, from the data folder `data`.

        What the data folder lacks is downloaded into it once. With neither folder nothing is read or downloaded.

        Raises:
            DatasetUnavailable: There is no intact MNIST and none to be had.
        """
        if datasets is not None:
            return cls(_read(datasets))
        if data is None:
            raise _unavailable("No folder of data sets is named")
        root = data / "datasets"
        if not root.exists():
            _download_into(root)
        return cls(_read(root))

    def split(self, name: str) -> tuple[Tensor, Tensor]:
        """Images uint8 (image, row, column) and labels int64 (image,) of "train" or "test".

        Raises:
            UnknownDigit: MNIST has no such split.
        """
        if name not in self.splits:
            raise UnknownDigit("MNIST has no such split; choose train or test.", pointer="/image/sample/split")
        return self.splits[name]

    @property
    def training(self) -> tuple[Tensor, Tensor]:
        """Images and labels that networks learn from: the first 55,000 of the train split."""
        images, labels = self.split("train")
        return images[:TRAINING_SIZE], labels[:TRAINING_SIZE]

    @property
    def heldout(self) -> tuple[Tensor, Tensor]:
        """Images and labels kept from the train split to tell when to stop: its last 5,000."""
        images, labels = self.split("train")
        return images[TRAINING_SIZE:], labels[TRAINING_SIZE:]

    def image(self, split: str, index: int) -> NDArray[np.float32]:
        """One digit (row, column), 0 to 1.

        Raises:
            UnknownDigit: The split or the index does not exist.
        """
        return tones(self.split(split)[0].numpy()[self._within(split, index)])

    def label(self, split: str, index: int) -> int:
        """What that digit is, 0 to 9.

        Raises:
            UnknownDigit: The split or the index does not exist.
        """
        return int(self.split(split)[1].numpy()[self._within(split, index)])

    def sample(self, count: int, seed: int) -> "DigitSample":
        """`count` different test digits at random, at most 10,000, in the order of the split."""
        size = SIZES["test"]
        chosen = np.random.default_rng(seed).choice(size, min(count, size), replace=False)
        return self._chosen(np.sort(chosen))

    def sample_per_class(self, count: int, seed: int) -> "DigitSample":
        """`count` different test digits of each class at random (there are at least 892 of each), sorted by class."""
        labels, generator = self.split("test")[1].numpy(), np.random.default_rng(seed)
        of_class = [np.flatnonzero(labels == digit) for digit in range(10)]
        return self._chosen(
            np.concatenate([np.sort(generator.choice(each, count, replace=False)) for each in of_class])
        )

    def _chosen(self, indices: NDArray[np.int64]) -> "DigitSample":
        images, labels = self.split("test")
        chosen = torch.from_numpy(indices)
        return DigitSample(chosen, images[chosen], labels[chosen])

    def _within(self, split: str, index: int) -> int:
        size = len(self.split(split)[1])
        if 0 <= index < size:
            return index
        message = f"The {split} split has no such digit; choose an index from 0 to {size - 1}."
        raise UnknownDigit(message, pointer="/image/sample/index")


class DigitSample(NamedTuple):
    """Some test digits: int64 `indices` (image,), uint8 `images` (image, row, column), int64 `labels` (image,)."""

    indices: Tensor
    images: Tensor
    labels: Tensor


def _read(root: Path) -> dict[str, tuple[Tensor, Tensor]]:
    folder = root / "MNIST" / "raw"
    try:
        return {name: _split(folder, prefix, SIZES[name]) for name, prefix in _PREFIXES.items()}
    except OSError as error:
        raise _unavailable("The folder of data sets holds no MNIST") from error


def _split(folder: Path, prefix: str, size: int) -> tuple[Tensor, Tensor]:
    images = _mapped(folder / f"{prefix}-images-idx3-ubyte", (size, 28, 28))
    labels = _mapped(folder / f"{prefix}-labels-idx1-ubyte", (size,)).long()
    if not bool((labels < 10).all()):
        raise _unavailable("The folder of data sets holds a damaged MNIST")
    return images, labels


def _mapped(path: Path, shape: tuple[int, ...]) -> Tensor:
    """The bytes of an idx file (magic number, sizes, bytes), left in the file until somebody looks at them.

    Reading them through torchvision would cost every process 83 MB for its import and 55 MB for a copy.
    """
    header = struct.pack(f">{1 + len(shape)}I", _UNSIGNED_BYTES | len(shape), *shape)
    length = len(header) + math.prod(shape)
    with path.open("rb") as file:
        is_intact = file.read(len(header)) == header and path.stat().st_size == length
    if not is_intact:
        raise _unavailable("The folder of data sets holds a damaged MNIST")
    return torch.from_file(str(path), shared=False, size=length, dtype=torch.uint8)[len(header) :].view(shape)


def _download_into(root: Path) -> None:
    """Downloads beside `root` and renames, so that of several processes that try at once each finds a whole folder."""
    root.parent.mkdir(parents=True, exist_ok=True)
    part = Path(tempfile.mkdtemp(prefix=f"{root.name}-", dir=root.parent))
    try:
        _download(part)
        part.rename(root)
    except OSError as error:
        if not root.exists():
            raise _unavailable("MNIST could not be stored in the data folder") from error
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _download(root: Path) -> None:
    """Lets a process of its own download: torchvision knows no time limit, and a process can be ended at any point."""
    command = [sys.executable, "-m", "models.digits", str(root.resolve())]
    package_root = Path(__file__).resolve().parents[1]
    with subprocess.Popen(
        command, cwd=package_root, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL
    ) as process:
        arrived = -1
        while process.returncode is None:
            try:
                process.wait(timeout=_SILENCE_SECONDS)
            except subprocess.TimeoutExpired:
                before, arrived = arrived, _bytes_in(root)
                if arrived <= max(before, 0):
                    process.kill()
                    raise _unavailable("MNIST could not be downloaded: the network is silent") from None
    if process.returncode != 0:
        raise _unavailable("MNIST could not be downloaded")


def _bytes_in(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def torchvision_mnist() -> Any:
    """The MNIST class of torchvision, which can be imported beside a CPU build of torch, too."""
    _declare_missing_operators()
    from torchvision.datasets import MNIST

    return MNIST


def _declare_missing_operators() -> None:
    """Declares what `import torchvision` asks for and its own library lacks beside a CPU build of torch."""
    schemas = {
        "nms": "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
        "qnms": "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    }
    for name, schema in schemas.items():
        if not hasattr(torch.ops.torchvision, name):
            torch.library.define(f"torchvision::{name}", schema.removeprefix(name))


def _unavailable(what: str) -> DatasetUnavailable:
    return DatasetUnavailable(
        f"{what}; set PATCHCLAMP_DATASETS to a torchvision root that holds MNIST, "
        "or let this machine reach the network once."
    )


if __name__ == "__main__":
    torchvision_mnist()(Path(sys.argv[1]), download=True)
