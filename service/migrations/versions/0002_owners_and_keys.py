"""Jobs and models have an owner, models can be shared, and there are keys.

What was there already is nobody's in particular; a model that was chosen as default is shared.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

JOBS, MODELS = "patchclamp_jobs", "patchclamp_models"


def upgrade() -> None:
    """Adds columns with defaults, so that processes of the version before go on working beside."""
    _add(JOBS, "principal", sa.String, "anonymous", "who submitted it")
    _add(JOBS, "course", sa.String, "", "theirs")
    _add(JOBS, "role", sa.String(20), "admin", "theirs at that time")
    _add(MODELS, "owner", sa.String, "anonymous", "whose job made it")
    _add(MODELS, "course", sa.String, "", "the owner's")
    _add(MODELS, "is_shared", sa.Boolean, sa.false(), "everybody sees it")
    op.create_index(f"ix_{JOBS}_principal", JOBS, ["principal"])
    op.create_index(f"ix_{MODELS}_owner", MODELS, ["owner"])
    # Both names are constants of ours.
    op.execute(f"UPDATE {MODELS} SET is_shared = true WHERE id IN (SELECT model_id FROM patchclamp_defaults)")  # nosec B608
    op.create_table(
        "patchclamp_keys",
        sa.Column("id", sa.String(16), primary_key=True),
        sa.Column("secret_sha256", sa.String(64), nullable=False),
        sa.Column("name", sa.String, nullable=False),
        sa.Column("course", sa.String, nullable=False),
        sa.Column("role", sa.String(20), nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("expires_at", sa.BigInteger),
        sa.Column("revoked_at", sa.BigInteger),
    )


def _add(table: str, name: str, of_type: Any, default: Any, comment: str) -> None:
    op.add_column(table, sa.Column(name, of_type, nullable=False, server_default=default, comment=comment))
