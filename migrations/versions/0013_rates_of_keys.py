"""The rate of an API key."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("api_keys", sa.Column("rate", sa.Integer, nullable=True))


def downgrade() -> None:
    op.drop_column("api_keys", "rate")
