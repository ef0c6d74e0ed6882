"""Seeking preferred stimuli against the notebook's loop, and how good what is found is."""

import numpy as np
import torch
from torch import Tensor

from benchmarks import notebook
from benchmarks.table import Figure, Ratio
from benchmarks.timing import compare, seconds
from models.analysis.activity import record
from models.analysis.tuning import Tuning
from models.analysis.tuning_report import SAMPLES
from models.analysis.tuning_settings import TuningSettings
from models.digit_net import LAYERS, DigitNet
from models.digits import Digits
from models.training.digit_net import DigitNetTraining, DigitNetTrainingSettings
from models.work import run

NOTEBOOK_STEPS = 1000
UNIT = 3


def tuning(network: DigitNet, digits: Digits, *, is_short: bool) -> list[Ratio | Figure]:
    """Output 3 from 64 starts against the notebook's 1000 steps; a short run takes a tenth of its own rule's steps."""
    steps = NOTEBOOK_STEPS // 10 if is_short else NOTEBOOK_STEPS
    peer = notebook.NotebookNet()
    peer.load_state_dict(network.state_dict())
    same_rule = Tuning(network, TuningSettings("y", (UNIT,), method="notebook", steps=steps, seed=1))
    starts = same_rule.starts[:, None]
    by_peer = torch.empty(0)

    def theirs() -> None:
        nonlocal by_peer
        by_peer = notebook.tune(peer, "y", UNIT, starts, steps)

    began = same_rule.state()

    def ours() -> None:
        same_rule.restore(began)
        run(same_rule)

    rule = compare("tune by the notebook's rule, 64 starts", ours, "notebook loop", theirs, promise=3)
    apart = _objective(network, same_rule.found().images[0]) / _objective(network, by_peer[:, 0]) - 1
    whole = rule.peer_seconds * NOTEBOOK_STEPS / steps
    twice = min(seconds(lambda: _climb_to_twice(network, digits)) for _ in range(3))
    ten = seconds(lambda: run(Tuning(network, TuningSettings("y", tuple(range(10)), seed=1))))
    return [
        rule,
        Figure("its objective, from the notebook's", 100 * abs(apart), "%", at_most=0.5),
        Ratio(
            "tune to twice the best digit's drive, 64 starts", "notebook loop, its 1000 steps", twice, whole, promise=10
        ),
        Ratio(
            "tune all ten outputs in one search, 64 starts each", "notebook loop, its 1000 steps", ten, whole, promise=1
        ),
    ]


def outcomes(digits: Digits, networks: int) -> list[Figure]:
    """What tuning finds in freshly trained networks: the ten outputs, and every unit of `l3` and `l4`."""
    least = np.inf
    driven, drivable = 0, 0
    for seed in range(1, networks + 1):
        training = DigitNetTraining(DigitNetTrainingSettings(seed=seed), digits)
        run(training)
        best = _best_drives(training.network, "y")
        least = min(least, float((best / _dataset_maxima(training.network, digits, "y")).min()))
        for layer in ("l3", "l4"):
            best = _best_drives(training.network, layer, starts=16)
            reach = best.maximum(_dataset_maxima(training.network, digits, layer))
            driven, drivable = driven + int((best > 0).sum()), drivable + int((reach > 0).sum())
    return [
        Figure(f"least best drive of ten outputs, {networks} networks", least, "x best digit", at_least=2),
        Figure(
            "units of l3, l4 driven above 0, of those that anything drives", 100 * driven / drivable, "%", at_least=95
        ),
    ]


def _objective(network: DigitNet, images: Tensor) -> float:
    """What the notebook's rule climbs, over all starts."""
    with torch.no_grad():
        activity = network(images.clamp(0, 1))[:, UNIT]
    return float(activity.square().mean() - 100 * ((images.clamp(0, 1) - 0.1307) / 0.3081).square().mean())


def _climb_to_twice(network: DigitNet, digits: Digits) -> None:
    """From nothing to a best drive twice that of the best of 2,000 digits, the digits' drives included."""
    target = 2 * float(_dataset_maxima(network, digits, "y")[UNIT])
    search = Tuning(network, TuningSettings("y", (UNIT,), seed=1))
    while not search.is_finished and (search.step == 0 or float(search.found().after.max()) < target):
        search.advance()
    if float(search.found().after.max()) < target:
        raise RuntimeError("twice the best digit's drive was not reached")


def _dataset_maxima(network: DigitNet, digits: Digits, layer: str) -> Tensor:
    """The largest drive of each unit over the test digits that a tuning is compared with (unit,)."""
    return record(network, digits.split("test")[0][:SAMPLES], (layer,))[layer].drive.amax(dim=0)


def _best_drives(network: DigitNet, layer: str, starts: int = 64) -> Tensor:
    """Each unit's drive at its best start (unit,)."""
    search = Tuning(network, TuningSettings(layer, tuple(range(LAYERS[layer].size)), starts=starts, seed=1))
    run(search)
    return search.found().after.amax(dim=1)
