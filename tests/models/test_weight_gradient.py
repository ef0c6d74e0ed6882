"""The compiled gradient of weights, and the compiled Adam, against torch's own."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from models.digit_net import DigitNet
from models.kernels.adam import adam
from models.kernels.pooled_convolution import LANES
from models.kernels.weight_gradient import LearnableLogits


def digits(count: int, seed: int = 0) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(count, 28, 28, generator=generator), torch.randint(10, (count,), generator=generator)


def assert_as_in_torch(network: DigitNet, images: Tensor, labels: Tensor) -> None:
    ours = LearnableLogits(network)
    loss, logits = ours.loss(images, labels)
    expected_logits = network(images)
    expected = F.cross_entropy(expected_logits, labels)
    torch.testing.assert_close(logits, expected_logits, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(loss, expected, rtol=1e-5, atol=1e-5)
    wanted = torch.autograd.grad(expected, list(network.parameters()))
    torch.testing.assert_close(list(ours.gradients), list(wanted), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("count", [1, LANES, LANES + 1, 40])
def test_loss_and_gradient_are_torch_s_to_rounding(count: int) -> None:
    assert_as_in_torch(DigitNet.initialised(3), *digits(count))


def test_of_equal_places_the_first_gets_the_gradient_as_in_torch() -> None:
    paper = torch.zeros(2, 28, 28)  # every block of four alike, but at the border
    assert_as_in_torch(DigitNet.initialised(3), paper, torch.tensor([1, 7]))


def test_nothing_is_left_of_digits_that_were_learned_before() -> None:
    network = DigitNet.initialised(3)
    ours, fresh = LearnableLogits(network), LearnableLogits(network)
    ours.loss(*digits(40, seed=1))
    assert torch.equal(ours.loss(*digits(5))[1], fresh.loss(*digits(5))[1])
    assert all(map(torch.equal, ours.gradients, fresh.gradients))


def test_the_weights_count_as_they_are_now() -> None:
    network = DigitNet.initialised(3)
    ours = LearnableLogits(network)
    with torch.no_grad():
        for weights in network.parameters():
            weights.mul_(1.5)
    assert torch.equal(ours.loss(*digits(5))[0], LearnableLogits(network).loss(*digits(5))[0])


def test_neither_network_nor_images_get_a_gradient_of_their_own() -> None:
    network, (images, labels) = DigitNet.initialised(3), digits(5)
    loss, logits = LearnableLogits(network).loss(images, labels)
    assert all(weights.grad is None for weights in network.parameters())
    assert not loss.requires_grad
    assert not logits.requires_grad


def test_adam_goes_where_torch_s_goes() -> None:
    generator = torch.Generator().manual_seed(1)
    weights = torch.randn(1000, generator=generator)
    expected = weights.clone().requires_grad_()
    means, reference = torch.zeros(2, 1000), torch.optim.Adam([expected], lr=0.01)
    for count in range(1, 30):
        expected.grad = torch.randn(1000, generator=generator)
        reference.step()
        adam(weights.numpy(), means[0].numpy(), means[1].numpy(), expected.grad.numpy(), count, 0.01)
    torch.testing.assert_close(weights, expected.detach(), rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(means[0], reference.state[expected]["exp_avg"], rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(means[1], reference.state[expected]["exp_avg_sq"], rtol=1e-5, atol=1e-6)


def test_a_mean_below_the_smallest_normal_number_counts_as_nothing() -> None:
    smallest = np.finfo(np.float32).tiny
    means = np.array([1.05, 1.2, -1.05, -1.2], np.float32) * smallest
    weights, squares, gradient = np.zeros((3, 4), np.float32)
    adam(weights, means, squares, gradient, 1000, 0.01)
    assert (means != 0).tolist() == [False, True, False, True]
