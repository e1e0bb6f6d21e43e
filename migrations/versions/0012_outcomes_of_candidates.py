"""The place of each candidate in the order of outcomes: that of its first training on as many tokens as its metrics."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

PLACED = """
UPDATE candidates SET outcome = (
    SELECT min(trainings.outcome) FROM trainings
    WHERE trainings.job_id = candidates.job_id AND trainings.number = candidates.number
    AND trainings.purpose != 'honest finish' AND trainings.state = candidates.state
    AND (trainings.tokens = candidates.tokens OR candidates.state = 'failed')
)
"""


def upgrade() -> None:
    op.add_column("candidates", sa.Column("outcome", sa.Integer, nullable=True))
    op.execute(PLACED)


def downgrade() -> None:
    op.drop_column("candidates", "outcome")
