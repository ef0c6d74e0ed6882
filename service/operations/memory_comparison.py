"""The job that trains memory networks from the same seeds in several ways."""

from collections.abc import Mapping
from typing import Any

from models import memory_lstm
from models.analysis.memory_comparison import MemoryComparison, equally_hard
from models.artifacts import memory_lstm_card
from models.errors import InvalidTraining
from models.training.memory_lstm import MemoryTrainingSettings
from service.jobs.kinds import Kind, NewModel, Outcome
from service.jobs.records import model_id
from service.lab import Lab
from service.operations.chance import seed_or_new
from service.rendering import memory_comparison as figures
from service.rendering.rendering import Rendering
from service.schemas.memory_comparison import MemoryCompareRequest, MemoryCompareResult, MemorySetting


def _settle(request: MemoryCompareRequest, _lab: Lab) -> MemoryCompareRequest:
    baseline = request.settings[0].model_dump()
    settings = [MemorySetting(**baseline | setting.model_dump(exclude_unset=True)) for setting in request.settings]
    settled = request.model_copy(update={"settings": settings, "seed": seed_or_new(request.seed)})
    _settings(settled)
    return settled


def _settings(request: MemoryCompareRequest) -> dict[str, MemoryTrainingSettings]:
    """What each setting of a settled request means to the training."""
    settings = {setting.name: _training_settings(request, number) for number, setting in enumerate(request.settings)}
    return equally_hard(settings) if request.scale_target else settings


def _training_settings(request: MemoryCompareRequest, number: int) -> MemoryTrainingSettings:
    options = request.settings[number].model_dump(exclude={"name"})
    common = request.model_dump(include={"networks", "target_loss", "max_steps"})
    try:
        return MemoryTrainingSettings(**options, **common, seed=seed_or_new(request.seed))
    except InvalidTraining as error:
        error.pointer = f"/settings/{number}{error.pointer}"
        raise


def _begin(request: MemoryCompareRequest, lab: Lab) -> MemoryComparison:
    return MemoryComparison(_settings(request), lab.device)


def _finish(request: MemoryCompareRequest, work: MemoryComparison, _lab: Lab, job_id: str) -> Outcome:
    report = work.report()
    models = _models(request, work, report, job_id) if request.keep else []
    references = [model.reference for model in models] or [None] * len(report["settings"])
    settings = [
        {**setting, "model": reference} for setting, reference in zip(report["settings"], references, strict=True)
    ]
    told = request.model_dump(include={"seed", "target_loss", "scale_target", "max_steps"})
    return Outcome({**told, **report, "settings": settings}, models)


def _models(
    request: MemoryCompareRequest, work: MemoryComparison, report: Mapping[str, Any], job_id: str
) -> list[NewModel]:
    """The best network of each setting, named after it."""
    models = []
    trained = zip(_settings(request).items(), work.best_networks(), report["settings"], strict=True)
    for number, ((name, settings), network, told) in enumerate(trained):
        card = {"name": name, **memory_lstm_card(settings, told["networks"][told["best"]])}
        models.append(NewModel(model_id(memory_lstm.FAMILY, job_id, number), memory_lstm.FAMILY, network, card))
    return models


def _renderings(result: Mapping[str, Any]) -> list[Rendering]:
    return [
        figures.horizons(result["settings"], result["longest_delay_ms"]),
        figures.curves(result["settings"]),
    ]


COMPARE = Kind(
    "lstm.compare",
    MemoryCompareRequest,
    MemoryCompareResult,
    _settle,
    _begin,
    _finish,
    _renderings,
    size=lambda request: len(request.settings) * request.networks * request.max_steps,
    models=lambda request: len(request.settings) if request.keep else 0,
)
