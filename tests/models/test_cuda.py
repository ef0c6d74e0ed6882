"""The same code on a GPU: results agree with the CPU within the tolerances that stand here."""

import pytest
import torch

from models.analysis.tuning import Tuning
from models.analysis.tuning_settings import TuningSettings
from models.digit_net import DigitNet
from models.training.digit_net import DigitNetTraining, DigitNetTrainingSettings
from models.training.memory_lstm import MemoryTraining, MemoryTrainingSettings
from models.work import run
from tests.conftest import leave_out
from tests.models.test_digit_net_training import easy_digits


@pytest.fixture(autouse=True)
def _with_a_gpu() -> None:
    if not torch.cuda.is_available():
        leave_out("cuda", "there is no GPU, or this build of torch has no CUDA")


def test_every_layer_s_drive_agrees_to_a_thousandth() -> None:
    network = DigitNet.initialised(1)
    images = torch.rand(16, 28, 28, generator=torch.Generator().manual_seed(1))
    there = DigitNet.initialised(1).to("cuda")
    with torch.no_grad():
        for layer, response in network.responses(images).items():
            torch.testing.assert_close(
                there.compiled_drive(layer)(images.cuda()).cpu(), response.drive, rtol=1e-3, atol=1e-3
            )


@pytest.mark.parametrize("method", ["ascent", "notebook"])
def test_tuning_ends_within_two_percent(method: str) -> None:
    settings = TuningSettings("y", (3,), method=method, starts=16, steps=100, seed=1)  # pyright: ignore[reportArgumentType]
    best = []
    for device in ("cpu", "cuda"):
        search = Tuning(DigitNet.initialised(1), settings, device)
        run(search)
        best.append(float(search.found().after.max()))
    assert best[1] == pytest.approx(best[0], rel=0.02)


def test_a_digit_network_s_first_steps_agree_to_a_hundredth() -> None:
    settings = DigitNetTrainingSettings(target_accuracy=None, max_steps=20, learning_rate=0.001, seed=1)
    losses = []
    for device in ("cpu", "cuda"):
        training = DigitNetTraining(settings, easy_digits(), device)
        run(training)
        losses.append(training.history[-1]["loss"])
    assert losses[1] == pytest.approx(losses[0], rel=0.01)


def test_a_memory_s_first_block_of_training_agrees_to_a_thousandth() -> None:
    losses = []
    for device in ("cpu", "cuda"):
        training = MemoryTraining(MemoryTrainingSettings(seed=1, max_steps=500), device)
        run(training)
        losses.append(training.history[-1]["losses"][0])
    assert losses[1] == pytest.approx(losses[0], rel=1e-3)
