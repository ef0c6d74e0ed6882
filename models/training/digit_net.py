"""Training the lab's network until it knows digits that it has not learned from (notebook, section 1).

Steps are done by one of two engines: compiled kernels, or torch, which is their reference.
"""

import math
from dataclasses import asdict, dataclass
from typing import Any, Literal, Protocol

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from models.analysis.activity import accuracy, confusion
from models.checkpoints import pack, unpack
from models.digit_net import DigitNet
from models.digits import Digits
from models.errors import CorruptCheckpoint, InvalidTraining

CHECK_STEPS = 100
"""Steps between two looks at the held-out digits."""

_EXAMPLES_PER_SLICE = 12_800


@dataclass(frozen=True)
class DigitNetTrainingSettings:
    """How to train; the defaults are the lab's recipe.

    Attributes:
        target_accuracy: Training ends when this share of the held-out digits is told right; None trains to the end.
        max_steps: Where it ends at the latest.
        batch_size: Digits per step.
        learning_rate: Of Adam, at the beginning.
        seed: Decides weights, order and shifts.
        schedule: Whether the learning rate stays, or falls to 0 at `max_steps` along half a cosine.
        max_shift: Each digit is moved by up to this many pixels, at random, each time that it is seen.
    """

    target_accuracy: float | None = 0.95
    max_steps: int = 6000
    batch_size: int = 16
    learning_rate: float = 0.01
    seed: int = 0
    schedule: Literal["constant", "cosine"] = "constant"
    max_shift: int = 0

    def __post_init__(self) -> None:
        allowed = {
            "target_accuracy": (self.target_accuracy is None or 0 < self.target_accuracy <= 1, "above 0, at most 1"),
            "max_steps": (self.max_steps >= 1, "at least 1"),
            "batch_size": (1 <= self.batch_size <= 4096, "from 1 to 4096"),
            "learning_rate": (0 < self.learning_rate <= 1, "above 0, at most 1"),
            "seed": (self.seed >= 0, "at least 0"),
            "max_shift": (0 <= self.max_shift <= 8, "from 0 to 8 pixels"),
        }
        for name, (is_allowed, range_) in allowed.items():
            if not is_allowed:
                raise InvalidTraining(f"{name} must be {range_}.", pointer=f"/{name}")


class DigitNetTraining:
    """Training as resumable work (`models.work.Work`); `network` is what it has come to.

    Every 100 steps the 5,000 held-out digits say whether the target is reached: the running accuracy on training
    digits, by which the notebook stops, is noisy and lets networks go that know less than 95% of new digits.
    """

    def __init__(self, settings: DigitNetTrainingSettings, digits: Digits, device: str = "cpu") -> None:
        self.settings = settings
        self.network = DigitNet.initialised(settings.seed).to(device)
        self.history: list[dict[str, Any]] = []
        self._digits = digits
        self._device = torch.device(device)
        self._images, self._labels = (tensor.to(device) for tensor in digits.training)
        self._descent = Descent.initialised(self.network)
        self._engine = engine(self._descent)
        self._step = 0
        self._loss_sum = torch.zeros((), dtype=torch.float64, device=device)
        self._correct_sum = torch.zeros((), dtype=torch.int64, device=device)
        self._order: tuple[int, Tensor] | None = None

    @property
    def step(self) -> int:
        """Steps done."""
        return self._step

    @property
    def total(self) -> int:
        """Steps at which the training ends at the latest."""
        return self.settings.max_steps

    @property
    def target_reached(self) -> bool | None:
        """Whether the held-out accuracy met the target; None where there is none."""
        if self.settings.target_accuracy is None:
            return None
        return bool(self.history) and self.history[-1]["heldout_accuracy"] >= self.settings.target_accuracy

    @property
    def is_finished(self) -> bool:
        """Whether the target is reached or the steps are used up."""
        return self._step >= self.total or bool(self.target_reached)

    @property
    def metrics(self) -> dict[str, Any]:
        """Loss and accuracy over the latest 100 steps, and the held-out accuracy after them."""
        latest = self.history[-1] if self.history else {}
        return {name: latest.get(name) for name in ("loss", "accuracy", "heldout_accuracy")}

    def advance(self, until: int | None = None) -> None:
        """Trains up to the next look at the held-out digits, or part of the way where batches are large.

        Args:
            until: A step at which to stop on the way, so that the network can be had as it is then.

        Raises:
            InvalidTraining: The loss grew beyond all bounds.
        """
        if self.is_finished:
            return
        next_check = min(self._step - self._step % CHECK_STEPS + CHECK_STEPS, self.total)
        steps_per_slice = max(1, _EXAMPLES_PER_SLICE // self.settings.batch_size)
        end = min(next_check, self._step + steps_per_slice, next_check if until is None else until)
        for _ in range(self._step, end):
            self._learn()
        if self._step == next_check:
            self._look_at_heldout()

    def report(self) -> dict[str, Any]:
        """How it ended, ready for JSON: `confusion` counts test digits, rows true, columns predicted."""
        table = confusion(self.network, *self._digits.split("test"))
        return {
            "steps": self._step,
            "target_reached": self.target_reached,
            "train_accuracy": accuracy(self.network, *self._digits.training),
            "heldout_accuracy": accuracy(self.network, *self._digits.heldout),
            "test_accuracy": int(table.diagonal().sum()) / int(table.sum()),
            "confusion": table.tolist(),
            "history": self.history,
        }

    def state(self) -> bytes:
        """All that `restore` needs to go on from here."""
        notes = {"settings": asdict(self.settings), "step": self._step, "history": self.history}
        return pack(self._descent.tensors() | {"loss_sum": self._loss_sum, "correct_sum": self._correct_sum}, notes)

    def restore(self, state: bytes) -> None:
        """Goes back to where `state` was taken.

        Raises:
            CorruptCheckpoint: The bytes are no state of this training.
        """
        tensors, notes = unpack(state)
        if notes.get("settings") != asdict(self.settings):
            raise CorruptCheckpoint("The saved state belongs to another training; start this one anew.")
        try:
            for name, tensor in self._descent.tensors().items():
                tensor.copy_(tensors[name])
            self._loss_sum, self._correct_sum = (tensors[name].to(self._device) for name in ("loss_sum", "correct_sum"))
            self._step, self.history = int(notes["step"]), list(notes["history"])
        except (KeyError, RuntimeError, TypeError) as error:
            raise CorruptCheckpoint("The saved state is damaged; start the training anew.") from error

    def _learn(self) -> None:
        images, labels = self._batch()
        loss, logits = self._engine.descend(images, labels, self._step + 1, self._learning_rate())
        self._loss_sum += loss
        self._correct_sum += (logits.argmax(dim=1) == labels).sum()
        self._step += 1

    def _batch(self) -> tuple[Tensor, Tensor]:
        size = self.settings.batch_size
        epoch, position = divmod(self._step, len(self._labels) // size)
        chosen = self._epoch_order(epoch)[position * size : (position + 1) * size]
        return self._shifted(self._images[chosen]).float() / 255, self._labels[chosen]

    def _epoch_order(self, epoch: int) -> Tensor:
        if self._order is None or self._order[0] != epoch:
            order = np.random.default_rng((self.settings.seed, epoch)).permutation(len(self._labels))
            self._order = epoch, torch.from_numpy(order).to(self._device)
        return self._order[1]

    def _shifted(self, images: Tensor) -> Tensor:
        reach = self.settings.max_shift
        if reach == 0:
            return images
        generator = np.random.default_rng((self.settings.seed, self._step, reach))
        down, right = torch.from_numpy(generator.integers(0, 2 * reach + 1, (2, len(images), 1))).to(self._device)
        pixels = torch.arange(28, device=self._device)
        image = torch.arange(len(images), device=self._device)[:, None, None]
        return F.pad(images, [reach] * 4)[image, (pixels + down)[:, :, None], (pixels + right)[:, None, :]]

    def _learning_rate(self) -> float:
        if self.settings.schedule == "constant":
            return self.settings.learning_rate
        return self.settings.learning_rate * (1 + math.cos(math.pi * self._step / self.total)) / 2

    def _look_at_heldout(self) -> None:
        steps = (self._step - 1) % CHECK_STEPS + 1
        loss = float(self._loss_sum) / steps
        if not math.isfinite(loss) or not all(bool(weights.isfinite().all()) for weights in self.network.parameters()):
            message = f"The loss grew beyond all bounds within {self._step} steps; try a smaller learning rate."
            raise InvalidTraining(message, pointer="/learning_rate")
        self.history.append(
            {
                "step": self._step,
                "loss": loss,
                "accuracy": int(self._correct_sum) / (steps * self.settings.batch_size),
                "heldout_accuracy": accuracy(self.network, *self._digits.heldout),
            }
        )
        self._loss_sum.zero_()
        self._correct_sum.zero_()


@dataclass
class Descent:
    """A network on its way down the loss: all that a step of training changes.

    Attributes:
        network: On the device that it is trained on.
        exp_avg: Adam's running mean of the gradient of each of its parameters, in their order.
        exp_avg_sq: That of its square.
    """

    network: DigitNet
    exp_avg: list[Tensor]
    exp_avg_sq: list[Tensor]

    @classmethod
    def initialised(cls, network: DigitNet) -> "Descent":
        """Before the first step."""
        first, second = ([torch.zeros_like(each) for each in network.parameters()] for _ in range(2))
        return cls(network, first, second)

    def tensors(self) -> dict[str, Tensor]:
        """All of them by name, to be saved, and to be filled again."""
        named = {}
        for (name, weights), mean, mean_square in zip(
            self.network.named_parameters(), self.exp_avg, self.exp_avg_sq, strict=True
        ):
            named |= {f"weights.{name}": weights.detach(), f"exp_avg.{name}": mean, f"exp_avg_sq.{name}": mean_square}
        return named


class Engine(Protocol):
    """Does steps down the loss by Adam (Kingma & Ba 2015); every engine comes to the same numbers, up to rounding."""

    def descend(self, images: Tensor, labels: Tensor, count: int, learning_rate: float) -> tuple[Tensor, Tensor]:
        """The `count`-th step, counted from 1, which changes the descent in place.

        Args:
            images: (image, row, column), 0 to 1.
            labels: int64 (image,).
            count: Number of the step.
            learning_rate: Of this step.

        Returns:
            The mean cross-entropy and the logits (image, unit), from before the step; no gradient is kept.
        """
        ...


def engine(descent: Descent) -> Engine:
    """Kernels on a CPU, torch on other devices."""
    if descent.network.fc3.weight.device.type == "cpu":
        return CompiledEngine(descent)
    return TorchEngine(descent)


class CompiledEngine:
    """Trains by kernels, with the dense layers left to torch."""

    def __init__(self, descent: Descent) -> None:
        from models.kernels.adam import adam  # brings numba, 0.3 s and 100 MB, to those alone who train
        from models.kernels.weight_gradient import LearnableLogits

        self._logits = LearnableLogits(descent.network)
        self._adam = adam
        self._weights = tuple(descent.network.parameters())
        changed = zip(self._weights, descent.exp_avg, descent.exp_avg_sq, self._logits.gradients, strict=True)
        self._changed = [tuple(tensor.detach().view(-1).numpy() for tensor in each) for each in changed]

    def descend(self, images: Tensor, labels: Tensor, count: int, learning_rate: float) -> tuple[Tensor, Tensor]:
        """One parameter after the other, behind torch's back, which is told afterwards."""
        loss, logits = self._logits.loss(images, labels)
        for weights, mean, mean_square, gradient in self._changed:
            self._adam(weights, mean, mean_square, gradient, count, learning_rate)
        torch.autograd.graph.increment_version(self._weights)
        return loss, logits


class TorchEngine:
    """Trains by autograd."""

    def __init__(self, descent: Descent) -> None:
        self._network = descent.network
        self._adam = torch.optim.Adam(self._network.parameters(), fused=True)
        for weights, mean, mean_square in zip(
            self._network.parameters(), descent.exp_avg, descent.exp_avg_sq, strict=True
        ):
            count = torch.zeros((), device=weights.device)
            self._adam.state[weights] = {"step": count, "exp_avg": mean, "exp_avg_sq": mean_square}

    def descend(self, images: Tensor, labels: Tensor, count: int, learning_rate: float) -> tuple[Tensor, Tensor]:
        """All parameters at once."""
        self._adam.param_groups[0]["lr"] = learning_rate
        for state in self._adam.state.values():
            state["step"].fill_(count - 1)
        self._adam.zero_grad()
        logits = self._network(images)
        loss = F.cross_entropy(logits, labels)
        loss.backward()
        self._adam.step()
        return loss.detach(), logits.detach()
