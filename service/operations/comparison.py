"""The job that compares units, layers, networks and moments of training."""

from collections.abc import Mapping
from typing import Any

from models.analysis.comparison import ComparedModel, Comparison, Subject
from models.digit_net import DigitNet
from models.digits import Digits
from models.training.digit_net import DigitNetTrainingSettings
from service.catalogue import Model
from service.errors import UnknownModel, WrongFamily
from service.jobs.kinds import Kind, Outcome
from service.lab import Lab
from service.operations.chance import seed_or_new
from service.operations.units import spec_of
from service.rendering import comparison as figures
from service.rendering.rendering import Rendering
from service.schemas.comparison import CompareRequest, CompareResult


def _settle(request: CompareRequest, lab: Lab) -> CompareRequest:
    if request.model is not None:
        lab.catalogue.resolve(DigitNet.FAMILY, request.model)
    subjects = [
        subject.model_copy(update={"model": _model(request, number, lab).id})
        for number, subject in enumerate(request.subjects)
    ]
    settled = request.model_copy(update={"subjects": subjects, "seed": seed_or_new(request.seed)})
    _comparison(settled, lab, None)  # refuses what cannot be
    if any(subject.step is not None for subject in subjects):
        lab.digits()
    return settled


def _model(request: CompareRequest, number: int, lab: Lab) -> Model:
    """The model of one subject."""
    subject = request.subjects[number]
    try:
        return lab.catalogue.resolve(DigitNet.FAMILY, subject.model or request.model)
    except (UnknownModel, WrongFamily) as error:
        if subject.model is not None:
            error.pointer = f"/subjects/{number}/model"
        raise


def _begin(request: CompareRequest, lab: Lab) -> Comparison:
    return _comparison(request, lab, lab.digits_if_any())


def _comparison(request: CompareRequest, lab: Lab, digits: Digits | None) -> Comparison:
    models = [_model(request, number, lab) for number in range(len(request.subjects))]
    subjects = [
        Subject(model.id, subject.layer, spec_of(subject.unit), subject.step)
        for model, subject in zip(models, request.subjects, strict=True)
    ]
    return Comparison(
        {model.id: _compared(model, lab) for model in models},
        subjects,
        digits,
        starts=request.starts,
        steps=request.steps,
        seed=seed_or_new(request.seed),
        device=lab.device,
    )


def _compared(model: Model, lab: Lab) -> ComparedModel:
    training, scores = (model.card.get(name, {}) for name in ("training", "scores"))
    settings = DigitNetTrainingSettings(**training) if training else None
    return ComparedModel(lab.catalogue.network(model), settings, scores.get("steps"))


def _finish(request: CompareRequest, work: Comparison, lab: Lab, _job_id: str) -> Outcome:
    report = work.report()
    for named in (*report["subjects"], *report["retraining"]):
        named["model"] = lab.catalogue.get(named["model"]).reference
    told = {"seed": request.seed, "starts": request.starts, "steps": request.steps}
    return Outcome({"model": report["subjects"][0]["model"], **told, **report})


def _renderings(result: Mapping[str, Any]) -> list[Rendering]:
    subjects, development = result["subjects"], result["development"]
    pictures = [
        figures.stimuli(subjects),
        figures.cross(subjects, result["cross_drive"], result["cross_relative"]),
        figures.spectra(subjects),
    ]
    return pictures if development is None else [*pictures, figures.development(subjects, development)]


COMPARE = Kind(
    "cnn.compare",
    CompareRequest,
    CompareResult,
    _settle,
    _begin,
    _finish,
    _renderings,
    size=lambda request: len(request.subjects) * request.starts * request.steps,
)
