"""The compiled gradient of images against torch's autograd."""

import pytest
import torch
from torch import Tensor

from models.digit_net import LAYERS, DigitNet, Layer
from models.kernels.image_gradient import LANES, ClimbableDrive


def images(count: int, seed: int = 0) -> Tensor:
    return torch.rand(count, 28, 28, generator=torch.Generator().manual_seed(seed)).requires_grad_()


def gradient(drive: Tensor, of: Tensor) -> Tensor:
    weights = torch.randn(drive.shape, generator=torch.Generator().manual_seed(1))
    return torch.autograd.grad((drive * weights).sum(), of)[0]


@pytest.mark.parametrize("count", [1, LANES, LANES + 1])
@pytest.mark.parametrize("layer", LAYERS.values(), ids=LAYERS)
def test_drive_and_gradient_are_torch_s_to_rounding(layer: Layer, count: int) -> None:
    network, shown = DigitNet.initialised(3).requires_grad_(False), images(count)
    drive, expected = ClimbableDrive(network, layer)(shown), network.drive(shown, layer.name)
    torch.testing.assert_close(drive, expected, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(gradient(drive, shown), gradient(expected, shown), rtol=1e-4, atol=1e-5)


def test_of_equal_places_the_first_gets_the_gradient_as_in_torch() -> None:
    network = DigitNet.initialised(3).requires_grad_(False)
    paper = torch.zeros(1, 28, 28, requires_grad=True)  # every block of four alike, but at the border
    for layer in LAYERS.values():
        ours, expected = ClimbableDrive(network, layer)(paper), network.drive(paper, layer.name)
        torch.testing.assert_close(gradient(ours, paper), gradient(expected, paper), rtol=1e-4, atol=1e-5)


def test_a_gradient_belongs_to_its_own_images_whatever_was_shown_meanwhile() -> None:
    climbed = ClimbableDrive(DigitNet.initialised(3).requires_grad_(False), LAYERS["y"])
    shown = images(5)
    expected = gradient(climbed(shown), shown)
    drive = climbed(shown)
    climbed(images(40, seed=2))
    assert torch.equal(gradient(drive, shown), expected)


def test_the_weights_get_no_gradient() -> None:
    network, shown = DigitNet.initialised(3), images(2)
    ClimbableDrive(network, LAYERS["y"])(shown).sum().backward()
    assert shown.grad is not None
    assert all(weights.grad is None for weights in network.parameters())
