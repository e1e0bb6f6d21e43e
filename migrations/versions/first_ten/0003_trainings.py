"""Every training of a candidate has a row of its own; history is told by outcome, and weights by a reference."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

PLANNED = {
    "sqlite": "{0} ->> '$.budget.{1}'",
    "postgresql": "CAST({0} AS jsonb) -> 'budget' ->> '{1}'",
}

REFERRED = """
UPDATE candidates
SET weights = {json_object}('key', job_id || '/' || number || '.safetensors', 'digest', NULL, 'size', NULL)
WHERE kept
"""

MOVED = """
INSERT INTO trainings (job_id, number, seed, tokens, purpose, state, attempt, spent, outcome, metrics, curve, failure,
    detail, seconds, created_at, finished_at)
SELECT c.job_id, c.number, CAST({seed} AS BIGINT), {tokens}, 'search', c.state, c.attempt, {tokens}, c.outcome,
    CASE WHEN c.state = 'succeeded' THEN c.metrics ELSE '{{}}' END, c.curve, c.failure, c.detail, c.seconds,
    c.created_at, c.finished_at
FROM candidates AS c JOIN jobs ON jobs.id = c.job_id
"""

SUMMARISED = """
UPDATE candidates SET seeds = 1, tokens = (SELECT {tokens} FROM jobs WHERE jobs.id = candidates.job_id)
WHERE state = 'succeeded'
"""

COUNTED = """
UPDATE jobs SET running = proposed - done - cancelled, outcomes = done, tokens = done * ({tokens})
"""

HISTORY = """
INSERT INTO new_history (job_id, outcome, done, tokens, hypervolume, frontier_size, at)
SELECT h.job_id, h.done, h.done, h.done * ({tokens}), h.hypervolume, h.frontier_size, h.at
FROM history AS h JOIN jobs ON jobs.id = h.job_id
"""

RETURNED = """
UPDATE candidates SET attempt = t.attempt, outcome = t.outcome, curve = t.curve
FROM trainings AS t
WHERE t.job_id = candidates.job_id AND t.number = candidates.number AND t.purpose = 'search'
"""


def upgrade() -> None:
    _trainings()
    for name in ("running", "outcomes"):
        op.add_column("jobs", sa.Column(name, sa.Integer(), server_default="0", nullable=False))
    op.add_column("jobs", sa.Column("tokens", sa.BigInteger(), server_default="0", nullable=False))
    op.add_column("candidates", sa.Column("tokens", sa.BigInteger(), server_default="0", nullable=False))
    op.add_column("candidates", sa.Column("seeds", sa.Integer(), server_default="0", nullable=False))
    for statement in (MOVED, SUMMARISED, COUNTED):
        _execute(statement)
    _history("outcome", HISTORY)
    op.drop_index("candidates_weights", "candidates")
    op.execute("ALTER TABLE candidates RENAME COLUMN weights TO kept")
    op.add_column("candidates", sa.Column("weights", sa.JSON()))
    _execute(REFERRED)
    for name in ("kept", "attempt", "outcome", "curve"):
        op.drop_column("candidates", name)
    op.drop_column("jobs", "cancelled")
    _index("candidates", "weights", "weights IS NOT NULL")


def downgrade() -> None:
    op.add_column("candidates", sa.Column("attempt", sa.Integer(), server_default="1", nullable=False))
    op.add_column("candidates", sa.Column("outcome", sa.Integer()))
    op.add_column("candidates", sa.Column("curve", sa.JSON(), server_default="[]", nullable=False))
    op.execute(RETURNED)
    op.drop_index("candidates_weights", "candidates")
    op.add_column("candidates", sa.Column("kept", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.execute("UPDATE candidates SET kept = (weights IS NOT NULL)")
    for name in ("weights", "seeds", "tokens"):
        op.drop_column("candidates", name)
    op.execute("ALTER TABLE candidates RENAME COLUMN kept TO weights")
    _index("candidates", "weights", "weights")
    op.add_column("jobs", sa.Column("cancelled", sa.Integer(), server_default="0", nullable=False))
    op.execute(
        "UPDATE jobs SET cancelled = "
        "(SELECT count(*) FROM candidates WHERE candidates.job_id = jobs.id AND candidates.state = 'cancelled')"
    )
    _history(
        "done",
        "INSERT INTO new_history SELECT job_id, done, max(hypervolume), max(frontier_size), max(at) "
        "FROM history WHERE done > 0 GROUP BY job_id, done",
    )
    for name in ("running", "outcomes", "tokens"):
        op.drop_column("jobs", name)
    op.drop_table("trainings")


def _trainings() -> None:
    op.create_table(
        "trainings",
        sa.Column("job_id", sa.String(32), primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("seed", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("tokens", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("purpose", sa.String(16), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("attempt", sa.Integer, nullable=False),
        sa.Column("spent", sa.BigInteger, nullable=False),
        sa.Column("outcome", sa.Integer),
        sa.Column("metrics", sa.JSON, nullable=False),
        sa.Column("curve", sa.JSON, nullable=False),
        sa.Column("failure", sa.String(32)),
        sa.Column("detail", sa.Text, nullable=False),
        sa.Column("checkpoint", sa.JSON),
        sa.Column("seconds", sa.Double, nullable=False),
        sa.Column("created_at", sa.Double, nullable=False),
        sa.Column("finished_at", sa.Double),
        sa.ForeignKeyConstraint(["job_id", "number"], ["candidates.job_id", "candidates.number"]),
    )
    _index("trainings", "running", "state = 'running'")
    _index("trainings", "finish", "purpose = 'honest finish'")
    _index("trainings", "checkpoint", "checkpoint IS NOT NULL")


def _history(key: str, copied: str) -> None:
    """Replace the table of history by one with another key; SQLite cannot change a key."""
    counts = [sa.Column("done", sa.Integer, nullable=False), sa.Column("tokens", sa.BigInteger, nullable=False)]
    op.create_table(
        "new_history",
        sa.Column("job_id", sa.String(32), sa.ForeignKey("jobs.id"), primary_key=True),
        sa.Column(key, sa.Integer, primary_key=True, autoincrement=False),
        *(counts if key == "outcome" else []),
        sa.Column("hypervolume", sa.Double, nullable=False),
        sa.Column("frontier_size", sa.Integer, nullable=False),
        sa.Column("at", sa.Double, nullable=False),
    )
    _execute(copied)
    op.drop_table("history")
    op.rename_table("new_history", "history")


def _execute(statement: str) -> None:
    tokens = " * ".join(f"CAST({_planned(name)} AS BIGINT)" for name in ("steps", "batch", "length"))
    seeds = {"sqlite": "jobs.plan ->> '$.seed'", "postgresql": "CAST(jobs.plan AS jsonb) ->> 'seed'"}
    json_object = {"sqlite": "json_object", "postgresql": "json_build_object"}[_dialect()]
    op.execute(sa.text(statement.format(tokens=tokens, seed=seeds[_dialect()], json_object=json_object)))


def _planned(name: str) -> str:
    return PLANNED[_dialect()].format("jobs.plan", name)


def _index(table: str, name: str, rows: str) -> None:
    where = sa.text(rows)
    op.create_index(f"{table}_{name}", table, ["job_id", "number"], sqlite_where=where, postgresql_where=where)


def _dialect() -> str:
    return str(op.get_bind().dialect.name)
