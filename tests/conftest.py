"""What every test may lean on: the real MNIST where there is one, and a word on what is left out where not."""

import os
from pathlib import Path

import pytest
import torch

from models.digits import Digits
from models.errors import DatasetUnavailable

torch.set_num_threads(1)  # as the service does; small tensors only suffer from more


def leave_out(need: str, reason: str) -> None:
    """Skips the test, saying why; fails it where `PATCHCLAMP_INSIST` names the need (as CI does)."""
    if need in os.environ.get("PATCHCLAMP_INSIST", "").split(","):
        pytest.fail(f"{need} is insisted on: {reason}")
    pytest.skip(f"needs {need}: {reason}")


@pytest.fixture(scope="session")
def digits() -> Digits:
    """The real MNIST, from the folder that PATCHCLAMP_DATASETS names; tests never download it."""
    folder = os.environ.get("PATCHCLAMP_DATASETS")
    if folder is None:
        leave_out("mnist", "set PATCHCLAMP_DATASETS to a torchvision root that holds MNIST")
    try:
        return Digits.open(datasets=Path(str(folder)), data=None)
    except DatasetUnavailable as error:
        leave_out("mnist", str(error))
        raise
