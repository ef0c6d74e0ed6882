"""State space as the service gives it, on the shipped networks, and its pictures."""

import io
import json
from collections.abc import Sequence
from typing import Any

import pytest
import torch
from PIL import Image
from pydantic import ValidationError

from models.analysis import state_space as analysis
from models.memory_lstm import MemoryLSTM
from service.errors import WrongFamily
from service.lab import Lab
from service.operations.state_space import state_space
from service.rendering import state_space as figures
from service.rendering.rendering import Rendering
from service.schemas.state_space import StateSpaceAnswer, StateSpaceRequest
from tests.models.planted import planted_memory


def asked(**fields: Any) -> StateSpaceRequest:
    return StateSpaceRequest(**{"seed": 1, **fields})


def pictures(network: MemoryLSTM, **settings: Any) -> list[Rendering]:
    found = analysis.state_space(network, **settings)
    return [figures.trajectories(found), figures.eigenvalues(found)]


def opened(renderings: Sequence[Rendering]) -> list[Image.Image]:
    assert [rendering.name for rendering in renderings] == ["trajectories", "eigenvalues"]
    for rendering in renderings:
        assert rendering.alt.endswith(".")
        assert "nan" not in rendering.alt
        assert "None" not in rendering.alt
    return [Image.open(io.BytesIO(rendering.png())) for rendering in renderings]


def test_the_answer_is_as_documented_and_fits_json(lab: Lab) -> None:
    result = state_space(asked(), lab).result
    assert json.loads(json.dumps(result, allow_nan=False)) == result
    StateSpaceAnswer.model_validate(result, strict=True, extra="forbid")
    assert result["model"] == lab.catalogue.default("memory-lstm").reference
    assert (result["seed"], result["delay_ms"], len(result["trajectories"])) == (1, 50, 16)
    assert result["input"] == {"stimulus": 0, "memorize": 0, "report": 0}


def test_the_closed_network_holds_a_line_and_the_open_one_drifts_more(lab: Lab) -> None:
    closed, adrift = (state_space(asked(model=model), lab).result for model in ("memory-lstm", "memory-lstm-open"))
    assert closed["memory"]["kind"] == "line"
    drift = [result["encoding"]["drift_per_ms"] / result["encoding"]["span"] for result in (closed, adrift)]
    assert 3 * drift[0] < drift[1]
    assert closed["encoding"]["r2"] > 0.99
    (fixed,) = (point for point in closed["points"] if point["kind"] == "fixed")
    assert fixed["stability"] == "stable"
    assert fixed["eigenvalues"][0]["time_constant_ms"] > 500
    assert f"{fixed['eigenvalues'][0]['time_constant_ms']:,.1f} ms" in closed["sentences"][-1]


def test_clamps_hold_gates(lab: Lab) -> None:
    clamp = {"gate": "forget", "value": 0.0, "window": "delay"}
    held = state_space(asked(clamps=[clamp]), lab).result
    assert held["memory"]["kind"] == "lost"
    assert held["points"][0]["eigenvalues"][0]["modulus"] < 0.01


def test_a_seed_left_out_is_told_and_gives_the_same_result_again(lab: Lab) -> None:
    drawn = state_space(asked(seed=None), lab).result
    assert state_space(asked(seed=drawn["seed"]), lab).result == drawn
    assert state_space(asked(seed=None), lab).result["trajectories"] != drawn["trajectories"]


def test_a_digit_network_has_no_memory_to_look_into(lab: Lab) -> None:
    with pytest.raises(WrongFamily):
        state_space(asked(model="digit-net"), lab)


@pytest.mark.parametrize(
    "fields",
    [
        {"delay": 0},
        {"delay": 1001},
        {"trials": 0},
        {"trials": 65},
        {"clamps": [{"gate": "forget", "value": 2.0}]},
        {"inputs": [[0.0, 0.0, 0.0]]},
    ],
)
def test_a_request_outside_the_contract_is_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        asked(**fields)


def test_the_state_is_drawn_with_words_that_tell_what_is_to_be_seen(lab: Lab) -> None:
    answered = state_space(asked(trials=4), lab)
    assert [image.width for image in opened(answered.renderings)] == [1440, 1440]
    for rendering in answered.renderings:
        assert all(sentence in rendering.alt for sentence in answered.result["sentences"])
    assert "4 trials" in answered.renderings[0].title


@pytest.mark.parametrize(
    "network",
    [MemoryLSTM(1), MemoryLSTM(4), planted_memory(forget=1), planted_memory(forget=0.2), MemoryLSTM.initialised(32, 0)],
    ids=["silent", "silent, four units", "integrator", "forgetful", "untrained, 32 units"],
)
@pytest.mark.parametrize("delay", [1, 60])
def test_networks_that_rest_everywhere_or_hardly_remember_are_drawn_too(network: MemoryLSTM, delay: int) -> None:
    assert all(image.format == "PNG" for image in opened(pictures(network, delay=delay, trials=2)))


def test_a_network_that_rests_nowhere_is_drawn_without_points() -> None:
    counter = MemoryLSTM(1)
    with torch.no_grad():
        counter.bias_ih_l0[:] = torch.tensor([40.0, 40, 1, 0])
    found = analysis.state_space(counter, delay=5, trials=2)
    assert found["points"] == []
    assert "rests nowhere" in " ".join(found["sentences"])
    opened([figures.trajectories(found), figures.eigenvalues(found)])


def test_the_same_state_space_gives_the_same_bytes() -> None:
    first, again = ([each.png() for each in pictures(MemoryLSTM.initialised(3, 0), delay=9)] for _ in range(2))
    assert first == again
