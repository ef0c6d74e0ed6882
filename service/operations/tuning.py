"""The job that seeks a unit's preferred stimulus."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from models.analysis.tuning import Tuning, TuningSettings

from models.digit_net import LAYERS, DigitNet, Layer, layer
from models.units import Unit
from service.jobs.kinds import Kind, Outcome
from service.lab import Lab
from service.operations.chance import seed_or_new
from service.rendering import tuning as figures
from service.rendering.digits import preview
from service.rendering.rendering import Rendering
from service.schemas.cnn import TuneRequest
from service.schemas.common import UnitPlace

MOST_RESPONSES = 10  # pictures of responses in one result, `responses`, `responses-2`, …


def _settle(request: TuneRequest, lab: Lab) -> TuneRequest:
    model = lab.catalogue.resolve(DigitNet.FAMILY, request.model)
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


def _finish(request: TuneRequest, work: Tuning, lab: Lab, _job_id: str) -> Outcome:
    model = lab.catalogue.get(str(request.model))
    return Outcome({"model": model.reference, **work.report(lab.digits_if_any())})


def _renderings(result: Mapping[str, Any]) -> list[Rendering]:
    units, tuned = result["units"], LAYERS[result["layer"]]
    return [
        figures.stimulus(units),
        *(_responses(tuned, unit, number) for number, unit in enumerate(units[:MOST_RESPONSES], start=1)),
        figures.starts(units),
        figures.tuning_trace(units),
    ]


def _responses(tuned: Layer, unit: Mapping[str, Any], number: int) -> Rendering:
    is_channel = isinstance(unit["unit"], Mapping)
    picture = figures.responses(
        tuned.name,
        tuned.kind,
        tuned.shape,
        unit["layer_drive_before"],
        unit["layer_drive_after"],
        unit["unit"]["channel"] if is_channel else unit["unit"],
        unit["label"],
        whole_channel=is_channel,
        ranks=(unit["rank_before"], unit["rank_after"]),
    )
    return picture if number == 1 else replace(picture, name=f"{picture.name}-{number}")


def _preview(work: Tuning) -> bytes:
    return preview(work.best_images()[0])


def _specs(request: TuneRequest) -> list[Any] | None:
    chosen = request.chosen_units
    if chosen is None:
        return None
    return [unit.spec() if isinstance(unit, UnitPlace) else unit for unit in chosen]


TUNE = Kind("cnn.tune", TuneRequest, _settle, _begin, _finish, _renderings, _preview)
