"""What the digit network reads when units are silenced."""

from models.analysis.lesion import Preparation
from models.digit_net import DigitNet
from models.units import Unit
from service.lab import Lab
from service.operations.analysis import Analysis
from service.operations.answered import Answered
from service.operations.chance import seed_or_new
from service.operations.units import unit_of
from service.rendering import lesion as figures
from service.schemas.lesion import LesionAnswer, LesionRequest


def lesion(request: LesionRequest, lab: Lab) -> Answered:
    """The lesion asked for: named units, a random share of a layer, or each unit alone and the costliest in detail."""
    model = lab.catalogue.resolve(DigitNet.FAMILY, request.model)
    seed = seed_or_new(request.seed)
    sample = lab.digits().sample(request.samples, seed)
    preparation = Preparation(lab.catalogue.network(model), sample, request.layer, request.replacement)
    dose, each = None, None
    if request.units is not None:
        units = [unit_of(request.layer, choice, f"/units/{place}") for place, choice in enumerate(request.units)]
    elif request.fraction is not None:
        units = preparation.random_units(request.fraction, seed)
        dose = preparation.dose_curve(request.fraction, request.repeats, seed)
    else:
        each = preparation.each()
        costliest = min(each, key=lambda alone: alone["accuracy"])
        units = [Unit.of(preparation.layer, costliest["unit"])]
    result = {
        "model": model.reference,
        "seed": seed,
        "samples": request.samples,
        **preparation.lesion(units),
        "dose": dose,
        "each": each,
    }
    more = [figures.dose] if dose else [figures.each] if each else []
    return Answered(result, lambda: [picture(result) for picture in (figures.accuracy, figures.logits, *more)])


LESION = Analysis("/cnn/lesion", LesionRequest, LesionAnswer, DigitNet.FAMILY, lesion)
