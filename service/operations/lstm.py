"""What the memory network does with trials of its task."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from models import memory_lstm
from models.analysis.gates import describe_gates
from models.analysis.horizon import predict
from models.analysis.report_error import report_error
from models.errors import InvalidAnalysis
from models.memory_lstm import Clamp, MemoryLSTM
from models.memory_task import Trials, memory_trials, memory_trials_with_delay, trials_from_inputs
from service.lab import Lab
from service.operations.analysis import Analysis
from service.operations.answered import Answered
from service.operations.chance import seed_or_new
from service.rendering import lstm as figures
from service.rendering.memory import aligned, scatter
from service.rendering.rendering import Rendering
from service.schemas.lstm import ClampChoice, GatesAnswer, SimulateAnswer, SimulateRequest, TaskAnswer, TaskRequest

DEFAULT_SEQ_LEN = 20
MOST_WORK = 8_000_000


def task(request: TaskRequest) -> Answered:
    """A fresh trial of the memory task."""
    seed = seed_or_new(request.seed)
    trials = memory_trials(seq_len=request.seq_len, n_repeat=request.n_repeat, batch_size=request.batch_size, seed=seed)
    shown = _shown(trials, request.trial)
    return Answered(
        {"seed": seed, **shown},
        lambda: [figures.trial(shown["time_ms"], shown["inputs"], shown["target"], None, shown["events"])],
    )


def simulate(request: SimulateRequest, lab: Lab) -> Answered:
    """One trial as the network answers it, and its error over the whole batch."""
    experiment = _experiment(request, lab)
    predicted = predict(experiment.network, experiment.trials, experiment.clamps)
    result = _simulated(experiment, predicted)
    return Answered(result, lambda: _pictures(experiment, predicted, result))


def gates(request: SimulateRequest, lab: Lab) -> Answered:
    """The same, with everything inside the network: gates, candidate, write, cell and output."""
    experiment = _experiment(request, lab)
    trials, network = experiment.trials, experiment.network
    recording = network.record(torch.from_numpy(trials.inputs), experiment.clamps, trials.periods())
    predicted = recording.predicted.numpy()
    inside = {
        "gates": {name: gate[request.trial].tolist() for name, gate in recording.gates.items()},
        "candidate": recording.candidate[request.trial].tolist(),
        "write": recording.write[request.trial].tolist(),
        "cell": recording.cell[request.trial].tolist(),
        "output": recording.output[request.trial].tolist(),
    }
    described = describe_gates(network, recording, trials)
    result = {**_simulated(experiment, predicted), **inside, **described}
    return Answered(
        result,
        lambda: [
            figures.gates(result["time_ms"], result["inputs"], **inside, events=result["events"]),
            aligned(described["aligned"], described["time_courses"]),
            *_pictures(experiment, predicted, result),
        ],
    )


def clamps_of(choices: Sequence[ClampChoice]) -> list[Clamp]:
    """The clamps that a request names."""
    return [Clamp(choice.gate, choice.value, choice.window) for choice in choices]


def check_affordable(networks: Sequence[MemoryLSTM], steps: int, trials: int, pointer: str) -> None:
    """Lets pass what takes about two seconds at most.

    A step costs about the same for up to 256 trials, with up to four units; with more it costs in proportion.

    Raises:
        InvalidAnalysis: It is more than that.
    """
    units = sum(max(1.0, network.hidden_size / 4) for network in networks)
    share = steps * max(trials, 256) * units / MOST_WORK
    if share > 1:
        message = f"This takes {share:.1f} times as long as an answer may"
        raise InvalidAnalysis(f"{message}; ask for shorter delays, or for less of the rest.", pointer)


@dataclass(frozen=True)
class _Experiment:
    """The network, its clamps and its trials, with what the answer says of them."""

    network: MemoryLSTM
    clamps: list[Clamp]
    trials: Trials
    trial: int
    origin: Mapping[str, Any]


def _experiment(request: SimulateRequest, lab: Lab) -> _Experiment:
    model = lab.catalogue.resolve(memory_lstm.FAMILY, request.model)
    seed = seed_or_new(request.seed)
    return _Experiment(
        network=lab.catalogue.network(model),
        clamps=clamps_of(request.clamps),
        trials=_trials(request, seed),
        trial=request.trial,
        origin={"model": model.reference, "seed": seed},
    )


def _trials(request: SimulateRequest, seed: int) -> Trials:
    if request.inputs is not None:
        return trials_from_inputs(request.inputs)
    counts = {"n_repeat": request.n_repeat, "batch_size": request.batch_size, "seed": seed}
    if request.delay is not None:
        return memory_trials_with_delay(delay=request.delay, **counts)
    return memory_trials(seq_len=request.seq_len or DEFAULT_SEQ_LEN, **counts)


def _shown(trials: Trials, trial: int) -> dict[str, Any]:
    return {
        "time_ms": list(range(trials.inputs.shape[1])),
        "inputs": trials.inputs[trial].tolist(),
        "target": trials.target[trial].tolist(),
        "events": trials.events(trial),
    }


def _simulated(experiment: _Experiment, predicted: np.ndarray[Any, Any]) -> dict[str, Any]:
    return {
        **experiment.origin,
        **_shown(experiment.trials, experiment.trial),
        "predicted": predicted[experiment.trial].tolist(),
        "error": report_error(experiment.trials, predicted),
    }


def _pictures(experiment: _Experiment, predicted: np.ndarray[Any, Any], result: Mapping[str, Any]) -> list[Rendering]:
    trials = experiment.trials
    scores = {name: result["error"][name] for name in ("r2", "gain", "correlation", "chance_rmse", "report_rmse")}
    return [
        figures.trial(result["time_ms"], result["inputs"], result["target"], result["predicted"], result["events"]),
        scatter(trials.wanted.ravel(), trials.at_reports(predicted).ravel(), **scores),
    ]


TASK = Analysis("/lstm/task", TaskRequest, TaskAnswer, None, lambda request, _: task(request))
SIMULATE = Analysis("/lstm/simulate", SimulateRequest, SimulateAnswer, memory_lstm.FAMILY, simulate)
GATES = Analysis("/lstm/gates", SimulateRequest, GatesAnswer, memory_lstm.FAMILY, gates)
