"""`patchclamp` on a machine whose wall clock is off: `python -m tests.faults.jumping_clock FILE COMMAND`.

FILE holds by how many hours; it is read anew each time that somebody asks for the time, in Python or in SQLite. Clocks
that only run forwards are left alone, as by a real step of the clock.
"""

import sqlite3
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event

from service import cli

JULIAN_1970, SECONDS_A_DAY = 2440587.5, 86400


def jump(file: Path) -> None:
    """Lets this process live by the clock of the file."""
    true_time = time.time

    def told_time() -> float:
        return true_time() + 3600 * float(file.read_text() or 0)

    time.time = told_time
    event.listen(sa.Engine, "connect", _setter(told_time))


def _setter(told_time: Callable[[], float]) -> Callable[[Any, Any], None]:
    def julianday(moment: str) -> float:
        assert moment == "now"
        return told_time() / SECONDS_A_DAY + JULIAN_1970

    def set_clock(connection: Any, _record: Any) -> None:
        if isinstance(connection, sqlite3.Connection):
            connection.create_function("julianday", 1, julianday)

    return set_clock


if __name__ == "__main__":
    jump(Path(sys.argv[1]))
    sys.exit(cli.main(sys.argv[2:]))
