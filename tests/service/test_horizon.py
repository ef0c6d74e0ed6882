"""The horizon as the service gives it, on the shipped networks, and its picture."""

import io
import json
from typing import Any

import pytest
from PIL import Image
from pydantic import ValidationError

from models.analysis.horizon import DELAYS_MS
from models.errors import InvalidAnalysis
from service.errors import UnknownModel, WrongFamily
from service.lab import Lab
from service.operations.horizon import horizon
from service.rendering.horizon import horizon as picture
from service.schemas.horizon import HorizonAnswer, HorizonRequest

BOTH = ["memory-lstm-open", "memory-lstm"]


def asked(**fields: Any) -> HorizonRequest:
    return HorizonRequest(**{"delays": [20, 5], "seed": 1, **fields})


def test_the_answer_is_as_documented_and_fits_json(lab: Lab) -> None:
    result = horizon(asked(models=BOTH, n_repeat=2), lab).result
    assert json.loads(json.dumps(result, allow_nan=False)) == result
    HorizonAnswer.model_validate(result, strict=True, extra="forbid")
    assert result["chance"] == {"r2": 0, "report_rmse": pytest.approx(3**-0.5)}
    assert [point["delay_ms"] for point in result["curve"]] == [5, 20]


def test_the_default_sweep_is_that_of_the_default_model_as_its_card_has_it(lab: Lab) -> None:
    result = horizon(HorizonRequest(seed=0), lab).result  # pyright: ignore[reportCallIssue]
    model = lab.catalogue.default("memory-lstm")
    assert result["model"] == model.reference
    assert [point["delay_ms"] for point in result["curve"]] == list(DELAYS_MS)
    assert result["horizon_ms"] == model.card["scores"]["horizon_ms"]
    assert result["horizon_interval"][0] <= result["horizon_ms"]
    assert all(point["later"] is None for point in result["curve"])


def test_several_models_are_compared_over_the_same_trials_in_the_order_asked(lab: Lab) -> None:
    result = horizon(asked(models=BOTH), lab).result
    assert [each["model"]["id"] for each in result["models"]] == BOTH
    assert result["model"]["id"] == "memory-lstm-open"
    assert result["curve"] == result["models"][0]["curve"]
    opened, closed = (each["curve"] for each in result["models"])
    assert [point["chance_rmse"] for point in opened] == [point["chance_rmse"] for point in closed]
    assert opened[1]["r2"] < closed[1]["r2"]
    assert closed == horizon(asked(model="memory-lstm"), lab).result["curve"]


def test_clamps_hold_gates(lab: Lab) -> None:
    held = horizon(asked(clamps=[{"gate": "forget", "value": 0.0, "window": "delay"}]), lab).result
    assert held["horizon_ms"] == 0
    assert horizon(asked(), lab).result["horizon_ms"] == 20


def test_a_seed_left_out_is_told_and_gives_the_same_result_again(lab: Lab) -> None:
    drawn = horizon(asked(seed=None), lab).result
    assert horizon(asked(seed=drawn["seed"]), lab).result == drawn
    assert horizon(asked(seed=None), lab).result["curve"] != drawn["curve"]


@pytest.mark.parametrize(
    "fields",
    [
        {"delays": list(range(2900, 3000))[:60]},
        {"delays": [3000], "trials": 1024, "n_repeat": 3},
        {"delays": [1000] * 8, "n_repeat": 10, "models": BOTH, "trials": 1024},
    ],
)
def test_a_sweep_that_would_take_long_is_refused(lab: Lab, fields: dict[str, Any]) -> None:
    with pytest.raises(InvalidAnalysis, match="times as long as an answer may") as refusal:
        horizon(asked(**fields), lab)
    assert refusal.value.pointer == "/delays"


def test_a_model_that_there_is_not_or_that_has_no_memory_is_refused(lab: Lab) -> None:
    with pytest.raises(UnknownModel):
        horizon(asked(models=["memory-lstm", "nobody-s"]), lab)
    with pytest.raises(WrongFamily):
        horizon(asked(models=["digit-net"]), lab)


@pytest.mark.parametrize(
    "fields",
    [
        {"model": "memory-lstm", "models": ["memory-lstm"]},
        {"models": ["memory-lstm", "memory-lstm"]},
        {"models": []},
        {"models": [f"m{number}" for number in range(9)]},
        {"delays": []},
        {"delays": [0]},
        {"delays": [3001]},
        {"delays": list(range(1, 62))},
        {"trials": 15},
        {"trials": 1025},
        {"n_repeat": 0},
        {"n_repeat": 11},
        {"criterion": 1.1},
        {"criterion": float("nan")},
        {"clamps": [{"gate": "input", "value": 2.0}]},
        {"steps": 1},
    ],
)
def test_what_is_outside_the_contract_is_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        asked(**fields)


def test_the_picture_tells_the_horizons_in_words(lab: Lab) -> None:
    (rendering,) = horizon(asked(models=BOTH, delays=[5, 20, 30]), lab).renderings
    assert rendering.name == "horizon"
    assert "20 ms for memory-lstm-open; at least 30 ms for memory-lstm" in rendering.alt


def test_curves_with_first_and_later_reports_and_a_single_delay_are_drawn(lab: Lab) -> None:
    for fields in ({"n_repeat": 2}, {"delays": [7]}, {"models": BOTH, "delays": [5, 200]}):
        (rendering,) = horizon(asked(**fields), lab).renderings
        assert Image.open(io.BytesIO(rendering.png())).format == "PNG"


def test_no_two_of_eight_curves_are_marked_alike() -> None:
    points = [{"delay_ms": delay, "r2": 0.5, "gain": 0.5, "correlation": 0.9} for delay in (1, 10)]
    alone = {"curve": points, "horizon_ms": 0, "horizon_interval": [0, 1]}

    def drawn(place: int) -> bytes:
        aside = [
            {**alone, "label": "", "curve": [{**point, "r2": 2.0, "gain": 2.0, "correlation": 2.0} for point in points]}
        ]
        return picture([*aside * place, {**alone, "label": ""}, *aside * (7 - place)], 0.9).png()

    assert len({drawn(place) for place in range(8)}) == 8
