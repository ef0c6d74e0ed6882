"""The job that seeks a unit's preferred stimulus."""

from collections.abc import Mapping
from typing import Any

from models import digit_net
from models.analysis.tuning import Tuning, TuningSettings
from models.digit_net import LAYERS, layer
from models.units import Unit
from service.jobs.kinds import Kind, Outcome
from service.lab import Lab
from service.operations.chance import seed_or_new
from service.rendering import cnn as figures
from service.rendering.rendering import Rendering
from service.schemas.cnn import TuneRequest
from service.schemas.common import UnitPlace


def _settle(request: TuneRequest, lab: Lab) -> TuneRequest:
    model = lab.catalogue.resolve(digit_net.FAMILY, request.model)
    for spec in _specs(request) or ():
        Unit.of(layer(request.layer), spec)
    return request.model_copy(update={"model": model.id, "seed": seed_or_new(request.seed)})


def _begin(request: TuneRequest, lab: Lab) -> Tuning:
    network = lab.catalogue.network(lab.catalogue.get(str(request.model)))
    units = _specs(request)
    settings = TuningSettings(
        layer=request.layer,
        units=None if units is None else tuple(units),
        direction=request.direction,
        method=request.method,
        starts=request.starts,
        steps=request.steps,
        learning_rate=request.learning_rate,
        penalty=request.penalty,
        max_seconds=request.max_seconds,
        seed=seed_or_new(request.seed),
    )
    return Tuning(network, settings, lab.device)


def _finish(request: TuneRequest, work: Tuning, lab: Lab, job_id: str) -> Outcome:
    model = lab.catalogue.get(str(request.model))
    return Outcome({"model": model.reference, **work.report(lab.digits_if_any())})


def _renderings(result: Mapping[str, Any]) -> list[Rendering]:
    units = result["units"]
    tuned = LAYERS[result["layer"]]
    return [
        figures.stimulus(units),
        figures.responses(tuned.name, tuned.kind, tuned.shape, units),
        figures.starts(units),
        figures.tuning_trace(units),
    ]


def _preview(work: Tuning) -> bytes:
    return figures.preview(work.best_images()[0])


def _specs(request: TuneRequest) -> list[Any] | None:
    chosen = request.chosen_units
    if chosen is None:
        return None
    return [unit.spec() if isinstance(unit, UnitPlace) else unit for unit in chosen]


TUNE = Kind("cnn.tune", TuneRequest, _settle, _begin, _finish, _renderings, _preview)
