"""How quickly the network answers somebody who draws, beside an idle worker and beside one that trains."""

import random
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import httpx
import numpy as np

from benchmarks.load.section import table
from tests.service_process import Service

PROMISED_FACTOR = 3.0
PREDICTIONS_PER_SECOND = 25
# Long enough for every round; they are cancelled.
TRAININGS: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "a digit network": ("/cnn/train", {"target_accuracy": 1.0, "max_steps": 20_000, "seed": 1}),
    "16 memories": ("/lstm/train", {"target_loss": 1e-9, "max_steps": 100_000, "networks": 16, "seed": 1}),
}
QUICK_JOB = ("/lstm/train", {"max_steps": 1, "seed": 1})


@dataclass(frozen=True)
class Pair:
    """Predictions beside an idle worker and beside one that trains: 99th percentiles in ms."""

    training: str
    predictions: int
    idle_p99: float
    busy_p99: float

    @property
    def factor(self) -> float:
        """How many times as long a prediction takes beside the training."""
        return self.busy_p99 / self.idle_p99


@dataclass(frozen=True)
class Disturbance:
    """Predictions beside several trainings."""

    pairs: Sequence[Pair]

    def lines(self) -> Iterator[str]:
        """The figures as Markdown."""
        head = ["predictions beside the training of", "answers", "p99 ms idle", "p99 ms beside it", "times", "promised"]
        rows = [
            [
                pair.training,
                str(pair.predictions),
                *(f"{each:.1f}" for each in (pair.idle_p99, pair.busy_p99, pair.factor)),
                f"< {PROMISED_FACTOR:g}",
            ]
            for pair in self.pairs
        ]
        yield from table(head, rows)

    def broken(self) -> Iterator[str]:
        """Each promise that the figures do not keep."""
        for pair in self.pairs:
            if pair.factor >= PROMISED_FACTOR:
                yield f"predictions take {pair.factor:.1f} times as long beside the training of {pair.training}"


def beside_training(service: Service, training: str, rounds: int, seconds: float) -> Pair:
    """Draws for so many seconds beside an idle worker and for as many beside one that trains, round after round."""
    address, body = TRAININGS[training]
    idle: list[float] = []
    busy: list[float] = []
    with service.client() as client:
        draw(client, 1.0)
        for _ in range(rounds):
            idle += draw(client, seconds)
            job = client.post(address, json=body).raise_for_status().json()["id"]
            _await_progress(client, job)
            busy += draw(client, seconds)
            if (status := client.post(f"/jobs/{job}/cancel").json()["status"]) != "cancelled":
                raise RuntimeError(f"The training was over too soon: it has {status}.")
            _await_idle_worker(client)
    return Pair(training, len(idle + busy), *(1000 * float(np.percentile(took, 99)) for took in (idle, busy)))


def draw(client: httpx.Client, seconds: float) -> list[float]:
    """How many seconds each prediction took, one after the other and at most `PREDICTIONS_PER_SECOND`."""
    chance = random.Random(1)  # nosec B311: which digit is asked for is no secret
    took, ends = list[float](), time.perf_counter() + seconds
    while time.perf_counter() < ends:
        image = {"pixels": [[round(chance.random(), 2) for _ in range(28)] for _ in range(28)]}
        began = time.perf_counter()
        client.post("/cnn/predict?renderings=none", json={"image": image}).raise_for_status()
        took.append(time.perf_counter() - began)
        time.sleep(max(0.0, 1 / PREDICTIONS_PER_SECOND - took[-1]))
    return took


def _await_progress(client: httpx.Client, job: str) -> None:
    with client.stream("GET", f"/jobs/{job}/events") as events:
        for line in events.iter_lines():
            if line == "event: progress":
                return
    raise RuntimeError("The training ended before it told any progress.")


def _await_idle_worker(client: httpx.Client) -> None:
    address, body = QUICK_JOB
    job = client.post(address, json=body, headers={"Prefer": "wait=60"}).raise_for_status().json()
    if job["status"] != "succeeded":
        raise RuntimeError(f"The worker did not come back from the training: a quick job is {job['status']}.")
