"""Each training tells where it ran, and how."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("trainings", sa.Column("execution", sa.JSON, nullable=True))


def downgrade() -> None:
    op.drop_column("trainings", "execution")
