"""Who is asking, and whose things they reach."""

from dataclasses import dataclass
from typing import Literal, Self

import sqlalchemy as sa

Role = Literal["student", "lecturer", "admin", "monitor"]

LONGEST_NAME = 255


class InvalidName(ValueError):
    """A name or a course that cannot be anybody's; the message says why."""


@dataclass(frozen=True)
class Principal:
    """Somebody, or some script, that asks for something.

    Attributes:
        id: Stays the same for as long as they are known here; jobs and models remember it.
        role: What they may do. A monitor reads the service's numbers and nothing else.
        course: The course they take or give; in another course the same name is somebody else.
    """

    id: str
    role: Role
    course: str = ""

    @classmethod
    def of(cls, name: str, course: str, role: Role) -> Self:
        """The principal of this name in this course.

        Raises:
            InvalidName: Nobody can be called so.
        """
        for what, value in (("A name", name), ("A course", course or "-")):
            if not 0 < len(value) <= LONGEST_NAME or not value.isprintable() or value != value.strip():
                raise InvalidName(f"{what} has 1 to {LONGEST_NAME} printable characters, with no space at either end.")
        identity = f"{_escaped(course)}/{_escaped(name)}" if course else _escaped(name)
        if identity == ANYBODY.id:
            raise InvalidName(f"{ANYBODY.id} stands for everybody before there were keys; choose another name.")
        return cls(identity, role, course)

    @property
    def teaches(self) -> bool:
        """Whether they may share models and choose defaults."""
        return self.role in ("lecturer", "admin")

    def reaches(self, owner: sa.ColumnElement[str], course: sa.ColumnElement[str]) -> sa.ColumnElement[bool]:
        """Whether a row is theirs to see and to touch: their own, for a lecturer their course's, for an admin all."""
        if self.role == "admin":
            return sa.true()
        return course == self.course if self.role == "lecturer" else owner == self.id


def _escaped(name: str) -> str:
    return name.replace("%", "%25").replace("/", "%2F")


# Where nobody needs a key, everybody is the same principal and may do everything.
ANYBODY = Principal("anonymous", "admin")
