"""Which neuron is meant: one unit of a layer, or the mean over one channel's map."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from torch import Tensor

from models.digit_net import Layer
from models.errors import UnknownUnit


class Field(NamedTuple):
    """A box of pixels, `bottom` and `right` exclusive."""

    top: int
    bottom: int
    left: int
    right: int


@dataclass(frozen=True)
class Unit:
    """A neuron that can be recorded from; exactly one of `index` and `channel` is given.

    Attributes:
        layer: Where it is.
        index: Its flat index in C order; 0 is a unit.
        channel: The channel over whose map is averaged.
    """

    layer: Layer
    index: int | None = None
    channel: int | None = None

    @classmethod
    def of(cls, layer: Layer, spec: int | Mapping[str, int]) -> "Unit":
        """The unit that a request names: a flat index, a channel with row and column, or a channel alone.

        Raises:
            UnknownUnit: It is outside the layer, or the layer has no channels.
        """
        if isinstance(spec, int) and not isinstance(spec, bool):
            return cls(layer, index=_within(spec, layer.size, f"unit of {layer.name}", "/unit"))
        if not isinstance(spec, Mapping) or set(spec) not in ({"channel"}, {"channel", "row", "column"}):
            raise UnknownUnit("A unit is a flat index, a channel with row and column, or a channel alone.", "/unit")
        if layer.kind == "dense":
            raise UnknownUnit(f"{layer.name} has no channels; name a unit from 0 to {layer.size - 1}.", "/unit")
        place = tuple(
            _within(spec[axis], length, f"{axis} of {layer.name}", f"/unit/{axis}")
            for axis, length in zip(("channel", "row", "column"), layer.shape, strict=True)
            if axis in spec
        )
        if len(place) == 1:
            return cls(layer, channel=place[0])
        return cls(layer, index=int(np.ravel_multi_index(place, layer.shape)))

    def read(self, values: Tensor) -> Tensor:
        """This unit's values (image,) out of its layer's values (image, *layer shape)."""
        return self.peers(values)[:, self._position]

    def peers(self, values: Tensor) -> Tensor:
        """Values (image, peer) of all that this unit is ranked among: the layer's units, or its channels' means."""
        return values.flatten(start_dim=1) if self.channel is None else values.mean(dim=(2, 3))

    def rank(self, values: Tensor) -> list[int]:
        """Its rank among its peers for each image, 1 being the largest; equals share the better rank."""
        peers = self.peers(values)
        return ((peers > peers[:, self._position, None]).sum(dim=1) + 1).tolist()

    def as_json(self) -> int | dict[str, int]:
        """The form in which a request names it: a flat index, or a channel alone."""
        return self._position if self.channel is None else {"channel": self.channel}

    @property
    def label(self) -> str:
        """How a student would say it, such as "l2 channel 3, row 0, column 2 (unit 149)"."""
        if self.channel is not None:
            return f"{self.layer.name} channel {self.channel} (mean of its map)"
        if self.layer.kind == "dense":
            return f"{self.layer.name} unit {self.index}"
        channel, row, column = self._place
        return f"{self.layer.name} channel {channel}, row {row}, column {column} (unit {self.index})"

    @property
    def receptive_field(self) -> Field:
        """The pixels that can reach it: 4x4 in `l1`, 10x10 in `l2`, less at edges; all for dense units and means."""
        if self.layer.kind == "dense" or self.channel is not None:
            return Field(0, 28, 0, 28)
        _, row, column = self._place
        stride, reach = {"l1": (2, 1), "l2": (4, 3)}[self.layer.name]
        top, left = stride * row - reach, stride * column - reach
        side = stride + 2 * reach
        return Field(max(top, 0), min(top + side, 28), max(left, 0), min(left + side, 28))

    @property
    def _position(self) -> int:
        position = self.index if self.channel is None else self.channel
        assert position is not None
        return position

    @property
    def _place(self) -> tuple[int, ...]:
        return tuple(int(axis) for axis in np.unravel_index(self._position, self.layer.shape))


def _within(value: Any, length: int, what: str, pointer: str) -> int:
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < length:
        return value
    raise UnknownUnit(f"There is no such {what}; choose a whole number from 0 to {length - 1}.", pointer)
