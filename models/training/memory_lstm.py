"""Training of memory networks, one or many side by side, with the notebook's recipe and its ways to change it.

Every network has its own seed, from which its first weights and the task of every step are drawn: it learns the same
alone and in company, up to rounding.
"""

import math
import time
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from models.analysis.gates import gate_family
from models.analysis.horizon import horizon
from models.checkpoints import pack, unpack
from models.errors import CorruptCheckpoint, InvalidTraining
from models.memory_lstm import MemoryLSTM, fused_prediction, stacked_prediction
from models.memory_task import REPORT, SHORTEST_SEQUENCE, LossOn, Trials, chance_loss, memory_trials

BLOCK_STEPS = 500
LARGEST_SLICE_STEPS = 100
AT_CHANCE = 0.9
EASY_REPORT_MSE = 0.1 / 3
_SLICE_TIME_STEPS_FUSED = 6000
_SLICE_TIME_STEPS_STACKED = 800


@dataclass(frozen=True)
class MemoryTrainingSettings:
    """How to train; what is left out is as in the notebook.

    Attributes:
        seed: Network k of `networks` is drawn from `seed` + k.
        hidden_size: Units, 1 to 32.
        seq_len_min: Shortest sequence in ms, at least 3.
        seq_len_max: The longest sequence is 1 ms shorter.
        n_repeat: Sequences in a trial.
        batch_size: Trials in a step.
        learning_rate: Of Adam (Kingma & Ba 2015).
        target_loss: A network is solved once its mean loss over a block of 500 steps is below.
        max_steps: Steps after which training ends at the latest.
        networks: How many are trained side by side, 1 to 64.
        forget_bias: First bias of the forget gates; drawn like the other weights when None.
        loss_on: Squared error over `all` steps, or at the `report` steps alone.
        curriculum: Begin with sequences of `seq_len_min` alone. After each block of 500 steps in which a network's mean
            squared error at the report steps was under a tenth of chance (1/30), its longest sequence grows by half,
            until it has reached the full range; no network is solved before.
        max_seconds: Seconds of computing after which training ends at the latest.

    Raises:
        InvalidTraining: A setting out of its range, or two that contradict each other.
    """

    seed: int
    hidden_size: int = 1
    seq_len_min: int = 5
    seq_len_max: int = 20
    n_repeat: int = 3
    batch_size: int = 16
    learning_rate: float = 0.01
    target_loss: float = 1e-4
    max_steps: int = 20_000
    networks: int = 1
    forget_bias: float | None = None
    loss_on: LossOn = "all"
    curriculum: bool = False
    max_seconds: float | None = None

    def __post_init__(self) -> None:
        _check_range("seed", self.seed, 0, 2**63 - 64)
        _check_range("hidden_size", self.hidden_size, 1, 32)
        _check_range("networks", self.networks, 1, 64)
        _check_range("seq_len_min", self.seq_len_min, SHORTEST_SEQUENCE, math.inf)
        for name in ("n_repeat", "batch_size", "max_steps"):
            _check_range(name, getattr(self, name), 1, math.inf)
        for name in ("learning_rate", "target_loss", "max_seconds"):
            value = getattr(self, name)
            if value is not None and not 0 < value < math.inf:
                raise InvalidTraining(f"{name} must be a number above 0; {value} was given.", f"/{name}")
        if self.seq_len_max <= self.seq_len_min:
            raise InvalidTraining(
                f"Sequences from {self.seq_len_min} ms up to, but not including, {self.seq_len_max} ms are none; "
                "raise seq_len_max above seq_len_min.",
                "/seq_len_max",
            )
        if self.loss_on not in ("all", "report"):
            raise InvalidTraining("No such loss; train on all steps or on the report steps.", "/loss_on")
        if self.forget_bias is not None and not math.isfinite(self.forget_bias):
            raise InvalidTraining("The forget bias is not finite; 1 is a common choice.", "/forget_bias")


class MemoryTraining:
    """Trains memory networks by Adam until all are solved, or steps or seconds are used up, then judges each.

    Implements `models.work.Work`. The last slices measure each network's horizon and gate family.

    Attributes:
        settings: As given.
        history: One entry for each block of 500 steps (and the rest, if training ends within one): `step`; `losses`,
            each network's mean over the block; `chance_losses`, what always answering 0 would score on the same
            lengths; and `chance_loss`, that of the network with the lowest loss. A solved network keeps its entry.
    """

    def __init__(self, settings: MemoryTrainingSettings, device: torch.device | str = "cpu") -> None:
        self.settings = settings
        self.history: list[dict[str, Any]] = []
        self._device = torch.device(device)
        self._step = 0
        self._seconds = 0.0
        self._seeds = range(settings.seed, settings.seed + settings.networks)
        self._longest = [self._first_longest()] * settings.networks
        self._solved_at: list[int | None] = [None] * settings.networks
        self._judgements: list[dict[str, Any]] = []
        drawn = [MemoryLSTM.initialised(settings.hidden_size, seed, settings.forget_bias) for seed in self._seeds]
        stacks = zip(*(network.state_dict().items() for network in drawn), strict=True)
        self._weights = {
            named[0][0]: torch.stack([tensor for _, tensor in named]).to(self._device).requires_grad_()
            for named in stacks
        }
        self._kept = {name: tensor.detach().clone() for name, tensor in self._weights.items()}
        self._adam = torch.optim.Adam(list(self._weights.values()), lr=settings.learning_rate, fused=True)
        self._loss_sums = torch.zeros(settings.networks, dtype=torch.float64, device=self._device)
        self._report_error_sums = torch.zeros_like(self._loss_sums)

    @property
    def step(self) -> int:
        """Steps of gradient descent done."""
        return self._step

    @property
    def total(self) -> int:
        """Steps at which training ends at the latest."""
        return self.settings.max_steps

    @property
    def is_finished(self) -> bool:
        """Whether training has ended and every network is judged."""
        return self._is_trained and len(self._judgements) == self.settings.networks

    @property
    def metrics(self) -> dict[str, float | int | bool | None]:
        """The lowest loss of the latest block, its chance level, and how many networks are solved."""
        latest = self.history[-1] if self.history else {"losses": [None], "chance_loss": None}
        loss = None if not self.history else min(latest["losses"])
        return {"loss": loss, "chance_loss": latest["chance_loss"], "solved": self._solved}

    def advance(self) -> None:
        """Does a slice of training, or judges one network."""
        if not self._is_trained:
            self._train()
        elif not self.is_finished:
            self._judgements.append(self._judge(self.networks()[len(self._judgements)]))

    def networks(self) -> list[MemoryLSTM]:
        """The networks on the CPU: a solved one with the weights it was solved with, the others as they are now."""
        networks = []
        for index, solved_at in enumerate(self._solved_at):
            weights = self._weights if solved_at is None else self._kept
            network = MemoryLSTM(self.settings.hidden_size)
            network.load_state_dict({name: tensor[index].detach() for name, tensor in weights.items()})
            networks.append(network)
        return networks

    def report(self) -> dict[str, Any]:
        """What came of it, ready for JSON; complete once the work is finished.

        `best` is the index of the network with the longest horizon, and of those the one with the lowest loss.
        """
        latest = self.history[-1]
        networks = [
            {"seed": seed, "loss": loss, "solved_at": solved_at, **judgement}
            for seed, loss, solved_at, judgement in zip(
                self._seeds, latest["losses"], self._solved_at, self._judgements, strict=True
            )
        ]
        best = max(range(len(networks)), key=lambda index: (networks[index]["horizon_ms"], -networks[index]["loss"]))
        return {
            "steps": self._step,
            "target_reached": self._solved > 0,
            "best": best,
            "networks": networks,
            "history": self.history,
            "chance_loss": latest["chance_loss"],
            "verdict": self._verdict(latest["losses"], latest["chance_losses"]),
        }

    def state(self) -> bytes:
        """All that `restore` needs to go on from here."""
        tensors = {"loss_sums": self._loss_sums, "report_error_sums": self._report_error_sums}
        for name, weight in self._weights.items():
            tensors[f"weights.{name}"] = weight
            tensors[f"kept.{name}"] = self._kept[name]
            for moment, value in self._adam.state[weight].items():
                tensors[f"adam.{moment}.{name}"] = value
        return pack(tensors, self._notes())

    def restore(self, state: bytes) -> None:
        """Goes back to where `state` was taken.

        Raises:
            CorruptCheckpoint: The bytes are no state of a training with these settings.
        """
        tensors, notes = unpack(state)
        if notes.get("settings") != asdict(self.settings) or notes.keys() != self._notes().keys():
            raise CorruptCheckpoint("The saved state belongs to another training; start this one anew.")
        try:
            self._restore_tensors({name: tensor.to(self._device) for name, tensor in tensors.items()})
        except (KeyError, RuntimeError) as error:
            raise CorruptCheckpoint("The saved state lacks some of its tensors; start the training anew.") from error
        self.history = notes["history"]
        self._step = notes["step"]
        self._seconds = notes["seconds"]
        self._longest = notes["longest"]
        self._solved_at = notes["solved_at"]
        self._judgements = notes["judgements"]

    @property
    def _is_trained(self) -> bool:
        used_up = self.settings.max_seconds is not None and self._seconds >= self.settings.max_seconds
        return self._step >= self.settings.max_steps or self._solved == self.settings.networks or used_up

    @property
    def _solved(self) -> int:
        return sum(step is not None for step in self._solved_at)

    def _first_longest(self) -> int:
        return self.settings.seq_len_min if self.settings.curriculum else self.settings.seq_len_max - 1

    def _train(self) -> None:
        begun = time.monotonic()
        for _ in range(self._slice_steps()):
            self._descend()
        if self.settings.max_seconds is not None:
            self._seconds += time.monotonic() - begun
        if self._step % BLOCK_STEPS == 0 or self._is_trained:
            self._end_block()

    def _slice_steps(self) -> int:
        """Steps that take about 0.2 s, and lead neither beyond the end of a block nor that of training."""
        time_steps = self.settings.n_repeat * (self.settings.seq_len_max - 1)
        affordable = _SLICE_TIME_STEPS_FUSED if self.settings.networks == 1 else _SLICE_TIME_STEPS_STACKED
        wanted = min(max(1, affordable // time_steps), LARGEST_SLICE_STEPS)
        return min(wanted, BLOCK_STEPS - self._step % BLOCK_STEPS, self.settings.max_steps - self._step)

    def _descend(self) -> None:
        inputs, target, loss_share, report_share = self._batch()
        squared_error = torch.square(self._prediction(inputs) - target)
        losses = (squared_error * loss_share).sum(dim=(-2, -1))
        self._adam.zero_grad()
        losses.sum().backward()
        self._adam.step()
        self._loss_sums += losses.detach()
        self._report_error_sums += (squared_error.detach() * report_share).sum(dim=(-2, -1))
        self._step += 1

    def _prediction(self, inputs: Tensor) -> Tensor:
        if self.settings.networks > 1:
            return stacked_prediction(self._weights, inputs)
        alone = {name: weight[0] for name, weight in self._weights.items()}
        return fused_prediction(alone, inputs[0]).unsqueeze(0)

    def _batch(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Inputs, target, each step's share in the loss and in the report error of its network.

        All begin with (network, trial, time). Shorter trials are padded at their end with steps that have no share.
        """
        batch = [self._draw(seed, longest) for seed, longest in zip(self._seeds, self._longest, strict=True)]
        shape = (len(batch), self.settings.batch_size, max(trials.target.shape[1] for trials in batch))
        inputs = np.zeros((*shape, 3), dtype=np.float32)
        target, all_share = np.zeros((2, *shape), dtype=np.float32)
        for index, trials in enumerate(batch):
            duration = trials.target.shape[1]
            inputs[index, :, :duration] = trials.inputs
            target[index, :, :duration] = trials.target
            all_share[index, :, :duration] = 1 / trials.target.size
        report_share = inputs[..., REPORT] / (self.settings.batch_size * self.settings.n_repeat)
        loss_share = report_share if self.settings.loss_on == "report" else all_share
        inputs, target, loss_share, report_share = (
            torch.from_numpy(array).to(self._device) for array in (inputs, target, loss_share, report_share)
        )
        return inputs, target, loss_share, report_share

    def _draw(self, seed: int, longest: int) -> Trials:
        generator = np.random.default_rng((seed, self._step))
        return memory_trials(
            seq_len=int(generator.integers(self.settings.seq_len_min, longest + 1)),
            n_repeat=self.settings.n_repeat,
            batch_size=self.settings.batch_size,
            seed=generator,
        )

    def _end_block(self) -> None:
        steps = self._step % BLOCK_STEPS or BLOCK_STEPS
        losses = (self._loss_sums / steps).tolist()
        report_errors = (self._report_error_sums / steps).tolist()
        chance_losses = [self._chance_loss(longest) for longest in self._longest]
        for index, solved_at in enumerate(self._solved_at):
            if solved_at is not None:
                losses[index] = self.history[-1]["losses"][index]
            elif steps == BLOCK_STEPS:
                self._promote(index, losses[index], report_errors[index])
        best = min(range(len(losses)), key=losses.__getitem__)
        self.history.append(
            {
                "step": self._step,
                "losses": losses,
                "chance_loss": chance_losses[best],
                "chance_losses": chance_losses,
            }
        )
        self._loss_sums.zero_()
        self._report_error_sums.zero_()

    def _promote(self, index: int, loss: float, report_error: float) -> None:
        """Notes that a network is solved, or lets it go on to longer sequences."""
        full_range = self.settings.seq_len_max - 1
        if self._longest[index] < full_range:
            if report_error < EASY_REPORT_MSE:
                self._longest[index] = min(math.ceil(1.5 * self._longest[index]), full_range)
        elif loss < self.settings.target_loss:
            self._solved_at[index] = self._step
            for name, weight in self._weights.items():
                self._kept[name][index] = weight[index].detach()

    def _chance_loss(self, longest: int) -> float:
        return chance_loss(range(self.settings.seq_len_min, longest + 1), self.settings.loss_on)

    @staticmethod
    def _judge(network: MemoryLSTM) -> dict[str, Any]:
        return {"family": gate_family(network), "horizon_ms": horizon(network)["horizon_ms"]}

    def _verdict(self, losses: list[float], chance_losses: list[float]) -> str:
        total = self.settings.networks
        verdict = [
            f"{self._solved} of {total} network{'s' * (total > 1)} met the target loss ({self.settings.target_loss:g})."
        ]
        for index, (loss, chance) in enumerate(zip(losses, chance_losses, strict=True)):
            if loss >= AT_CHANCE * chance:
                verdict.append(
                    f"Network {index} stayed at chance: its loss of {loss:.4f} is about what always answering 0 scores "
                    f"({chance:.4f})."
                )
        return " ".join(verdict)

    def _notes(self) -> dict[str, Any]:
        return {
            "settings": asdict(self.settings),
            "history": self.history,
            "step": self._step,
            "seconds": self._seconds,
            "longest": self._longest,
            "solved_at": self._solved_at,
            "judgements": self._judgements,
        }

    def _restore_tensors(self, tensors: dict[str, Tensor]) -> None:
        with torch.no_grad():
            for name, weight in self._weights.items():
                weight.copy_(tensors[f"weights.{name}"])
                self._kept[name].copy_(tensors[f"kept.{name}"])
                moments = ("step", "exp_avg", "exp_avg_sq") if f"adam.step.{name}" in tensors else ()
                self._adam.state[weight] = {moment: tensors[f"adam.{moment}.{name}"] for moment in moments}
            self._loss_sums.copy_(tensors["loss_sums"])
            self._report_error_sums.copy_(tensors["report_error_sums"])


def _check_range(name: str, value: int, lowest: int, highest: float) -> None:
    if not lowest <= value <= highest:
        allowed = f"at least {lowest}" if highest == math.inf else f"from {lowest} to {highest}"
        raise InvalidTraining(f"{name} must be {allowed}; {value} was given.", f"/{name}")
