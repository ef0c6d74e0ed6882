"""Training of the memory network against the notebook's loop and `torch.nn.LSTM`, many against one; its recording."""

from collections.abc import Iterator
from statistics import median

import numpy as np
import torch
from torch import nn, optim

from benchmarks import notebook
from benchmarks.table import Ratio
from benchmarks.timing import compare, seconds
from models import kernels
from models.memory_lstm import Clamp, MemoryLSTM
from models.memory_task import memory_trials
from models.training.memory_lstm import MemoryTraining, MemoryTrainingSettings
from models.work import run

STEPS = 1000


def memory(*, is_short: bool) -> Iterator[Ratio]:
    """All of it, with one thread but for the last line."""
    kernels.warm()
    steps = STEPS // 4 if is_short else STEPS
    yield per_step_to_the_notebook(steps)
    yield per_step_to_torch(steps)
    yield to_target(3 if is_short else 15, steps)
    yield side_by_side()
    for units in (1, 8, 32):
        yield recording(units)
    yield recording(1, Clamp("forget", 1))
    yield two_threads()


def per_step_to_the_notebook(steps: int) -> Ratio:
    """One unit, so many steps of the notebook's recipe."""
    return compare(
        "LSTM, one unit, training steps",
        lambda: _train(networks=1, steps=steps),
        "notebook loop",
        lambda: notebook.train_lstm(steps),
        promise=50,
    )


def per_step_to_torch(steps: int) -> Ratio:
    """The same against torch's fused LSTM in an otherwise equal loop."""
    return compare(
        "LSTM, one unit, training steps",
        lambda: _train(networks=1, steps=steps),
        "torch.nn.LSTM",
        lambda: _train_with_torch(steps),
        promise=8,
    )


def to_target(seeds: int, steps: int) -> Ratio:
    """From nothing to a loss under 1e-4, horizon and family measured: the median seed.

    The notebook's loop is timed over so many steps, and told per step times those that the median seed took.
    """
    trainings = [MemoryTraining(MemoryTrainingSettings(seed=seed)) for seed in range(1, seeds + 1)]
    ours = [seconds(lambda training=training: run(training)) for training in trainings]
    taken = round(median(training.step for training in trainings))
    peer = seconds(lambda: notebook.train_lstm(steps)) * taken / steps
    claim = "LSTM, from nothing to 1e-4, the median seed"
    return Ratio(claim, "notebook loop, scaled to its steps", median(ours), peer, promise=40)


def side_by_side() -> Ratio:
    """16 networks in one training against one network 16 times."""
    return compare(
        "LSTM, 16 networks side by side, 1,000 steps",
        lambda: _train(networks=16),
        "one network, 16 times",
        lambda: [_train(networks=1) for _ in range(16)],
        promise=1,
    )


def two_threads() -> Ratio:
    """16 networks on two threads against the same on one."""
    threads = torch.get_num_threads()
    try:
        return compare(
            "LSTM, 16 networks on two threads, 1,000 steps",
            lambda: _train(networks=16, threads=2),
            "on one thread",
            lambda: _train(networks=16, threads=1),
            promise=1,
        )
    finally:
        torch.set_num_threads(threads)


def recording(units: int, *clamps: Clamp) -> Ratio:
    """Every gate and the cell in 600 steps of 16 trials; the notebook has no clamps, and goes without."""
    network, peer = MemoryLSTM.initialised(units, seed=0), notebook.NotebookLSTM(units)
    inputs = memory_trials(seq_len=200, n_repeat=3, batch_size=16, seed=0).inputs
    by_trial = torch.from_numpy(inputs)
    by_time = by_trial.transpose(0, 1).contiguous()
    named = f"{units} {'unit' if units == 1 else 'units'}{', clamped' if clamps else ''}"
    return compare(
        f"LSTM, {named}, 600 steps x 16 trials recorded",
        lambda: network.record(by_trial, clamps),
        "notebook loop with readout",
        lambda: peer.readout(by_time),
        pairs=15,
        promise=20 if units <= 8 else None,
    )


def _train(networks: int, threads: int = 1, steps: int = STEPS) -> None:
    torch.set_num_threads(threads)
    training = MemoryTraining(MemoryTrainingSettings(seed=1, networks=networks, max_steps=steps))
    while training.step < steps:
        training.advance()


def _train_with_torch(steps: int) -> None:
    """The notebook's loop with torch's LSTM in the place of its own."""
    lstm, readout = nn.LSTM(3, 1), nn.Linear(1, 1)
    optimizer = optim.Adam([*lstm.parameters(), *readout.parameters()], lr=0.01)
    criterion = nn.MSELoss()
    for _ in range(steps):
        inputs, labels = notebook.memory_task(np.random.randint(5, 20), batch_size=16, n_repeat=3)
        optimizer.zero_grad()
        output = readout(lstm(torch.from_numpy(inputs).type(torch.float))[0])
        loss = criterion(output, torch.from_numpy(labels).type(torch.float))
        loss.backward()
        optimizer.step()
        loss.item()
