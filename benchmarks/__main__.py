"""`make bench`: one table of ratios. Run it on an idle machine; every process uses one torch thread."""

import os
from pathlib import Path

import torch

from benchmarks.start import start
from benchmarks.timing import Ratio
from benchmarks.training import digit_net, memory_lstm
from benchmarks.tuning import tuning
from models.artifacts import FOLDER
from models.checkpoints import load_weights
from models.digit_net import DigitNet
from models.digits import Digits


def main() -> None:
    """Measures and prints, a line at a time."""
    torch.set_num_threads(1)
    network = DigitNet()
    load_weights(network, (FOLDER / "digit-net" / "model.safetensors").read_bytes())
    print(f"{'what':52s} {'against':30s} {'ours s':>8s} {'peer s':>8s} {'times as fast':>14s}")
    if named := os.environ.get("PATCHCLAMP_DATASETS"):
        _print(digit_net(Path(named), Digits.open(Path(named), None)))
    else:
        print("CNN training: left out, set PATCHCLAMP_DATASETS to a torchvision root that holds MNIST")
    _print(memory_lstm())
    for ratio in tuning(network):
        _print(ratio)
    ratio, memory = start()
    _print(ratio)
    print(f"memory of the API process when ready: {memory:.0f} MB")


def _print(ratio: Ratio) -> None:
    print(
        f"{ratio.claim:52s} {ratio.peer:30s} {ratio.seconds:8.2f} {ratio.peer_seconds:8.2f} {ratio.factor:14.2f}",
        flush=True,
    )


if __name__ == "__main__":
    main()
