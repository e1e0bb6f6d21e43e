"""Why a candidate was chosen, and the order of outcomes; jobs of before name the algorithm that they were made for."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

NUMBERED = """
UPDATE candidates SET outcome = numbered.place
FROM (
    SELECT job_id, number, row_number() OVER (PARTITION BY job_id ORDER BY finished_at, number) AS place
    FROM candidates WHERE state IN ('succeeded', 'failed')
) AS numbered
WHERE candidates.job_id = numbered.job_id AND candidates.number = numbered.number
"""

NAMED = {
    "sqlite": "UPDATE jobs SET plan = json_set(plan, '$.algorithm', 'nsga2', '$.stacks', 0)",
    "postgresql": """UPDATE jobs SET plan = CAST(plan AS jsonb) || '{"algorithm": "nsga2", "stacks": 0}'""",
}

UNNAMED = {
    "sqlite": "UPDATE jobs SET plan = json_remove(plan, '$.algorithm', '$.stacks')",
    "postgresql": "UPDATE jobs SET plan = CAST(plan AS jsonb) - 'algorithm' - 'stacks'",
}


def upgrade() -> None:
    op.add_column("candidates", sa.Column("choice", sa.JSON(), server_default="{}", nullable=False))
    op.add_column("candidates", sa.Column("outcome", sa.Integer()))
    op.execute(NUMBERED)
    op.execute(sa.text(NAMED[op.get_bind().dialect.name].replace(":", r"\:")))


def downgrade() -> None:
    op.drop_column("candidates", "outcome")
    op.drop_column("candidates", "choice")
    op.execute(UNNAMED[op.get_bind().dialect.name])
