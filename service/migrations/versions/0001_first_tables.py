"""The tables as the first version made them."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Makes them."""
    op.create_table(
        "patchclamp_jobs",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("kind", sa.String(40), nullable=False),
        sa.Column("request", sa.JSON, nullable=False),
        sa.Column(
            "fingerprint", sa.String(64), nullable=False, comment="SHA-256 of kind and body, for Idempotency-Key"
        ),
        sa.Column("created_at", sa.BigInteger, nullable=False, index=True),
        sa.Column("started_at", sa.BigInteger, comment="when it first began"),
        sa.Column("finished_at", sa.BigInteger),
        sa.Column("progress", sa.JSON, nullable=False),
        sa.Column("state", sa.LargeBinary, comment="where the work goes on after a restart (safetensors)"),
        sa.Column("starts", sa.Integer, nullable=False, comment="beginnings since the last saved state"),
        sa.Column("result", sa.LargeBinary, comment="JSON"),
        sa.Column("problem", sa.JSON, comment="RFC 9457, of a job that failed"),
    )
    op.create_table(
        "patchclamp_models",
        sa.Column("id", sa.String(80), primary_key=True),
        sa.Column("family", sa.String(40), nullable=False),
        sa.Column("job_id", sa.String(36), nullable=False, index=True),
        sa.Column("made_at", sa.BigInteger, nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("card", sa.JSON, nullable=False),
        sa.Column("weights", sa.LargeBinary, nullable=False, comment="safetensors"),
    )
    op.create_table(
        "patchclamp_defaults",
        sa.Column("family", sa.String(40), primary_key=True),
        sa.Column("model_id", sa.String(80), nullable=False),
    )
    op.create_table(
        "patchclamp_workers",
        sa.Column("id", sa.String(200), primary_key=True),
        sa.Column("beat", sa.String(32), nullable=False, comment="another random word each time"),
        sa.Column("beaten_at", sa.BigInteger, nullable=False),
    )
