"""The models that Patchclamp ships, each remade by one command: ``python -m models.artifacts NAME``.

A card tells how its model was made: architecture, training settings, seed, data, scores, the fingerprint of its weights
and the command.
"""

import json
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from torch import nn

from models import digit_net, memory_lstm
from models.checkpoints import weights_bytes, weights_sha256
from models.digits import Digits
from models.training.digit_net import DigitNetTraining, DigitNetTrainingSettings
from models.training.memory_lstm import MemoryTraining, MemoryTrainingSettings
from models.work import run

FOLDER = Path(__file__).resolve().parent.parent / "artifacts"
MNIST = "MNIST: the first 55,000 training digits; the last 5,000 are held out, scores are on the 10,000 test digits"
TASK = "the memorize-and-report task, drawn anew at every step"

DIGIT_NETS: Mapping[str, DigitNetTrainingSettings] = {
    # The lab's own recipe, stopped on held-out digits.
    "digit-net": DigitNetTrainingSettings(seed=2),
    # The same architecture, trained well.
    "digit-net-best": DigitNetTrainingSettings(
        target_accuracy=None,
        max_steps=10_000,
        batch_size=64,
        learning_rate=0.003,
        schedule="cosine",
        max_shift=1,
        seed=0,
    ),
}
MEMORY_LSTMS: Mapping[str, MemoryTrainingSettings] = {
    # Shuts its input gate in the delay; trained past the notebook's 1e-4, at which it forgets after some 100 ms.
    "memory-lstm": MemoryTrainingSettings(seed=4, target_loss=1.5e-5),
    # Leaves the gate open with the candidate near zero, and forgets sooner.
    "memory-lstm-open": MemoryTrainingSettings(seed=25),
    # Shuts its gate so well that it remembers for seconds, a hundred times as long as any sequence it learned from.
    "memory-lstm-long": MemoryTrainingSettings(seed=8, target_loss=3e-6, max_steps=40_000),
}


def make(name: str, folder: Path = FOLDER) -> dict[str, Any]:
    """Trains the model `name` and writes its weights and its card below `folder`; returns the card."""
    network, card = _maker(name)(name)
    weights = weights_bytes(network)
    card = {**card, "sha256": weights_sha256(weights), "command": f"python -m models.artifacts {name}"}
    place = folder / name
    place.mkdir(parents=True, exist_ok=True)
    (place / "model.safetensors").write_bytes(weights)
    (place / "card.json").write_text(json.dumps(card, indent=2) + "\n", encoding="utf-8")
    return card


def digit_net_card(settings: DigitNetTrainingSettings, report: Mapping[str, Any]) -> dict[str, Any]:
    """The card of a digit network: what it is, how it was trained, how well it reads."""
    scores = ("steps", "target_reached", "train_accuracy", "heldout_accuracy", "test_accuracy")
    return {
        "family": digit_net.DigitNet.FAMILY,
        "architecture": {layer.name: list(layer.shape) for layer in digit_net.LAYERS.values()},
        "training": asdict(settings),
        "seed": settings.seed,
        "data": MNIST,
        "scores": {name: report[name] for name in scores},
    }


def memory_lstm_card(settings: MemoryTrainingSettings, scores: Mapping[str, Any]) -> dict[str, Any]:
    """The card of a memory network: what it is, how it was trained, how long it remembers and by which gate."""
    return {
        "family": memory_lstm.FAMILY,
        "architecture": {"hidden_size": settings.hidden_size},
        "training": asdict(settings),
        "seed": scores["seed"],
        "data": TASK,
        "scores": dict(scores),
    }


def _maker(name: str) -> Callable[[str], tuple[nn.Module, dict[str, Any]]]:
    if name in DIGIT_NETS:
        return _make_digit_net
    if name in MEMORY_LSTMS:
        return _make_memory_lstm
    raise SystemExit(f"no such model; there are {', '.join([*DIGIT_NETS, *MEMORY_LSTMS])}")


def _make_digit_net(name: str) -> tuple[nn.Module, dict[str, Any]]:
    named = os.environ.get("PATCHCLAMP_DATASETS")
    training = DigitNetTraining(DIGIT_NETS[name], Digits.open(Path(named) if named else None, Path("var")))
    run(training)
    return training.network, digit_net_card(DIGIT_NETS[name], training.report())


def _make_memory_lstm(name: str) -> tuple[nn.Module, dict[str, Any]]:
    training = MemoryTraining(MEMORY_LSTMS[name])
    run(training)
    (scores,) = training.report()["networks"]
    return training.networks()[0], memory_lstm_card(MEMORY_LSTMS[name], scores)


if __name__ == "__main__":
    for made in sys.argv[1:]:
        print(made, json.dumps(make(made)["scores"]))
