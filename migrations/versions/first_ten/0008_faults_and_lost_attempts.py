"""What puts a job off, which attempts were lost, and the priority of a job."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

JOB_COUNTS = ("priority", "faults", "errors", "lost")


def upgrade() -> None:
    op.add_column("jobs", sa.Column("retry_at", sa.Double, nullable=True))
    for name in JOB_COUNTS:
        op.add_column("jobs", sa.Column(name, sa.Integer, nullable=False, server_default="0"))
    op.add_column("trainings", sa.Column("claim", sa.Integer, nullable=True))
    op.add_column("trainings", sa.Column("losses", sa.JSON(none_as_null=True), nullable=False, server_default="{}"))


def downgrade() -> None:
    for name in ("losses", "claim"):
        op.drop_column("trainings", name)
    for name in ("retry_at", *JOB_COUNTS):
        op.drop_column("jobs", name)
