"""Seeking a preferred stimulus against the notebook's loop."""

import torch

from benchmarks import notebook
from benchmarks.timing import Ratio, compare
from models.analysis.tuning import Tuning, TuningSettings
from models.digit_net import DigitNet
from models.work import run

STEPS = 100


def tuning(network: DigitNet) -> list[Ratio]:
    """Output 3 from 64 starts: the same rule step by step, and our whole search against the notebook's 1000 steps."""
    peer = notebook.NotebookNet()
    peer.load_state_dict(network.state_dict())
    starts = torch.rand(64, 1, 28, 28, generator=torch.Generator().manual_seed(1))
    same = TuningSettings("y", (3,), method="notebook", steps=STEPS, seed=1)
    ours = TuningSettings("y", (3,), seed=1)
    return [
        compare(
            f"tune by the notebook's rule, 64 starts x {STEPS} steps",
            lambda: run(Tuning(network, same)),
            "notebook loop",
            lambda: notebook.tune(peer, "y", 3, starts, STEPS),
        ),
        compare(
            "tune by ascent, all of its 200 steps",
            lambda: run(Tuning(network, ours)),
            "notebook loop, its 1000 steps",
            lambda: notebook.tune(peer, "y", 3, starts, 1000),
            pairs=1,
        ),
    ]
