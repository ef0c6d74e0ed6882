"""The job that seeks the preferred stimuli of units."""

from collections.abc import Mapping
from typing import Any, Literal

from models.analysis.tuning import Tuning
from models.analysis.tuning_report import report
from models.analysis.tuning_settings import TuningSettings
from models.digit_net import LAYERS, DigitNet
from service.jobs.kinds import Kind, Outcome
from service.lab import Lab
from service.operations.chance import seed_or_new
from service.operations.units import spec_of, unit_of
from service.rendering import tuning as figures
from service.rendering.rendering import Rendering
from service.rendering.responses import responses
from service.schemas.tuning import TuneRequest, TuneResult


def _settle(request: TuneRequest, lab: Lab) -> TuneRequest:
    model = lab.catalogue.resolve(DigitNet.FAMILY, request.model)
    settled = request.model_copy(update={"model": model.id, "seed": seed_or_new(request.seed)})
    _settings(settled).complete()
    for number, choice in enumerate(request.named_units):
        unit_of(request.layer, choice, "/unit" if request.units is None else f"/units/{number}")
    return settled


def _settings(request: TuneRequest) -> TuningSettings:
    return TuningSettings(
        layer=request.layer,
        units=_units(request),
        direction=request.direction,
        method=request.method,
        starts=request.starts,
        steps=request.steps,
        learning_rate=request.learning_rate,
        penalty=request.penalty,
        robustness=request.robustness,
        smoothness=request.smoothness,
        diversity=request.diversity,
        early_stop=request.early_stop,
        max_seconds=request.max_seconds,
        seed=seed_or_new(request.seed),
    )


def _units(request: TuneRequest) -> tuple[int | Mapping[str, int], ...] | Literal["all"] | None:
    if request.units == "all":
        return "all"
    return tuple(map(spec_of, request.named_units)) or None


def begin(request: TuneRequest, lab: Lab) -> Tuning:
    """The search that a settled request asks for."""
    network = lab.catalogue.network(lab.catalogue.get(str(request.model)))
    return Tuning(network, _settings(request), lab.device)


def _finish(request: TuneRequest, work: Tuning, lab: Lab, _job_id: str) -> Outcome:
    model = lab.catalogue.get(str(request.model))
    return Outcome({"model": model.reference, "seed": request.seed, **report(work, lab.digits_if_any())})


def _renderings(result: Mapping[str, Any]) -> list[Rendering]:
    units, tuned = result["units"], LAYERS[result["layer"]]
    # Drive, not activity: what tuning changes shows for silent and for inhibited units too.
    drives = [
        {**unit, "layer_before": unit["layer_drive_before"], "layer_after": unit["layer_drive_after"]} for unit in units
    ]
    pictures = [
        figures.stimulus(units),
        responses(tuned.name, tuned.kind, tuned.shape, drives),
        figures.starts(units),
        figures.tuning_trace(units),
    ]
    if result["digits"] is not None:
        pictures.append(figures.neighbours(units, result["direction"], result["digits"], result["class_means"]))
    return pictures


def preview(work: Tuning) -> bytes:
    """A small picture of the best images so far."""
    return figures.preview_sheet(work.best_images().numpy(force=True))


TUNE = Kind(
    "cnn.tune",
    TuneRequest,
    TuneResult,
    _settle,
    begin,
    _finish,
    _renderings,
    preview,
    size=lambda request: _settings(request).image_steps,
)
