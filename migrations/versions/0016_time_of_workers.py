"""The times at which trainings occupied workers are read from an index alone."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    columns, rows = ["job_id", "finished_at", "seconds", "number"], sa.text("seconds > 0")
    op.create_index("trainings_ended", "trainings", columns, sqlite_where=rows, postgresql_where=rows)


def downgrade() -> None:
    op.drop_index("trainings_ended", "trainings")
