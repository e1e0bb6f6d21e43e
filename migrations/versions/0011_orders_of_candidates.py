"""Candidates have their objectives as columns, so that indexes order them; failed ones are found by an index."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

OBJECTIVES = 4

FILLED = {
    "sqlite": "UPDATE candidates SET objective_{n} = metrics ->> "
    "(SELECT plan ->> '$.objectives[{at}]' FROM jobs WHERE jobs.id = candidates.job_id)",
    "postgresql": "UPDATE candidates SET objective_{n} = CAST(metrics ->> "
    "(SELECT plan -> 'objectives' ->> {at} FROM jobs WHERE jobs.id = candidates.job_id) AS double precision)",
}


def upgrade() -> None:
    filled = FILLED[op.get_bind().dialect.name]
    for n in range(1, OBJECTIVES + 1):
        op.add_column("candidates", sa.Column(f"objective_{n}", sa.Double, nullable=True))
        op.execute(filled.format(n=n, at=n - 1))
    for column in _ordered():
        _index(f"candidates_{column}", ["job_id", column, "number"], f"{column} IS NOT NULL")
    _index("candidates_failed", ["job_id", "number"], "state = 'failed'")


def downgrade() -> None:
    for name in ("failed", *_ordered()):
        op.drop_index(f"candidates_{name}", "candidates")
    for n in range(1, OBJECTIVES + 1):
        op.drop_column("candidates", f"objective_{n}")


def _ordered() -> list[str]:
    return ["finished_at", *(f"objective_{n}" for n in range(1, OBJECTIVES + 1))]


def _index(name: str, columns: list[str], rows: str) -> None:
    op.create_index(name, "candidates", columns, sqlite_where=sa.text(rows), postgresql_where=sa.text(rows))
