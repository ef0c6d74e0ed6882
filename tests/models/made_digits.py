"""Digits of noise, for analyses whose answer does not depend on what is shown."""

import torch
from torch import Tensor

from models.digits import DigitSample


def noise_digits(labels: Tensor, first: int = 0) -> DigitSample:
    """A digit of noise for each label, with indices from `first` on."""
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (len(labels), 28, 28), generator=generator, dtype=torch.uint8)
    return DigitSample(torch.arange(first, first + len(labels)), images, labels)
