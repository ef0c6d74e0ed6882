"""The peer's pictures: the lab notebook's figures, drawn anew with matplotlib in its sizes, each as a PNG."""

import io
from collections.abc import Mapping

import matplotlib as mpl
import numpy as np
import torch
from torch import Tensor

from benchmarks.notebook import NotebookLSTM, NotebookNet, memory_task

mpl.use("Agg")

import matplotlib.pyplot as plt

TITLES = {
    "l1": "Layer 1 (6 channels)",
    "l2": "Layer 2 (16 channels)",
    "l3": "Layer 3 (120 Units)",
    "l4": "Layer 4 (84 Units)",
    "y": "Output (10 Classes)",
}
ROWS_AND_COLUMNS = {"l1": (3, 2), "l2": (4, 4)}
DOTTED = {"marker": "o", "markersize": 3}
GATES = (("ingate",), ("forgetgate",), ("outgate",))
LAGS = range(-5, 21)


@torch.no_grad()
def activities(net: NotebookNet, image: Tensor) -> list[bytes]:
    """The input and every layer's activity for one normalised image (row, column): six figures."""
    plt.figure()
    plt.imshow(image)
    plt.title("Input")
    drawn = [_drawn()]
    for layer, activity in net(image[None, None]).items():
        values = activity[0].numpy()
        if layer in ROWS_AND_COLUMNS:
            rows, columns = ROWS_AND_COLUMNS[layer]
            figure, axes = plt.subplots(rows, columns)
            figure.suptitle(TITLES[layer])
            for channel, values_of_channel in enumerate(values):
                axis = axes[channel % rows, channel // rows]
                axis.imshow(values_of_channel, vmin=0, vmax=values.max())
        else:
            plt.figure()
            plt.imshow(values[:, np.newaxis], aspect="auto")
            plt.title(TITLES[layer])
        drawn.append(_drawn())
    return drawn


@torch.no_grad()
def stimulus(net: NotebookNet, before: Tensor, after: Tensor) -> list[bytes]:
    """A tuned stimulus (row, column) before and after, and what either does to the output: three figures."""
    figure, axes = plt.subplots(1, 2)
    figure.tight_layout()
    for axis, image, title in zip(axes, (before, after), ("Input Image", "Output Image"), strict=True):
        axis.imshow(image)
        axis.set_title(title)
    drawn = [_drawn()]
    for image in (before, after):
        plt.figure(figsize=(10, 5))
        plt.imshow(net(image[None, None])["y"], aspect="auto")
        plt.xlabel("Class")
        plt.title("Final Layer Activations")
        drawn.append(_drawn())
    return drawn


def simulation(net: NotebookLSTM, seq_len: int) -> bytes:
    """The memory task as this network does it, 16 trials of two sequences, and the first of them in a figure."""
    inputs, labels = _task(seq_len)
    output, _ = net.readout(inputs)
    return trial(inputs, labels, output)


def gating(net: NotebookLSTM, seq_len: int) -> list[bytes]:
    """The same, with everything inside the network in a second figure, as the lab asks of the student."""
    inputs, labels = _task(seq_len)
    output, recorded = net.readout(inputs)
    return [trial(inputs, labels, output), gates(inputs, recorded)]


def gating_as_served(net: NotebookLSTM, seq_len: int) -> list[bytes]:
    """Every picture that `/lstm/gates` draws: the two above, gates around the events, reports over their targets."""
    inputs, labels = _task(seq_len)
    output, recorded = net.readout(inputs)
    drawn = [trial(inputs, labels, output), gates(inputs, recorded)]
    return [*drawn, aligned(inputs, recorded), scatter(inputs, labels, output)]


def _task(seq_len: int) -> tuple[Tensor, Tensor]:
    inputs, labels = memory_task(seq_len, batch_size=16, n_repeat=2)
    return torch.from_numpy(inputs).type(torch.float), torch.from_numpy(labels).type(torch.float)


def trial(inputs: Tensor, labels: Tensor, output: Tensor, shown: int = 0) -> bytes:
    """One trial of (time, trial, …): stimulus, pulses, and the answer beside its target."""
    _, axes = plt.subplots(3, 1, sharex=True, figsize=(16, 10))
    axes[0].plot(inputs[:, shown, 0], label="stimulus", color="black", **DOTTED)
    axes[0].legend(frameon=False)
    axes[0].set_title("Inputs")
    axes[0].set_ylim(-1.1, 1.1)
    axes[1].plot(inputs[:, shown, 1], label="memorize", **DOTTED)
    axes[1].plot(inputs[:, shown, 2], label="report", **DOTTED)
    axes[1].legend(frameon=False)
    axes[2].plot(labels[:, shown, 0], label="target", **DOTTED)
    axes[2].plot(output[:, shown, 0], label="predicted", **DOTTED)
    axes[2].set_title("Output")
    axes[2].set_xlabel("Time step")
    axes[2].legend(frameon=False)
    axes[2].set_ylim(-1.1, 1.1)
    return _drawn()


def gates(inputs: Tensor, recorded: Mapping[str, Tensor], shown: int = 0) -> bytes:
    """The stimulus, the three gates, what they write, the cell and the output over one trial."""
    _, axes = plt.subplots(7, 1, sharex=True, figsize=(16, 16))
    panels = [*GATES, *(("input", "write"), ("cell",), ("output",))]
    axes[0].plot(inputs[:, shown, 0], label="stimulus", color="black", **DOTTED)
    for axis, names in zip(axes[1:], panels, strict=True):
        for name in names:
            axis.plot(_trace(recorded, name)[:, shown, 0], label=name, **DOTTED)
    axes[-1].set_xlabel("Time step")
    for axis in axes:
        axis.legend(frameon=False)
    return _drawn()


def aligned(inputs: Tensor, recorded: Mapping[str, Tensor]) -> bytes:
    """Mean and sd of gates, candidate and write: at memorize, at report and elsewhere, and around either."""
    pulsed = inputs[..., 1:].numpy() > 0
    periods = {"memorize": pulsed[..., 0], "report": pulsed[..., 1], "other": ~pulsed.any(axis=-1)}
    names = [*(gate for (gate,) in GATES), "input", "write"]
    _, axes = plt.subplots(len(names), 3, figsize=(16, 20))
    for row, name in zip(axes, names, strict=True):
        trace = _trace(recorded, name)[..., 0].numpy()
        inside = [trace[where] for where in periods.values()]
        row[0].errorbar([*periods], [each.mean() for each in inside], [each.std() for each in inside], fmt="o")
        row[0].set_title(name)
        for axis, event in zip(row[1:], ("memorize", "report"), strict=True):
            times, trials = np.nonzero(periods[event])
            around = np.full((len(times), len(LAGS)), np.nan)
            for column, lag in enumerate(LAGS):
                there = (times + lag >= 0) & (times + lag < len(trace))
                around[there, column] = trace[times[there] + lag, trials[there]]
            mean, sd = np.nanmean(around, axis=0), np.nanstd(around, axis=0)
            axis.plot(LAGS, mean)
            axis.fill_between(LAGS, mean - sd, mean + sd, alpha=0.25)
            axis.axvline(0, linestyle="--")
            axis.set_xlabel(f"Time steps after {event}")
    return _drawn()


def scatter(inputs: Tensor, labels: Tensor, output: Tensor) -> bytes:
    """What was reported over what was to be kept."""
    asked = inputs[..., 2] > 0
    plt.figure(figsize=(8, 8))
    plt.plot([-1, 1], [-1, 1], color="black")
    plt.scatter(labels[asked][:, 0], output[asked][:, 0], alpha=0.55)
    plt.xlabel("Target")
    plt.ylabel("Predicted")
    return _drawn()


def _trace(recorded: Mapping[str, Tensor], name: str) -> Tensor:
    return recorded["ingate"] * recorded["input"] if name == "write" else recorded[name]


def _drawn() -> bytes:
    """The current figure as a PNG, as a notebook shows it, and off the table."""
    buffer = io.BytesIO()
    plt.savefig(buffer, format="png")
    plt.close()
    return buffer.getvalue()
