"""Units as they come in requests."""

from collections.abc import Mapping

from models.digit_net import layer
from models.errors import UnknownUnit
from models.units import Unit
from service.schemas.common import UnitPlace


def spec_of(choice: int | UnitPlace) -> int | Mapping[str, int]:
    """The unit as `models.units` reads it."""
    return choice.spec() if isinstance(choice, UnitPlace) else choice


def unit_of(layer_name: str, choice: int | UnitPlace, pointer: str = "/unit") -> Unit:
    """The unit that a request names in its field at `pointer`.

    Raises:
        UnknownUnit: It is outside its layer.
    """
    try:
        return Unit.of(layer(layer_name), spec_of(choice))
    except UnknownUnit as error:
        error.pointer = (error.pointer or "/unit").replace("/unit", pointer, 1)
        raise
