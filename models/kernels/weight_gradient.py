"""A digit network's loss with the gradient of its weights, as a training goes down it, for one core."""

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from models.digit_net import LAYERS, DigitNet
from models.kernels.image_gradient import ClimbableDrive
from models.kernels.pooled_convolution import LANES, hand_down_to_kernels


class LearnableLogits(ClimbableDrive):
    """The logits of a network whose weights change, in place, and how they should.

    To rounding, the numbers are those of the network and of autograd. Not for several threads at once.

    Attributes:
        gradients: One for each of the network's parameters, in their order.
    """

    def __init__(self, network: DigitNet) -> None:
        super().__init__(network, LAYERS["y"])
        self.gradients = tuple(torch.zeros_like(each, requires_grad=False) for each in network.parameters())
        arrays = [gradient.numpy() for gradient in self.gradients[: 2 * len(self._kernels)]]
        self._of_kernels, self._of_biases = tuple(arrays[0::2]), tuple(arrays[1::2])
        self._of_dense = list(zip(self.gradients[len(arrays) :: 2], self.gradients[len(arrays) + 1 :: 2], strict=True))
        self._of_maps = tuple(map(np.zeros_like, self._maps))

    def loss(self, images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """The mean cross-entropy of float32 images (image, row, column) and labels (image,), and the logits.

        Its gradient takes the place of what was in `gradients`.
        """
        for gradient in self.gradients:
            gradient.zero_()
        groups = zip(images.split(LANES), labels.split(LANES), strict=True)
        logits = torch.cat([self._learn(*group, len(labels)) for group in groups])
        return F.cross_entropy(logits, labels), logits

    def _learn(self, images: Tensor, labels: Tensor, batch_size: int) -> Tensor:
        """Adds the gradient by some digits of a batch; returns their logits."""
        logits, passage = self.of(images)
        of_drive = (logits.softmax(dim=1) - F.one_hot(labels, logits.shape[1])) / batch_size
        for number in range(len(self._dense) - 1, -1, -1):
            of_weights, of_bias = self._of_dense[number]
            of_weights.addmm_(of_drive.t(), passage.activities[number])
            of_bias.add_(of_drive.sum(dim=0))
            of_drive = self._handed_down(number, of_drive, passage)
        hand_down_to_kernels(
            of_drive.view(-1, *LAYERS["l2"].shape).numpy(),
            self._kernels,
            passage.places,
            self._maps,
            self._of_maps,
            self._spread,
            self._of_kernels,
            self._of_biases,
        )
        return logits


def warm() -> None:
    """Compiles, or reads what was compiled before, so that nobody waits for it later."""
    LearnableLogits(DigitNet.initialised(0)).loss(torch.zeros(1, 28, 28), torch.zeros(1, dtype=torch.int64))
