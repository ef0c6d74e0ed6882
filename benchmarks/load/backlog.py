"""How long some workers take for a backlog of jobs."""

import multiprocessing
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import torch

from benchmarks.load.section import table
from models.training.memory_lstm import MemoryTraining, MemoryTrainingSettings
from models.work import run
from tests.postgresql import serving_on

PROMISED_SHARE = 0.9
"""Of what two processes reach that only compute: 1.8 times as fast as one, where there are cores for both."""
TRAININGS_ALONE = 8
# About half a second each where nothing else runs: half of them trainings, half of them tunings.
TRAINING: tuple[str, dict[str, Any]] = ("/lstm/train", {"target_loss": 1e-9, "max_steps": 20_000, "networks": 2})
TUNING = ("/cnn/tune", {"layer": "y", "unit": 3, "steps": 200, "early_stop": False})


@dataclass(frozen=True)
class SpeedUp:
    """The same backlog with one worker and with two.

    Attributes:
        cores: How many times as fast as one process two are, here and now, that share nothing but the machine.
    """

    jobs: int
    one_seconds: float
    two_seconds: float
    cores: float = 2.0

    @property
    def factor(self) -> float:
        """How many times as fast two workers are."""
        return self.one_seconds / self.two_seconds

    @property
    def promised(self) -> float:
        """How many times as fast they are at least."""
        return PROMISED_SHARE * self.cores

    def lines(self) -> Iterator[str]:
        """The figures as Markdown."""
        seconds = (f"{each:.1f}" for each in (self.one_seconds, self.two_seconds))
        promised = f"at least {self.promised:.2f}"
        head = ["backlog", "s with one worker", "s with two", "times as fast", "two processes alone", "promised"]
        yield from table(head, [[f"{self.jobs} jobs", *seconds, f"{self.factor:.2f}", f"{self.cores:.2f}", promised]])

    def broken(self) -> Iterator[str]:
        """Each promise that the figures do not keep."""
        if self.factor < self.promised:
            yield f"two workers are {self.factor:.2f} times as fast as one"


def speed_up(database: str, folder: Path, jobs: int) -> SpeedUp:
    """Times a backlog with one worker and with two, each in a service of its own."""
    one, two = (backlog_seconds(database, folder / f"{workers} workers", workers, jobs) for workers in (1, 2))
    return SpeedUp(jobs, one, two, min(2.0, _alone_seconds(1) / _alone_seconds(2)))


def _alone_seconds(processes: int) -> float:
    """How long so many processes take for some trainings, with no service between them."""
    with ProcessPoolExecutor(processes, multiprocessing.get_context("spawn")) as pool:
        list(pool.map(_train, range(2 * processes)))  # now each has imported and compiled
        began = time.perf_counter()
        list(pool.map(_train, range(TRAININGS_ALONE)))
        return time.perf_counter() - began


def _train(seed: int) -> None:
    torch.set_num_threads(1)
    run(MemoryTraining(MemoryTrainingSettings(seed=seed, **TRAINING[1])))


def backlog_seconds(database: str, folder: Path, workers: int, jobs: int) -> float:
    """From the beginning of the first to the end of the last of so many jobs, by the database's clock."""
    folder.mkdir()
    settings = {"PATCHCLAMP_WORKERS": str(workers)}
    with serving_on(database, folder, settings, is_durable=True) as service, service.client() as client:
        _await_workers(client, workers)
        _do(client, 2 * workers)  # now every worker has opened and compiled what it does once only
        return _do(client, jobs)


def _await_workers(client: httpx.Client, workers: int) -> None:
    while client.get("/metrics").text.count("patchclamp_worker_beat_age_seconds{") < workers:
        time.sleep(0.1)  # no event tells it


def _do(client: httpx.Client, jobs: int) -> float:
    submitted = []
    for seed in range(jobs):
        address, body = (TRAINING, TUNING)[seed % 2]
        submitted.append(client.post(address, json={**body, "seed": seed}).raise_for_status().json()["id"])
    for job in submitted:
        with client.stream("GET", f"/jobs/{job}/events", timeout=None) as events:
            for _ in events.iter_raw():
                pass
    ended = [client.get(f"/jobs/{job}?renderings=none").json() for job in submitted]
    if wrong := [job["status"] for job in ended if job["status"] != "succeeded"]:
        raise RuntimeError(f"Jobs of the backlog did not succeed: {wrong}.")
    took = max(_time(job, "finished_at") for job in ended) - min(_time(job, "started_at") for job in ended)
    return took.total_seconds()


def _time(job: Mapping[str, Any], name: str) -> datetime:
    return datetime.fromisoformat(job[name])
