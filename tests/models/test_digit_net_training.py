import json

import pytest
import torch

from models.checkpoints import pack, unpack, weights_bytes
from models.digit_net import DigitNet
from models.digits import Digits
from models.errors import CorruptCheckpoint, InvalidTraining
from models.training.digit_net import (
    CompiledEngine,
    Descent,
    DigitNetTraining,
    DigitNetTrainingSettings,
    TorchEngine,
)
from models.work import run

QUICK = DigitNetTrainingSettings(target_accuracy=None, max_steps=250, batch_size=8, learning_rate=0.003, seed=3)


def easy_digits(heldout_shift: int = 0) -> Digits:
    """Digits told by one bright bar; held-out labels are moved on by `heldout_shift`."""

    def split(size):
        labels = torch.arange(size) % 10
        images = torch.zeros((size, 28, 28), dtype=torch.uint8)
        for digit in range(10):
            images[digit::10, 4 + 2 * digit : 6 + 2 * digit, 4:24] = 255
        return images, labels

    images, labels = split(60_000)
    labels[55_000:] = (labels[55_000:] + heldout_shift) % 10
    return Digits({"train": (images, labels), "test": split(10_000)})


@pytest.fixture(scope="module")
def easy() -> Digits:
    return easy_digits()


def test_training_ends_when_the_held_out_digits_are_known(easy):
    training = DigitNetTraining(DigitNetTrainingSettings(learning_rate=0.003), easy)
    run(training)
    report = training.report()
    json.dumps(report, allow_nan=False)
    assert report["target_reached"] is True
    assert report["steps"] == training.step < training.total
    assert report["heldout_accuracy"] == training.history[-1]["heldout_accuracy"] >= 0.95
    assert all(entry["heldout_accuracy"] < 0.95 for entry in training.history[:-1])
    assert sum(map(sum, report["confusion"])) == 10_000
    assert sum(report["confusion"][digit][digit] for digit in range(10)) == 10_000 * report["test_accuracy"]


def test_knowing_the_training_digits_is_not_enough_to_end():
    settings = DigitNetTrainingSettings(max_steps=400, learning_rate=0.003)
    training = DigitNetTraining(settings, easy_digits(heldout_shift=1))
    run(training)
    report = training.report()
    assert training.history[-1]["accuracy"] > 0.95
    assert report["train_accuracy"] > 0.95
    assert report["heldout_accuracy"] < 0.05
    assert (report["steps"], report["target_reached"]) == (400, False)


def test_without_a_target_it_trains_to_the_end(easy):
    training = DigitNetTraining(QUICK, easy)
    run(training)
    assert training.step == 250
    assert training.target_reached is None
    assert [entry["step"] for entry in training.history] == [100, 200, 250]


@pytest.mark.parametrize("change", [{}, {"schedule": "cosine", "max_shift": 2}, {"batch_size": 1000, "max_steps": 15}])
def test_resumed_at_any_slice_it_ends_with_the_same_bits(easy, change):
    settings = DigitNetTrainingSettings(**(vars(QUICK) | change))
    through = DigitNetTraining(settings, easy)
    states = [through.state()]
    while not through.is_finished:
        through.advance()
        states.append(through.state())
    for state in states:
        resumed = DigitNetTraining(settings, easy)
        resumed.restore(state)
        run(resumed)
        assert weights_bytes(resumed.network) == weights_bytes(through.network)
        assert resumed.history == through.history
        assert resumed.state() == through.state()


def test_a_state_that_an_earlier_version_saved_is_gone_on_with(easy):
    training = DigitNetTraining(QUICK, easy)
    training.advance()
    tensors, notes = unpack(training.state())
    steps = {f"step.{name}": torch.tensor(100.0) for name, _ in training.network.named_parameters()}
    resumed = DigitNetTraining(QUICK, easy)
    resumed.restore(pack(tensors | steps, notes))
    assert resumed.state() == training.state()


def test_both_engines_come_to_the_same_network_to_rounding(easy):
    images, labels = easy.training
    ours, reference = (Descent.initialised(DigitNet.initialised(5)) for _ in range(2))
    compiled, by_torch = CompiledEngine(ours), TorchEngine(reference)
    for count in range(1, 11):
        batch = slice(24 * count, 24 * (count + 1))
        step = images[batch].float() / 255, labels[batch], count, 0.001
        torch.testing.assert_close(compiled.descend(*step), by_torch.descend(*step), rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(ours.tensors(), reference.tensors(), rtol=1e-3, atol=1e-4)


def test_the_network_is_shown_images_with_the_weights_that_it_has_come_to(easy):
    training = DigitNetTraining(QUICK, easy)
    images = easy.split("test")[0][:3].float() / 255
    for _ in range(2):
        training.advance()
        alone, together = training.network.responses_one_by_one(images)["y"], training.network(images)
        torch.testing.assert_close(alone.drive, together, rtol=1e-4, atol=1e-4)


def test_seeds_decide_and_the_global_generator_is_left_alone(easy):
    before = torch.get_rng_state()
    weights = []
    for seed in (1, 1, 2):
        training = DigitNetTraining(DigitNetTrainingSettings(max_steps=5, seed=seed, max_shift=1), easy)
        run(training)
        weights.append(weights_bytes(training.network))
    assert weights[0] == weights[1] != weights[2]
    assert torch.equal(torch.get_rng_state(), before)


def test_an_epoch_shows_each_digit_once(easy):
    training = DigitNetTraining(QUICK, easy)
    first, second = (training._epoch_order(epoch) for epoch in (0, 1))
    assert torch.equal(first.sort().values, torch.arange(55_000))
    assert not torch.equal(first, second)


def test_shifted_digits_keep_their_ink_and_go_no_further_than_told(easy):
    training = DigitNetTraining(DigitNetTrainingSettings(max_shift=2), easy)
    images = torch.zeros((500, 28, 28), dtype=torch.uint8)
    images[:, 14, 14] = 255
    places = training._shifted(images).nonzero()
    assert len(places) == 500
    assert {tuple(place) for place in places[:, 1:].tolist()} == {
        (row, column) for row in range(12, 17) for column in range(12, 17)
    }


def test_a_loss_beyond_all_bounds_is_said(easy):
    settings = DigitNetTrainingSettings(learning_rate=1.0, max_steps=100)
    training = DigitNetTraining(settings, easy)
    with torch.no_grad():
        training.network.fc3.weight.fill_(torch.inf)
    with pytest.raises(InvalidTraining, match="smaller learning rate") as refused:
        run(training)
    assert refused.value.pointer == "/learning_rate"


@pytest.mark.parametrize(
    "field", [{"target_accuracy": 1.5}, {"max_steps": 0}, {"batch_size": 0}, {"learning_rate": 0.0}, {"seed": -1}]
)
def test_settings_that_cannot_be_are_refused(field):
    with pytest.raises(InvalidTraining) as refused:
        DigitNetTrainingSettings(**field)
    assert refused.value.pointer == f"/{next(iter(field))}"


def test_a_state_of_another_training_is_refused(easy):
    state = DigitNetTraining(QUICK, easy).state()
    other = DigitNetTraining(DigitNetTrainingSettings(seed=4), easy)
    for bad in (state, b"nonsense"):
        with pytest.raises(CorruptCheckpoint):
            other.restore(bad)


def test_the_lab_s_recipe_reaches_its_target_on_the_real_digits(digits):
    training = DigitNetTraining(DigitNetTrainingSettings(seed=2), digits)
    run(training)
    report = training.report()
    assert report["target_reached"] is True
    assert report["test_accuracy"] == pytest.approx(report["heldout_accuracy"], abs=0.02)
