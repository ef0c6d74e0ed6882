"""Where the memory network's state goes, rests and drifts."""

from models import memory_lstm
from models.analysis import state_space as analysis
from service.lab import Lab
from service.operations.analysis import Analysis
from service.operations.answered import Answered
from service.operations.chance import seed_or_new
from service.operations.lstm import clamps_of
from service.rendering import state_space as figures
from service.schemas.state_space import StateSpaceAnswer, StateSpaceRequest


def state_space(request: StateSpaceRequest, lab: Lab) -> Answered:
    """Trajectories in principal axes, fixed and slow points of the delay, and the direction that carries the value."""
    model = lab.catalogue.resolve(memory_lstm.FAMILY, request.model)
    seed = seed_or_new(request.seed)
    clamps = clamps_of(request.clamps)
    found = analysis.state_space(lab.catalogue.network(model), request.delay, request.trials, seed, clamps)
    result = {"model": model.reference, "seed": seed, **found}
    return Answered(result, lambda: [figures.trajectories(found), figures.eigenvalues(found)])


STATE_SPACE = Analysis("/lstm/state-space", StateSpaceRequest, StateSpaceAnswer, memory_lstm.FAMILY, state_space)
