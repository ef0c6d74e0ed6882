"""The lab from its first line to its last: a student's script against the service, and the notebook itself."""

import base64
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

import httpx
import numpy as np
import torch

from benchmarks import notebook, notebook_figures
from benchmarks.table import Ratio
from models.digits import Digits
from tests.service_process import serving

DIGIT = 7
TUNED_LAYERS = ("y", "l3")
SEQUENCES_MS = (20, 300)
GATES_MS = 20
TARGET_LOSS = 1e-4
STARTS = 64
TUNING_STEPS = 1000
CNN_STEPS = 3750  # an epoch: the notebook goes no further
MEMORY_STEPS = 20_000  # at most; it took these in print:
MEMORY_STEPS_IN_PRINT = 8000

T = TypeVar("T")


def whole_lab(datasets: Path, digits: Digits, seeds: int, *, is_short: bool) -> list[Ratio]:
    """All seeds summed, ours and the notebook's in turn, against a service that was started for each."""
    ours = starts = theirs = 0.0
    for seed in range(1, seeds + 1):
        with TemporaryDirectory() as data:
            began = time.perf_counter()
            with serving(Path(data)) as service, service.client() as client:
                starts += time.perf_counter() - began
                began = time.perf_counter()
                by_script(client, seed)
                ours += time.perf_counter() - began
        theirs += by_notebook(datasets, digits, seed, is_short=is_short)
    peer = "notebook with its figures"
    return [
        Ratio("the whole lab over HTTP", peer, ours, theirs, promise=10),
        Ratio("the same, the start of the service counted", peer, ours + starts, theirs),
    ]


def by_script(client: httpx.Client, seed: int) -> None:
    """What a student's script asks of the service, pictures and all."""

    def asked(path: str, **body: Any) -> Mapping[str, Any]:
        return _kept(client.post(path, json={**body, "seed": seed} if "image" not in body else body))

    def done(path: str, **body: Any) -> Mapping[str, Any]:
        job = client.post(path, json={**body, "seed": seed}, headers={"Prefer": "wait=60"}).json()
        if job["status"] != "succeeded":
            raise RuntimeError(f"{path} is {job['status']} after a minute")
        return _kept(client.get(job["links"]["result"]))

    digit_net = done("/cnn/train")["model"]["id"]
    asked("/cnn/activations", model=digit_net, image={"sample": {"split": "test", "index": DIGIT}})
    for layer in TUNED_LAYERS:
        done("/cnn/tune", model=digit_net, layer=layer)
    memory = done("/lstm/train", target_loss=TARGET_LOSS, max_steps=MEMORY_STEPS)["model"]["id"]
    for seq_len in SEQUENCES_MS:
        asked("/lstm/simulate", model=memory, seq_len=seq_len)
    asked("/lstm/gates", model=memory, seq_len=GATES_MS)


def _kept(response: httpx.Response) -> Mapping[str, Any]:
    """The result, its pictures decoded as for a file each."""
    result = response.raise_for_status().json()
    if not [base64.b64decode(rendering["data"]) for rendering in result["renderings"]]:
        raise RuntimeError(f"{response.url} drew nothing")
    return result


def by_notebook(datasets: Path, digits: Digits, seed: int, *, is_short: bool) -> float:
    """How many seconds the notebook takes for the same with its own recipes and figures.

    In short, a tenth of its tuning's steps and 500 of its memory's are done, and their times told as for all of the
    former and for as many of the latter as the notebook's print shows.
    """
    np.random.seed(seed)
    watch = _Watch()
    tuning_steps = TUNING_STEPS // 10 if is_short else TUNING_STEPS
    memory_steps = 500 if is_short else MEMORY_STEPS
    net = watch.time(lambda: notebook.train_cnn(datasets, CNN_STEPS, target=0.95, seed=seed))
    image = (torch.from_numpy(digits.image("test", DIGIT)) - 0.1307) / 0.3081
    watch.time(lambda: notebook_figures.activities(net, image))
    for layer in TUNED_LAYERS:
        starts = torch.rand(STARTS, 1, 28, 28)
        unit = watch.time(lambda starts=starts, layer=layer: notebook.busiest(net, layer, starts))
        tuned = watch.time(
            lambda starts=starts, layer=layer, unit=unit: notebook.tune(net, layer, unit, starts, tuning_steps),
            times=TUNING_STEPS / tuning_steps,
        )
        watch.time(lambda starts=starts, tuned=tuned: notebook_figures.stimulus(net, starts[0, 0], tuned[0, 0]))
    memory = watch.time(
        lambda: notebook.train_lstm(memory_steps, TARGET_LOSS),
        times=MEMORY_STEPS_IN_PRINT / memory_steps if is_short else 1,
    )
    for seq_len in SEQUENCES_MS:
        watch.time(lambda seq_len=seq_len: notebook_figures.simulation(memory, seq_len))
    watch.time(lambda: notebook_figures.gating(memory, GATES_MS))
    return watch.seconds


class _Watch:
    """Adds up how long things take, some of them told as though they were done several times."""

    seconds = 0.0

    def time(self, run: Callable[[], T], times: float = 1) -> T:
        began = time.perf_counter()
        result = run()
        self.seconds += times * (time.perf_counter() - began)
        return result
