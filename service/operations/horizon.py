"""After which delay the memory network fails, one or several beside each other."""

from models import memory_lstm
from models.analysis import horizon as analysis
from models.memory_task import DELAY_JITTER_MS
from service.lab import Lab
from service.operations.analysis import Analysis
from service.operations.answered import Answered
from service.operations.chance import seed_or_new
from service.operations.lstm import check_affordable, clamps_of
from service.rendering.horizon import horizon as picture
from service.schemas.horizon import HorizonAnswer, HorizonRequest


def horizon(request: HorizonRequest, lab: Lab) -> Answered:
    """The scores of every network over the same trials at each delay."""
    models = [lab.catalogue.resolve(memory_lstm.FAMILY, model) for model in request.chosen_models]
    networks = [lab.catalogue.network(model) for model in models]
    sweep = {
        "delays": request.delays or analysis.DELAYS_MS,
        "trials": request.trials,
        "criterion": request.criterion,
        "seed": seed_or_new(request.seed),
        "n_repeat": request.n_repeat,
    }
    steps = request.n_repeat * sum(delay + DELAY_JITTER_MS + 1 for delay in set(sweep["delays"]))
    check_affordable(networks, steps, request.trials, "/delays")
    found = [
        {"model": model.reference, **analysis.horizon(network, **sweep, clamps=clamps_of(request.clamps))}
        for model, network in zip(models, networks, strict=True)
    ]
    told = {name: sweep[name] for name in ("seed", "criterion", "trials", "n_repeat")}
    result = {**found[0], **told, "chance": analysis.CHANCE, "models": found}
    labelled = [{**each, "label": each["model"]["id"]} for each in found]
    return Answered(result, lambda: [picture(labelled, request.criterion)])


HORIZON = Analysis("/lstm/horizon", HorizonRequest, HorizonAnswer, memory_lstm.FAMILY, horizon)
