"""Genomes that somebody asked a running search to train."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "injections",
        sa.Column("seq", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), primary_key=True, autoincrement=True),
        sa.Column("job_id", sa.String(32), sa.ForeignKey("jobs.id"), nullable=False),
        sa.Column("genome", sa.Text, nullable=False),
        sa.Column("digest", sa.String(16), nullable=False),
        sa.Column("by", sa.Text, nullable=False),
        sa.Column("number", sa.Integer),
        sa.Column("created_at", sa.Double, nullable=False),
        sa.UniqueConstraint("job_id", "digest", name="injections_digest"),
        sqlite_autoincrement=True,
    )


def downgrade() -> None:
    op.drop_table("injections")
