"""Which pixels a unit listens to."""

from models.analysis import receptive_field as analysis
from models.digit_net import DigitNet
from service.lab import Lab
from service.operations.analysis import Analysis
from service.operations.answered import Answered
from service.operations.chance import seed_or_new
from service.operations.units import unit_of
from service.rendering import receptive_field as figures
from service.schemas.receptive_field import ReceptiveFieldAnswer, ReceptiveFieldRequest


def receptive_field(request: ReceptiveFieldRequest, lab: Lab) -> Answered:
    """The receptive field of a unit by reverse correlation, beside the one that its wiring allows."""
    model = lab.catalogue.resolve(DigitNet.FAMILY, request.model)
    unit, seed = unit_of(request.layer, request.unit), seed_or_new(request.seed)
    field = analysis.receptive_field(lab.catalogue.network(model), unit, request.samples, seed)
    result = {
        "model": model.reference,
        "seed": seed,
        "layer": request.layer,
        "unit": unit.as_json(),
        "label": unit.label,
        **field,
    }
    return Answered(result, lambda: [figures.field(result)])


RECEPTIVE_FIELD = Analysis(
    "/cnn/receptive-field", ReceptiveFieldRequest, ReceptiveFieldAnswer, DigitNet.FAMILY, receptive_field
)
