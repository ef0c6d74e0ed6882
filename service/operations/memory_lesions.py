"""What the memory network loses when a gate is held."""

from models import memory_lstm
from models.analysis import memory_lesions as analysis
from models.memory_lstm import GATES, WINDOWS
from models.memory_task import DELAY_JITTER_MS
from service.lab import Lab
from service.operations.analysis import Analysis
from service.operations.answered import Answered
from service.operations.chance import seed_or_new
from service.operations.lstm import check_affordable
from service.rendering.memory_lesions import lesions as picture
from service.schemas.memory_lesions import MemoryLesionsAnswer, MemoryLesionsRequest


def lesions(request: MemoryLesionsRequest, lab: Lab) -> Answered:
    """The whole table: every gate, held at every value, in every window."""
    model = lab.catalogue.resolve(memory_lstm.FAMILY, request.model)
    network = lab.catalogue.network(model)
    seed = seed_or_new(request.seed)
    entries = len(GATES) * len(request.values) * len(WINDOWS)
    steps = entries * request.n_repeat * (request.delay + DELAY_JITTER_MS + 1)
    check_affordable([network], steps, request.trials, "/delay")
    found = analysis.lesions(network, request.delay, request.trials, seed, request.n_repeat, request.values)
    told = {"seed": seed, "delay_ms": request.delay, "trials": request.trials, "n_repeat": request.n_repeat}
    result = {"model": model.reference, **told, **found}
    return Answered(result, lambda: [picture(result)])


LESIONS = Analysis("/lstm/lesions", MemoryLesionsRequest, MemoryLesionsAnswer, memory_lstm.FAMILY, lesions)
