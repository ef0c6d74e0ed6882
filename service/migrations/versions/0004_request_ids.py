"""Which request submitted a job."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Adds a column that may be empty, so that processes of the version before go on working beside."""
    op.add_column(
        "patchclamp_jobs", sa.Column("request_id", sa.String(128), comment="of the request that submitted it")
    )
