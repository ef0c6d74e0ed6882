"""`make bench`: one table of ratios. Run it on an idle machine; every process uses one torch thread."""

import argparse
import os
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import torch

from benchmarks.census import census
from benchmarks.memory import memory
from benchmarks.pictures import pictures
from benchmarks.start import start
from benchmarks.timing import Figure, Ratio
from benchmarks.training import digit_net
from benchmarks.tuning import outcomes, tuning
from benchmarks.whole_lab import whole_lab
from models import kernels
from models.artifacts import FOLDER
from models.checkpoints import load_weights
from models.digit_net import DigitNet
from models.digits import Digits
from tests.service_process import serving


def main() -> None:
    """Measures and prints, a line at a time."""
    parser = argparse.ArgumentParser("benchmarks")
    parser.add_argument("--short", action="store_true", help="fewer seeds and steps: to see that it runs")
    is_short: bool = parser.parse_args().short
    torch.set_num_threads(1)
    kernels.warm()
    print(f"{'what':63s} {'against':38s} {'ours s':>8s} {'peer s':>8s} {'times as fast':>14s}  promised")
    for line in _measured(is_short):
        print(_words(line), flush=True)


def _measured(is_short: bool) -> Iterator[Ratio | Figure]:
    if named := os.environ.get("PATCHCLAMP_DATASETS"):
        digits = Digits.open(Path(named), None)
        network = DigitNet()
        load_weights(network, (FOLDER / "digit-net" / "model.safetensors").read_bytes())
        yield from digit_net(Path(named), digits, seeds=1 if is_short else 5)
        yield from tuning(network, digits, is_short=is_short)
        yield from outcomes(digits, networks=1 if is_short else 5)
        yield census(network, digits)
        with TemporaryDirectory() as data, serving(Path(data)) as service, service.client() as client:
            yield from pictures(client, network, digits)
        yield from whole_lab(Path(named), digits, seeds=1 if is_short else 3, is_short=is_short)
    else:
        print("the digit network is left out: set PATCHCLAMP_DATASETS to a torchvision root that holds MNIST")
    yield from memory(seeds=3 if is_short else 15)
    ratio, megabytes = start()
    yield ratio
    yield Figure("memory of the API process when ready", megabytes, "MB", "below 450")


def _words(line: Ratio | Figure) -> str:
    if isinstance(line, Figure):
        return f"{line.claim:102s} {line.value:8.3g} {line.unit:>23s}  {line.promise}"
    promised = f"at least {line.promise:g}" if line.promise else ""
    return (
        f"{line.claim:63s} {line.peer:38s} {line.seconds:8.3f} {line.peer_seconds:8.3f} {line.factor:14.2f}  {promised}"
    )


if __name__ == "__main__":
    main()
