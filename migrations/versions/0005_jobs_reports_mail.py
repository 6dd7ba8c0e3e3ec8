"""Background jobs, reports and deliveries.

Revision ID: 0005
Revises: 0004
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    _jobs()
    _messages()
    _reports()
    _analyses()
    cursor = op.get_bind().connection.cursor()
    tables = ("job", "preference", "delivery", "report", "report_chunk", "analysis")
    for statement in (*map(policies, tables), GRANTS, DUE, SWEEP, OLD, CLOSE):
        cursor.execute(statement)


def _jobs() -> None:
    op.create_table(
        "job",
        sa.Column("project_id", sa.Uuid(), nullable=True),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("subject_type", sa.Text(), nullable=False),
        sa.Column("subject_id", sa.Uuid(), nullable=False),
        sa.Column("status", sa.Text(), server_default="queued", nullable=False),
        sa.Column("progress", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("lease_owner", sa.Text(), nullable=True),
        _moment("lease_until"),
        sa.Column("fence", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("attempt", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("max_attempts", sa.Integer(), server_default=sa.text("3"), nullable=False),
        _now("not_before"),
        _moment("rung_at"),
        _moment("cancel_requested_at"),
        sa.Column("error_code", sa.Text(), nullable=True),
        sa.Column("error_detail", sa.Text(), nullable=True),
        sa.Column("asked_by", sa.Uuid(), nullable=True),
        _now("created_at"),
        _moment("started_at"),
        _moment("finished_at"),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.CheckConstraint(
            "status IN ('queued', 'running', 'done', 'errored', 'cancelled')", name=op.f("ck_job_status")
        ),
        sa.CheckConstraint("(lease_owner IS NULL) = (lease_until IS NULL)", name=op.f("ck_job_lease")),
        sa.CheckConstraint("(status = 'running') = (lease_owner IS NOT NULL)", name=op.f("ck_job_running")),
        sa.CheckConstraint(
            "(finished_at IS NOT NULL) = (status IN ('done', 'errored', 'cancelled'))", name=op.f("ck_job_finished")
        ),
        sa.CheckConstraint("progress BETWEEN 0 AND 100", name=op.f("ck_job_progress")),
        sa.ForeignKeyConstraint(["asked_by"], ["app_user.id"], name=op.f("fk_job_asked_by"), ondelete="SET NULL"),
        _belongs_to("job", "project_id", "project"),
        _owner("job"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_job")),
        sa.UniqueConstraint("organization_id", "id", name=op.f("uq_job_organization_id_id")),
    )
    op.create_index(
        "uq_job_open",
        "job",
        ["organization_id", "kind", "subject_id"],
        unique=True,
        postgresql_where=sa.text("finished_at IS NULL"),
    )
    op.create_index("ix_job_subject", "job", ["organization_id", "subject_id", "id"])
    op.create_index("ix_job_due", "job", ["not_before"], postgresql_where=sa.text("status = 'queued'"))
    op.create_index("ix_job_lease", "job", ["lease_until"], postgresql_where=sa.text("lease_owner IS NOT NULL"))


def _messages() -> None:
    op.create_table(
        "preference",
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("event", sa.Text(), nullable=False),
        sa.Column("in_app", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("email", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["app_user.id"], name=op.f("fk_preference_user_id"), ondelete="CASCADE"),
        _owner("preference"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_preference")),
        sa.UniqueConstraint(
            "organization_id", "user_id", "event", name=op.f("uq_preference_organization_id_user_id_event")
        ),
    )
    op.create_table(
        "delivery",
        sa.Column("event", sa.Text(), nullable=False),
        sa.Column("event_id", sa.Uuid(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("recipient", sa.Text(), nullable=False),
        sa.Column("content", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("state", sa.Text(), server_default="queued", nullable=False),
        sa.Column("attempts", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("error_code", sa.Text(), nullable=True),
        sa.Column("job_id", sa.Uuid(), nullable=False),
        _now("created_at"),
        _moment("sent_at"),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.CheckConstraint("channel IN ('email')", name=op.f("ck_delivery_channel")),
        sa.CheckConstraint("state IN ('queued', 'sending', 'sent', 'failed')", name=op.f("ck_delivery_state")),
        _belongs_to("delivery", "job_id", "job"),
        _owner("delivery"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_delivery")),
        sa.UniqueConstraint(
            "organization_id",
            "event_id",
            "channel",
            "recipient",
            name=op.f("uq_delivery_organization_id_event_id_channel_recipient"),
        ),
    )
    op.create_index("ix_delivery_job_id", "delivery", ["organization_id", "job_id"])


def _reports() -> None:
    op.create_table(
        "report",
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.Column("run_id", sa.Uuid(), nullable=False),
        sa.Column("baseline_id", sa.Uuid(), nullable=True),
        sa.Column("exporter_key", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("file_name", sa.Text(), nullable=False),
        sa.Column("media_type", sa.Text(), nullable=False),
        sa.Column("bytes", sa.Integer(), nullable=True),
        sa.Column("sha256", sa.Text(), nullable=True),
        sa.Column("job_id", sa.Uuid(), nullable=False),
        _now("created_at"),
        sa.Column("expires_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        *(
            _belongs_to("report", column, table)
            for column, table in (
                ("project_id", "project"),
                ("run_id", "test_run"),
                ("baseline_id", "test_run"),
                ("job_id", "job"),
            )
        ),
        _owner("report"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_report")),
        sa.UniqueConstraint("organization_id", "id", name=op.f("uq_report_organization_id_id")),
    )
    op.create_index("ix_report_project", "report", ["organization_id", "project_id", "id"])
    op.create_index("ix_report_run", "report", ["organization_id", "run_id", "id"])
    op.create_index("ix_report_expires_at", "report", ["expires_at"])
    op.create_table(
        "report_chunk",
        sa.Column("report_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        _belongs_to("report_chunk", "report_id", "report", ondelete="CASCADE"),
        _owner("report_chunk"),
        sa.PrimaryKeyConstraint("report_id", "number", name=op.f("pk_report_chunk")),
    )


def _analyses() -> None:
    op.create_table(
        "analysis",
        sa.Column("run_id", sa.Uuid(), nullable=False),
        sa.Column("job_id", sa.Uuid(), nullable=False),
        sa.Column("with_model", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("document", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True),
        _moment("analysed_at"),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        _belongs_to("analysis", "run_id", "test_run"),
        _belongs_to("analysis", "job_id", "job"),
        _owner("analysis"),
        sa.PrimaryKeyConstraint("run_id", name=op.f("pk_analysis")),
    )


def _moment(name: str) -> sa.Column[object]:
    return sa.Column(name, postgresql.TIMESTAMP(timezone=True), nullable=True)


def _now(name: str) -> sa.Column[object]:
    return sa.Column(name, postgresql.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False)


def _owner(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["organization_id"], ["organization.id"], name=op.f(f"fk_{table}_organization_id"), ondelete="RESTRICT"
    )


def _belongs_to(table: str, column: str, target: str, *, ondelete: str = "RESTRICT") -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["organization_id", column],
        [f"{target}.organization_id", f"{target}.id"],
        name=op.f(f"fk_{table}_organization_id_{column}"),
        ondelete=ondelete,
    )


def policies(table: str) -> str:
    """Row-level security for one table: the app's role sees its organization, the owner everything."""
    rule = "organization_id = app_organization()"
    return f"""
ALTER TABLE {table} ENABLE ROW LEVEL SECURITY;
ALTER TABLE {table} FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON {table} TO rhesis_app USING ({rule}) WITH CHECK ({rule});
DO $$ BEGIN EXECUTE format('CREATE POLICY owner ON {table} TO %I USING (true) WITH CHECK (true)', current_user); END $$;
"""


# The bytes of a file do not compress a second time: stored as they are, they cost no time.
GRANTS = """
GRANT SELECT, INSERT, UPDATE ON job, preference, delivery, report, analysis TO rhesis_app;
GRANT SELECT, INSERT, DELETE ON report_chunk TO rhesis_app;
GRANT DELETE ON report TO rhesis_app;
ALTER TABLE report_chunk ALTER COLUMN content SET STORAGE EXTERNAL;
"""

# A job is rung for when it is due, and again every half minute while nobody has taken it: what Redis forgot is heard all the same.
DUE = """
CREATE FUNCTION due_jobs(most integer) RETURNS TABLE (organization_id uuid, job_id uuid, kind text)
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
  WITH due AS MATERIALIZED (
    SELECT j.id FROM job j
     WHERE j.status = 'queued' AND j.not_before <= now() AND (j.rung_at IS NULL OR j.rung_at < now() - interval '30 seconds')
     ORDER BY j.not_before, j.id LIMIT most FOR UPDATE SKIP LOCKED
  )
  UPDATE job j SET rung_at = now() FROM due d WHERE j.id = d.id RETURNING j.organization_id, j.id, j.kind $$;
"""

# A job whose lease ran out goes back; one that used up its attempts ends as an error, one that nobody wants any more as cancelled.
SWEEP = """
CREATE FUNCTION sweep_jobs(most integer) RETURNS TABLE (returned integer, ended integer)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  WITH stale AS MATERIALIZED (
    SELECT j.id, j.cancel_requested_at IS NOT NULL AS unwanted, j.attempt >= j.max_attempts AS dead
      FROM job j WHERE j.lease_until < now() LIMIT most FOR UPDATE SKIP LOCKED
  ), back AS (
    UPDATE job j SET status = 'queued', lease_owner = NULL, lease_until = NULL, fence = j.fence + 1, not_before = now(), rung_at = NULL,
           error_code = 'worker_lost'
      FROM stale s WHERE j.id = s.id AND NOT s.dead AND NOT s.unwanted RETURNING 1
  ), gone AS (
    UPDATE job j SET status = CASE WHEN s.unwanted THEN 'cancelled' ELSE 'errored' END, lease_owner = NULL, lease_until = NULL,
           fence = j.fence + 1, finished_at = now(),
           error_code = CASE WHEN s.unwanted THEN NULL ELSE 'worker_lost' END,
           error_detail = CASE WHEN s.unwanted THEN NULL ELSE 'The worker stopped while doing this, each time it was tried.' END
      FROM stale s WHERE j.id = s.id AND (s.dead OR s.unwanted) RETURNING 1
  ) SELECT (SELECT count(*) FROM back), (SELECT count(*) FROM gone) INTO returned, ended;
  RETURN NEXT;
END $$;
"""

OLD = """
CREATE FUNCTION sweep_old_work() RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
  DELETE FROM report r USING job j WHERE j.id = r.job_id AND j.finished_at IS NOT NULL AND r.expires_at < now();
  DELETE FROM delivery d USING job j WHERE j.id = d.job_id AND j.finished_at < now() - interval '90 days';
  DELETE FROM job j WHERE j.finished_at < now() - interval '90 days'
     AND NOT EXISTS (SELECT 1 FROM report r WHERE r.job_id = j.id) AND NOT EXISTS (SELECT 1 FROM delivery d WHERE d.job_id = j.id)
     AND NOT EXISTS (SELECT 1 FROM analysis a WHERE a.job_id = j.id) $$;
"""

CLOSE = """
DO $$ DECLARE signature text; BEGIN
  FOREACH signature IN ARRAY ARRAY['due_jobs(integer)', 'sweep_jobs(integer)', 'sweep_old_work()'] LOOP
    EXECUTE 'REVOKE ALL ON FUNCTION ' || signature || ' FROM PUBLIC';
    EXECUTE 'GRANT EXECUTE ON FUNCTION ' || signature || ' TO rhesis_app';
  END LOOP;
END $$;
"""
