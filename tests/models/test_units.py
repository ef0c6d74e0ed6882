import pytest
import torch

from models.digit_net import LAYERS, DigitNet
from models.errors import UnknownUnit
from models.units import Unit


def test_an_index_and_its_place_are_the_same_unit():
    place = {"channel": 3, "row": 2, "column": 5}
    unit = Unit.of(LAYERS["l2"], place)
    assert unit == Unit.of(LAYERS["l2"], 3 * 49 + 2 * 7 + 5)
    assert unit.as_json() == 166
    assert unit.label == "l2 channel 3, row 2, column 5 (unit 166)"
    values = torch.rand(2, 16, 7, 7)
    assert torch.equal(unit.read(values), values[:, 3, 2, 5])


def test_zero_is_a_unit():
    unit = Unit.of(LAYERS["y"], 0)
    assert unit.as_json() == 0
    assert unit.read(torch.eye(10)).tolist() == [1.0] + 9 * [0.0]
    assert unit.label == "y unit 0"


def test_a_channel_is_read_as_the_mean_of_its_map():
    unit = Unit.of(LAYERS["l1"], {"channel": 4})
    values = torch.rand(3, 6, 14, 14)
    torch.testing.assert_close(unit.read(values), values[:, 4].mean(dim=(1, 2)))
    assert unit.as_json() == {"channel": 4}
    assert "channel 4" in unit.label


def test_rank_one_is_the_largest_of_the_layer_or_of_the_channels():
    values = torch.arange(10.0)[None]
    assert Unit.of(LAYERS["y"], 9).rank(values) == [1]
    assert Unit.of(LAYERS["y"], 0).rank(values) == [10]
    maps = torch.arange(6.0)[None, :, None, None].expand(1, 6, 14, 14)
    assert Unit.of(LAYERS["l1"], {"channel": 3}).rank(maps) == [3]
    assert Unit.of(LAYERS["y"], 4).rank(torch.zeros(1, 10)) == [1]


@pytest.mark.parametrize(
    ("layer", "spec", "allowed", "pointer"),
    [
        ("y", 10, "0 to 9", "/unit"),
        ("l2", -1, "0 to 783", "/unit"),
        ("l1", {"channel": 6}, "0 to 5", "/unit/channel"),
        ("l2", {"channel": 0, "row": 7, "column": 0}, "0 to 6", "/unit/row"),
        ("l2", {"channel": 0, "row": 0, "column": True}, "0 to 6", "/unit/column"),
        ("l3", {"channel": 0}, "0 to 119", "/unit"),
        ("l1", {"channel": 0, "row": 1}, "channel alone", "/unit"),
        ("l1", True, "flat index", "/unit"),
    ],
)
def test_what_is_no_unit_is_refused_with_what_is_allowed(layer, spec, allowed, pointer):
    with pytest.raises(UnknownUnit, match=allowed) as refused:
        Unit.of(LAYERS[layer], spec)
    assert refused.value.pointer == pointer


@pytest.mark.parametrize(("layer", "side"), [("l1", 4), ("l2", 10)])
@pytest.mark.parametrize("row", [0, 3, 6])
def test_no_pixel_outside_the_receptive_field_matters_and_the_field_is_no_larger(layer, side, row):
    network = DigitNet.initialised(0)
    unit = Unit.of(LAYERS[layer], {"channel": 1, "row": row, "column": 3})
    image = torch.rand((200, 28, 28), generator=torch.Generator().manual_seed(0), requires_grad=True)
    (gradient,) = torch.autograd.grad(unit.read(network.drive(image, layer)).sum(), image)
    rows, columns = (gradient.abs().sum(dim=(0, other)).nonzero()[:, 0] for other in (2, 1))
    field = unit.receptive_field
    assert (field.top, field.bottom) == (rows.min(), rows.max() + 1)
    assert (field.left, field.right) == (columns.min(), columns.max() + 1)
    assert field.right - field.left == side
