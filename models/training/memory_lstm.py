"""Training of memory networks, one or many side by side, with the notebook's recipe and its ways to change it.

Every network has its own seed, from which its first weights and the task of every step are drawn: it learns the same
alone and in company. Steps are done by one of two engines: a compiled kernel, or torch, which is its reference.
"""

import math
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor, nn

from models.analysis.gates import gate_family
from models.analysis.horizon import horizon
from models.checkpoints import pack, unpack
from models.errors import CorruptCheckpoint, InvalidTraining
from models.memory_lstm import MemoryLSTM, Weights, fused_prediction, stacked_prediction
from models.memory_task import REPORT, SHORTEST_SEQUENCE, LossOn, Trials, chance_loss, memory_trials
from models.work import Metrics

BLOCK_STEPS = 500
AT_CHANCE = 0.9
EASY_REPORT_MSE = 0.1 / 3
LARGEST_COMPILED = 32
# What takes about a tenth of a second: trials x time steps x units x (units + 32) in the kernel; time steps in torch.
_COMPILED_BUDGET = 200_000_000
HEAVIEST_STEP = 500_000_000
"""What one step of one network may come to, in the same measure: about a second of a busy machine's time."""
_FUSED_BUDGET = 6000
_STACKED_BUDGET = 800


@dataclass(frozen=True)
class MemoryTrainingSettings:
    """How to train; what is left out is as in the notebook.

    Attributes:
        seed: Network k of `networks` is drawn from `seed` + k.
        hidden_size: Units, 1 to 128; up to 32 they are trained by the compiled kernel, many times as fast.
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
        max_seconds: Seconds of computing after which training ends, once the step at hand is done.

    Raises:
        InvalidTraining: A setting out of its range, two that contradict each other, or a step beyond `HEAVIEST_STEP`.
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
        _check_range("hidden_size", self.hidden_size, 1, 128)
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
        if self.step_work > HEAVIEST_STEP:
            raise InvalidTraining(
                f"One step of one network would be {self.step_work / HEAVIEST_STEP:.1f} times as much work as one may "
                "be; make batch_size, n_repeat, seq_len_max or hidden_size smaller.",
                "/batch_size",
            )

    @property
    def step_work(self) -> int:
        """The work of one step of one network: trials x time steps x units x (units + 32)."""
        time_steps = self.batch_size * self.n_repeat * (self.seq_len_max - 1)
        return time_steps * self.hidden_size * (self.hidden_size + 32)


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
        self._engine = engine(settings, torch.device(device))
        self._step = 0
        self._ahead = 0  # so many of the unsolved networks have done the step that the others have still to do
        self._seconds = 0.0
        self._seeds = range(settings.seed, settings.seed + settings.networks)
        self._longest = [self._first_longest()] * settings.networks
        self._solved_at: list[int | None] = [None] * settings.networks
        self._judgements: list[dict[str, Any]] = []
        self._descent = Descent.initialised(settings, torch.device(device))

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
    def metrics(self) -> Metrics:
        """The lowest loss of the latest block, its chance level, every network's loss, and how many are solved."""
        if not self.history:
            return {"loss": None, "chance_loss": None, "losses": None, "solved": 0}
        losses, chance_loss = self.history[-1]["losses"], self.history[-1]["chance_loss"]
        return {"loss": min(losses), "chance_loss": chance_loss, "losses": losses, "solved": self._solved}

    def advance(self) -> None:
        """Does a slice of training, or judges one network."""
        if not self._is_trained:
            self._train()
        elif not self.is_finished:
            self._judgements.append(self._judge(self.networks()[len(self._judgements)]))

    def networks(self) -> list[MemoryLSTM]:
        """The networks on the CPU: a solved one with the weights it was solved with, the others as they are now."""
        networks = []
        for weights in self._descent.weights.cpu():
            network = MemoryLSTM(self.settings.hidden_size)
            network.load_state_dict(named(weights, self.settings.hidden_size))
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
        return pack(vars(self._descent), self._notes())

    def restore(self, state: bytes) -> None:
        """Goes back to where `state` was taken.

        Raises:
            CorruptCheckpoint: The bytes are no state of a training with these settings.
        """
        tensors, notes = unpack(state)
        notes.setdefault("ahead", 0)  # earlier versions did no step by halves
        if notes.get("settings") != asdict(self.settings) or notes.keys() != self._notes().keys():
            raise CorruptCheckpoint("The saved state belongs to another training; start this one anew.")
        if tensors.keys() != vars(self._descent).keys():
            raise CorruptCheckpoint("The saved state lacks some of its tensors; start the training anew.")
        for name, tensor in vars(self._descent).items():
            tensor.copy_(tensors[name])
        self.history = notes["history"]
        self._step = notes["step"]
        self._ahead = notes["ahead"]
        self._seconds = notes["seconds"]
        self._longest = notes["longest"]
        self._solved_at = notes["solved_at"]
        self._judgements = notes["judgements"]

    @property
    def _is_trained(self) -> bool:
        used_up = self.settings.max_seconds is not None and self._seconds >= self.settings.max_seconds
        is_between_steps = self._ahead == 0
        return (
            self._step >= self.settings.max_steps
            or self._solved == self.settings.networks
            or (used_up and is_between_steps)
        )

    @property
    def _solved(self) -> int:
        return sum(step is not None for step in self._solved_at)

    def _first_longest(self) -> int:
        return self.settings.seq_len_min if self.settings.curriculum else self.settings.seq_len_max - 1

    def _train(self) -> None:
        begun = time.monotonic()
        unsolved = [index for index, solved_at in enumerate(self._solved_at) if solved_at is None]
        steps = range(self._step, self._step + self._slice_steps(len(unsolved)))
        affordable = unsolved[self._ahead :][: self._engine.affordable_networks(len(unsolved))]
        self._engine.descend(self._descent, affordable, self._longest, steps)
        self._ahead = (self._ahead + len(affordable)) % len(unsolved)
        if self.settings.max_seconds is not None:
            self._seconds += time.monotonic() - begun
        if self._ahead:
            return
        self._step = steps.stop
        if self._step % BLOCK_STEPS == 0 or self._is_trained:
            self._end_block()

    def _slice_steps(self, networks: int) -> int:
        """As many as fit a slice, but neither beyond the end of a block nor that of training."""
        affordable = max(1, self._engine.affordable_steps(networks))
        return min(affordable, BLOCK_STEPS - self._step % BLOCK_STEPS, self.settings.max_steps - self._step)

    def _end_block(self) -> None:
        steps = self._step % BLOCK_STEPS or BLOCK_STEPS
        losses, report_errors = (self._descent.error_sums.T / steps).tolist()
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
        self._descent.error_sums.zero_()

    def _promote(self, index: int, loss: float, report_error: float) -> None:
        """Notes that a network is solved, or lets it go on to longer sequences."""
        full_range = self.settings.seq_len_max - 1
        if self._longest[index] < full_range:
            if report_error < EASY_REPORT_MSE:
                self._longest[index] = min(math.ceil(1.5 * self._longest[index]), full_range)
        elif loss < self.settings.target_loss:
            self._solved_at[index] = self._step

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
            "ahead": self._ahead,
            "seconds": self._seconds,
            "longest": self._longest,
            "solved_at": self._solved_at,
            "judgements": self._judgements,
        }


@dataclass
class Descent:
    """Networks on their way down the loss: all that a step of training changes.

    Attributes:
        weights: (network, parameter), float64, in the order of `MemoryLSTM.parameters()`.
        exp_avg: Adam's running mean of gradients, as `weights`.
        exp_avg_sq: That of their squares.
        error_sums: (network, 2), float64: over the steps of the block so far, the loss and the mean squared error at
            the report steps.
    """

    weights: Tensor
    exp_avg: Tensor
    exp_avg_sq: Tensor
    error_sums: Tensor

    @classmethod
    def initialised(cls, settings: MemoryTrainingSettings, device: torch.device | str = "cpu") -> "Descent":
        """Networks as they are drawn, before the first step."""
        seeds = range(settings.seed, settings.seed + settings.networks)
        drawn = [MemoryLSTM.initialised(settings.hidden_size, seed, settings.forget_bias) for seed in seeds]
        vectors = [nn.utils.parameters_to_vector(network.parameters()) for network in drawn]
        weights = torch.stack(vectors).detach().to(device, torch.float64)
        error_sums = weights.new_zeros(settings.networks, 2)
        return cls(weights, torch.zeros_like(weights), torch.zeros_like(weights), error_sums)


class Engine(Protocol):
    """Does steps of gradient descent; every engine comes to the same numbers, up to rounding."""

    def affordable_steps(self, networks: int) -> int:
        """How many steps of so many networks take about a tenth of a second."""
        ...

    def affordable_networks(self, networks: int) -> int:
        """How many of so many networks can do one step within about a second."""
        ...

    def descend(self, descent: Descent, networks: Sequence[int], longest: Sequence[int], steps: range) -> None:
        """Does `steps`, each on trials of its own, with some of the networks.

        Args:
            descent: Changed in place.
            networks: Indices of those that go on.
            longest: The longest sequence of every network, in ms.
            steps: Numbers of the steps, counted from 0.
        """
        ...


def engine(settings: MemoryTrainingSettings, device: torch.device) -> Engine:
    """The kernel wherever it can be; torch for other devices and for more units."""
    if device.type == "cpu" and settings.hidden_size <= LARGEST_COMPILED:
        return CompiledEngine(settings)
    return TorchEngine(settings, device)


class CompiledEngine:
    """Trains each network by itself, compiled."""

    def __init__(self, settings: MemoryTrainingSettings) -> None:
        from models.kernels.memory_lstm import descend  # brings numba, 0.3 s and 100 MB, to those alone who train

        self._kernel = descend
        self._settings = settings

    def affordable_steps(self, networks: int) -> int:
        """By the pace of one thread on a small machine."""
        return _COMPILED_BUDGET // (networks * self._settings.step_work)

    def affordable_networks(self, networks: int) -> int:
        """As the heaviest step of one would take."""
        return min(networks, HEAVIEST_STEP // self._settings.step_work)

    def descend(self, descent: Descent, networks: Sequence[int], longest: Sequence[int], steps: range) -> None:
        """Network by network, as many at a time as torch has threads."""
        chosen = self._settings

        def descend_one(network: int) -> None:
            self._kernel(
                descent.weights[network].numpy(),
                descent.exp_avg[network].numpy(),
                descent.exp_avg_sq[network].numpy(),
                descent.error_sums[network].numpy(),
                chosen.hidden_size,
                chosen.seed + network,
                steps.start,
                len(steps),
                chosen.seq_len_min,
                longest[network],
                chosen.n_repeat,
                chosen.batch_size,
                float(chosen.learning_rate),  # a whole number would be another type, and compiled anew
                chosen.loss_on == "report",
            )

        with ThreadPoolExecutor(torch.get_num_threads()) as threads:
            list(threads.map(descend_one, networks))


class TorchEngine:
    """Trains by autograd, in `dtype`: in float32 torch is several times as fast."""

    def __init__(
        self, settings: MemoryTrainingSettings, device: torch.device, dtype: torch.dtype = torch.float32
    ) -> None:
        self._settings = settings
        self._device = device
        self._dtype = dtype

    def affordable_steps(self, networks: int) -> int:
        """By the pace of a small machine, which hardly depends on the number of units."""
        time_steps = self._settings.n_repeat * (self._settings.seq_len_max - 1)
        return (_FUSED_BUDGET if networks == 1 else _STACKED_BUDGET) // time_steps

    def affordable_networks(self, networks: int) -> int:
        """All of them: side by side they take hardly longer than one."""
        return networks

    def descend(self, descent: Descent, networks: Sequence[int], longest: Sequence[int], steps: range) -> None:
        """All networks as one batch."""
        index = torch.tensor(networks, device=self._device)
        weights = descent.weights[index].requires_grad_()
        averages = {"exp_avg": descent.exp_avg[index], "exp_avg_sq": descent.exp_avg_sq[index]}
        adam = torch.optim.Adam([weights], lr=self._settings.learning_rate, fused=True)
        adam.state[weights] = {"step": torch.tensor(float(steps.start), device=self._device), **averages}
        for step in steps:
            batch = [self._draw(network, longest[network], step) for network in networks]
            inputs, target, loss_share, report_share = self._padded(batch)
            squared_error = torch.square(self._prediction(weights.to(self._dtype), inputs) - target)
            losses = (squared_error * loss_share).sum(dim=(-2, -1))
            adam.zero_grad()
            losses.sum().backward()
            adam.step()
            report_errors = (squared_error * report_share).sum(dim=(-2, -1))
            descent.error_sums[index] += torch.stack([losses, report_errors], dim=-1).detach()
        descent.weights[index] = weights.detach()
        descent.exp_avg[index] = averages["exp_avg"]
        descent.exp_avg_sq[index] = averages["exp_avg_sq"]

    def _draw(self, network: int, longest: int, step: int) -> Trials:
        generator = np.random.default_rng((self._settings.seed + network, step))
        return memory_trials(
            seq_len=int(generator.integers(self._settings.seq_len_min, longest + 1)),
            n_repeat=self._settings.n_repeat,
            batch_size=self._settings.batch_size,
            seed=generator,
        )

    def _padded(self, batch: Sequence[Trials]) -> list[Tensor]:
        """Inputs, target, each step's share in the loss and in the report error of its network.

        All begin with (network, trial, time). Shorter trials are padded at their end with steps that have no share.
        """
        shape = (len(batch), self._settings.batch_size, max(trials.target.shape[1] for trials in batch))
        inputs = np.zeros((*shape, 3))
        target, all_share = np.zeros((2, *shape))
        for index, trials in enumerate(batch):
            duration = trials.target.shape[1]
            inputs[index, :, :duration] = trials.inputs
            target[index, :, :duration] = trials.target
            all_share[index, :, :duration] = 1 / trials.target.size
        report_share = inputs[..., REPORT] / (self._settings.batch_size * self._settings.n_repeat)
        loss_share = report_share if self._settings.loss_on == "report" else all_share
        arrays = (inputs, target, loss_share, report_share)
        return [torch.from_numpy(array).to(self._device, self._dtype) for array in arrays]

    def _prediction(self, weights: Tensor, inputs: Tensor) -> Tensor:
        if len(weights) > 1:
            return stacked_prediction(named(weights, self._settings.hidden_size), inputs)
        return fused_prediction(named(weights[0], self._settings.hidden_size), inputs[0]).unsqueeze(0)


def named(weights: Tensor, hidden_size: int) -> Weights:
    """The parameters of a network by name, as views of `weights` (parameter) or (network, parameter)."""
    shapes = {name: parameter.shape for name, parameter in MemoryLSTM(hidden_size).named_parameters()}
    parts = weights.split([shape.numel() for shape in shapes.values()], dim=-1)
    return {name: part.unflatten(-1, shape) for (name, shape), part in zip(shapes.items(), parts, strict=True)}


def _check_range(name: str, value: int, lowest: int, highest: float) -> None:
    if not lowest <= value <= highest:
        allowed = f"at least {lowest}" if highest == math.inf else f"from {lowest} to {highest}"
        raise InvalidTraining(f"{name} must be {allowed}; {value} was given.", f"/{name}")
