"""Attack suites: how judges stood up to attempts to talk them into a better verdict.

Revision ID: 0011
Revises: 0010
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    op.create_table(
        "attack_suite",
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.Column("metric_id", sa.Uuid(), nullable=False),
        sa.Column("metric_version_id", sa.Uuid(), nullable=False),
        sa.Column("job_id", sa.Uuid(), nullable=False),
        sa.Column("sample", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("calls", sa.Integer(), nullable=False),
        sa.Column("planned", sa.Integer(), nullable=False),
        sa.Column("control", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True),
        sa.Column("outcomes", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True),
        sa.Column("held", sa.Integer(), nullable=True),
        sa.Column("model", sa.Text(), nullable=True),
        sa.Column("tokens_in", sa.Integer(), nullable=True),
        sa.Column("tokens_out", sa.Integer(), nullable=True),
        sa.Column("cost", sa.Numeric(), nullable=True),
        sa.Column("created_at", postgresql.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("ended_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.CheckConstraint("(ended_at IS NULL) = (control IS NULL)", name=op.f("ck_attack_suite_ended")),
        sa.CheckConstraint("(held IS NULL) = (outcomes IS NULL)", name=op.f("ck_attack_suite_held")),
        *(_belongs_to(column, table) for column, table in TARGETS.items()),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organization.id"], name=op.f("fk_attack_suite_organization_id"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_attack_suite")),
        sa.UniqueConstraint("organization_id", "id", name=op.f("uq_attack_suite_organization_id_id")),
    )
    op.create_index("ix_attack_suite_metric_id", "attack_suite", ["organization_id", "metric_id", "id"])
    op.create_index("ix_attack_suite_job_id", "attack_suite", ["organization_id", "job_id"])
    cursor = op.get_bind().connection.cursor()
    for statement in (POLICIES, GRANTS, OLD):
        cursor.execute(statement)


TARGETS = {"project_id": "project", "metric_id": "metric", "metric_version_id": "metric_version", "job_id": "job"}


def _belongs_to(column: str, target: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["organization_id", column],
        [f"{target}.organization_id", f"{target}.id"],
        name=op.f(f"fk_attack_suite_organization_id_{column}"),
        ondelete="RESTRICT",
    )


POLICIES = """
ALTER TABLE attack_suite ENABLE ROW LEVEL SECURITY;
ALTER TABLE attack_suite FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON attack_suite TO rhesis_app USING (organization_id = app_organization()) WITH CHECK (organization_id = app_organization());
DO $$ BEGIN EXECUTE format('CREATE POLICY owner ON attack_suite TO %I USING (true) WITH CHECK (true)', current_user); END $$;
"""

GRANTS = "GRANT SELECT, INSERT, UPDATE ON attack_suite TO rhesis_app;"

# As before, and a job stays as long as an attack suite tells of it.
OLD = """
CREATE OR REPLACE FUNCTION sweep_old_work() RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
  DELETE FROM report r USING job j WHERE j.id = r.job_id AND j.finished_at IS NOT NULL AND r.expires_at < now();
  DELETE FROM delivery d USING job j WHERE j.id = d.job_id AND j.finished_at < now() - interval '90 days';
  DELETE FROM job j WHERE j.finished_at < now() - interval '90 days'
     AND NOT EXISTS (SELECT 1 FROM report r WHERE r.job_id = j.id) AND NOT EXISTS (SELECT 1 FROM delivery d WHERE d.job_id = j.id)
     AND NOT EXISTS (SELECT 1 FROM analysis a WHERE a.job_id = j.id) AND NOT EXISTS (SELECT 1 FROM attack_suite s WHERE s.job_id = j.id) $$;
"""
