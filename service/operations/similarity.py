"""Which digits each layer holds for alike."""

from models.analysis import similarity as analysis
from models.digit_net import LAYERS, DigitNet
from service.lab import Lab
from service.operations.analysis import Analysis
from service.operations.answered import Answered
from service.operations.chance import seed_or_new
from service.rendering import similarity as figures
from service.schemas.similarity import SimilarityAnswer, SimilarityRequest


def similarity(request: SimilarityRequest, lab: Lab) -> Answered:
    """The dissimilarity of digits in the layers asked for, and how far these layers agree."""
    model = lab.catalogue.resolve(DigitNet.FAMILY, request.model)
    seed = seed_or_new(request.seed)
    sample = lab.digits().sample_per_class(request.per_class, seed)
    layers = request.layers or (analysis.INPUT, *LAYERS)
    found = analysis.similarity(lab.catalogue.network(model), sample, layers)
    result = {"model": model.reference, "seed": seed, "per_class": request.per_class, **found}
    names = [layer["name"] for layer in found["layers"]]
    return Answered(
        result,
        lambda: [
            figures.matrices(found["layers"], request.per_class),
            figures.layers(names, found["layer_similarity"]),
        ],
    )


SIMILARITY = Analysis("/cnn/similarity", SimilarityRequest, SimilarityAnswer, DigitNet.FAMILY, similarity)
