"""The order in which trainings began."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

BEGUN = """
    UPDATE trainings SET begun = ordered.place
    FROM (
        SELECT job_id, number, seed, tokens,
            row_number() OVER (PARTITION BY job_id ORDER BY created_at, number, tokens, seed) AS place
        FROM trainings
    ) AS ordered
    WHERE trainings.job_id = ordered.job_id AND trainings.number = ordered.number
        AND trainings.seed = ordered.seed AND trainings.tokens = ordered.tokens
"""


def upgrade() -> None:
    op.add_column("trainings", sa.Column("begun", sa.Integer, nullable=False, server_default="0"))
    op.execute(sa.text(BEGUN))


def downgrade() -> None:
    op.drop_column("trainings", "begun")
