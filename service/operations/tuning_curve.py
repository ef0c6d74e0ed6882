"""How a unit's drive changes with one property of what it sees."""

from models.analysis import tuning_curve as analysis
from models.digit_net import DigitNet
from service.lab import Lab
from service.operations.analysis import Analysis
from service.operations.answered import Answered
from service.operations.chance import seed_or_new
from service.operations.units import unit_of
from service.rendering import tuning_curve as figures
from service.schemas.tuning_curve import TuningCurveAnswer, TuningCurveRequest


def tuning_curve(request: TuningCurveRequest, lab: Lab) -> Answered:
    """The tuning curve of a unit, with a fit, indices and the stimuli that were shown."""
    model = lab.catalogue.resolve(DigitNet.FAMILY, request.model)
    unit, seed = unit_of(request.layer, request.unit), seed_or_new(request.seed)
    given = request.model_dump(exclude={"model", "layer", "unit", "values", "seed"})
    values = None if request.values is None else tuple(request.values)
    settings = analysis.TuningCurveSettings(**given, values=values, seed=seed)
    by_chance = request.stimulus == "class"
    digits = lab.digits_if_any() if by_chance else None  # where there are none, senseless settings are told first
    answer, shown = analysis.tuning_curve(lab.catalogue.network(model), unit, settings, digits)
    result = {
        "model": model.reference,
        "seed": seed if by_chance else None,
        "layer": request.layer,
        "unit": unit.as_json(),
        "label": unit.label,
        "field": unit.receptive_field._asdict(),
        "stimulus": request.stimulus,
        **answer,
    }
    return Answered(result, lambda: [figures.curve(result), figures.stimuli(result, *zip(*shown, strict=True))])


TUNING_CURVE = Analysis("/cnn/tuning-curve", TuningCurveRequest, TuningCurveAnswer, DigitNet.FAMILY, tuning_curve)
