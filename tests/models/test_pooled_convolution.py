"""The compiled kernel against torch's own pooling and autograd."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from models.digit_net import LAYERS, DigitNet
from models.kernels.pooled_convolution import pooled_convolution


def by_torch(below: Tensor, kernels: Tensor, bias: Tensor) -> Tensor:
    return F.max_pool2d(F.conv2d(below, kernels, bias, padding=1), 2)


def drawn(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize(
    ("images", "into", "out", "side"), [(1, 1, 6, 28), (64, 1, 6, 28), (5, 6, 16, 14), (2, 3, 1, 4)]
)
def test_the_maps_are_torch_s_bit_for_bit_and_the_gradients_to_rounding(
    images: int, into: int, out: int, side: int
) -> None:
    arguments = [drawn(images, into, side, side), drawn(out, into, 3, 3, seed=1), drawn(out, seed=2)]
    ours, reference = ([each.clone().requires_grad_() for each in arguments] for _ in range(2))
    maps, expected = pooled_convolution(*ours), by_torch(*reference)
    assert torch.equal(maps, expected)
    weights = drawn(*maps.shape, seed=3)
    for gradient, wanted in zip(
        torch.autograd.grad((maps * weights).sum(), ours),
        torch.autograd.grad((expected * weights).sum(), reference),
        strict=True,
    ):
        torch.testing.assert_close(gradient, wanted, rtol=1e-5, atol=1e-4)


def test_of_equal_places_the_first_gets_the_gradient_as_in_torch() -> None:
    kernels = torch.zeros(1, 1, 3, 3)
    kernels[0, 0, 1, 1] = 1.0
    gradients = []
    for pooled in (pooled_convolution, by_torch):
        paper = torch.zeros(1, 1, 4, 4, requires_grad=True)
        gradients += torch.autograd.grad(pooled(paper, kernels, torch.zeros(1)).sum(), paper)
    assert torch.equal(gradients[0], gradients[1])
    assert gradients[0].sum() == 4


def test_only_the_gradients_that_are_asked_for_are_computed() -> None:
    maps = drawn(2, 1, 8, 8).requires_grad_()
    kernels, bias = drawn(3, 1, 3, 3), drawn(3)
    (gradient,) = torch.autograd.grad(pooled_convolution(maps, kernels, bias).sum(), maps)
    assert gradient.shape == maps.shape
    assert kernels.grad is None


@pytest.mark.parametrize("layer", LAYERS)
def test_a_compiled_network_answers_with_the_same_bits(layer: str) -> None:
    images = torch.rand(3, 28, 28, generator=torch.Generator().manual_seed(4))
    network, compiled = DigitNet.initialised(1), DigitNet.initialised(1).compiled()
    expected, compiled_response = (
        network.responses(images, (layer,))[layer],
        compiled.responses(images, (layer,))[layer],
    )
    assert torch.equal(compiled_response.drive, expected.drive)
    assert torch.equal(compiled_response.activity, expected.activity)
    with torch.inference_mode():
        assert torch.equal(network.drive(images, layer), expected.drive)
        assert torch.equal(compiled.drive(images, layer), expected.drive)
