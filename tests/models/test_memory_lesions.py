import json
import math
from pathlib import Path
from typing import Any

import pytest
import torch

from models.analysis.memory_lesions import lesions
from models.checkpoints import load_weights
from models.errors import InvalidTask
from models.memory_lstm import GATES, WINDOWS, MemoryLSTM
from tests.models.left_as_found import left_as_found
from tests.models.planted import planted_memory

ARTIFACTS = Path(__file__).resolve().parent.parent.parent / "artifacts"


def shipped(model: str) -> MemoryLSTM:
    network = MemoryLSTM(1)
    load_weights(network, (ARTIFACTS / model / "model.safetensors").read_bytes())
    return network


CLOSED = lesions(shipped("memory-lstm"))
OPEN = lesions(shipped("memory-lstm-open"))


def lesion(found: dict[str, Any], gate: str, value: float, window: str = "always") -> dict[str, Any]:
    (one,) = (
        each for each in found["lesions"] if (each["gate"], each["value"], each["window"]) == (gate, value, window)
    )
    return one


def test_the_table_has_every_gate_at_every_value_in_every_window():
    places = [(each["gate"], each["value"], each["window"]) for each in CLOSED["lesions"]]
    assert places == [(gate, value, window) for gate in GATES for value in (0, 1) for window in WINDOWS]


@pytest.mark.parametrize(
    ("gate", "value", "effect"),
    [
        ("input", 0, "silences"),
        ("input", 1, "destroys"),
        ("forget", 0, "destroys"),
        ("forget", 1, "harmless"),
        ("output", 0, "silences"),
        ("output", 1, "leaks"),
    ],
)
def test_the_shipped_memory_loses_what_the_lab_knows_when_a_gate_is_held_throughout(gate, value, effect):
    assert lesion(CLOSED, gate, value)["effect"] == effect


def test_the_shipped_memory_loses_it_by_these_numbers():
    assert CLOSED["intact"]["r2"] > 0.999
    assert CLOSED["intact"]["leak_rms"] < 0.01
    for destroyed in (lesion(CLOSED, "forget", 0), lesion(CLOSED, "input", 1)):
        assert destroyed["r2"] < 0.05
        assert destroyed["correlation"] < 0.5
        assert destroyed["stored"] > 0.99
        assert destroyed["held"] < 0.15
    for silenced in (lesion(CLOSED, "input", 0), lesion(CLOSED, "output", 0)):
        assert silenced["r2"] == pytest.approx(0, abs=0.02)
        assert silenced["answer_sd"] < 0.001
    assert lesion(CLOSED, "input", 0)["stored"] == 0
    assert lesion(CLOSED, "output", 0)["held"] > 0.99
    leaking = lesion(CLOSED, "output", 1)
    assert leaking["leak_rms"] > 0.5
    assert leaking["r2"] > 0.99
    assert lesion(CLOSED, "forget", 1)["r2"] > 0.999


def test_with_a_second_sequence_a_forget_gate_held_open_mixes_the_old_value_with_the_new_one():
    found = lesions(shipped("memory-lstm"), n_repeat=2)
    for window in ("always", "encode"):
        mixed = lesion(found, "forget", 1, window)
        assert mixed["effect"] == "mixes"
        assert mixed["r2"] == pytest.approx(0.55, abs=0.1)
        assert mixed["first"] > 0.999
        assert mixed["later"] < 0.3
    assert lesion(found, "forget", 1, "delay")["effect"] == "harmless"
    assert "R² 1.00 at first reports" in found["roles"]["forget"]


def test_the_open_memory_needs_its_input_gate_to_follow_the_value_and_not_in_the_delay():
    assert [lesion(OPEN, "input", value, "delay")["effect"] for value in (0, 1)] == ["harmless", "harmless"]
    assert [lesion(OPEN, "input", value, "encode")["effect"] for value in (0, 1)] == ["silences", "silences"]
    assert "free to follow the value at memorize" in OPEN["roles"]["input"]
    assert "in the delay it does not matter" in OPEN["roles"]["input"]


def test_roles_follow_from_the_table():
    roles = CLOSED["roles"]
    assert "shut in the delay" in roles["input"]
    assert "at 0 it silences the report (R² 0.00) and at 1 it destroys the memory" in roles["input"]
    assert "open in the delay and open at report; at memorize it does not matter." in roles["forget"]
    assert "at 1 it does no harm (R² 1.00)" in roles["forget"]
    assert "open at report" in roles["output"]
    assert f"at 1 it leaks between reports ({lesion(CLOSED, 'output', 1)['leak_rms']:.2g} rms" in roles["output"]


def test_of_values_that_are_neither_shut_nor_open_the_roles_tell_no_more_than_was_tried():
    roles = lesions(shipped("memory-lstm"), values=[0.5])["roles"]
    assert roles["forget"] == "The forget gate: held throughout at 0.5 it destroys the memory (R² 0.00)."


def test_a_planted_memory_needs_of_each_gate_what_was_planted():
    roles = lesions(planted_memory(forget=1, candidate_gain=0.1), n_repeat=2)["roles"]
    needs = {gate: role.split(".")[0] for gate, role in roles.items()}
    assert needs == {
        "input": "The input gate has to be open at memorize, shut in the delay and shut at report",
        "forget": "The forget gate has to be shut at memorize, open in the delay and open at report",
        "output": "The output gate has to be shut at memorize, shut in the delay and open at report",
    }


def test_a_value_that_has_all_but_decayed_is_destroyed_however_well_it_correlates():
    # 0.5 to the power of 15 leaves a 30,000th of it, without any noise
    decayed = lesion(lesions(planted_memory(forget=1), values=[0.5]), "forget", 0.5)
    assert decayed["correlation"] > 0.99
    assert decayed["held"] == 0
    assert decayed["effect"] == "destroys"


def test_a_gate_half_open_at_report_distorts_the_report_by_its_gain():
    found = lesions(planted_memory(forget=1), values=[0.5])
    halved = lesion(found, "output", 0.5, "report")
    assert halved["gain"] == pytest.approx(0.5, rel=1e-3)
    assert halved["r2"] == pytest.approx(1 - 0.5**2, abs=0.01)
    assert halved["held"] > 0.999
    assert halved["effect"] == "distorts"


def test_of_a_network_that_remembers_nothing_no_role_is_told():
    found = lesions(MemoryLSTM.initialised(3, 0), delay=30)
    assert all("no lesion can tell" in role for role in found["roles"].values())


def test_a_silent_network_has_finite_figures():
    found = lesions(MemoryLSTM(4), delay=5)
    assert json.loads(json.dumps(found, allow_nan=False)) == found


def test_the_value_is_read_from_all_units_together():
    # the first unit keeps the value and lets in the stream as well, the second the stream alone; only both tell it
    network, single = MemoryLSTM(2), planted_memory(forget=1)
    with torch.no_grad():
        network.weight_ih_l0[:] = single.weight_ih_l0.repeat_interleave(2, dim=0)
        network.bias_ih_l0[:] = single.bias_ih_l0.repeat_interleave(2)
        network.bias_ih_l0[:2] = math.log(0.2 / 0.8)
        network.weight_ih_l0[1] = 0
        network.readout.weight[:] = torch.tensor([[1.0, -1.0]]) / 0.008
    found = lesions(network)
    assert found["intact"]["r2"] > 0.99
    assert found["intact"]["held"] > 0.99
    assert lesion(found, "output", 0)["held"] > 0.99
    assert lesion(found, "input", 0, "delay")["held"] > 0.99


def test_the_same_seed_gives_the_same_table_and_another_seed_another():
    network = planted_memory(forget=0.99)
    assert lesions(network, seed=3) == lesions(network, seed=3)
    assert lesions(network, seed=3) != lesions(network, seed=4)


def test_the_network_is_left_as_it_was_found():
    network = MemoryLSTM.initialised(2, 0)
    with left_as_found(network):
        lesions(network)


@pytest.mark.parametrize(
    ("options", "pointer"),
    [
        ({"delay": 1}, "/delay"),
        ({"trials": 63}, "/trials"),
        ({"values": []}, "/values"),
        ({"values": [0, 1, 0]}, "/values"),
        ({"values": [0, math.nan]}, "/clamps"),
        ({"values": [1.5]}, "/clamps"),
        ({"n_repeat": 0}, "/n_repeat"),
    ],
)
def test_a_table_that_cannot_be_is_refused(options, pointer):
    with pytest.raises(InvalidTask) as refusal:
        lesions(MemoryLSTM(1), **options)
    assert refusal.value.pointer == pointer
