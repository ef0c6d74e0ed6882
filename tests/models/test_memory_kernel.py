import subprocess
import sys

import numpy as np
import pytest
import torch
from torch import nn

from models.kernels.memory_lstm import descend, sigmoid, warm
from models.kernels.memory_task import draw
from models.memory_lstm import MemoryLSTM
from models.memory_task import Trials, memory_trials
from models.training.memory_lstm import CompiledEngine, Descent, MemoryTrainingSettings, TorchEngine

OPTIONS = [
    {},
    {"hidden_size": 2, "loss_on": "report"},
    {"hidden_size": 5, "forget_bias": 1.0, "batch_size": 1, "n_repeat": 1},
    {"hidden_size": 32, "batch_size": 7},
    {"hidden_size": 3, "batch_size": 33, "loss_on": "report", "n_repeat": 2},
    {"seq_len_min": 3, "seq_len_max": 4, "batch_size": 16},
    {"seed": 2**62 + 5, "seq_len_max": 80, "n_repeat": 5, "learning_rate": 0.1},
]


def trials_of_step(chosen: MemoryTrainingSettings, step: int) -> Trials:
    generator = np.random.default_rng((chosen.seed, step))
    seq_len = int(generator.integers(chosen.seq_len_min, chosen.seq_len_max))
    return memory_trials(seq_len=seq_len, n_repeat=chosen.n_repeat, batch_size=chosen.batch_size, seed=generator)


def loss_by_torch(network: nn.Module, trials: Trials, chosen: MemoryTrainingSettings) -> torch.Tensor:
    predicted, target = network(torch.from_numpy(trials.inputs).double()), torch.from_numpy(trials.target).double()
    if chosen.loss_on == "all":
        return nn.functional.mse_loss(predicted, target)
    reports = torch.from_numpy(trials.report_times)
    return nn.functional.mse_loss(predicted.gather(1, reports), target.gather(1, reports))


def flat(tensors) -> torch.Tensor:
    return torch.cat([tensor.detach().reshape(-1) for tensor in tensors])


def descended(engine, chosen: MemoryTrainingSettings, steps: int) -> Descent:
    descent = Descent.initialised(chosen)
    longest = [chosen.seq_len_max - 1 - network for network in range(chosen.networks)]
    engine.descend(descent, range(chosen.networks), longest, range(steps))
    return descent


def test_the_sigmoid_is_exact_to_twelve_digits_where_it_is_not_saturated():
    drives = np.linspace(-40, 40, 10_001)
    np.testing.assert_allclose([sigmoid(drive) for drive in drives], 1 / (1 + np.exp(-drives)), rtol=1e-12)
    assert sigmoid(-1e6) == sigmoid(-40.0) < 5e-18
    assert sigmoid(1e6) == 1
    assert np.isnan(sigmoid(np.nan))


def test_trials_are_those_that_numpy_draws():
    chance = np.random.default_rng(0)
    for _ in range(300):
        seed, step = (int(chance.integers(0, 2**bits)) for bits in chance.integers(1, 64, size=2).tolist())
        shortest = int(chance.integers(3, 30))
        longest = shortest + int(chance.integers(0, 100))
        n_repeat, batch_size = chance.integers(1, 20, size=2).tolist()
        generator = np.random.default_rng((seed, step))
        seq_len = int(generator.integers(shortest, longest + 1))
        trials = memory_trials(seq_len=seq_len, n_repeat=n_repeat, batch_size=batch_size, seed=generator)
        stimulus, memorize_times, report_times = draw(seed, step, shortest, longest, n_repeat, batch_size)
        np.testing.assert_array_equal(stimulus, trials.inputs[..., 0])
        np.testing.assert_array_equal(memorize_times, trials.memorize_times)
        np.testing.assert_array_equal(report_times, trials.report_times)


@pytest.mark.parametrize("options", OPTIONS)
def test_loss_and_gradient_are_those_of_autograd(options):
    chosen = MemoryTrainingSettings(**{"seed": 3, **options})
    descent = descended(CompiledEngine(chosen), chosen, steps=1)
    network = MemoryLSTM.initialised(chosen.hidden_size, chosen.seed, chosen.forget_bias).double()
    loss = loss_by_torch(network, trials_of_step(chosen, 0), chosen)
    gradient = flat(torch.autograd.grad(loss, list(network.parameters())))
    torch.testing.assert_close(descent.error_sums[0, 0], loss.detach(), rtol=0, atol=1e-12)
    first_mean = 0.1  # of Adam, after one step, in gradients
    torch.testing.assert_close(descent.exp_avg[0] / first_mean, gradient, rtol=0, atol=1e-11)


@pytest.mark.parametrize("options", OPTIONS)
def test_weights_after_many_steps_are_those_of_torch_and_its_adam(options):
    chosen = MemoryTrainingSettings(**{"seed": 3, **options})
    network = MemoryLSTM.initialised(chosen.hidden_size, chosen.seed, chosen.forget_bias).double()
    adam = torch.optim.Adam(network.parameters(), lr=chosen.learning_rate)
    for step in range(30):
        adam.zero_grad()
        loss_by_torch(network, trials_of_step(chosen, step), chosen).backward()
        adam.step()
    descent = descended(CompiledEngine(chosen), chosen, steps=30)
    torch.testing.assert_close(descent.weights[0], flat(network.parameters()), rtol=0, atol=1e-7)


@pytest.mark.parametrize("options", [{}, {"loss_on": "report", "hidden_size": 4}, {"forget_bias": 2.0}])
@pytest.mark.parametrize("networks", [1, 3])
def test_both_engines_come_to_the_same(networks, options):
    chosen = MemoryTrainingSettings(seed=8, networks=networks, **options)
    compiled = descended(CompiledEngine(chosen), chosen, steps=20)
    by_torch = descended(TorchEngine(chosen, torch.device("cpu"), torch.float64), chosen, steps=20)
    for name, tensor in vars(compiled).items():
        torch.testing.assert_close(tensor, getattr(by_torch, name), rtol=0, atol=1e-7)


@pytest.mark.parametrize("engine", [CompiledEngine, lambda chosen: TorchEngine(chosen, torch.device("cpu"))])
def test_networks_that_are_not_asked_for_stay_as_they_are(engine):
    chosen = MemoryTrainingSettings(seed=8, networks=3)
    descent, before = Descent.initialised(chosen), Descent.initialised(chosen)
    engine(chosen).descend(descent, [1], [19] * 3, range(5))
    for name, tensor in vars(descent).items():
        changed = (tensor != getattr(before, name)).any(dim=1)
        assert changed.tolist() == [False, True, False]


def test_the_number_of_threads_changes_no_bit():
    chosen = MemoryTrainingSettings(seed=8, networks=5, hidden_size=3)
    threads = torch.get_num_threads()
    outcomes = []
    try:
        for number in (1, 2):
            torch.set_num_threads(number)
            outcomes.append(descended(CompiledEngine(chosen), chosen, steps=50))
    finally:
        torch.set_num_threads(threads)
    for name, tensor in vars(outcomes[0]).items():
        assert torch.equal(tensor, getattr(outcomes[1], name))


def test_what_is_warm_is_what_training_uses():
    warm()
    chosen = MemoryTrainingSettings(seed=2, learning_rate=1, networks=2)
    descended(CompiledEngine(chosen), chosen, steps=2)
    assert len(descend.signatures) == 1


def test_numba_stays_out_until_something_is_trained():
    script = (
        "import sys, models.artifacts, models.training.memory_lstm as training\n"
        "training.MemoryTrainingSettings(seed=0)\n"
        "assert 'numba' not in sys.modules\n"
        "training.MemoryTraining(training.MemoryTrainingSettings(seed=0))\n"
        "assert 'numba' in sys.modules"
    )
    subprocess.run([sys.executable, "-c", script], check=True)
