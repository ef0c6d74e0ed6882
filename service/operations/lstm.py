"""What the memory network does with trials of its task."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from models import memory_lstm
from models.analysis.gates import aligned_gates, gate_family, time_constants_ms
from models.analysis.horizon import predict
from models.analysis.report_error import report_error
from models.memory_lstm import Clamp, MemoryLSTM
from models.memory_task import Trials, memory_trials, memory_trials_with_delay, trials_from_inputs
from service.lab import Lab
from service.operations.answered import Answered
from service.operations.chance import seed_or_new
from service.rendering import lstm as figures
from service.rendering.memory import aligned as aligned_picture
from service.rendering.memory import scatter
from service.rendering.rendering import Rendering
from service.schemas.lstm import SimulateRequest, TaskRequest

DEFAULT_SEQ_LEN = 20


def task(request: TaskRequest) -> Answered:
    """A fresh trial of the memory task."""
    seed = seed_or_new(request.seed)
    trials = memory_trials(seq_len=request.seq_len, n_repeat=request.n_repeat, batch_size=request.batch_size, seed=seed)
    shown = _shown(trials, request.trial)
    picture = figures.trial(shown["time_ms"], shown["inputs"], shown["target"], None, shown["events"])
    return Answered({"seed": seed, **shown}, [picture])


def simulate(request: SimulateRequest, lab: Lab) -> Answered:
    """One trial as the network answers it, and its error over the whole batch."""
    experiment = _experiment(request, lab)
    predicted = predict(experiment.network, experiment.trials, experiment.clamps)
    result = _simulated(experiment, predicted)
    return Answered(result, _pictures(experiment, predicted, result))


def gates(request: SimulateRequest, lab: Lab) -> Answered:
    """The same, with everything inside the network: gates, candidate, write, cell and output."""
    experiment = _experiment(request, lab)
    trials, network = experiment.trials, experiment.network
    periods = trials.periods()
    recording = network.record(torch.from_numpy(trials.inputs), experiment.clamps, periods)
    predicted = recording.predicted.numpy()
    inside = {
        "gates": {name: gate[request.trial].tolist() for name, gate in recording.gates.items()},
        "candidate": recording.candidate[request.trial].tolist(),
        "write": recording.write[request.trial].tolist(),
        "cell": recording.cell[request.trial].tolist(),
        "output": recording.output[request.trial].tolist(),
    }
    aligned = aligned_gates(recording, periods)
    constants = time_constants_ms(recording, periods)
    result = {
        **_simulated(experiment, predicted),
        **inside,
        "aligned": aligned,
        "time_constant_ms": _slowest(constants),
        "time_constants_ms": constants,
        "family": gate_family(network),
    }
    pictures = [figures.gates(result["time_ms"], result["inputs"], **inside, events=result["events"])]
    return Answered(result, [*pictures, aligned_picture(aligned), *_pictures(experiment, predicted, result)])


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
        clamps=[Clamp(clamp.gate, clamp.value, clamp.window) for clamp in request.clamps],
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


def _slowest(constants: Sequence[float | None]) -> float | None:
    """Of several units' time constants the longest; None, which never decays, is longer than any."""
    decaying = [constant for constant in constants if constant is not None]
    return max(decaying) if len(decaying) == len(constants) else None


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
