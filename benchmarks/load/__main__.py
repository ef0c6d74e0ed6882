"""Drives a class, predictions beside training, a backlog; prints Markdown; ends with 1 where a promise is broken."""

import argparse
import dataclasses
import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.load.backlog import speed_up
from benchmarks.load.beside_training import TRAININGS, Disturbance, beside_training
from benchmarks.load.classroom import Lesson, teach
from benchmarks.load.section import Section
from models import kernels
from tests import postgresql
from tests.postgresql import serving_on

DATABASES = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}
PARTS = ("class", "training", "backlog")


@dataclass(frozen=True)
class Extent:
    """How much of it all: the lesson, rounds of predictions idle and beside each training, jobs of the backlog."""

    lesson: Lesson
    trainings: Sequence[str]
    rounds: int
    round_seconds: float
    jobs: int


FULL = Extent(
    Lesson(students=100, seconds=600, warm_up_seconds=120, promised_growth=0.05, thinking_seconds=(10, 30), seed=1),
    trainings=[*TRAININGS],
    rounds=5,
    round_seconds=10,
    jobs=60,
)
SHORT = Extent(
    # In so short a time much is opened and compiled for the first time.
    Lesson(students=15, seconds=5, warm_up_seconds=2, promised_growth=0.75, thinking_seconds=(0.5, 2), seed=1),
    trainings=[*TRAININGS][:1],
    rounds=2,
    round_seconds=1.5,
    jobs=16,
)


def main() -> int:
    """Measures and prints, a section at a time."""
    options = _options()
    if "PATCHCLAMP_DATASETS" not in os.environ:
        print("The lab needs digits: set PATCHCLAMP_DATASETS to a torchvision root that holds MNIST.", file=sys.stderr)
        return 2
    extent = SHORT if options.short else FULL
    given = {name: value for name in ("students", "seconds", "seed") if (value := getattr(options, name)) is not None}
    extent = dataclasses.replace(extent, lesson=dataclasses.replace(extent.lesson, **given))
    kernels.warm()  # compiled once on a machine and kept on its disk: no class waits for that, or pays for its memory
    broken: list[str] = []
    for database in options.database:
        if database == "postgresql" and not postgresql.is_installed():
            print(f"{DATABASES[database]} is left out: {postgresql.ABSENT}.")
            continue
        print(f"### {DATABASES[database]}\n", flush=True)
        with tempfile.TemporaryDirectory() as folder:
            for section in _measured(database, Path(folder), extent, options.only):
                print(*section.lines(), sep="\n", flush=True)
                broken += [f"{DATABASES[database]}: {promise}" for promise in section.broken()]
    for promise in broken:
        print(f"broken promise: {promise}", file=sys.stderr)
    return int(bool(broken))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser("benchmarks.load", description=__doc__)
    parser.add_argument("--short", action="store_true", help="some seconds of each: to see that it works")
    parser.add_argument("--database", nargs="+", choices=DATABASES, default=[*DATABASES], help="default: both")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=[*PARTS], help="default: all")
    parser.add_argument("--students", type=int, help="how many are in the class")
    parser.add_argument("--seconds", type=float, help="how long the class works")
    parser.add_argument("--seed", type=int, help="of all that the class does")
    return parser.parse_args()


def _measured(database: str, folder: Path, extent: Extent, parts: list[str]) -> Iterator[Section]:
    if "class" in parts:
        with serving_on(database, _made(folder / "class"), is_durable=True) as service:
            yield teach(service, extent.lesson)
    if "training" in parts:
        with serving_on(database, _made(folder / "training"), is_durable=True) as service:
            pairs = [beside_training(service, each, extent.rounds, extent.round_seconds) for each in extent.trainings]
            yield Disturbance(pairs)
    if "backlog" in parts:
        yield speed_up(database, folder, extent.jobs)


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


if __name__ == "__main__":
    sys.exit(main())
