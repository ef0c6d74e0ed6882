"""What the units of each layer are like."""

from models.analysis import census as analysis
from models.digit_net import LAYERS, DigitNet
from service.lab import Lab
from service.operations.analysis import Analysis
from service.operations.answered import Answered
from service.operations.chance import seed_or_new
from service.rendering import census as figures
from service.schemas.census import CensusAnswer, CensusRequest


def census(request: CensusRequest, lab: Lab) -> Answered:
    """Which units are dead, constant, sparse or selective, and the statistics of each, for the layers asked for."""
    model = lab.catalogue.resolve(DigitNet.FAMILY, request.model)
    seed = seed_or_new(request.seed)
    sample = lab.digits().sample(request.samples, seed)
    layers = analysis.census(lab.catalogue.network(model), sample, request.layers or LAYERS)
    told = {
        "samples": request.samples,
        "sparse_below": analysis.SPARSE_BELOW,
        "selective_from": analysis.SELECTIVE_FROM,
    }
    result = {"model": model.reference, "seed": seed, **told, "layers": layers}
    return Answered(result, lambda: [figures.layer_census(layer, **told) for layer in layers])


CENSUS = Analysis("/cnn/census", CensusRequest, CensusAnswer, DigitNet.FAMILY, census)
