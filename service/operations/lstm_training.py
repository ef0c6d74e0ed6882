"""The job that trains memory networks, one or many side by side."""

from collections.abc import Mapping
from typing import Any

from models import memory_lstm
from models.artifacts import memory_lstm_card
from models.training.memory_lstm import MemoryTraining, MemoryTrainingSettings
from service.jobs.kinds import Kind, NewModel, Outcome
from service.jobs.records import model_id
from service.lab import Lab
from service.operations.chance import seed_or_new
from service.rendering import training as figures
from service.rendering.rendering import Rendering
from service.schemas.lstm import MemoryTrainRequest, MemoryTrainResult


def _settle(request: MemoryTrainRequest, _lab: Lab) -> MemoryTrainRequest:
    settled = request.model_copy(update={"seed": seed_or_new(request.seed)})
    _settings(settled)
    return settled


def _settings(request: MemoryTrainRequest) -> MemoryTrainingSettings:
    given = request.model_dump(exclude={"name", "keep", "seed"})
    return MemoryTrainingSettings(**given, seed=seed_or_new(request.seed))


def _begin(request: MemoryTrainRequest, lab: Lab) -> MemoryTraining:
    return MemoryTraining(_settings(request), lab.device)


def _finish(request: MemoryTrainRequest, work: MemoryTraining, _lab: Lab, job_id: str) -> Outcome:
    report, trained, settings = work.report(), work.networks(), _settings(request)
    ids = [
        model_id(memory_lstm.FAMILY, job_id, number if request.networks > 1 else None)
        for number in range(request.networks)
    ]
    models = {}
    for number in range(request.networks) if request.keep == "all" else [report["best"]]:
        card = {"name": request.name, **memory_lstm_card(settings, report["networks"][number])}
        models[number] = NewModel(ids[number], memory_lstm.FAMILY, trained[number], card)
    networks = [
        {**row, "model": ids[number] if number in models else None} for number, row in enumerate(report["networks"])
    ]
    told = {"seed": request.seed, "target_loss": request.target_loss}
    result = {"model": models[report["best"]].reference, **report, "networks": networks, **told}
    return Outcome(result, list(models.values()))


def _renderings(result: Mapping[str, Any]) -> list[Rendering]:
    return [
        figures.loss_curve(result["history"], result["target_loss"]),
        figures.networks(result["networks"], result["best"]),
    ]


TRAIN = Kind(
    "lstm.train",
    MemoryTrainRequest,
    MemoryTrainResult,
    _settle,
    _begin,
    _finish,
    _renderings,
    size=lambda request: request.networks * request.hidden_size * request.max_steps,
    models=lambda request: request.networks if request.keep == "all" else 1,
)
