"""Each of the notebook's mistakes 1 to 9 with a test that fails on the notebook's way; optima known on paper."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from models.analysis.activity import describe_layer, predict
from models.analysis.image_statistics import image_statistics
from models.analysis.tuning import STALL_STEPS, Tuning
from models.analysis.tuning_report import report
from models.analysis.tuning_settings import IMAGES_AT_MOST, TuningSettings
from models.checkpoints import load_weights
from models.digit_net import LAYERS, DigitNet
from models.digits import Digits
from models.errors import CorruptCheckpoint, InvalidAnalysis, InvalidTraining, UnknownLayer, UnknownUnit
from models.work import run
from tests.service_process import ROOT

QUICK = TuningSettings("y", units=(1,), starts=8, steps=60)


def tuned(network: DigitNet, settings: TuningSettings, digits: Digits | None = None) -> dict:
    tuning = Tuning(network, settings)
    run(tuning)
    return report(tuning, digits)


def notebook_images(network: DigitNet, layer: str, unit: int, images: Tensor, steps: int) -> Tensor:
    """The notebook's get_syn_image, for given first images (image, row, column); clamped once more at the end."""
    images = images.clone().requires_grad_()
    optimizer = torch.optim.Adam([images], lr=0.01)
    for _ in range(steps):
        optimizer.zero_grad()
        images.data.clamp_(min=0.0, max=1.0)
        activity = network.responses(images)[layer].activity.flatten(start_dim=1)[:, unit]
        loss = -torch.mean(torch.square(activity))
        loss = loss + torch.mean(torch.square((images - 0.1307) / 0.3081)) * 100
        loss.backward()
        optimizer.step()
    return images.detach().clamp(0, 1)


def shipped_network(name: str) -> DigitNet:
    network = DigitNet()
    load_weights(network, (ROOT / "artifacts" / name / "model.safetensors").read_bytes())
    return network


@pytest.fixture
def network() -> DigitNet:
    return DigitNet.initialised(0)


@pytest.fixture
def sensitive(network) -> DigitNet:
    """Logits large enough for the notebook's rule to leave grey behind."""
    with torch.no_grad():
        network.fc3.weight.mul_(200)
    return network


@pytest.fixture
def planted(network) -> DigitNet:
    """Channel 0 of `l1` has a kernel whose best patch is known; its drive is linear in the patch."""
    with torch.no_grad():
        network.conv1.weight[0, 0] = torch.tensor([[1.0, -2.0, 1.0], [3.0, -1.0, 2.0], [-1.0, 2.0, -3.0]])
        network.conv1.bias[0] = 0.25
    return network


# Row 1: the sign is the caller's choice


def test_the_excited_unit_ends_above_zero_from_every_start(sensitive):
    for unit in (0, 1, 2, 3):
        assert tuned(sensitive, replace(QUICK, units=(unit,)))["units"][0]["signs"] == {"positive": 8, "negative": 0}


def test_the_notebook_s_rule_drives_some_starts_far_below_zero(sensitive):
    reports = [tuned(sensitive, replace(QUICK, units=(unit,), method="notebook", steps=200)) for unit in (0, 1, 2, 3)]
    assert sum(report["units"][0]["signs"]["negative"] for report in reports) > 0


def test_inhibiting_mirrors_exciting(network):
    excited = tuned(network, QUICK)["units"][0]
    with torch.no_grad():
        network.fc3.weight.neg_()
        network.fc3.bias.neg_()
    inhibited = tuned(network, replace(QUICK, direction="inhibit"))["units"][0]
    assert inhibited["optimized_image"] == excited["optimized_image"]
    assert inhibited["drive_after"] == -excited["drive_after"] < inhibited["drive_before"]
    assert inhibited["rank_after"] == 10


# Row 2: the drive, not what the ReLU lets through


@pytest.mark.parametrize("method", ["ascent", "notebook"])
def test_a_silent_unit_is_driven_above_zero_by_its_drive_only(network, method):
    with torch.no_grad():
        network.fc1.bias[7] = -1.0
    unit = tuned(network, TuningSettings("l3", units=(7,), method=method, starts=8, steps=100))["units"][0]
    assert all(start["before"] < 0 for start in unit["starts"])
    if method == "ascent":
        assert all(start["after"] > 0 for start in unit["starts"])
        assert max(unit["layer_before"][7], 0) == 0 < unit["layer_after"][7]
    else:
        assert all(start["after"] < 0 for start in unit["starts"])


# Row 3: a prior on the unit's own scale, towards paper; only the receptive field matters


def test_the_best_patch_is_the_sign_pattern_of_the_kernel(planted):
    spec = {"channel": 0, "row": 6, "column": 6}
    report = tuned(planted, TuningSettings("l1", units=(spec,), starts=16, penalty=0))["units"][0]
    positive, negative = planted.conv1.weight[0, 0].clamp(min=0), planted.conv1.weight[0, 0].clamp(max=0)
    on_paper = 0.25 + (positive.sum() * (1 - 0.1307) + negative.sum() * (0 - 0.1307)) / 0.3081
    assert report["drive_after"] == pytest.approx(on_paper.item(), abs=1e-4)
    image = torch.tensor(report["optimized_image"])
    patches = [image[top : top + 3, left : left + 3] for top in (11, 12) for left in (11, 12)]  # what is pooled over
    assert any(torch.equal(patch, (positive > 0).float()) for patch in patches)


def test_the_four_pooled_places_are_four_optima(planted):
    spec = {"channel": 0, "row": 6, "column": 6}
    assert tuned(planted, TuningSettings("l1", units=(spec,), starts=64))["units"][0]["optima"] == 4


def test_the_least_of_a_positive_kernel_is_paper(network):
    with torch.no_grad():
        network.conv1.weight[0] = 1.0
        network.conv1.bias[0] = 0.0
    spec = {"channel": 0, "row": 6, "column": 6}
    report = tuned(network, TuningSettings("l1", units=(spec,), direction="inhibit", starts=4))["units"][0]
    assert not torch.tensor(report["optimized_image"]).any()
    assert report["drive_after"] == pytest.approx(-9 * 0.1307 / 0.3081, abs=1e-5)


@pytest.mark.parametrize(("layer", "side"), [("l1", 4), ("l2", 10)])
def test_pixels_outside_the_receptive_field_are_paper(planted, layer, side):
    spec = {"channel": 0, "row": 3, "column": 3}
    image = torch.tensor(tuned(planted, TuningSettings(layer, units=(spec,), starts=4))["units"][0]["optimized_image"])
    rows, columns = (image.any(dim=axis).nonzero()[:, 0] for axis in (1, 0))
    assert 1 < rows.max() - rows.min() + 1 <= side
    assert 1 < columns.max() - columns.min() + 1 <= side


def test_the_notebook_s_penalty_leaves_an_l1_unit_grey(planted):
    spec = {"channel": 0, "row": 6, "column": 6}
    image = tuned(planted, TuningSettings("l1", units=(spec,), method="notebook", starts=2, steps=300))["units"][0]
    outside = torch.tensor(image["optimized_image"])[20:, :]
    torch.testing.assert_close(outside, torch.full_like(outside, 0.1307), atol=0.01, rtol=0)
    assert image["prior"]["towards"] == 0.1307


def test_scaling_a_unit_s_response_does_not_change_its_image(network):
    usual = tuned(network, QUICK)["units"][0]
    with torch.no_grad():
        network.fc3.weight.mul_(64)
        network.fc3.bias.mul_(64)
    scaled = tuned(network, QUICK)["units"][0]
    difference = torch.tensor(usual["optimized_image"]) - torch.tensor(scaled["optimized_image"])
    assert difference.abs().mean() < 1e-3
    assert scaled["prior"]["scale"] == pytest.approx(64 * usual["prior"]["scale"], rel=1e-4)
    assert usual["prior"]["towards"] == 0


# Row 4: absent means automatic, 0 is a unit


def test_unit_zero_is_unit_zero_and_absent_is_the_most_driven(network):
    with torch.no_grad():
        network.fc3.bias[6] = 50.0
    assert tuned(network, replace(QUICK, units=(0,), steps=1))["units"][0]["unit"] == 0
    assert tuned(network, replace(QUICK, units=None, steps=1))["units"][0]["unit"] == 6


# Rows 5 and 8: what is reported is what the returned image does


@pytest.mark.parametrize("method", ["ascent", "notebook"])
def test_the_returned_image_is_a_stimulus_and_gives_exactly_the_reported_numbers(network, method):
    unit = tuned(network, replace(QUICK, method=method))["units"][0]
    for when, name in (("before", "initial_image"), ("after", "optimized_image")):
        image = torch.tensor(unit[name])
        assert 0 <= image.min() <= image.max() <= 1
        logits = predict(network, image[None])[0]["logits"]
        assert logits == unit[f"layer_{when}"] == unit[f"layer_drive_{when}"]
        assert logits[1] == unit[f"drive_{when}"]
        assert unit["starts"][unit["best_start"]][when] == pytest.approx(logits[1], abs=1e-5)


def test_layers_are_reported_as_activations_are(network):
    unit = tuned(network, replace(QUICK, layer="l2", units=(5,)))["units"][0]
    drives = network.drives_one_by_one(np.array(unit["optimized_image"], np.float32)[None])
    description = describe_layer("l2", drives["l2"][0], with_drive=True)
    assert unit["layer_after"] == description["values"].tolist()
    assert unit["layer_drive_after"] == description["drive"].tolist()


# Row 6: the network is left as it was found


@pytest.mark.parametrize("method", ["ascent", "notebook"])
def test_the_network_and_the_global_generators_are_left_as_found(network, method):
    network.train()
    network.fc1.weight.requires_grad_(False)
    network.conv1.bias.grad = torch.ones(6)
    weights = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    torch_state, numpy_state = torch.get_rng_state(), str(np.random.get_state(legacy=False))
    tuned(network, replace(QUICK, units=None, method=method, steps=5))
    assert network.training
    for name, parameter in network.named_parameters():
        assert torch.equal(parameter, weights[name])
        assert parameter.requires_grad == (name != "fc1.weight")
        assert (parameter.grad is None) == (name != "conv1.bias")
    assert torch.equal(network.conv1.bias.grad, torch.ones(6))
    assert torch.equal(torch.get_rng_state(), torch_state)
    assert str(np.random.get_state(legacy=False)) == numpy_state


def test_it_climbs_where_gradients_are_switched_off(network):
    with torch.no_grad():
        unit = tuned(network, QUICK)["units"][0]
    assert unit["drive_after"] > unit["drive_before"]


# Row 7: starts are ranked


def test_the_best_start_is_given_and_how_the_others_ended(network):
    unit = tuned(network, replace(QUICK, steps=3))["units"][0]
    endings = [start["after"] for start in unit["starts"]]
    assert len(endings) == 8
    assert unit["best_start"] == max(range(8), key=endings.__getitem__)
    assert 1 <= unit["optima"] <= 8
    tuning = Tuning(network, replace(QUICK, steps=3))
    run(tuning)
    assert tuning.best_images().tolist() == [unit["optimized_image"]]


# Row 9: the unit's own layer, and its rank there


@pytest.mark.parametrize("layer", LAYERS)
def test_the_unit_s_own_layer_is_reported_with_the_unit_s_rank(network, layer):
    report = tuned(network, TuningSettings(layer, units=(3,), starts=4, steps=40))
    assert report["layer"] == layer
    unit = report["units"][0]
    for when in ("before", "after"):
        assert torch.tensor(unit[f"layer_{when}"]).shape == LAYERS[layer].shape
        drives = torch.tensor(unit[f"layer_drive_{when}"]).flatten()
        assert drives[3] == unit[f"drive_{when}"]
        assert unit[f"rank_{when}"] == 1 + int((drives > drives[3]).sum())


# The notebook's rule, kept to be shown


def test_the_notebook_s_method_is_the_notebook_s(sensitive):
    settings = replace(QUICK, units=(2,), method="notebook", steps=40, starts=6)
    tuning = Tuning(sensitive, settings)
    starts = tuning.best_images().new_tensor(np.random.default_rng((0, 0)).random((6, 28, 28), dtype=np.float32))
    run(tuning)
    expected = notebook_images(sensitive, "y", 2, starts, 40)
    unit = report(tuning, None)["units"][0]
    torch.testing.assert_close(torch.tensor(unit["optimized_image"]), expected[unit["best_start"]], atol=1e-3, rtol=0)
    assert (report(tuning, None)["method"], TuningSettings("y", method="notebook").complete().steps) == (
        "notebook",
        1000,
    )


# Several units, resuming, limits


def test_units_tuned_together_end_as_each_alone(network):
    together = tuned(network, replace(QUICK, layer="l2", units=(0, {"channel": 3}, 700)))["units"]
    assert [unit["unit"] for unit in together] == [0, {"channel": 3}, 700]
    for spec, unit in zip((0, {"channel": 3}, 700), together, strict=True):
        alone = tuned(network, replace(QUICK, layer="l2", units=(spec,)))["units"][0]
        assert alone["initial_image"] is not None
        assert unit["drive_after"] == pytest.approx(alone["drive_after"], rel=1e-2)
        assert unit["prior"] == alone["prior"]


def test_a_channel_s_mean_is_ranked_among_the_channels(network):
    unit = tuned(network, replace(QUICK, layer="l1", units=({"channel": 2},)))["units"][0]
    means = torch.tensor(unit["layer_drive_after"]).mean(dim=(1, 2))
    assert unit["drive_after"] == pytest.approx(means[2].item(), abs=1e-5)
    assert unit["rank_after"] == 1 + int((means > means[2]).sum())


@pytest.mark.parametrize(
    "options",
    [{}, {"method": "notebook"}, {"robustness": 1.0}, {"smoothness": 5.0, "diversity": 5.0}, {"early_stop": False}],
)
def test_resumed_at_any_slice_it_ends_with_the_same_bits(network, options):
    settings = TuningSettings("l3", units=(0, 9), starts=50, steps=60, **options)
    through = Tuning(network, settings)
    states = [through.state()]
    while not through.is_finished:
        through.advance()
        states.append(through.state())
    assert len(states) > 3
    for state in states:
        resumed = Tuning(network, settings)
        resumed.restore(state)
        run(resumed)
        assert report(resumed, None) == report(through, None)


def test_the_same_seed_gives_the_same_answer_and_another_does_not(network):
    assert tuned(network, QUICK) == tuned(network, QUICK)
    assert tuned(network, QUICK)["units"] != tuned(network, replace(QUICK, seed=1))["units"]


def test_when_the_seconds_are_used_up_the_best_so_far_is_given_and_said(network):
    tuning = Tuning(network, replace(QUICK, starts=64, steps=10_000, max_seconds=0.01))
    run(tuning)
    told = report(tuning, None)
    assert told["stopped"] == "seconds"
    assert 0 < tuning.step < 10_000
    assert told["units"][0]["trace"][-1]["step"] == told["steps"] == tuning.step
    assert told["units"][0]["drive_after"] > told["units"][0]["drive_before"]
    assert tuned(network, QUICK)["stopped"] == "steps"


def test_the_trace_rises_to_the_reported_drive_in_about_a_hundred_points(network):
    unit = tuned(network, replace(QUICK, steps=250))["units"][0]
    trace = unit["trace"]
    assert 50 <= len(trace) <= 101
    assert (trace[0]["step"], trace[-1]["step"]) == (0, 250)
    assert trace[-1]["drive"] == pytest.approx(unit["drive_after"], abs=1e-5)
    assert trace[-1]["drive"] > trace[0]["drive"]


# Whole layers, and a unit that chance chooses


def test_all_units_of_a_dense_layer_are_each_of_them(network):
    assert [unit["unit"] for unit in tuned(network, replace(QUICK, units="all", steps=1))["units"]] == list(range(10))


@pytest.mark.parametrize(("layer", "stride"), [("l1", 2), ("l2", 4)])
def test_all_units_of_a_conv_layer_are_the_middle_of_each_channel_whose_neighbours_prefer_shifted_copies(
    network, layer, stride
):
    units = tuned(network, TuningSettings(layer, units="all", starts=4, steps=30))["units"]
    channels, rows, columns = LAYERS[layer].shape
    middle = rows // 2 * columns + columns // 2
    assert [unit["unit"] for unit in units] == [channel * rows * columns + middle for channel in range(channels)]
    for unit in units:
        shifted = torch.tensor(unit["optimized_image"]).roll(stride, dims=1)
        neighbour = network.drive(shifted[None], layer).flatten()[unit["unit"] + 1]
        assert neighbour.item() == pytest.approx(unit["drive_after"], abs=1e-5)


def test_chance_chooses_among_the_units_that_an_image_can_drive(network):
    any_unit = replace(QUICK, units="any", steps=1)
    chosen = {tuned(network, replace(any_unit, seed=seed))["units"][0]["unit"] for seed in range(8)}
    assert len(chosen) > 1
    with torch.no_grad():
        network.fc3.weight[torch.arange(10) != 4] = 0
    assert {tuned(network, replace(any_unit, seed=seed))["units"][0]["unit"] for seed in range(4)} == {4}
    with torch.no_grad():
        network.fc3.weight.zero_()
    with pytest.raises(InvalidAnalysis, match="another layer"):
        Tuning(network, any_unit)


# Large steps first, small ones last


class Unhurried(Tuning):
    """The same search at one learning rate all the way."""

    def _learning_rate(self) -> float:
        return 0.1


def test_large_steps_leave_poor_optima_behind():
    drives = []
    for search in (Tuning, Unhurried):
        tuning = search(shipped_network("digit-net"), TuningSettings("y", units="all", starts=16))
        run(tuning)
        drives.append(tuning.found().after)
    assert (drives[0].amax(dim=1) > drives[1].amax(dim=1)).sum() >= 8
    assert drives[0].mean() > 1.05 * drives[1].mean()


@pytest.mark.parametrize(("layer", "highest"), [("y", 0.5), ("l2", 0.2)])
def test_the_learning_rate_rises_for_a_quarter_of_the_steps_and_falls_for_the_rest(network, layer, highest):
    tuning = Tuning(network, TuningSettings(layer, units=(1,), starts=1, steps=200, early_stop=False))
    rates = []
    tuning._learning_rate = lambda usual=tuning._learning_rate: rates.append(usual()) or rates[-1]
    run(tuning)
    assert len(rates) == 200
    assert rates[:51] == sorted(rates[:51])
    assert rates[50:] == sorted(rates[50:], reverse=True)
    assert rates[0] == pytest.approx(highest / 10)
    assert rates[50] == pytest.approx(highest)
    assert 0 < rates[-1] < highest / 100


def test_the_notebook_s_learning_rate_stays(network):
    tuning = Tuning(network, replace(QUICK, method="notebook", steps=3))
    run(tuning)
    assert tuning._learning_rate() == 0.01


# Early stop


def test_a_search_that_improves_no_more_ends_as_converged_at_its_optimum(planted):
    spec = {"channel": 0, "row": 6, "column": 6}
    settings = TuningSettings("l1", units=(spec,), starts=16, steps=1000)
    search = Tuning(planted, settings)
    run(search)
    resumed = Tuning(planted, settings)
    resumed.restore(search.state())
    assert resumed.is_finished
    early, late = report(search, None), tuned(planted, replace(settings, early_stop=False))
    assert (early["stopped"], late["stopped"]) == ("converged", "steps")
    assert early["steps"] < 200 < late["steps"] == 1000
    assert early["steps"] % STALL_STEPS == 0
    assert early["units"][0]["trace"][-1]["step"] == early["steps"]
    assert early["units"][0]["drive_after"] == pytest.approx(late["units"][0]["drive_after"], rel=5e-3)


def test_one_unit_that_still_climbs_keeps_the_search_going(planted):
    with torch.no_grad():
        planted.conv1.weight[1] = 0  # its drive is 0 and stays so
    alone = tuned(planted, TuningSettings("l1", units=({"channel": 1, "row": 6, "column": 6},), starts=4))
    assert (alone["stopped"], alone["steps"]) == ("converged", STALL_STEPS)
    spec = {"channel": 0, "row": 6, "column": 6}
    both = TuningSettings("l1", units=({"channel": 1, "row": 6, "column": 6}, spec), starts=4)
    assert tuned(planted, both)["steps"] > STALL_STEPS


def test_the_notebook_s_rule_stops_early_only_when_asked(network):
    assert TuningSettings("y", method="notebook").complete().early_stop is False
    assert TuningSettings("y", method="notebook", early_stop=True).complete().early_stop is True
    assert TuningSettings("y").complete().early_stop is True


# Robustness, smoothness, diversity


def test_a_robust_image_keeps_more_of_its_drive_when_it_is_shifted(network):
    drives = {}
    for robustness in (0.0, 1.0):
        image = torch.tensor(tuned(network, replace(QUICK, robustness=robustness))["units"][0]["optimized_image"])
        shifted = [F.pad(image, (right, -right, down, -down)) for right in range(-2, 3) for down in range(-2, 3)]
        drives[robustness] = network(torch.stack(shifted))[:, 1].mean().item()
    assert drives[1.0] > drives[0.0]


def test_drives_told_of_a_robust_search_are_of_the_image_as_it_is(network):
    told = tuned(network, replace(QUICK, robustness=1.0))
    unit = told["units"][0]
    assert told["transforms"] == {"shift_pixels": 2, "contrast": 0.2, "noise_sd": 0.1}
    assert unit["trace"][0]["drive"] == pytest.approx(max(start["before"] for start in unit["starts"]), abs=1e-5)
    assert unit["trace"][-1]["drive"] == pytest.approx(unit["drive_after"], abs=1e-5)
    assert unit["drive_after"] == predict(network, torch.tensor(unit["optimized_image"])[None])[0]["logits"][1]
    assert tuned(network, QUICK)["transforms"] is None


def test_a_robust_search_keeps_a_conv_unit_s_ink_within_its_receptive_field(planted):
    spec = {"channel": 0, "row": 6, "column": 6}
    told = tuned(planted, TuningSettings("l1", units=(spec,), starts=4, robustness=1.0))
    assert told["transforms"]["shift_pixels"] == 1
    image = torch.tensor(told["units"][0]["optimized_image"])
    assert image[11:15, 11:15].any()
    image[11:15, 11:15] = 0
    assert not image.any()


@pytest.mark.parametrize("options", [{}, {"smoothness": 3.0}, {"method": "notebook"}])
def test_the_prior_s_gradient_is_that_of_what_is_paid(network, options):
    tuning = Tuning(network, replace(QUICK, **options))
    images = tuning.starts.clone().requires_grad_()
    paid, gradient = tuning._prior(images, torch.zeros(len(images), dtype=torch.int64))
    (expected,) = torch.autograd.grad(paid.sum(), images)
    torch.testing.assert_close(gradient.detach(), expected, rtol=1e-4, atol=1e-6)


def test_the_smoother_the_smaller_the_steps_between_neighbouring_pixels(network):
    images = [
        torch.tensor(tuned(network, replace(QUICK, smoothness=weight))["units"][0]["optimized_image"])
        for weight in (0.0, 10.0, 100.0)
    ]
    variations = [image_statistics(image)["total_variation"] for image in images]
    assert variations == sorted(variations, reverse=True)
    assert variations[-1] < 0.8 * variations[0]


def test_diversity_drives_the_starts_of_a_unit_apart(network):
    likenesses = []
    for weight in (0.0, 20.0):
        tuning = Tuning(network, replace(QUICK, units=(1, 2), diversity=weight))
        run(tuning)
        directions = F.normalize(tuning.found().images.flatten(start_dim=2), dim=2)
        likenesses.append((directions @ directions.transpose(1, 2)).mean(dim=(1, 2)))
    assert (likenesses[1] < 0.95 * likenesses[0]).all()


def test_with_options_units_tuned_together_end_as_each_alone(network):
    options = replace(QUICK, steps=20, robustness=0.5, smoothness=2.0, diversity=2.0)
    together = tuned(network, replace(options, units=(0, 7)))["units"]
    for number, unit in zip((0, 7), together, strict=True):
        alone = tuned(network, replace(options, units=(number,)))["units"][0]
        assert unit["drive_after"] == pytest.approx(alone["drive_after"], rel=1e-2)
        assert unit["prior"] == alone["prior"]
        assert {name: unit["prior"][name] for name in ("penalty", "smoothness", "diversity")} == {
            "penalty": 1.0,
            "smoothness": 2.0,
            "diversity": 2.0,
        }


# Refusals


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"starts": 0}, "/starts"),
        ({"steps": 0}, "/steps"),
        ({"learning_rate": 0.0}, "/learning_rate"),
        ({"penalty": -1.0}, "/penalty"),
        ({"units": ()}, "/units"),
        ({"starts": IMAGES_AT_MOST + 1}, "/starts"),
        ({"layer": "l3", "units": "all", "starts": IMAGES_AT_MOST // 120 + 1}, "/starts"),
        ({"method": "notebook", "direction": "inhibit"}, "/direction"),
        ({"method": "notebook", "robustness": 0.5}, "/robustness"),
        ({"method": "notebook", "smoothness": 1.0}, "/smoothness"),
        ({"method": "notebook", "diversity": 1.0}, "/diversity"),
        ({"robustness": 1.5}, "/robustness"),
        ({"smoothness": -1.0}, "/smoothness"),
        ({"diversity": 1.0, "starts": 1}, "/diversity"),
    ],
)
def test_settings_that_cannot_be_are_refused(network, change, pointer):
    with pytest.raises(InvalidTraining) as refused:
        Tuning(network, replace(QUICK, **change))
    assert refused.value.pointer == pointer


def test_unknown_layers_and_units_are_refused(network):
    with pytest.raises(UnknownLayer):
        Tuning(network, replace(QUICK, layer="l9"))
    with pytest.raises(UnknownUnit, match="0 to 9"):
        Tuning(network, replace(QUICK, units=(10,)))


def test_a_state_of_another_search_is_refused(network):
    state = Tuning(network, QUICK).state()
    other = Tuning(network, replace(QUICK, seed=9))
    for bad in (state, b"nonsense"):
        with pytest.raises(CorruptCheckpoint):
            other.restore(bad)


# Beside real digits


@pytest.fixture
def two_digits() -> Digits:
    """An empty picture and a full one."""
    images = torch.stack([torch.zeros(28, 28), torch.full((28, 28), 255)]).to(torch.uint8)
    return Digits({"test": (images, torch.tensor([0, 1]))})


def test_a_unit_is_compared_with_what_real_digits_drive_it_to(network, two_digits):
    report = tuned(network, QUICK, two_digits)
    json.dumps(report, allow_nan=False)
    unit = report["units"][0]
    drives = network(torch.stack([torch.zeros(28, 28), torch.ones(28, 28)]))[:, 1].tolist()
    assert (unit["dataset_minimum"], unit["dataset_maximum"]) == pytest.approx((min(drives), max(drives)), abs=1e-6)
    assert unit["dataset_percentile"] == 100
    assert unit["dead"] is False


def test_a_unit_that_no_digit_activates_is_called_dead(network, two_digits):
    with torch.no_grad():
        network.fc2.bias[5] = -30.0
    settings = TuningSettings("l4", units=(5, 6), starts=2, steps=1)
    dead, _ = tuned(network, settings, two_digits)["units"]
    assert dead["dead"] is True
    assert tuned(network, settings)["units"][0]["dead"] is None


@pytest.mark.parametrize("name", ["digit-net", "digit-net-best"])
def test_outputs_of_the_shipped_networks_reach_twice_what_the_best_real_digit_does(name, digits):
    shipped = shipped_network(name)
    for unit in tuned(shipped, TuningSettings("y", units="all", starts=16), digits)["units"]:
        assert unit["drive_after"] > 2 * unit["dataset_maximum"] > 0
        assert unit["rank_after"] == 1
        drive = shipped(torch.tensor(unit["optimized_image"])[None])[0, unit["unit"]].item()
        assert unit["drive_after"] == pytest.approx(drive, rel=1e-6)


@pytest.mark.parametrize("layer", ["l3", "l4"])
def test_nearly_all_hidden_units_of_a_shipped_network_can_be_driven_above_zero(layer):
    tuning = Tuning(shipped_network("digit-net"), TuningSettings(layer, units="all", starts=8))
    run(tuning)
    assert (tuning.found().after.amax(dim=1) > 0).float().mean() >= 0.95
