"""Jobs, their checkpoints and idempotency keys, candidates, history and events."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

SEQ = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    _jobs()
    _beside_jobs()
    _candidates()
    _history_and_events()


def downgrade() -> None:
    for table in ("events", "history", "candidates", "idempotency_keys", "checkpoints", "jobs"):
        op.drop_table(table)


def _jobs() -> None:
    op.create_table(
        "jobs",
        sa.Column("seq", SEQ, primary_key=True, autoincrement=True),
        sa.Column("id", sa.String(32), nullable=False, unique=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("why", sa.Text, nullable=False),
        sa.Column("plan", sa.JSON, nullable=False),
        sa.Column("space", sa.JSON, nullable=False),
        sa.Column("reference", sa.JSON, nullable=False),
        sa.Column("created_at", sa.Double, nullable=False),
        sa.Column("started_at", sa.Double),
        sa.Column("finished_at", sa.Double),
        sa.Column("attempt", sa.Integer, nullable=False),
        sa.Column("runner", sa.Text, nullable=False),
        sa.Column("lease_until", sa.Double),
        sa.Column("total", sa.Integer, nullable=False),
        sa.Column("proposed", sa.Integer, nullable=False),
        sa.Column("done", sa.Integer, nullable=False),
        sa.Column("failed", sa.Integer, nullable=False),
        sa.Column("cancelled", sa.Integer, nullable=False),
        sa.Column("genes", sa.BigInteger, nullable=False),
        sa.Column("repaired", sa.BigInteger, nullable=False),
        sa.Column("seconds", sa.Double, nullable=False),
        sa.Column("frontier_size", sa.Integer, nullable=False),
        sa.Column("hypervolume", sa.Double, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("jobs_state", "jobs", ["state", "seq"])


def _beside_jobs() -> None:
    op.create_table(
        "checkpoints",
        sa.Column("job_id", sa.String(32), sa.ForeignKey("jobs.id"), primary_key=True),
        sa.Column("evolution", sa.JSON, nullable=False),
    )
    op.create_table(
        "idempotency_keys",
        sa.Column("key", sa.String(255), primary_key=True),
        sa.Column("fingerprint", sa.String(64), nullable=False),
        sa.Column("job_id", sa.String(32), sa.ForeignKey("jobs.id"), nullable=False),
    )


def _candidates() -> None:
    op.create_table(
        "candidates",
        sa.Column("job_id", sa.String(32), sa.ForeignKey("jobs.id"), primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("genome", sa.Text, nullable=False),
        sa.Column("digest", sa.String(16), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("attempt", sa.Integer, nullable=False),
        sa.Column("mother", sa.Integer),
        sa.Column("father", sa.Integer),
        sa.Column("variation", sa.String(32), nullable=False),
        sa.Column("baseline", sa.Text),
        sa.Column("metrics", sa.JSON, nullable=False),
        sa.Column("curve", sa.JSON, nullable=False),
        sa.Column("failure", sa.String(32)),
        sa.Column("detail", sa.Text, nullable=False),
        sa.Column("feasible", sa.Boolean, nullable=False),
        sa.Column("frontier", sa.Boolean, nullable=False),
        sa.Column("weights", sa.Boolean, nullable=False),
        sa.Column("seconds", sa.Double, nullable=False),
        sa.Column("created_at", sa.Double, nullable=False),
        sa.Column("finished_at", sa.Double),
        sa.UniqueConstraint("job_id", "digest", name="candidates_digest"),
    )
    op.create_index("candidates_mother", "candidates", ["job_id", "mother"])
    op.create_index("candidates_father", "candidates", ["job_id", "father"])
    for name, rows in (("frontier", "frontier"), ("running", "state = 'running'"), ("weights", "weights")):
        where = sa.text(rows)
        columns = ["job_id", "number"]
        op.create_index(f"candidates_{name}", "candidates", columns, sqlite_where=where, postgresql_where=where)


def _history_and_events() -> None:
    op.create_table(
        "history",
        sa.Column("job_id", sa.String(32), sa.ForeignKey("jobs.id"), primary_key=True),
        sa.Column("done", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("hypervolume", sa.Double, nullable=False),
        sa.Column("frontier_size", sa.Integer, nullable=False),
        sa.Column("at", sa.Double, nullable=False),
    )
    op.create_table(
        "events",
        sa.Column("seq", SEQ, primary_key=True, autoincrement=True),
        sa.Column("job_id", sa.String(32), sa.ForeignKey("jobs.id"), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("data", sa.JSON, nullable=False),
        sa.Column("at", sa.Double, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("events_job", "events", ["job_id", "seq"])
