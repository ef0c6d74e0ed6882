"""The shipped models load, and reach the scores on their cards."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from models.analysis.activity import accuracy
from models.analysis.gates import gate_family
from models.analysis.horizon import horizon
from models.artifacts import DIGIT_NETS, FOLDER, MEMORY_LSTMS, make
from models.checkpoints import load_weights, weights_bytes, weights_sha256
from models.digit_net import DigitNet
from models.digits import Digits
from models.memory_lstm import MemoryLSTM

LEAST_ACCURACY = {"digit-net": 0.95, "digit-net-best": 0.985}


def card(name: str) -> dict[str, Any]:
    return json.loads((FOLDER / name / "card.json").read_text("utf-8"))


def weights(name: str) -> bytes:
    return (FOLDER / name / "model.safetensors").read_bytes()


def digit_net(name: str) -> DigitNet:
    network = DigitNet()
    load_weights(network, weights(name))
    return network


def memory_lstm(name: str) -> MemoryLSTM:
    network = MemoryLSTM(card(name)["architecture"]["hidden_size"])
    load_weights(network, weights(name))
    return network


@pytest.mark.parametrize("name", [*DIGIT_NETS, *MEMORY_LSTMS])
def test_the_card_names_the_weights_beside_it(name: str) -> None:
    assert card(name)["sha256"] == weights_sha256(weights(name))
    assert card(name)["command"].endswith(name)


@pytest.mark.parametrize("name", DIGIT_NETS)
def test_a_digit_network_reads_the_test_digits_as_well_as_its_card_says(name: str, digits: Digits) -> None:
    measured = accuracy(digit_net(name), *digits.split("test"))
    assert measured == pytest.approx(card(name)["scores"]["test_accuracy"], abs=2e-4)
    assert measured >= LEAST_ACCURACY[name]


@pytest.mark.parametrize("name", MEMORY_LSTMS)
def test_a_memory_network_remembers_as_long_as_its_card_says_and_by_the_same_gate(name: str) -> None:
    network = memory_lstm(name)
    scores = card(name)["scores"]
    assert horizon(network)["horizon_ms"] == scores["horizon_ms"]
    assert gate_family(network) == scores["family"]


def test_the_two_memory_networks_are_of_different_families_and_the_closed_one_remembers_longer() -> None:
    closed, opened = card("memory-lstm")["scores"], card("memory-lstm-open")["scores"]
    assert (closed["family"], opened["family"]) == ("closed", "open")
    assert closed["horizon_ms"] >= 500 > opened["horizon_ms"]


def test_the_long_memory_lasts_beyond_a_second() -> None:
    assert horizon(memory_lstm("memory-lstm-long"), delays=[1000, 2000, 3000])["horizon_ms"] >= 2000


def test_making_an_artifact_writes_weights_that_its_card_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from models import artifacts
    from models.training.memory_lstm import MemoryTrainingSettings

    monkeypatch.setitem(artifacts.MEMORY_LSTMS, "hasty", MemoryTrainingSettings(seed=1, max_steps=20))  # type: ignore[arg-type]
    made = make("hasty", tmp_path)
    network = MemoryLSTM(1)
    load_weights(network, (tmp_path / "hasty" / "model.safetensors").read_bytes())
    assert weights_sha256(weights_bytes(network)) == made["sha256"]
    assert all(torch.isfinite(parameter).all() for parameter in network.parameters())
