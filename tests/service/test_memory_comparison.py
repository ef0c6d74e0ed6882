"""The comparison of ways to train as a job: what it refuses, what it answers, what its pictures bear."""

import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa
from PIL import Image
from pydantic import ValidationError

from models.checkpoints import load_weights
from models.errors import InvalidTraining
from models.memory_lstm import MemoryLSTM
from models.work import run
from service import database
from service.jobs.kinds import Outcome
from service.lab import Lab
from service.operations.memory_comparison import COMPARE
from service.rendering import memory_comparison as figures
from service.rendering.palette import INKS
from service.rendering.rendering import Rendering
from service.schemas.memory_comparison import MemoryCompareRequest, MemoryCompareResult
from service.settings import Settings

QUICK: dict[str, Any] = {"networks": 2, "max_steps": 3, "seed": 1}
LAB: dict[str, Any] = {"name": "lab's recipe"}
TWO_UNITS: dict[str, Any] = {"name": "two units", "hidden_size": 2}


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[sa.Engine]:
    url = f"sqlite:///{tmp_path / 'lab.db'}"
    engine = database.connect(url)
    database.prepare(url, engine)
    yield engine
    engine.dispose()


@pytest.fixture
def lab(engine: sa.Engine, tmp_path: Path) -> Lab:
    return Lab(Settings.model_validate({"data": tmp_path}), engine)


def settled(lab: Lab, *settings: dict[str, Any], **more: Any) -> MemoryCompareRequest:
    """The request as the job finds it in the store."""
    request = COMPARE.settle(MemoryCompareRequest.model_validate({"settings": list(settings), **QUICK, **more}), lab)
    return MemoryCompareRequest.model_validate(json.loads(json.dumps(request.model_dump(mode="json"))))


def done(lab: Lab, *settings: dict[str, Any], **more: Any) -> Outcome:
    request = settled(lab, *settings, **more)
    work = COMPARE.begin(request, lab)
    run(work)
    outcome = COMPARE.finish(request, work, lab, "job")
    return Outcome(json.loads(json.dumps(outcome.result, allow_nan=False)), outcome.models)


def test_what_a_setting_leaves_out_is_as_in_the_first(lab: Lab) -> None:
    first = {**LAB, "hidden_size": 4, "forget_bias": 1.0, "seq_len_max": 40}
    shorter, drawn = settled(
        lab, first, {"name": "shorter", "seq_len_max": 10}, {"name": "drawn", "forget_bias": None}
    ).settings[1:]
    assert (shorter.hidden_size, shorter.forget_bias, shorter.seq_len_max) == (4, 1.0, 10)
    assert (drawn.hidden_size, drawn.forget_bias, drawn.seq_len_max) == (4, None, 40)


def test_the_answer_is_what_the_schema_says_with_all_settings_in_full(lab: Lab) -> None:
    result = done(lab, LAB, {**TWO_UNITS, "loss_on": "report"}).result
    assert set(result) == set(MemoryCompareResult.model_fields) - {"renderings"}
    MemoryCompareResult.model_validate(result)
    assert result["seeds"] == [1, 2]
    assert [each["name"] for each in result["settings"]] == ["lab's recipe", "two units"]
    used = result["settings"][1]["settings"]
    assert (used["hidden_size"], used["loss_on"], used["seq_len_max"], used["max_steps"]) == (2, "report", 20, 3)
    assert [each["model"] for each in result["settings"]] == [None, None]
    assert [each.name for each in COMPARE.renderings(result)] == ["horizons", "curves"]


def test_targets_are_as_hard_under_every_setting_unless_they_shall_be_one_number(lab: Lab) -> None:
    def shares(**more: Any) -> list[float]:
        told = done(lab, LAB, {"name": "report", "loss_on": "report"}, **more).result["settings"]
        return [each["settings"]["target_loss"] / each["chance_loss"] for each in told]

    one, other = shares()
    assert one == pytest.approx(other)
    one, other = shares(scale_target=False)
    assert one > 10 * other


def test_kept_networks_are_those_that_the_result_names(lab: Lab) -> None:
    outcome = done(lab, LAB, TWO_UNITS, keep=True)
    assert [each["model"] for each in outcome.result["settings"]] == [model.reference for model in outcome.models]
    assert len({model.id for model in outcome.models}) == 2
    for model, told in zip(outcome.models, outcome.result["settings"], strict=True):
        assert model.card["name"] == told["name"]
        assert model.card["training"] == told["settings"]
        assert model.card["scores"] == told["networks"][told["best"]]
        load_weights(MemoryLSTM(model.card["architecture"]["hidden_size"]), model.weights)
    assert done(lab, LAB, TWO_UNITS, keep=True).result == outcome.result


def test_nothing_is_kept_unasked(lab: Lab) -> None:
    assert not done(lab, LAB, TWO_UNITS).models


def test_without_a_seed_one_is_drawn_and_told(lab: Lab) -> None:
    seeds = {settled(lab, LAB, TWO_UNITS, seed=None).seed for _ in range(3)}
    assert None not in seeds
    assert len(seeds) == 3


def test_sequences_that_cannot_be_are_refused_at_their_setting_when_it_is_asked_for(lab: Lab) -> None:
    with pytest.raises(InvalidTraining) as refused:
        settled(lab, LAB, {"name": "long", "seq_len_min": 50})
    assert refused.value.pointer == "/settings/1/seq_len_max"


@pytest.mark.parametrize(
    "body",
    [
        {"settings": [LAB]},
        {"settings": [{"name": str(number)} for number in range(7)]},
        {"settings": [LAB, LAB]},
        {"settings": [LAB, {"hidden_size": 2}]},
        {"settings": [LAB, {**TWO_UNITS, "target_loss": 1e-3}]},
        {"settings": [LAB, {**TWO_UNITS, "seed": 3}]},
        {"settings": [LAB, TWO_UNITS], "networks": 1},
        {"settings": [LAB, TWO_UNITS], "networks": 33},
    ],
)
def test_what_is_no_comparison_is_refused(body: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        MemoryCompareRequest.model_validate(body)


# Pictures

Network = tuple[int, float, int | None]
SOLVED: Network = (70, 0.003, 1000)
AT_CHANCE: Network = (0, 1.0, None)
UNDER_WAY: Network = (0, 0.2, None)


def setting(name: str, *networks: Network, is_baseline: bool = False, steps: int = 3000) -> dict[str, Any]:
    difference = {"median_log2_ratio": 1.5, "interval": [-6.0, 9.7], "p_value": 0.0000123}
    told = [
        {
            "horizon_ms": horizon_ms,
            "loss_over_chance": share,
            "at_chance": share >= 0.9,
            "solved_at": solved_at,
            "family": "open" if horizon_ms < 100 else "closed",
        }
        for horizon_ms, share, solved_at in networks
    ]
    blocks = range(500, steps + 1, 500)
    losses = [[max(share, 1 - step / steps) * 0.03 for _, share, _ in networks] for step in blocks]
    return {
        "name": name,
        "networks": told,
        "settings": {"target_loss": 1e-4},
        "chance_loss": 0.03,
        "horizon_ms": {"median": int(np.median([horizon_ms for horizon_ms, *_ in networks]))},
        "reached_target": 1,
        "at_chance": 0,
        "against_baseline": None if is_baseline else difference,
        "history": [
            {"step": step, "losses": entry, "chance_losses": [0.03] * len(networks)}
            for step, entry in zip(blocks, losses, strict=True)
        ],
    }


def both(*settings: dict[str, Any]) -> dict[str, Callable[[], Rendering]]:
    return {"horizons": lambda: figures.horizons(settings, 1000), "curves": lambda: figures.curves(settings)}


LONG = "a name that goes on and on, up to forty"
CASES: dict[str, list[dict[str, Any]]] = {
    "two settings": [
        setting("lab's recipe", SOLVED, SOLVED, is_baseline=True),
        setting("longer", AT_CHANCE, (1000, 0.002, 500)),
    ],
    "six settings of 32 networks": [
        setting(f"{LONG} {index}", *[SOLVED, AT_CHANCE, UNDER_WAY, (200, 0.001, 3000)] * 8, is_baseline=not index)
        for index in range(6)
    ],
    "nobody learns": [
        setting("one", AT_CHANCE, AT_CHANCE, is_baseline=True),
        setting("other", UNDER_WAY, AT_CHANCE),
    ],
    "a single block": [
        setting("one", (70, 0.003, 500), UNDER_WAY, is_baseline=True, steps=500),
        setting("other", UNDER_WAY, UNDER_WAY, steps=500),
    ],
}
FIGURES = {f"{name} of {case}": draw for case, settings in CASES.items() for name, draw in both(*settings).items()}


@pytest.mark.parametrize("figure", FIGURES.values(), ids=FIGURES)
def test_every_picture_is_drawn_the_same_each_time_with_title_and_words(figure: Callable[[], Rendering]) -> None:
    drawn = figure()
    assert drawn.png() == figure().png()
    with Image.open(io.BytesIO(drawn.png())) as image:
        assert image.width == 1440
    assert len(drawn.alt) > len(drawn.title)
    assert "nan" not in drawn.alt


def test_the_words_for_those_who_cannot_see_the_horizons_tell_what_is_written_below_them() -> None:
    alt = FIGURES["horizons of two settings"]().alt
    assert "lab's recipe: median 70 ms, met the target 1 of 2, at chance 0 of 2." in alt
    assert "longer: median 500 ms, met the target 1 of 2, at chance 0 of 2, against the first ×2.8" in alt


def test_whoever_remembers_nothing_stands_at_the_bottom() -> None:
    """Nothing of a setting's colour is on the axis when none of its networks learned."""
    first = setting("one", SOLVED, SOLVED, is_baseline=True)
    pictures = [
        np.asarray(figures.horizons([first, setting("other", network, network)], 1000).draw().convert("RGB"))
        for network in (SOLVED, AT_CHANCE)
    ]
    on_the_axis = slice(2 * 110, 2 * 360)
    is_orange = [(picture[on_the_axis] == INKS[1]).all(axis=-1) for picture in pictures]
    assert is_orange[0].any()
    assert not is_orange[1].any()


def test_a_line_ends_where_its_network_was_solved() -> None:
    def rightmost(solved_at: int | None) -> int:
        compared = [setting("one", AT_CHANCE, is_baseline=True), setting("other", (70, 0.5, solved_at))]
        picture = np.asarray(figures.curves(compared).draw().convert("RGB"))
        return int(np.flatnonzero((picture == INKS[1]).all(axis=-1).any(axis=0)).max())

    ends = [rightmost(solved_at) for solved_at in (1000, 2000, None)]
    assert ends[0] < ends[1] < ends[2]
