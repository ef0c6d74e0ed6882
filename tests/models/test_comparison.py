"""What two units have in common is known on paper: copies, permuted copies, scaled copies, one training done twice."""

import json
from copy import deepcopy
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from models.analysis.activity import accuracy
from models.analysis.comparison import ComparedModel, Comparison, Subject
from models.checkpoints import weights_bytes, weights_sha256
from models.digit_net import LAYERS, DigitNet
from models.digits import Digits
from models.errors import CorruptCheckpoint, DatasetUnavailable, InvalidAnalysis, UnknownLayer, UnknownUnit
from models.training.digit_net import DigitNetTraining, DigitNetTrainingSettings
from models.work import run
from tests.models.left_as_found import left_as_found
from tests.models.test_digit_net_training import easy_digits

QUICK: dict[str, Any] = {"starts": 4, "steps": 40, "seed": 1}
TRAINING = DigitNetTrainingSettings(target_accuracy=None, max_steps=130, batch_size=8, learning_rate=0.003, seed=3)
PLACE = {"channel": 1, "row": 5, "column": 0}


@pytest.fixture
def network() -> DigitNet:
    return DigitNet.initialised(0)


@pytest.fixture
def some_digits() -> Digits:
    """A few random test digits and no others: nothing can be trained with them."""
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (60, 28, 28), generator=generator, dtype=torch.uint8)
    return Digits({"test": (images, torch.arange(60) % 10)})


@pytest.fixture(scope="module")
def easy() -> Digits:
    return easy_digits()


@pytest.fixture(scope="module")
def trained(easy: Digits) -> ComparedModel:
    training = DigitNetTraining(TRAINING, easy)
    run(training)
    return ComparedModel(training.network, TRAINING, training.step)


def compared(
    models: dict[str, DigitNet] | dict[str, ComparedModel], *subjects: Subject, digits: Digits | None = None, **how: Any
) -> dict[str, Any]:
    comparison = comparing(models, *subjects, digits=digits, **how)
    run(comparison)
    return comparison.report()


def comparing(
    models: dict[str, DigitNet] | dict[str, ComparedModel], *subjects: Subject, digits: Digits | None = None, **how: Any
) -> Comparison:
    known = {
        name: model if isinstance(model, ComparedModel) else ComparedModel(model) for name, model in models.items()
    }
    return Comparison(known, subjects, digits, **(QUICK | how))


def table(rows: Any) -> np.ndarray:
    return np.array(rows, dtype=np.float64)


# Networks whose relation is known


@pytest.mark.parametrize(("layer", "unit"), [("l1", PLACE), ("l2", {"channel": 2}), ("l3", 0), ("y", 9)])
def test_two_copies_of_one_network_are_alike_in_all_numbers(network, some_digits, layer, unit):
    copies = {"one": network, "other": deepcopy(network)}
    result = compared(copies, *(Subject(name, layer, unit) for name in copies), digits=some_digits)
    one, other = result["subjects"]
    assert one["optimized_image"] == other["optimized_image"]
    assert one["drive"] == other["drive"] > 0
    assert result["cross_relative"] == [[1, 1], [1, 1]]
    for name in ("image_correlation", "response_correlation"):
        assert table(result[name]) == pytest.approx(np.ones((2, 2)))


def test_a_unit_that_a_copy_holds_in_another_place_is_recognised(network, some_digits):
    permuted, order = deepcopy(network), torch.randperm(120, generator=torch.Generator().manual_seed(5))
    with torch.no_grad():
        permuted.fc1.weight.copy_(network.fc1.weight[order])
        permuted.fc1.bias.copy_(network.fc1.bias[order])
        permuted.fc2.weight.copy_(network.fc2.weight[:, order])
    there = order.tolist().index(7)
    assert there != 7
    result = compared(
        {"one": network, "permuted": permuted},
        Subject("one", "l3", 7),
        Subject("permuted", "l3", there),
        Subject("permuted", "l3", 7),
        digits=some_digits,
    )
    relative, likeness = table(result["cross_relative"]), table(result["response_correlation"])
    assert relative[0, 1] == pytest.approx(1, abs=1e-3)
    assert likeness[0, 1] == pytest.approx(1, abs=1e-5)
    assert relative[0, 2] < 0.9
    assert abs(likeness[0, 2]) < 0.9


def test_twice_the_weights_double_the_drive_and_leave_what_is_relative(network, some_digits):
    doubled = deepcopy(network)
    with torch.no_grad():
        doubled.fc3.weight.mul_(2)
        doubled.fc3.bias.mul_(2)
    result = compared(
        {"one": network, "doubled": doubled}, Subject("one", "y", 3), Subject("doubled", "y", 3), digits=some_digits
    )
    drives = table(result["cross_drive"])
    assert drives[:, 1] == pytest.approx(2 * drives[:, 0], rel=1e-5)
    assert table(result["cross_relative"]) == pytest.approx(np.ones((2, 2)), abs=1e-3)
    assert result["image_correlation"][0][1] == pytest.approx(1, abs=1e-3)
    assert result["response_correlation"][0][1] == pytest.approx(1)


def test_a_unit_turned_upside_down_answers_in_opposition(network, some_digits):
    turned = deepcopy(network)
    with torch.no_grad():
        turned.fc3.weight.neg_()
        turned.fc3.bias.neg_()
    result = compared(
        {"one": network, "turned": turned}, Subject("one", "y", 3), Subject("turned", "y", 3), digits=some_digits
    )
    assert result["response_correlation"][0][1] == pytest.approx(-1)
    assert result["cross_relative"][0][1] < 0


# Each number


def test_a_cross_drive_is_what_the_unit_answers_to_the_image_alone(network):
    places = [("l1", PLACE), ("l2", 30), ("l2", {"channel": 3}), ("l4", 9), ("y", 0)]
    result = compared({"one": network}, *(Subject("one", *place) for place in places))
    for image, row in zip(result["subjects"], result["cross_drive"], strict=True):
        with torch.no_grad():
            responses = network.responses(torch.tensor(image["optimized_image"])[None])
        by_place = responses["l2"].drive
        expected = [
            responses["l1"].drive[0, 1, 5, 0],
            by_place.flatten()[30],
            by_place[0, 3].mean(),
            responses["l4"].drive[0, 9],
            responses["y"].drive[0, 0],
        ]
        assert row == pytest.approx([float(drive) for drive in expected], abs=1e-6)
    relative = table(result["cross_drive"]) / table(result["cross_drive"]).diagonal()
    assert table(result["cross_relative"]) == pytest.approx(relative)
    assert [subject["drive"] for subject in result["subjects"]] == [result["cross_drive"][i][i] for i in range(5)]


def test_a_conv_unit_s_ink_is_in_its_field_and_a_dense_unit_s_is_everywhere(network):
    result = compared({"one": network}, Subject("one", "l1", PLACE), Subject("one", "l2", 24), Subject("one", "l3", 5))
    small, medium, large = result["subjects"]
    for subject, side in ((small, 4), (medium, 10)):
        field, ink = subject["receptive_field"], subject["extent"]["box"]
        assert field["bottom"] - field["top"] == side
        assert field["top"] <= ink["top"] < ink["bottom"] <= field["bottom"]
        assert field["left"] <= ink["left"] < ink["right"] <= field["right"]
        assert subject["extent"]["inked_fraction"] <= side**2 / 784
    assert [subject["kind"] for subject in result["subjects"]] == ["conv", "conv", "dense"]
    assert large["receptive_field"] == {"top": 0, "bottom": 28, "left": 0, "right": 28} == large["extent"]["box"]
    assert large["extent"]["inked_fraction"] > 0.3
    for subject in result["subjects"]:
        pixels = table(subject["optimized_image"])
        assert sum(subject["spectrum"]["power"]) == pytest.approx(pixels.var())


def test_real_digits_tell_the_largest_drive_the_accuracy_and_the_nearest_class(network, some_digits):
    result = compared({"one": network}, Subject("one", "l4", 3), Subject("one", "y", 2), digits=some_digits)
    images, labels = some_digits.split("test")
    drives = network.responses(images / 255)
    hidden, output = result["subjects"]
    assert hidden["dataset_maximum"] == pytest.approx(drives["l4"].drive[:, 3].max().item(), abs=1e-6)
    assert output["dataset_maximum"] == pytest.approx(drives["y"].drive[:, 2].max().item(), abs=1e-6)
    assert hidden["accuracy"] == output["accuracy"] == pytest.approx(accuracy(network, images, labels))
    expected = np.corrcoef(drives["l4"].drive[:, 3].detach(), drives["y"].drive[:, 2].detach())[0, 1]
    assert result["response_correlation"][0][1] == pytest.approx(expected, abs=1e-5)
    means = [images[labels == digit].double().mean(dim=0).flatten().numpy() for digit in range(10)]
    with_means = [np.corrcoef(table(hidden["optimized_image"]).ravel(), mean)[0, 1] for mean in means]
    assert hidden["nearest_class"]["label"] == int(np.argmax(with_means))
    assert hidden["nearest_class"]["correlation"] == pytest.approx(max(with_means), abs=1e-6)


def test_a_unit_that_nothing_drives_has_nothing_put_in_relation_to_it(network, some_digits):
    with torch.no_grad():
        network.conv1.weight[2] = -1.0  # paper is best
        network.conv1.bias[2] = -10.0
        network.conv1.weight[3] = 0.0
    constant = Subject("one", "l1", {"channel": 3, "row": 6, "column": 6})
    silent = Subject("one", "l1", {"channel": 2, "row": 6, "column": 6})
    result = compared({"one": network}, silent, Subject("one", "y", 1), constant, digits=some_digits)
    json.dumps(result, allow_nan=False)
    described = result["subjects"][0]
    assert described["drive"] == pytest.approx(9 * 0.1307 / 0.3081 - 10, abs=1e-5)
    assert (described["extent"]["box"], described["spectrum"]["centroid"], described["nearest_class"]) == (None,) * 3
    assert [row[0] for row in result["cross_relative"]] == [None] * 3
    assert result["cross_relative"][1][1] == 1
    assert result["image_correlation"][0] == result["response_correlation"][2] == [None] * 3
    assert any("its image is blank" in sentence for sentence in result["sentences"])


def test_without_mnist_what_needs_it_is_none(network):
    result = compared({"one": network}, Subject("one", "y", 1), Subject("one", "y", 2))
    json.dumps(result, allow_nan=False)
    assert result["response_correlation"] is None
    for subject in result["subjects"]:
        assert [subject[name] for name in ("accuracy", "dataset_maximum", "nearest_class")] == [None] * 3


# Moments of one training


def test_the_last_step_of_a_training_done_again_has_the_model_s_own_weights(trained, easy):
    steps = (100, 0, 130, None)
    result = compared({"one": trained}, *(Subject("one", "y", 2, step) for step in steps), digits=easy)
    halfway, untrained, ended, model = (subject["sha256"] for subject in result["subjects"])
    assert ended == model == weights_sha256(weights_bytes(trained.network))
    assert untrained == weights_sha256(weights_bytes(DigitNet.initialised(TRAINING.seed)))
    assert len({halfway, untrained, ended}) == 3
    assert result["subjects"][2]["optimized_image"] == result["subjects"][3]["optimized_image"]
    assert result["retraining"] == [
        {"model": "one", "seed": 3, "steps": [0, 100, 130], "steps_of_the_model": 130, "repeats_the_model": True}
    ]
    assert "bit for bit" in result["sentences"][0]


def test_a_step_is_where_training_would_have_been_stopped(trained, easy):
    result = compared({"one": trained}, *(Subject("one", "y", 2, step) for step in (37, 38)), digits=easy)
    for subject, step in zip(result["subjects"], (37, 38), strict=True):
        stopped = DigitNetTraining(replace(TRAINING, max_steps=step), easy)
        run(stopped)
        assert subject["sha256"] == weights_sha256(weights_bytes(stopped.network))
    assert result["retraining"][0]["repeats_the_model"] is None


def test_a_training_that_met_its_target_is_repeated_to_the_step_where_it_did(easy):
    settings = replace(TRAINING, target_accuracy=0.1, max_steps=1000)
    training = DigitNetTraining(settings, easy)
    run(training)
    assert training.step < 1000
    model = ComparedModel(training.network, settings, training.step)
    result = compared(
        {"one": model}, Subject("one", "y", 0, 1), Subject("one", "y", 0, training.step), digits=easy, steps=2
    )
    assert result["retraining"][0]["repeats_the_model"] is True


def test_weights_that_training_again_does_not_give_are_said_to_be_those_of_a_twin(trained, easy):
    elsewhere = deepcopy(trained.network)
    with torch.no_grad():
        elsewhere.fc3.bias[0] += 1e-6
    model = replace(trained, network=elsewhere)
    result = compared({"one": model}, Subject("one", "y", 0, 130), Subject("one", "y", 0), digits=easy, steps=2)
    assert result["retraining"][0]["repeats_the_model"] is False
    assert "twin" in result["sentences"][0]
    assert result["subjects"][0]["sha256"] != result["subjects"][1]["sha256"]


def test_one_unit_over_the_steps_is_told_as_its_development(trained, easy):
    steps = (130, 0, 60)
    result = compared({"one": trained}, *(Subject("one", "y", 2, step) for step in steps), digits=easy)
    development = result["development"]
    assert [point["step"] for point in development] == [0, 60, 130]
    assert [point["subject"] for point in development] == [1, 2, 0]
    for point in development:
        subject = result["subjects"][point["subject"]]
        assert (point["drive"], point["accuracy"]) == (subject["drive"], subject["accuracy"])
        for name in ("image_correlation", "response_correlation"):
            assert point[name] == result[name][point["subject"]][0]
    assert development[-1]["image_correlation"] == pytest.approx(1)
    assert development[-1]["drive"] > development[0]["drive"]
    assert development[-1]["accuracy"] > development[0]["accuracy"]
    assert any(sentence.startswith("From step 0 to step 130 the drive of y unit 2") for sentence in result["sentences"])


def test_different_units_at_steps_are_no_development(trained, easy):
    subjects = (Subject("one", "y", 2, 0), Subject("one", "y", 3, 20))
    assert compared({"one": trained}, *subjects, digits=easy, steps=2)["development"] is None


# Sentences


def test_two_networks_are_told_apart_by_name_and_by_what_their_units_share(network, some_digits):
    models = {"old": network, "new": DigitNet.initialised(1)}
    result = compared(models, *(Subject(name, "l3", 5) for name in models), digits=some_digits)
    (sentence,) = result["sentences"]
    drive, own = result["cross_drive"][0][1], result["cross_drive"][1][1]
    assert f"image of l3 unit 5 of old drives l3 unit 5 of new to {drive:.3g}, where its own image reaches" in sentence
    assert f"{own:.3g}" in sentence
    share = result["response_correlation"][0][1] ** 2
    assert f"need not be one cell, and here either drive tells {share:.0%}" in sentence


def test_of_many_subjects_the_most_and_the_least_alike_pair_are_told(network, some_digits):
    result = compared({"one": network}, *(Subject("one", "y", unit) for unit in range(5)), digits=some_digits, steps=5)
    likeness = table(result["response_correlation"])
    most, least = result["sentences"]
    one, other = np.argwhere(likeness == likeness[~np.eye(5, dtype=bool)].max())[0]
    assert most.startswith(f"Most alike of all pairs: The image of y unit {one} drives y unit {other} ")
    assert least.startswith("Least alike of all pairs")


def test_layers_are_told_by_field_ink_and_spectrum(network):
    result = compared({"one": network}, Subject("one", "l1", PLACE), Subject("one", "y", 1))
    conv, dense = result["sentences"][:2]
    assert conv.startswith("l1 channel 1, row 5, column 0 (unit 266) sees 4×3 pixels; its image inks ")
    assert dense.startswith("y unit 1 sees 28×28 pixels; its image inks ")
    centroid = result["subjects"][1]["spectrum"]["centroid"]
    assert dense.endswith(f"its spectrum is centred on {centroid:.1f} cycles per image.")


# As work


def test_resumed_at_any_slice_it_ends_with_the_same_bits(trained, easy):
    models = {"one": trained, "other": ComparedModel(DigitNet.initialised(8))}
    subjects = [
        Subject("one", "l1", PLACE, 110),
        Subject("one", "l1", {"channel": 1}, 0),
        Subject("other", "l1", 0),
        Subject("one", "l1", 300, 110),
    ]
    how = {"starts": 32, "steps": 65}
    through = comparing(models, *subjects, digits=easy, **how)
    states = [through.state()]
    while not through.is_finished:
        through.advance()
        states.append(through.state())
    assert len(states) > 8
    assert any(len(state) > len(states[-1]) for state in states)  # in the midst of a search or a training
    for state in states[:-1]:
        resumed = comparing(models, *subjects, digits=easy, **how)
        resumed.restore(state)
        run(resumed)
        assert resumed.state() == states[-1]
    assert through.report() == compared(models, *subjects, digits=easy, **how)


def test_progress_counts_training_and_searches_up_to_the_total(trained, easy):
    comparison = comparing({"one": trained}, Subject("one", "y", 2, 120), Subject("one", "l1", 0), digits=easy)
    assert comparison.total == 120 + 2 * QUICK["steps"]
    seen = [(comparison.step, comparison.metrics["images_found"])]
    while not comparison.is_finished:
        comparison.advance()
        json.dumps(comparison.metrics, allow_nan=False)
        seen.append((comparison.step, comparison.metrics["images_found"]))
    assert seen[0] == (0, 0)
    assert seen == sorted(seen)
    assert seen[-1] == (comparison.total, 2)


def test_the_same_seed_gives_the_same_answer_and_another_does_not(network):
    subjects = [Subject("one", "y", unit) for unit in (1, 2)]
    first, again, other = (compared({"one": network}, *subjects, seed=seed) for seed in (1, 1, 2))
    assert first == again
    assert first["subjects"][0]["optimized_image"] != other["subjects"][0]["optimized_image"]


def test_the_networks_and_the_global_generators_are_left_as_found(trained, easy):
    trained.network.zero_grad()
    with left_as_found(trained.network), torch.no_grad():
        compared({"one": trained}, Subject("one", "y", 2, 20), Subject("one", "y", 2), digits=easy, steps=3)


def test_a_state_of_another_comparison_is_refused(network):
    subjects = (Subject("one", "y", 1), Subject("one", "y", 2))
    state = comparing({"one": network}, *subjects).state()
    others = [
        comparing({"one": network}, *subjects, seed=9),
        comparing({"one": network}, *reversed(subjects)),
        comparing({"one": DigitNet.initialised(1)}, *subjects),
    ]
    for other in others:
        with pytest.raises(CorruptCheckpoint):
            other.restore(state)
    with pytest.raises(CorruptCheckpoint):
        others[0].restore(b"nonsense")


# Refusals


@pytest.mark.parametrize(
    ("second", "error", "pointer"),
    [
        (Subject("one", "y", 10), UnknownUnit, "/subjects/1/unit"),
        (Subject("one", "l1", {"channel": 0, "row": 14, "column": 0}), UnknownUnit, "/subjects/1/unit/row"),
        (Subject("one", "l9", 0), UnknownLayer, "/subjects/1/layer"),
        (Subject("one", "y", 0, 131), InvalidAnalysis, "/subjects/1/step"),
        (Subject("one", "y", 0, -1), InvalidAnalysis, "/subjects/1/step"),
        (Subject("found", "y", 0, 0), InvalidAnalysis, "/subjects/1/step"),
    ],
)
def test_a_subject_that_cannot_be_is_refused_by_its_place(trained, second, error, pointer):
    models = {"one": trained, "found": ComparedModel(DigitNet.initialised(0))}
    with pytest.raises(error) as refused:
        comparing(models, Subject("one", "y", 0), second)
    assert refused.value.pointer == pointer


def test_one_subject_is_no_comparison(network):
    with pytest.raises(InvalidAnalysis) as refused:
        comparing({"one": network}, Subject("one", "y", 0))
    assert refused.value.pointer == "/subjects"


def test_the_steps_that_are_allowed_are_told(trained):
    with pytest.raises(InvalidAnalysis, match=r"took 130 steps; choose a step from 0 \(untrained\) to 130"):
        comparing({"one": trained}, Subject("one", "y", 0), Subject("one", "y", 0, 500))


def test_training_again_without_mnist_is_refused(trained):
    comparison = comparing({"one": trained}, Subject("one", "y", 0), Subject("one", "y", 0, 10))
    with pytest.raises(DatasetUnavailable, match="leave step out"):
        run(comparison)


# The shipped networks


def test_outputs_of_two_lab_networks_share_their_class(digits):
    """Whatever the images look like: over real digits, the logit of a class goes along with that of the same class."""
    settings = DigitNetTrainingSettings(target_accuracy=None, max_steps=300)
    networks = {}
    for seed in (1, 2):
        training = DigitNetTraining(replace(settings, seed=seed), digits)
        run(training)
        networks[str(seed)] = training.network
    subjects = [Subject(name, "y", unit) for unit in (1, 6) for name in networks]
    likeness = table(compared(networks, *subjects, digits=digits)["response_correlation"])
    for same, other in (((0, 1), (0, 3)), ((2, 3), (1, 2))):
        assert likeness[same] > 0.5 > likeness[other]


def test_every_layer_can_be_compared_with_every_other(network):
    result = compared({"one": network}, *(Subject("one", name, 0) for name in LAYERS), steps=3)
    assert [subject["layer"] for subject in result["subjects"]] == list(LAYERS)
    assert table(result["cross_drive"]).shape == (5, 5)
