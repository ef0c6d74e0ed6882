import subprocess
import sys

import pytest
import torch
from torch import nn

from models.kernels import memory_recording
from models.kernels.memory_recording import moments
from models.memory_lstm import GATES, Clamp, MemoryLSTM, Recording
from models.memory_task import memory_trials, memory_trials_with_delay

TRIALS = memory_trials(seq_len=20, n_repeat=3, batch_size=33, seed=5)
INPUTS = torch.from_numpy(TRIALS.inputs)
CLAMPS = [Clamp("input", 0.5), Clamp("input", 0, "delay"), Clamp("forget", 1, "delay"), Clamp("output", 0.25, "report")]


def by_torch(network: MemoryLSTM, inputs: torch.Tensor, clamps=()) -> Recording:
    """Step by step, in float64."""
    double = MemoryLSTM(network.hidden_size)
    double.load_state_dict(network.state_dict())
    return double.double().record(inputs.double(), clamps, TRIALS.periods())


def parts(recording: Recording) -> list[torch.Tensor]:
    gates = [recording.gates[gate] for gate in GATES]
    return [*gates, recording.candidate, recording.write, recording.cell, recording.output, recording.predicted]


@pytest.mark.parametrize("clamps", [[], CLAMPS], ids=["free", "clamped"])
@pytest.mark.parametrize("hidden_size", [1, 2, 7, 8, 9, 32, 33, 64])
def test_every_part_is_that_of_torch_step_by_step(hidden_size, clamps):
    for seed in range(3):
        network = MemoryLSTM.initialised(hidden_size, seed)
        recording = network.record(INPUTS, clamps, TRIALS.periods())
        for ours, torchs in zip(parts(recording), parts(by_torch(network, INPUTS, clamps)), strict=True):
            assert ours.dtype == torch.float32
            torch.testing.assert_close(ours.double(), torchs, rtol=0, atol=1e-6)


@pytest.mark.parametrize("hidden_size", [1, 5, 16, 32])
def test_the_output_is_that_of_torchs_own_lstm(hidden_size):
    reference = nn.LSTM(3, hidden_size, batch_first=True)
    generator = torch.Generator().manual_seed(hidden_size)
    for parameter in reference.parameters():
        nn.init.uniform_(parameter, -(hidden_size**-0.5), hidden_size**-0.5, generator=generator)
    with torch.no_grad():
        output, (_, cell) = reference(INPUTS)
        *_, our_cell, our_output = moments(dict(reference.named_parameters()), INPUTS)
    torch.testing.assert_close(our_output, output, rtol=0, atol=1e-6)
    torch.testing.assert_close(our_cell[:, -1], cell[0], rtol=0, atol=2e-6)


def test_the_cell_of_a_thousand_steps_is_that_of_torch():
    network = MemoryLSTM.initialised(4, 0, forget_bias=5)
    trials = memory_trials_with_delay(delay=1000, n_repeat=1, batch_size=3, seed=0)
    inputs = torch.from_numpy(trials.inputs)
    cell = network.record(inputs).cell
    torch.testing.assert_close(cell.double(), by_torch(network, inputs).cell, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("clamps", [[], CLAMPS], ids=["free", "clamped"])
def test_a_trial_alone_has_the_bits_that_it_has_in_company(clamps):
    network = MemoryLSTM.initialised(3, 0)
    together = network.record(INPUTS, clamps, TRIALS.periods())
    for trial in (0, 15, 16, 32):
        row = slice(trial, trial + 1)
        periods = {name: mask[row] for name, mask in TRIALS.periods().items()}
        alone = network.record(INPUTS[row], clamps, periods)
        for one, all_of_them in zip(parts(alone), parts(together), strict=True):
            assert torch.equal(one, all_of_them[row])


def test_a_clamp_that_holds_nowhere_changes_no_bit():
    network = MemoryLSTM.initialised(3, 0)
    nowhere = torch.full((*INPUTS.shape[:2], 3), torch.nan)
    with torch.no_grad():
        weights = dict(network.named_parameters())
        assert torch.equal(moments(weights, INPUTS, nowhere), moments(weights, INPUTS))


@pytest.mark.parametrize("bias", [-1e6, -30.0, -3.0, -1e-3, 1e-6, 0.2, 3.0, 20.0, 1e6])
def test_sigmoid_and_tanh_have_all_their_digits(bias):
    network = MemoryLSTM(1)
    with torch.no_grad():
        network.bias_ih_l0[:] = bias
    recording = network.record(torch.zeros(1, 1, 3))
    drive = torch.tensor(bias).double()
    torch.testing.assert_close(recording.gates["input"].double().squeeze(), drive.sigmoid(), rtol=2e-6, atol=1e-25)
    torch.testing.assert_close(recording.candidate.double().squeeze(), drive.tanh(), rtol=1e-6, atol=0)


def test_the_same_code_serves_every_size_and_is_what_is_warm():
    memory_recording.warm()
    for hidden_size in (1, 12):
        for inputs in (INPUTS, INPUTS[:1], INPUTS[::2, ::3]):
            MemoryLSTM.initialised(hidden_size, 0).record(inputs)
            MemoryLSTM.initialised(hidden_size, 0).record(inputs, [Clamp("input", 0)])
    assert len(memory_recording._record.signatures) == 1


def test_numba_stays_out_until_something_is_recorded():
    script = (
        "import sys, torch, models.memory_lstm as memory, models.analysis.horizon, models.kernels\n"
        "network = memory.MemoryLSTM(1)\n"
        "network(torch.zeros(1, 1, 3))\n"
        "assert 'numba' not in sys.modules\n"
        "network.record(torch.zeros(1, 1, 3))\n"
        "assert 'numba' in sys.modules"
    )
    subprocess.run([sys.executable, "-c", script], check=True)
