"""The quiz: what is hidden, and what guesses are told, for searches of a shipped network."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from models.digit_net import LAYERS
from models.errors import UnknownUnit
from models.work import run
from service.errors import FailedJob, UnfinishedJob, UnknownJob
from service.jobs.engine import Job
from service.jobs.kinds import Kind
from service.lab import Lab
from service.operations.quiz import QUIZ, judge
from service.schemas.jobs import Status
from service.schemas.tuning import QuizGuess, QuizRequest, QuizResult, QuizVerdict

KIND: Kind[Any, Any] = QUIZ
SECRETS = ("unit", "label", "drive", "rank", "trace", "margin", "starts", "class_logits", "secret")


def finished(lab: Lab, **fields: Any) -> Job:
    """The job of a quiz that has run to its end, as the job store holds it."""
    settled = KIND.settle(QuizRequest.model_validate({"starts": 4, **fields}), lab).model_dump(mode="json")
    request = KIND.schema.model_validate(settled)
    work = KIND.begin(request, lab)
    run(work)
    return job(settled, KIND.finish(request, work, lab, "id").result)


def job(request: Mapping[str, Any], result: Mapping[str, Any] | None, **fields: Any) -> Job:
    now = datetime.now(UTC)
    usual: dict[str, Any] = {
        "kind": "cnn.quiz",
        "status": Status.SUCCEEDED,
        "position": None,
        "error": None,
        "starts_in_seconds": None,
        "owner": "anonymous",
    }
    times = {"created_at": now, "started_at": now, "finished_at": now}
    return Job(id="id", **times, progress={}, request=request, result=result, attempts=1, **{**usual, **fields})


def names_in(told: Any) -> set[str]:
    """All field names of a JSON document, at any depth."""
    if isinstance(told, Mapping):
        return set(told).union(*map(names_in, told.values()))
    return set().union(*map(names_in, told)) if isinstance(told, list) else set()


def guess(quiz: Job, unit: Any, **fields: Any) -> dict[str, Any]:
    verdict = judge(quiz, QuizGuess.model_validate({"unit": unit, **fields}))
    QuizVerdict.model_validate(verdict, strict=True, extra="forbid")
    return json.loads(json.dumps(verdict, allow_nan=False))


@pytest.mark.parametrize("layer", ["l1", "l3", "y"])
def test_what_is_shown_names_neither_the_unit_nor_the_seed_that_decided_it(lab: Lab, layer: str) -> None:
    quiz = finished(lab, layer=layer)
    assert quiz.result is not None
    request, result = KIND.shown_request(quiz.request), KIND.shown_result(quiz.result)
    QuizResult.model_validate(result, strict=True, extra="forbid")
    assert (request["seed"], result["seed"]) == (None, None)
    assert str(quiz.result["seed"]) not in json.dumps([request, result])
    allowed = {"starts"}  # how many were asked for
    shown = names_in(request) | names_in({**result, "settings": {}}) | (names_in(result["settings"]) - {"units"})
    assert not {name for name in shown - allowed if any(secret in name for secret in SECRETS)}
    assert "units" not in result["settings"]
    assert [picture.name for picture in KIND.renderings(result)] == ["stimulus", "responses"]


def test_a_seed_that_was_given_is_shown_and_repeats_the_quiz(lab: Lab) -> None:
    first, again = finished(lab, seed=5), finished(lab, seed=5)
    assert first.result == again.result
    assert first.result is not None
    assert KIND.shown_request(first.request)["seed"] == KIND.shown_result(first.result)["seed"] == 5


def test_nothing_is_told_of_the_drive_on_the_way(lab: Lab) -> None:
    work = KIND.begin(KIND.settle(QuizRequest.model_validate({"starts": 2}), lab), lab)
    work.advance()
    assert work.metrics == {}


@pytest.mark.parametrize("direction", ["excite", "inhibit"])
def test_the_right_guess_is_told_the_answer_and_changed_most(lab: Lab, direction: str) -> None:
    quiz = finished(lab, direction=direction, seed=1)
    assert quiz.result is not None
    verdict = guess(quiz, quiz.result["unit"])
    assert verdict["correct"]
    assert verdict["guess"]["change_rank"] == 1
    assert verdict["answer"] == {
        name: quiz.result[name]
        for name in ("unit", "label", "drive_before", "drive_after", "rank_before", "rank_after", "seed")
    }
    assert (verdict["guess"]["change"] > 0) == (direction == "excite")
    word = "rise" if direction == "excite" else "fall"
    assert verdict["sentence"].startswith(f"Right: the drive of {quiz.result['label']}")
    assert f"number 1 of 10 by {word}" in verdict["sentence"]


def test_a_wrong_guess_is_told_how_far_off_it_is_and_the_answer_only_when_it_gives_up(lab: Lab) -> None:
    quiz = finished(lab, seed=1)
    assert quiz.result is not None
    tuned = quiz.result["unit"]
    wrong = (tuned + 1) % 10
    before, after = quiz.result["layer_drive_before"], quiz.result["layer_drive_after"]
    changes = [then - now for now, then in zip(before, after, strict=True)]
    verdict = guess(quiz, wrong)
    assert (verdict["correct"], verdict["answer"]) == (False, None)
    assert verdict["guess"]["change"] == pytest.approx(changes[wrong], abs=1e-5)
    place = 1 + sum(change > changes[wrong] for change in changes)
    assert verdict["guess"]["change_rank"] == place
    assert verdict["guess"]["rank_after"] == 1 + sum(drive > after[wrong] for drive in after)
    assert f"number {place} of 10 by rise" in verdict["sentence"]
    assert quiz.result["label"] not in verdict["sentence"]
    revealed = guess(quiz, wrong, reveal=True)
    assert not revealed["correct"]
    assert revealed["answer"]["unit"] == tuned
    assert f"It was {quiz.result['label']}" in revealed["sentence"]


def test_a_conv_unit_may_be_guessed_by_its_place_but_not_by_its_channel(lab: Lab) -> None:
    quiz = finished(lab, layer="l2", seed=2)
    assert quiz.result is not None
    _, rows, columns = LAYERS["l2"].shape
    channel, place = divmod(quiz.result["unit"], rows * columns)
    row, column = divmod(place, columns)
    assert guess(quiz, {"channel": channel, "row": row, "column": column})["correct"]
    with pytest.raises(UnknownUnit, match="row and column"):
        guess(quiz, {"channel": channel})
    with pytest.raises(UnknownUnit, match="0 to 783"):
        guess(quiz, 784)


def test_only_a_quiz_that_has_ended_with_a_result_can_be_guessed() -> None:
    for fields, error in (
        ({"status": Status.RUNNING}, UnfinishedJob),
        ({"status": Status.QUEUED}, UnfinishedJob),
        ({"status": Status.CANCELLED}, FailedJob),
        ({"kind": "cnn.tune"}, UnknownJob),
    ):
        with pytest.raises(error):
            judge(job({}, None, **fields), QuizGuess.model_validate({"unit": 0}))
