"""How much work a job is, how many models it will publish, and whose turn it is."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

JOBS = "patchclamp_jobs"


def upgrade() -> None:
    """Adds columns with defaults, so that processes of the version before go on working beside."""
    size = "how much work, in the kind's own measure"
    op.add_column(JOBS, sa.Column("size", sa.Float, nullable=False, server_default="1", comment=size))
    models = "how many it will publish"
    op.add_column(JOBS, sa.Column("models", sa.Integer, nullable=False, server_default="0", comment=models))
    op.create_index(f"ix_{JOBS}_kind_finished_at", JOBS, ["kind", "finished_at"])
    op.create_table(
        "patchclamp_turns",
        sa.Column("principal", sa.String, primary_key=True),
        sa.Column("turn", sa.Integer, nullable=False, comment="the last one they were served in"),
    )
