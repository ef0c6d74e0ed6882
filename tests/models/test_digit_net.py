import pytest
import torch
from torch import Tensor

from benchmarks.notebook import NotebookNet
from models.digit_net import LAYERS, DigitNet, layer
from models.errors import UnknownLayer


@pytest.fixture
def network() -> DigitNet:
    return DigitNet.initialised(0)


@pytest.fixture
def images() -> Tensor:
    return torch.rand((5, 28, 28), generator=torch.Generator().manual_seed(0))


def test_the_five_layers_are_the_notebook_s(network, images):
    notebook = NotebookNet()
    notebook.load_state_dict(network.state_dict())
    expected = notebook(((images - 0.1307) / 0.3081)[:, None])
    responses = network.responses(images)
    assert list(responses) == list(LAYERS)
    for name, values in expected.items():
        assert responses[name].activity.shape == (5, *LAYERS[name].shape)
        torch.testing.assert_close(responses[name].activity, values, atol=1e-6, rtol=1e-6)
    torch.testing.assert_close(network(images), expected["y"], atol=1e-6, rtol=1e-6)


def test_activity_is_the_rectified_drive_except_for_the_logits(network, images):
    for name, (drive, activity) in network.responses(images).items():
        assert (drive < 0).any()
        assert torch.equal(activity, drive if name == "y" else drive.clamp(min=0))


def test_nothing_deeper_than_the_deepest_wanted_layer_is_computed(network, images):
    network.fc1.register_forward_hook(lambda *_: pytest.fail("computed a layer that nobody wanted"))
    assert list(network.responses(images, ("l2", "l1"))) == ["l1", "l2"]
    assert network.responses(images, ()) == {}


def test_weights_have_the_notebook_s_names_and_plain_strides(network):
    weights = network.state_dict()
    assert list(weights) == list(NotebookNet().state_dict())
    assert all(tensor.is_contiguous() for tensor in weights.values())


def test_a_seed_decides_the_weights_and_leaves_the_global_generator_alone():
    before = torch.get_rng_state()
    first, again, other = (DigitNet.initialised(seed).fc3.weight for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert torch.equal(torch.get_rng_state(), before)


def test_where_pooled_places_tie_the_gradient_is_handed_on_once(network):
    image = torch.full((1, 28, 28), 0.5, requires_grad=True)
    (gradient,) = torch.autograd.grad(network.drive(image, "l1")[0, 0, 7, 7], image)
    expected = network.conv1.weight[0].sum() / 0.3081  # four equal places, and one of them is the maximum
    torch.testing.assert_close(gradient.sum(), expected, atol=1e-5, rtol=1e-5)


def test_an_unknown_layer_is_refused_with_the_known_ones_named(network, images):
    with pytest.raises(UnknownLayer, match="l1, l2, l3, l4, y") as refused:
        network.drive(images, "l6")
    assert refused.value.pointer == "/layer"
    assert layer("l2").size == 16 * 7 * 7


def test_shown_one_by_one_images_get_the_same_numbers_to_rounding(network, images):
    together, one_by_one = network.responses(images), network.responses_one_by_one(images)
    assert list(one_by_one) == list(LAYERS)
    for name, response in one_by_one.items():
        torch.testing.assert_close(response.drive, together[name].drive, atol=1e-5, rtol=1e-5)
        torch.testing.assert_close(response.activity, together[name].activity, atol=1e-5, rtol=1e-5)
        assert not response.drive.requires_grad


def test_shown_one_by_one_an_image_gets_the_same_bits_in_any_company(network):
    images = torch.rand((70, 28, 28), generator=torch.Generator().manual_seed(1))
    together = network.responses_one_by_one(images)
    for number in (0, 33, 69):
        alone = network.responses_one_by_one(images[number : number + 1])
        assert all(torch.equal(alone[name].drive[0], together[name].drive[number]) for name in LAYERS)


def test_shown_one_by_one_images_meet_the_weights_as_they_are_now(network, images):
    before = network.responses_one_by_one(images, ("y",))["y"].drive
    with torch.no_grad():
        network.fc3.bias += 1
    after = network.responses_one_by_one(images, ("y",))["y"].drive
    torch.testing.assert_close(after, before + 1, atol=1e-6, rtol=0)


def test_shown_one_by_one_an_unknown_layer_is_refused(network, images):
    with pytest.raises(UnknownLayer):
        network.responses_one_by_one(images, ("l6",))
