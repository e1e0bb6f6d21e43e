"""Failed candidates that wait to be trained again."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("candidates", sa.Column("again", sa.Boolean, nullable=False, server_default=sa.false()))
    rows = sa.text("again")
    op.create_index("candidates_again", "candidates", ["job_id", "number"], sqlite_where=rows, postgresql_where=rows)


def downgrade() -> None:
    op.drop_index("candidates_again", "candidates")
    op.drop_column("candidates", "again")
