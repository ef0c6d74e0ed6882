"""The job that tunes a unit and keeps to itself which, and the judgement of guesses."""

from collections.abc import Mapping
from typing import Any

import torch

from models.analysis.tuning import Tuning
from models.analysis.tuning_report import report
from models.analysis.tuning_settings import TuningSettings
from models.digit_net import LAYERS, DigitNet
from models.errors import UnknownUnit
from models.units import Unit
from service.errors import FailedJob, UnfinishedJob, UnknownJob
from service.jobs.engine import Job
from service.jobs.kinds import Kind, Outcome
from service.lab import Lab
from service.operations.chance import seed_or_new
from service.operations.tuning import preview
from service.operations.units import unit_of
from service.rendering.lettering import number
from service.rendering.rendering import Rendering
from service.rendering.responses import unmarked_responses
from service.rendering.tuning import unnamed_stimulus
from service.schemas.tuning import QuizGuess, QuizRequest, QuizResult, SettledQuiz

_NAMING = ("unit", "label", "drive_before", "drive_after", "rank_before", "rank_after")
_SHOWN = ("initial_image", "optimized_image", "layer_before", "layer_after", "image_statistics")
_NEEDED_TO_JUDGE = ("layer_drive_before", "layer_drive_after")


class _SilentTuning(Tuning):
    """A search that does not tell on its way how strongly its unit is driven."""

    @property
    def metrics(self) -> dict[str, Any]:
        return {}


def judge(job: Job, request: QuizGuess) -> dict[str, Any]:
    """Whether the unit of a finished quiz was guessed rightly, and how far off the guess is.

    Raises:
        UnknownJob: The job is no quiz.
        UnfinishedJob: It has not ended.
        FailedJob: It left no result.
        UnknownUnit: The guess is no single unit of the quiz's layer.
    """
    result = _result(job)
    guessed, tuned = _guessed(result["layer"], request), Unit.of(LAYERS[result["layer"]], result["unit"])
    before, after = (torch.tensor(result[name])[None] for name in _NEEDED_TO_JUDGE)
    toward = after - before if result["direction"] == "excite" else before - after
    guess = {
        "unit": guessed.as_json(),
        "label": guessed.label,
        "rank_before": guessed.rank(before)[0],
        "rank_after": guessed.rank(after)[0],
        "change": float(guessed.read(after - before)),
        "change_rank": guessed.rank(toward)[0],
    }
    is_correct = guessed == tuned
    answer = {name: result[name] for name in (*_NAMING, "seed")} if is_correct or request.reveal else None
    return {
        "correct": is_correct,
        "guess": guess,
        "answer": answer,
        "sentence": _sentence(is_correct, guess, answer, before.numel(), result["direction"]),
    }


def _result(job: Job) -> Mapping[str, Any]:
    if job.kind != QUIZ.name:
        raise UnknownJob("This job is no quiz; POST /cnn/quiz makes one.")
    if not job.status.is_terminal:
        raise UnfinishedJob("The quiz has not ended; look again later or follow its events.")
    if job.result is None:
        raise FailedJob(f"The quiz has {job.status} and left no stimulus to guess by; begin another one.")
    return job.result


def _guessed(layer: str, request: QuizGuess) -> Unit:
    unit = unit_of(layer, request.unit)
    if unit.index is None:
        raise UnknownUnit("One unit was tuned, no whole channel; name its row and column, too.", "/unit")
    return unit


def _sentence(
    is_correct: bool, guess: Mapping[str, Any], answer: Mapping[str, Any] | None, units: int, direction: str
) -> str:
    place = f"number {guess['change_rank']} of {units} by {'rise' if direction == 'excite' else 'fall'}"
    ranks = f"from {guess['rank_before']} to {guess['rank_after']}"
    told = f"the drive of {guess['label']} {_moved(guess['change'])} ({place}), and its rank went {ranks}."
    if is_correct or answer is None:
        return f"{'Right' if is_correct else 'No'}: {told}"
    change, ranks = answer["drive_after"] - answer["drive_before"], f"{answer['rank_before']} to {answer['rank_after']}"
    return f"No: {told} It was {answer['label']}, whose drive {_moved(change)}, and whose rank went from {ranks}."


def _moved(change: float) -> str:
    return "stayed the same" if change == 0 else f"{'rose' if change > 0 else 'fell'} by {number(abs(change))}"


def _settle(request: QuizRequest, lab: Lab) -> SettledQuiz:
    model = lab.catalogue.resolve(DigitNet.FAMILY, request.model)
    decided = {"model": model.id, "seed": seed_or_new(request.seed), "is_seed_secret": request.seed is None}
    return SettledQuiz(**{**request.model_dump(), **decided})


def _begin(request: SettledQuiz, lab: Lab) -> _SilentTuning:
    settings = TuningSettings(
        layer=request.layer,
        units="any",
        direction=request.direction,
        starts=request.starts,
        seed=seed_or_new(request.seed),
    )
    return _SilentTuning(lab.catalogue.network(lab.catalogue.get(str(request.model))), settings, lab.device)


def _finish(request: SettledQuiz, work: _SilentTuning, lab: Lab, _job_id: str) -> Outcome:
    told = report(work, None)
    (unit,) = told["units"]
    settings = {name: value for name, value in told["settings"].items() if name not in ("units", "seed")}
    return Outcome(
        {
            "model": lab.catalogue.get(str(request.model)).reference,
            "seed": request.seed,
            "is_seed_secret": request.is_seed_secret,
            **{name: told[name] for name in ("layer", "direction", "steps", "stopped")},
            "settings": settings,
            **{name: unit[name] for name in (*_SHOWN, *_NAMING, *_NEEDED_TO_JUDGE)},
        }
    )


def _shown_request(request: Mapping[str, Any]) -> Mapping[str, Any]:
    shown = {name: value for name, value in request.items() if name in QuizRequest.model_fields}
    return shown | {"seed": None} if request["is_seed_secret"] else shown


def _shown_result(result: Mapping[str, Any]) -> Mapping[str, Any]:
    shown = {name: value for name, value in result.items() if name in QuizResult.model_fields}
    return shown | {"seed": None} if result["is_seed_secret"] else shown


def _renderings(result: Mapping[str, Any]) -> list[Rendering]:
    layer = LAYERS[result["layer"]]
    return [
        unnamed_stimulus(result["initial_image"], result["optimized_image"]),
        unmarked_responses(layer.name, layer.kind, layer.shape, result["layer_before"], result["layer_after"]),
    ]


QUIZ = Kind(
    "cnn.quiz",
    SettledQuiz,
    QuizResult,
    _settle,
    _begin,
    _finish,
    _renderings,
    preview,
    size=lambda request: request.starts,
    shown_request=_shown_request,
    shown_result=_shown_result,
)
