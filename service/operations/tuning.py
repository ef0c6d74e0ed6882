"""The job that seeks a unit's preferred stimulus."""

from collections.abc import Mapping
from typing import Any

from models.analysis.tuning import Tuning, TuningSettings
from models.digit_net import LAYERS, DigitNet
from service.jobs.kinds import Kind, Outcome
from service.lab import Lab
from service.operations.chance import seed_or_new
from service.operations.units import spec_of, unit_of
from service.rendering import tuning as figures
from service.rendering.digits import preview
from service.rendering.rendering import Rendering
from service.rendering.responses import responses
from service.schemas.cnn import TuneRequest


def _settle(request: TuneRequest, lab: Lab) -> TuneRequest:
    model = lab.catalogue.resolve(DigitNet.FAMILY, request.model)
    settled = request.model_copy(update={"model": model.id, "seed": seed_or_new(request.seed)})
    _settings(settled).complete()
    for number, choice in enumerate(request.chosen_units or ()):
        unit_of(request.layer, choice, "/unit" if request.units is None else f"/units/{number}")
    return settled


def _settings(request: TuneRequest) -> TuningSettings:
    return TuningSettings(
        layer=request.layer,
        units=_specs(request),
        direction=request.direction,
        method=request.method,
        starts=request.starts,
        steps=request.steps,
        learning_rate=request.learning_rate,
        penalty=request.penalty,
        max_seconds=request.max_seconds,
        seed=seed_or_new(request.seed),
    )


def _begin(request: TuneRequest, lab: Lab) -> Tuning:
    network = lab.catalogue.network(lab.catalogue.get(str(request.model)))
    return Tuning(network, _settings(request), lab.device)


def _finish(request: TuneRequest, work: Tuning, lab: Lab, _job_id: str) -> Outcome:
    model = lab.catalogue.get(str(request.model))
    return Outcome({"model": model.reference, "seed": request.seed, **work.report(lab.digits_if_any())})


def _renderings(result: Mapping[str, Any]) -> list[Rendering]:
    units, tuned = result["units"], LAYERS[result["layer"]]
    # Drive, not activity: what tuning changes shows for silent and for inhibited units too.
    drives = [
        {**unit, "layer_before": unit["layer_drive_before"], "layer_after": unit["layer_drive_after"]} for unit in units
    ]
    return [
        figures.stimulus(units),
        responses(tuned.name, tuned.kind, tuned.shape, drives),
        figures.starts(units),
        figures.tuning_trace(units),
    ]


def _preview(work: Tuning) -> bytes:
    return preview(work.best_images()[0])


def _specs(request: TuneRequest) -> tuple[int | Mapping[str, int], ...] | None:
    chosen = request.chosen_units
    return None if chosen is None else tuple(map(spec_of, chosen))


TUNE = Kind("cnn.tune", TuneRequest, _settle, _begin, _finish, _renderings, _preview)
