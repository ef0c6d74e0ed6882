"""`make bench`: one table of ratios. Run it on an idle machine; every process uses one torch thread."""

import argparse
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

import torch

from benchmarks.census import census
from benchmarks.http import wrk
from benchmarks.http.path import http_path
from benchmarks.memory import memory
from benchmarks.pictures import pictures
from benchmarks.start import start
from benchmarks.table import Line, Table
from benchmarks.tensors import tensors
from benchmarks.training import digit_net
from benchmarks.tuning import outcomes, tuning
from benchmarks.whole_lab import whole_lab
from models import kernels
from models.artifacts import FOLDER
from models.checkpoints import load_weights
from models.digit_net import DigitNet
from models.digits import Digits
from tests.service_process import serving

SLOWER = 0.7
"""What has less than this share of a recorded ratio costs more than machines and hours differ."""
SHORT_SLOWER = 0.5
"""The same for a short run beside other things."""


SECTIONS = ("digits", "pictures", "lab", "http", "memory", "start")
Section = Callable[[], Iterator[Line]]


def main() -> int:
    """Measures and prints, a line at a time; ends with 1 where a promise is broken or a ratio has fallen.

    A short run is held to what is recorded alone: it is too short for what comes close to its promise.
    """
    parser = argparse.ArgumentParser("benchmarks", description=__doc__)
    parser.add_argument("--short", action="store_true", help="fewer seeds and steps: to see that it runs")
    parser.add_argument("--only", nargs="+", choices=SECTIONS, default=SECTIONS, help="parts of the table")
    parser.add_argument("--record", action="store_true", help="keeps the ratios for later runs to be compared with")
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    kernels.warm()
    sections = _sections(chosen.short)
    table = Table()
    table.fill(line for name in chosen.only if name in sections for line in sections[name]())
    fallen = list(table.regressions(SHORT_SLOWER if chosen.short else SLOWER))
    if chosen.record:
        table.record()
    complaints = [*([] if chosen.short else table.broken()), *fallen]
    print("", *complaints, sep="\n", file=sys.stderr)
    return int(bool(complaints))


def _sections(is_short: bool) -> Mapping[str, Section]:
    """Those that can be measured here; what is left out is told."""
    sections: dict[str, Section] = {}
    if named := os.environ.get("PATCHCLAMP_DATASETS"):
        sections |= _of_digits(Path(named), is_short)
    else:
        print("All but the memory is left out: set PATCHCLAMP_DATASETS to a torchvision root that holds MNIST.")
    return {
        **sections,
        "memory": lambda: memory(is_short=is_short),
        "start": lambda: start(starts=1 if is_short else 3),
    }


def _of_digits(datasets: Path, is_short: bool) -> Mapping[str, Section]:
    digits, network = Digits.open(datasets, None), DigitNet()
    load_weights(network, (FOLDER / "digit-net" / "model.safetensors").read_bytes())

    def recipes() -> Iterator[Line]:
        yield from digit_net(datasets, digits, seeds=1 if is_short else 5)
        yield from tuning(network, digits, is_short=is_short)
        yield from outcomes(digits, networks=1 if is_short else 5)
        yield census(network, digits)

    def drawn() -> Iterator[Line]:
        with TemporaryDirectory() as data, serving(Path(data)) as service, service.client() as client:
            yield from pictures(client, network, digits)
            yield tensors(client)

    sections: dict[str, Section] = {
        "digits": recipes,
        "pictures": drawn,
        "lab": lambda: iter(whole_lab(datasets, digits, seeds=1 if is_short else 3, is_short=is_short)),
    }
    if wrk.INSTALLED:
        sections["http"] = lambda: http_path(datasets, *((1, 1.0) if is_short else (3, 5.0)))
    else:
        print("Answers over HTTP are left out: their load comes from wrk (apt-get install wrk, brew install wrk).")
    return sections


if __name__ == "__main__":
    sys.exit(main())
