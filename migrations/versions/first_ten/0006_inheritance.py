"""The weights that a candidate began with, if they were those of a parent."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("candidates", sa.Column("inherited", sa.JSON))


def downgrade() -> None:
    op.drop_column("candidates", "inherited")
