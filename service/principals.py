"""Who is asking."""

from dataclasses import dataclass
from typing import Literal

Role = Literal["student", "lecturer", "admin"]


@dataclass(frozen=True)
class Principal:
    """Somebody, or some script, that asks for something.

    Attributes:
        id: Stays the same for as long as they are known here; jobs and models remember it.
        role: What they may do.
    """

    id: str
    role: Role


# Where nobody needs a key, everybody is the same principal and may do everything.
ANYBODY = Principal("anonymous", "admin")
