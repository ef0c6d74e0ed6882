"""How the tables came to be as they are: a file in `versions/` for each change, applied by Alembic in their order."""

from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

FIRST = "0001"


def upgrade(connection: sa.Connection) -> None:
    """Brings our tables up to date, within the transaction that the connection is in."""
    config = _config()
    config.attributes["connection"] = connection
    if not _current(connection) and sa.inspect(connection).has_table("patchclamp_jobs"):
        command.stamp(config, FIRST)  # made before the tables had numbers
    command.upgrade(config, "head")


def unknown_revisions(connection: sa.Connection) -> set[str]:
    """What a newer version than this one has done to the tables."""
    known = {script.revision for script in ScriptDirectory.from_config(_config()).walk_revisions()}
    return set(_current(connection)) - known


def _current(connection: sa.Connection) -> tuple[str, ...]:
    return MigrationContext.configure(connection).get_current_heads()


def _config() -> Config:
    config = Config()
    # Alembic reads options with interpolation: a percent sign in the path is to be doubled.
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config
