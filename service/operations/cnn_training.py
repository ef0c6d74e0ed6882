"""The job that trains the lab's digit network."""

from collections.abc import Mapping
from typing import Any

from models.artifacts import digit_net_card
from models.digit_net import DigitNet
from models.training.digit_net import DigitNetTraining, DigitNetTrainingSettings
from service.jobs.kinds import Kind, NewModel, Outcome
from service.jobs.records import model_id
from service.lab import Lab
from service.operations.chance import seed_or_new
from service.rendering import training as figures
from service.rendering.rendering import Rendering
from service.schemas.cnn import TrainRequest, TrainResult


def _settle(request: TrainRequest, lab: Lab) -> TrainRequest:
    lab.digits()
    return request.model_copy(update={"seed": seed_or_new(request.seed)})


def _settings(request: TrainRequest) -> DigitNetTrainingSettings:
    return DigitNetTrainingSettings(
        target_accuracy=request.target_accuracy,
        max_steps=request.max_steps,
        batch_size=request.batch_size,
        learning_rate=request.learning_rate,
        seed=seed_or_new(request.seed),
    )


def _begin(request: TrainRequest, lab: Lab) -> DigitNetTraining:
    return DigitNetTraining(_settings(request), lab.digits(), lab.device)


def _finish(request: TrainRequest, work: DigitNetTraining, _lab: Lab, job_id: str) -> Outcome:
    report = work.report()
    card = {"name": request.name, **digit_net_card(_settings(request), report)}
    model = NewModel(model_id(DigitNet.FAMILY, job_id), DigitNet.FAMILY, work.network, card)
    told = {"seed": request.seed, "target_accuracy": request.target_accuracy}
    return Outcome({"model": model.reference, **report, **told}, [model])


def _renderings(result: Mapping[str, Any]) -> list[Rendering]:
    return [
        figures.accuracy_curve(result["history"], result["target_accuracy"], result["steps"]),
        figures.confusion(result["confusion"]),
    ]


TRAIN = Kind(
    "cnn.train",
    TrainRequest,
    TrainResult,
    _settle,
    _begin,
    _finish,
    _renderings,
    size=lambda request: request.max_steps * request.batch_size,
    models=lambda _: 1,
)
