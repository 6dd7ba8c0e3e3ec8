"""The first tables, their row-level security, grants and functions.

Revision ID: 0001
Revises:
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "app_user",
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("is_active", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("epoch", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("theme", sa.Text(), server_default="auto", nullable=False),
        sa.Column("last_login_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", postgresql.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", postgresql.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_app_user")),
        sa.UniqueConstraint("email", name=op.f("uq_app_user_email")),
    )
    op.create_table(
        "login_attempt",
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("at", postgresql.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("weight", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_login_attempt")),
    )
    op.create_index("ix_login_attempt_account_at", "login_attempt", ["account", "at"], unique=False)
    op.create_index("ix_login_attempt_address_at", "login_attempt", ["address", "at"], unique=False)
    op.create_table(
        "organization",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("slug", sa.Text(), nullable=False),
        sa.Column("settings", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", postgresql.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", postgresql.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_organization")),
        sa.UniqueConstraint("slug", name=op.f("uq_organization_slug")),
    )
    op.create_table(
        "api_token",
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("project_id", sa.Uuid(), nullable=True),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("prefix", sa.Text(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("scopes", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("expires_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("last_used_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("revoked_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", postgresql.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", postgresql.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organization.id"], name=op.f("fk_api_token_organization_id"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(["user_id"], ["app_user.id"], name=op.f("fk_api_token_user_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_token")),
        sa.UniqueConstraint("sha256", name=op.f("uq_api_token_sha256")),
    )
    op.create_index("ix_api_token_organization_id_user_id", "api_token", ["organization_id", "user_id"], unique=False)
    op.create_table(
        "audit_entry",
        sa.Column("user_id", sa.Uuid(), nullable=True),
        sa.Column("actor_kind", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("object_type", sa.Text(), nullable=False),
        sa.Column("object_id", sa.Uuid(), nullable=True),
        sa.Column("facts", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("ip", sa.Text(), nullable=True),
        sa.Column("at", postgresql.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organization.id"], name=op.f("fk_audit_entry_organization_id"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_entry")),
    )
    op.create_index("ix_audit_entry_organization_id_id", "audit_entry", ["organization_id", "id"], unique=False)
    op.create_table(
        "one_time_token",
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=True),
        sa.Column("organization_id", sa.Uuid(), nullable=True),
        sa.Column("target", sa.Text(), server_default="/", nullable=False),
        sa.Column("created_at", postgresql.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("expires_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("used_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organization.id"], name=op.f("fk_one_time_token_organization_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["user_id"], ["app_user.id"], name=op.f("fk_one_time_token_user_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_one_time_token")),
        sa.UniqueConstraint("sha256", name=op.f("uq_one_time_token_sha256")),
    )
    op.create_table(
        "project",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("slug", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), server_default="", nullable=False),
        sa.Column("is_demo", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("last_run_number", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", postgresql.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", postgresql.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("archived_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organization.id"], name=op.f("fk_project_organization_id"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_project")),
        sa.UniqueConstraint("organization_id", "id", name=op.f("uq_project_organization_id_id")),
        sa.UniqueConstraint("organization_id", "slug", name=op.f("uq_project_organization_id_slug")),
    )
    op.create_index(
        "uq_project_name",
        "project",
        ["organization_id", "name"],
        unique=True,
        postgresql_where=sa.text("archived_at IS NULL"),
    )
    op.create_table(
        "role",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("permissions", postgresql.ARRAY(sa.Text()), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("is_builtin", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", postgresql.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", postgresql.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organization.id"], name=op.f("fk_role_organization_id"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_role")),
        sa.UniqueConstraint("organization_id", "id", name=op.f("uq_role_organization_id_id")),
        sa.UniqueConstraint("organization_id", "name", name=op.f("uq_role_organization_id_name")),
    )
    op.create_table(
        "session",
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("idle_seconds", sa.Integer(), nullable=False),
        sa.Column("ip", sa.Text(), nullable=True),
        sa.Column("user_agent", sa.Text(), nullable=True),
        sa.Column("created_at", postgresql.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("last_seen_at", postgresql.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("expires_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("revoked_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organization.id"], name=op.f("fk_session_organization_id"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(["user_id"], ["app_user.id"], name=op.f("fk_session_user_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_session")),
    )
    op.create_index("ix_session_user_id", "session", ["user_id"], unique=False)
    op.create_table(
        "user_password",
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("password_hash", sa.Text(), nullable=False),
        sa.Column("changed_at", postgresql.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(
            ["user_id"], ["app_user.id"], name=op.f("fk_user_password_user_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("user_id", name=op.f("pk_user_password")),
    )
    op.create_table(
        "endpoint",
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("method", sa.Text(), server_default="POST", nullable=False),
        sa.Column("headers", sa.JSON(), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("request_template", sa.JSON(), nullable=False),
        sa.Column("response_mapping", sa.JSON(), nullable=False),
        sa.Column("auth_kind", sa.Text(), server_default="none", nullable=False),
        sa.Column("auth_header", sa.Text(), nullable=True),
        sa.Column("secret", sa.Text(), nullable=True),
        sa.Column("secret_origin", sa.Text(), nullable=True),
        sa.Column("timeout_s", sa.Integer(), server_default=sa.text("60"), nullable=False),
        sa.Column("max_concurrency", sa.Integer(), server_default=sa.text("16"), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", postgresql.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", postgresql.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("archived_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.CheckConstraint("auth_kind IN ('none', 'bearer', 'basic', 'header')", name=op.f("ck_endpoint_auth_kind")),
        sa.CheckConstraint("max_concurrency BETWEEN 1 AND 1000", name=op.f("ck_endpoint_max_concurrency")),
        sa.CheckConstraint("timeout_s BETWEEN 1 AND 600", name=op.f("ck_endpoint_timeout_s")),
        sa.ForeignKeyConstraint(
            ["organization_id", "project_id"],
            ["project.organization_id", "project.id"],
            name=op.f("fk_endpoint_organization_id_project_id"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organization.id"], name=op.f("fk_endpoint_organization_id"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_endpoint")),
        sa.UniqueConstraint("organization_id", "id", name=op.f("uq_endpoint_organization_id_id")),
    )
    op.create_index(
        "uq_endpoint_name",
        "endpoint",
        ["organization_id", "project_id", "name"],
        unique=True,
        postgresql_where=sa.text("archived_at IS NULL"),
    )
    op.create_table(
        "import_session",
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=True),
        sa.Column("file_name", sa.Text(), nullable=False),
        sa.Column("test_set_name", sa.Text(), nullable=False),
        sa.Column("mapping", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("columns", postgresql.ARRAY(sa.Text()), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("rows", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("problems", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'[]'"), nullable=False),
        sa.Column("test_set_id", sa.Uuid(), nullable=True),
        sa.Column("confirmed_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("expires_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", postgresql.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", postgresql.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id", "project_id"],
            ["project.organization_id", "project.id"],
            name=op.f("fk_import_session_organization_id_project_id"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organization.id"],
            name=op.f("fk_import_session_organization_id"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["user_id"], ["app_user.id"], name=op.f("fk_import_session_user_id"), ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_import_session")),
        sa.UniqueConstraint("organization_id", "id", name=op.f("uq_import_session_organization_id_id")),
    )
    op.create_table(
        "membership",
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("role_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", postgresql.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", postgresql.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id", "role_id"],
            ["role.organization_id", "role.id"],
            name=op.f("fk_membership_organization_id_role_id"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organization.id"], name=op.f("fk_membership_organization_id"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(["user_id"], ["app_user.id"], name=op.f("fk_membership_user_id"), ondelete="RESTRICT"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_membership")),
        sa.UniqueConstraint("organization_id", "id", name=op.f("uq_membership_organization_id_id")),
        sa.UniqueConstraint("organization_id", "user_id", name=op.f("uq_membership_organization_id_user_id")),
    )
    op.create_index("ix_membership_user_id", "membership", ["user_id"], unique=False)
    op.create_table(
        "metric",
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), server_default="", nullable=False),
        sa.Column("evaluator_key", sa.Text(), nullable=False),
        sa.Column("params", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("rule", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("required", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", postgresql.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", postgresql.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("archived_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id", "project_id"],
            ["project.organization_id", "project.id"],
            name=op.f("fk_metric_organization_id_project_id"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organization.id"], name=op.f("fk_metric_organization_id"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_metric")),
        sa.UniqueConstraint("organization_id", "id", name=op.f("uq_metric_organization_id_id")),
    )
    op.create_index(
        "uq_metric_name",
        "metric",
        ["organization_id", "project_id", "name"],
        unique=True,
        postgresql_where=sa.text("archived_at IS NULL"),
    )
    op.create_table(
        "project_member",
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("role_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", postgresql.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", postgresql.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id", "project_id"],
            ["project.organization_id", "project.id"],
            name=op.f("fk_project_member_organization_id_project_id"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "role_id"],
            ["role.organization_id", "role.id"],
            name=op.f("fk_project_member_organization_id_role_id"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organization.id"],
            name=op.f("fk_project_member_organization_id"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["user_id"], ["app_user.id"], name=op.f("fk_project_member_user_id"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_project_member")),
        sa.UniqueConstraint("organization_id", "id", name=op.f("uq_project_member_organization_id_id")),
        sa.UniqueConstraint(
            "organization_id",
            "project_id",
            "user_id",
            name=op.f("uq_project_member_organization_id_project_id_user_id"),
        ),
    )
    op.create_table(
        "refresh_token",
        sa.Column("session_id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("created_at", postgresql.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("used_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["session_id"], ["session.id"], name=op.f("fk_refresh_token_session_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["user_id"], ["app_user.id"], name=op.f("fk_refresh_token_user_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_refresh_token")),
        sa.UniqueConstraint("sha256", name=op.f("uq_refresh_token_sha256")),
    )
    op.create_index("ix_refresh_token_session_id", "refresh_token", ["session_id"], unique=False)
    op.create_table(
        "requirement",
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), server_default="", nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", postgresql.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", postgresql.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("archived_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id", "project_id"],
            ["project.organization_id", "project.id"],
            name=op.f("fk_requirement_organization_id_project_id"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organization.id"], name=op.f("fk_requirement_organization_id"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_requirement")),
        sa.UniqueConstraint("organization_id", "id", name=op.f("uq_requirement_organization_id_id")),
    )
    op.create_index(
        "uq_requirement_name",
        "requirement",
        ["organization_id", "project_id", "name"],
        unique=True,
        postgresql_where=sa.text("archived_at IS NULL"),
    )
    op.create_table(
        "test_set",
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), server_default="", nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", postgresql.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", postgresql.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("archived_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id", "project_id"],
            ["project.organization_id", "project.id"],
            name=op.f("fk_test_set_organization_id_project_id"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organization.id"], name=op.f("fk_test_set_organization_id"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_test_set")),
        sa.UniqueConstraint("organization_id", "id", name=op.f("uq_test_set_organization_id_id")),
    )
    op.create_index(
        "uq_test_set_name",
        "test_set",
        ["organization_id", "project_id", "name"],
        unique=True,
        postgresql_where=sa.text("archived_at IS NULL"),
    )
    op.create_table(
        "endpoint_throttle",
        sa.Column("endpoint_id", sa.Uuid(), nullable=False),
        sa.Column("paused_until", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id", "endpoint_id"],
            ["endpoint.organization_id", "endpoint.id"],
            name=op.f("fk_endpoint_throttle_organization_id_endpoint_id"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organization.id"],
            name=op.f("fk_endpoint_throttle_organization_id"),
            ondelete="RESTRICT",
        ),
        sa.PrimaryKeyConstraint("endpoint_id", name=op.f("pk_endpoint_throttle")),
    )
    op.create_table(
        "metric_version",
        sa.Column("metric_id", sa.Uuid(), nullable=False),
        sa.Column("content_hash", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("evaluator_key", sa.Text(), nullable=False),
        sa.Column("evaluator_revision", sa.Integer(), nullable=False),
        sa.Column("params", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("rule", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("required", sa.Boolean(), nullable=False),
        sa.Column("created_at", postgresql.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id", "metric_id"],
            ["metric.organization_id", "metric.id"],
            name=op.f("fk_metric_version_organization_id_metric_id"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organization.id"],
            name=op.f("fk_metric_version_organization_id"),
            ondelete="RESTRICT",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_metric_version")),
        sa.UniqueConstraint("organization_id", "id", name=op.f("uq_metric_version_organization_id_id")),
        sa.UniqueConstraint(
            "organization_id",
            "metric_id",
            "content_hash",
            name=op.f("uq_metric_version_organization_id_metric_id_content_hash"),
        ),
    )
    op.create_table(
        "requirement_metric",
        sa.Column("requirement_id", sa.Uuid(), nullable=False),
        sa.Column("metric_id", sa.Uuid(), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id", "metric_id"],
            ["metric.organization_id", "metric.id"],
            name=op.f("fk_requirement_metric_organization_id_metric_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "requirement_id"],
            ["requirement.organization_id", "requirement.id"],
            name=op.f("fk_requirement_metric_organization_id_requirement_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organization.id"],
            name=op.f("fk_requirement_metric_organization_id"),
            ondelete="RESTRICT",
        ),
        sa.PrimaryKeyConstraint("requirement_id", "metric_id", name=op.f("pk_requirement_metric")),
    )
    op.create_index(
        "ix_requirement_metric_metric_id", "requirement_metric", ["organization_id", "metric_id"], unique=False
    )
    op.create_table(
        "test",
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.Column("requirement_id", sa.Uuid(), nullable=True),
        sa.Column("kind", sa.Text(), server_default="single_turn", nullable=False),
        sa.Column("prompt", sa.Text(), nullable=False),
        sa.Column("expected", sa.Text(), nullable=True),
        sa.Column("messages", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'[]'"), nullable=False),
        sa.Column("context", postgresql.ARRAY(sa.Text()), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("metadata", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("content_hash", sa.Text(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", postgresql.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", postgresql.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("archived_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.CheckConstraint("kind IN ('single_turn')", name=op.f("ck_test_kind")),
        sa.ForeignKeyConstraint(
            ["organization_id", "project_id"],
            ["project.organization_id", "project.id"],
            name=op.f("fk_test_organization_id_project_id"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "requirement_id"],
            ["requirement.organization_id", "requirement.id"],
            name=op.f("fk_test_organization_id_requirement_id"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organization.id"], name=op.f("fk_test_organization_id"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_test")),
        sa.UniqueConstraint("organization_id", "id", name=op.f("uq_test_organization_id_id")),
    )
    op.create_index("ix_test_project_id_id", "test", ["organization_id", "project_id", "id"], unique=False)
    op.create_index("ix_test_requirement_id", "test", ["organization_id", "requirement_id"], unique=False)
    op.create_table(
        "test_set_metric",
        sa.Column("test_set_id", sa.Uuid(), nullable=False),
        sa.Column("metric_id", sa.Uuid(), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id", "metric_id"],
            ["metric.organization_id", "metric.id"],
            name=op.f("fk_test_set_metric_organization_id_metric_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "test_set_id"],
            ["test_set.organization_id", "test_set.id"],
            name=op.f("fk_test_set_metric_organization_id_test_set_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organization.id"],
            name=op.f("fk_test_set_metric_organization_id"),
            ondelete="RESTRICT",
        ),
        sa.PrimaryKeyConstraint("test_set_id", "metric_id", name=op.f("pk_test_set_metric")),
    )
    op.create_table(
        "test_set_version",
        sa.Column("test_set_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("content_hash", sa.Text(), nullable=False),
        sa.Column("test_count", sa.Integer(), nullable=False),
        sa.Column("created_at", postgresql.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id", "test_set_id"],
            ["test_set.organization_id", "test_set.id"],
            name=op.f("fk_test_set_version_organization_id_test_set_id"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organization.id"],
            name=op.f("fk_test_set_version_organization_id"),
            ondelete="RESTRICT",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_test_set_version")),
        sa.UniqueConstraint("organization_id", "id", name=op.f("uq_test_set_version_organization_id_id")),
        sa.UniqueConstraint(
            "organization_id",
            "test_set_id",
            "content_hash",
            name=op.f("uq_test_set_version_organization_id_test_set_id_content_hash"),
        ),
        sa.UniqueConstraint(
            "organization_id",
            "test_set_id",
            "number",
            name=op.f("uq_test_set_version_organization_id_test_set_id_number"),
        ),
    )
    op.create_table(
        "test_run",
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("kind", sa.Text(), server_default="run", nullable=False),
        sa.Column("parent_run_id", sa.Uuid(), nullable=True),
        sa.Column("test_set_id", sa.Uuid(), nullable=False),
        sa.Column("test_set_version_id", sa.Uuid(), nullable=False),
        sa.Column("endpoint_id", sa.Uuid(), nullable=False),
        sa.Column("endpoint_snapshot", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("trials", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("config", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("planned", sa.Integer(), nullable=False),
        sa.Column("status", sa.Text(), server_default="queued", nullable=False),
        sa.Column("outcome", sa.Text(), server_default="none", nullable=False),
        sa.Column("totals", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True),
        sa.Column("idempotency_key", sa.Text(), nullable=True),
        sa.Column("idempotency_body", sa.Text(), nullable=True),
        sa.Column("started_by", sa.Uuid(), nullable=True),
        sa.Column("started_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("finished_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("deadline_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("cancel_requested_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", postgresql.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", postgresql.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.CheckConstraint(
            "(finished_at IS NOT NULL) = (status IN ('completed', 'partial', 'errored', 'cancelled'))",
            name=op.f("ck_test_run_finished"),
        ),
        sa.CheckConstraint("kind IN ('run', 'rerun', 'rescore', 'retry')", name=op.f("ck_test_run_kind")),
        sa.CheckConstraint("outcome IN ('passed', 'failed', 'none')", name=op.f("ck_test_run_outcome")),
        sa.CheckConstraint(
            "status IN ('queued', 'running', 'completed', 'partial', 'errored', 'cancelled')",
            name=op.f("ck_test_run_status"),
        ),
        sa.CheckConstraint("planned > 0", name=op.f("ck_test_run_planned")),
        sa.ForeignKeyConstraint(
            ["organization_id", "endpoint_id"],
            ["endpoint.organization_id", "endpoint.id"],
            name=op.f("fk_test_run_organization_id_endpoint_id"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "parent_run_id"],
            ["test_run.organization_id", "test_run.id"],
            name=op.f("fk_test_run_organization_id_parent_run_id"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "project_id"],
            ["project.organization_id", "project.id"],
            name=op.f("fk_test_run_organization_id_project_id"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "test_set_id"],
            ["test_set.organization_id", "test_set.id"],
            name=op.f("fk_test_run_organization_id_test_set_id"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "test_set_version_id"],
            ["test_set_version.organization_id", "test_set_version.id"],
            name=op.f("fk_test_run_organization_id_test_set_version_id"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organization.id"], name=op.f("fk_test_run_organization_id"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(
            ["started_by"], ["app_user.id"], name=op.f("fk_test_run_started_by"), ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_test_run")),
        sa.UniqueConstraint("organization_id", "id", name=op.f("uq_test_run_organization_id_id")),
        sa.UniqueConstraint(
            "organization_id", "idempotency_key", name=op.f("uq_test_run_organization_id_idempotency_key")
        ),
        sa.UniqueConstraint(
            "organization_id", "project_id", "number", name=op.f("uq_test_run_organization_id_project_id_number")
        ),
    )
    op.create_index(
        "ix_test_run_open", "test_run", ["id"], unique=False, postgresql_where=sa.text("finished_at IS NULL")
    )
    op.create_index("ix_test_run_test_set_id", "test_run", ["organization_id", "test_set_id", "number"], unique=False)
    op.create_table(
        "test_set_item",
        sa.Column("test_set_id", sa.Uuid(), nullable=False),
        sa.Column("test_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id", "test_id"],
            ["test.organization_id", "test.id"],
            name=op.f("fk_test_set_item_organization_id_test_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "test_set_id"],
            ["test_set.organization_id", "test_set.id"],
            name=op.f("fk_test_set_item_organization_id_test_set_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organization.id"], name=op.f("fk_test_set_item_organization_id"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("test_set_id", "test_id", name=op.f("pk_test_set_item")),
    )
    op.create_index(
        "ix_test_set_item_position", "test_set_item", ["organization_id", "test_set_id", "position"], unique=False
    )
    op.create_index("ix_test_set_item_test_id", "test_set_item", ["organization_id", "test_id"], unique=False)
    op.create_table(
        "test_version",
        sa.Column("test_id", sa.Uuid(), nullable=False),
        sa.Column("requirement_id", sa.Uuid(), nullable=True),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("prompt", sa.Text(), nullable=False),
        sa.Column("expected", sa.Text(), nullable=True),
        sa.Column("messages", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("context", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("metadata", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("content_hash", sa.Text(), nullable=False),
        sa.Column("created_at", postgresql.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id", "requirement_id"],
            ["requirement.organization_id", "requirement.id"],
            name=op.f("fk_test_version_organization_id_requirement_id"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "test_id"],
            ["test.organization_id", "test.id"],
            name=op.f("fk_test_version_organization_id_test_id"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organization.id"], name=op.f("fk_test_version_organization_id"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_test_version")),
        sa.UniqueConstraint("organization_id", "id", name=op.f("uq_test_version_organization_id_id")),
        sa.UniqueConstraint(
            "organization_id",
            "test_id",
            "content_hash",
            name=op.f("uq_test_version_organization_id_test_id_content_hash"),
        ),
    )
    op.create_table(
        "run_metric",
        sa.Column("run_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("metric_version_id", sa.Uuid(), nullable=False),
        sa.Column("requirement_id", sa.Uuid(), nullable=True),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id", "metric_version_id"],
            ["metric_version.organization_id", "metric_version.id"],
            name=op.f("fk_run_metric_organization_id_metric_version_id"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "requirement_id"],
            ["requirement.organization_id", "requirement.id"],
            name=op.f("fk_run_metric_organization_id_requirement_id"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "run_id"],
            ["test_run.organization_id", "test_run.id"],
            name=op.f("fk_run_metric_organization_id_run_id"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organization.id"], name=op.f("fk_run_metric_organization_id"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("run_id", "position", name=op.f("pk_run_metric")),
    )
    op.create_table(
        "test_result",
        sa.Column("run_id", sa.Uuid(), nullable=False),
        sa.Column("test_version_id", sa.Uuid(), nullable=False),
        sa.Column("trial", sa.Integer(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("test_id", sa.Uuid(), nullable=False),
        sa.Column("requirement_id", sa.Uuid(), nullable=True),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("error_code", sa.Text(), nullable=True),
        sa.Column("error_detail", sa.Text(), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("request", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True),
        sa.Column("response", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True),
        sa.Column("output", sa.Text(), nullable=True),
        sa.Column("context", postgresql.ARRAY(sa.Text()), server_default=sa.text("'{}'"), nullable=False),
        sa.Column(
            "tool_calls", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'[]'"), nullable=False
        ),
        sa.Column("latency_ms", sa.Double(), nullable=True),
        sa.Column("tokens_in", sa.Integer(), nullable=True),
        sa.Column("tokens_out", sa.Integer(), nullable=True),
        sa.Column("created_at", postgresql.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.CheckConstraint("(outcome = 'error') = (error_code IS NOT NULL)", name=op.f("ck_test_result_error_code")),
        sa.CheckConstraint("outcome IN ('passed', 'failed', 'error', 'unscored')", name=op.f("ck_test_result_outcome")),
        sa.ForeignKeyConstraint(
            ["organization_id", "requirement_id"],
            ["requirement.organization_id", "requirement.id"],
            name=op.f("fk_test_result_organization_id_requirement_id"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "run_id"],
            ["test_run.organization_id", "test_run.id"],
            name=op.f("fk_test_result_organization_id_run_id"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "test_id"],
            ["test.organization_id", "test.id"],
            name=op.f("fk_test_result_organization_id_test_id"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "test_version_id"],
            ["test_version.organization_id", "test_version.id"],
            name=op.f("fk_test_result_organization_id_test_version_id"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organization.id"], name=op.f("fk_test_result_organization_id"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("run_id", "test_version_id", "trial", name=op.f("pk_test_result")),
        sa.UniqueConstraint("organization_id", "id", name=op.f("uq_test_result_organization_id_id")),
    )
    op.create_index(
        "ix_test_result_run_outcome", "test_result", ["run_id", "outcome", "position", "trial"], unique=False
    )
    op.create_index("ix_test_result_run_position", "test_result", ["run_id", "position", "trial"], unique=False)
    op.create_index(
        "ix_test_result_run_requirement", "test_result", ["run_id", "requirement_id", "outcome"], unique=False
    )
    op.create_table(
        "test_set_version_item",
        sa.Column("test_set_version_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("test_version_id", sa.Uuid(), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id", "test_set_version_id"],
            ["test_set_version.organization_id", "test_set_version.id"],
            name=op.f("fk_test_set_version_item_organization_id_test_set_version_id"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "test_version_id"],
            ["test_version.organization_id", "test_version.id"],
            name=op.f("fk_test_set_version_item_organization_id_test_version_id"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organization.id"],
            name=op.f("fk_test_set_version_item_organization_id"),
            ondelete="RESTRICT",
        ),
        sa.PrimaryKeyConstraint("test_set_version_id", "position", name=op.f("pk_test_set_version_item")),
    )
    op.create_table(
        "work_item",
        sa.Column("run_id", sa.Uuid(), nullable=False),
        sa.Column("test_version_id", sa.Uuid(), nullable=False),
        sa.Column("trial", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("endpoint_id", sa.Uuid(), nullable=False),
        sa.Column("attempt", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("throttled", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("max_attempts", sa.Integer(), server_default=sa.text("3"), nullable=False),
        sa.Column("not_before", postgresql.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("lease_owner", sa.Text(), nullable=True),
        sa.Column("lease_until", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("fence", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("solo", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.CheckConstraint("(lease_owner IS NULL) = (lease_until IS NULL)", name=op.f("ck_work_item_lease")),
        sa.ForeignKeyConstraint(
            ["organization_id", "endpoint_id"],
            ["endpoint.organization_id", "endpoint.id"],
            name=op.f("fk_work_item_organization_id_endpoint_id"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "run_id"],
            ["test_run.organization_id", "test_run.id"],
            name=op.f("fk_work_item_organization_id_run_id"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "test_version_id"],
            ["test_version.organization_id", "test_version.id"],
            name=op.f("fk_work_item_organization_id_test_version_id"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organization.id"], name=op.f("fk_work_item_organization_id"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("run_id", "test_version_id", "trial", name=op.f("pk_work_item")),
    )
    op.create_index(
        "ix_work_item_due",
        "work_item",
        ["run_id", "not_before"],
        unique=False,
        postgresql_where=sa.text("lease_owner IS NULL"),
    )
    op.create_index(
        "ix_work_item_endpoint",
        "work_item",
        ["endpoint_id", "lease_until"],
        unique=False,
        postgresql_where=sa.text("lease_owner IS NOT NULL"),
    )
    op.create_index(
        "ix_work_item_lease",
        "work_item",
        ["lease_until"],
        unique=False,
        postgresql_where=sa.text("lease_owner IS NOT NULL"),
    )
    op.create_table(
        "evaluation",
        sa.Column("result_id", sa.Uuid(), nullable=False),
        sa.Column("run_id", sa.Uuid(), nullable=False),
        sa.Column("metric_version_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("applicable", sa.Boolean(), nullable=False),
        sa.Column("verdict", sa.Text(), nullable=False),
        sa.Column("score", sa.Double(), nullable=True),
        sa.Column("label", sa.Text(), nullable=True),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        sa.Column("evidence", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("duration_ms", sa.Double(), nullable=True),
        sa.Column("created_at", postgresql.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.CheckConstraint("verdict IN ('passed', 'failed', 'unscored', 'error')", name=op.f("ck_evaluation_verdict")),
        sa.ForeignKeyConstraint(
            ["organization_id", "metric_version_id"],
            ["metric_version.organization_id", "metric_version.id"],
            name=op.f("fk_evaluation_organization_id_metric_version_id"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "result_id"],
            ["test_result.organization_id", "test_result.id"],
            name=op.f("fk_evaluation_organization_id_result_id"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "run_id"],
            ["test_run.organization_id", "test_run.id"],
            name=op.f("fk_evaluation_organization_id_run_id"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organization.id"], name=op.f("fk_evaluation_organization_id"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_evaluation")),
        sa.UniqueConstraint("organization_id", "id", name=op.f("uq_evaluation_organization_id_id")),
        sa.UniqueConstraint(
            "organization_id",
            "result_id",
            "metric_version_id",
            name=op.f("uq_evaluation_organization_id_result_id_metric_version_id"),
        ),
    )
    op.create_index("ix_evaluation_run_metric", "evaluation", ["run_id", "metric_version_id", "verdict"], unique=False)
    secure()


def downgrade() -> None:
    """There is nothing before the first tables: drop the database instead."""
    raise SystemExit("The first migration cannot be undone; drop the database instead.")


def secure() -> None:
    """Roles, grants, row-level security and the few functions that must look across organizations."""
    cursor = op.get_bind().connection.cursor()  # the driver itself: no parameters, so that % is only a character
    for statement in (ROLE, SETTINGS, *map(policies, TENANT), OTHER_POLICIES, GRANTS, FIND, TOKENS, SWEEP, ERASE):
        cursor.execute(statement)


# Tables with organization_id whose rows belong to the organization as a whole.
TENANT = (
    "role", "audit_entry", "project", "project_member", "endpoint", "endpoint_throttle", "requirement", "metric",
    "metric_version", "requirement_metric", "test", "test_version", "test_set", "test_set_item", "test_set_metric",
    "test_set_version", "test_set_version_item", "import_session", "test_run", "run_metric", "work_item", "test_result", "evaluation",
)  # fmt: skip

ROLE = """
DO $$ BEGIN
  IF NOT EXISTS (SELECT 1 FROM pg_roles WHERE rolname = 'rhesis_app') THEN
    CREATE ROLE rhesis_app NOLOGIN NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE;
  END IF;
  -- From PostgreSQL 16 on a role's creator administers it but may not become it until told so.
  IF current_user <> 'rhesis_app' AND current_setting('server_version_num')::int >= 160000 THEN
    IF NOT pg_has_role(current_user, 'rhesis_app', 'SET') THEN EXECUTE 'GRANT rhesis_app TO ' || quote_ident(current_user) || ' WITH SET TRUE'; END IF;
  ELSIF NOT pg_has_role(current_user, 'rhesis_app', 'MEMBER') THEN
    EXECUTE 'GRANT rhesis_app TO ' || quote_ident(current_user);
  END IF;
EXCEPTION WHEN insufficient_privilege THEN
  RAISE EXCEPTION 'this role may neither create nor take the role rhesis_app'
    USING HINT = 'As an administrator run: CREATE ROLE rhesis_app NOLOGIN; GRANT rhesis_app TO ' || quote_ident(current_user) || ';';
END $$;
GRANT USAGE ON SCHEMA public TO rhesis_app;
"""

SETTINGS = """
CREATE FUNCTION app_organization() RETURNS uuid LANGUAGE sql STABLE AS
  $$ SELECT NULLIF(current_setting('app.organization_id', true), '')::uuid $$;
CREATE FUNCTION app_user_id() RETURNS uuid LANGUAGE sql STABLE AS
  $$ SELECT NULLIF(current_setting('app.user_id', true), '')::uuid $$;
"""


def policies(table: str, rule: str = "organization_id = app_organization()") -> str:
    """Row-level security for one table: the app's role sees what `rule` allows, the owner everything."""
    return f"""
ALTER TABLE {table} ENABLE ROW LEVEL SECURITY;
ALTER TABLE {table} FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON {table} TO rhesis_app USING ({rule}) WITH CHECK ({rule});
DO $$ BEGIN EXECUTE format('CREATE POLICY owner ON {table} TO %I USING (true) WITH CHECK (true)', current_user); END $$;
"""


OTHER_POLICIES = (
    policies("organization", "id = app_organization()")
    + policies("api_token", "organization_id = app_organization() AND user_id = app_user_id()")
    + policies("session", "user_id = app_user_id()")
    + policies("refresh_token", "user_id = app_user_id()")
    + policies("user_password", "false")
    + policies("one_time_token", "true")
    + policies("membership", "organization_id = app_organization()")
    + policies("app_user", "id = app_user_id()")
    + """
CREATE POLICY own_memberships ON membership FOR SELECT TO rhesis_app USING (user_id = app_user_id());
CREATE POLICY members ON app_user FOR SELECT TO rhesis_app
  USING (id IN (SELECT m.user_id FROM membership m WHERE m.organization_id = app_organization()));
"""
)

# What may change is granted table by table. Results, evaluations, versions and the audit log are only ever added to, and nothing
# that results hang from can be deleted: a cascade would void "insert-only".
GRANTS = """
GRANT SELECT, INSERT, UPDATE ON organization, app_user, role, membership, project, project_member, endpoint, endpoint_throttle,
  requirement, metric, test, test_set, test_set_item, import_session, test_run, work_item, session, api_token TO rhesis_app;
GRANT SELECT, INSERT ON audit_entry, metric_version, requirement_metric, test_version, test_set_metric, test_set_version,
  test_set_version_item, run_metric, test_result, evaluation, refresh_token, login_attempt TO rhesis_app;
GRANT INSERT ON one_time_token TO rhesis_app;
GRANT DELETE ON requirement_metric, test_set_item, test_set_metric, import_session, work_item, login_attempt TO rhesis_app;
GRANT SELECT ON alembic_version TO rhesis_app;
"""

FIND = """
CREATE FUNCTION roles_in_projects(who uuid, organization uuid) RETURNS jsonb LANGUAGE sql STABLE AS $$
  SELECT COALESCE(jsonb_agg(jsonb_build_object('project', pm.project_id, 'role', r.name, 'builtin', r.is_builtin, 'permissions', to_jsonb(r.permissions))), '[]')
    FROM project_member pm JOIN role r ON r.id = pm.role_id AND r.organization_id = pm.organization_id
   WHERE pm.user_id = who AND pm.organization_id = organization $$;

CREATE FUNCTION find_login(wanted text) RETURNS TABLE (user_id uuid, password_hash text, is_active boolean, epoch integer, organization_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT u.id, p.password_hash, u.is_active, u.epoch,
         (SELECT m.organization_id FROM membership m WHERE m.user_id = u.id ORDER BY m.created_at LIMIT 1)
    FROM app_user u JOIN user_password p ON p.user_id = u.id WHERE u.email = wanted $$;

CREATE FUNCTION set_password(who uuid, hash text) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
  INSERT INTO user_password (user_id, password_hash) SELECT who, hash WHERE who = app_user_id()
  ON CONFLICT (user_id) DO UPDATE SET password_hash = excluded.password_hash, changed_at = now() $$;

CREATE FUNCTION find_session(wanted uuid) RETURNS TABLE (session_id uuid, kind text, user_id uuid, organization_id uuid, email text, user_name text,
  theme text, organization_name text, is_demo boolean, role_name text, role_is_builtin boolean, role_permissions text[], project_roles jsonb)
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
  WITH live AS (
    SELECT s.* FROM session s WHERE s.id = wanted AND s.revoked_at IS NULL AND s.expires_at > now()
       AND s.last_seen_at + make_interval(secs => s.idle_seconds) > now()
  ), seen AS (
    UPDATE session SET last_seen_at = now() WHERE id IN (SELECT l.id FROM live l WHERE l.last_seen_at < now() - interval '5 minutes')
  )
  SELECT l.id, l.kind, u.id, l.organization_id, u.email, u.name, u.theme, o.name, COALESCE((o.settings->>'demo')::boolean, false),
         r.name, r.is_builtin, r.permissions, roles_in_projects(u.id, l.organization_id)
    FROM live l JOIN app_user u ON u.id = l.user_id AND u.is_active AND u.epoch = l.epoch
    JOIN organization o ON o.id = l.organization_id
    JOIN membership m ON m.user_id = u.id AND m.organization_id = l.organization_id
    JOIN role r ON r.id = m.role_id AND r.organization_id = m.organization_id $$;

CREATE FUNCTION find_token(digest text) RETURNS TABLE (token_id uuid, user_id uuid, organization_id uuid, scopes text[], project_id uuid,
  role_name text, role_is_builtin boolean, role_permissions text[], project_roles jsonb)
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
  WITH live AS (
    SELECT t.* FROM api_token t WHERE t.sha256 = digest AND t.revoked_at IS NULL AND t.expires_at > now()
  ), used AS (
    UPDATE api_token SET last_used_at = now()
     WHERE id IN (SELECT l.id FROM live l WHERE l.last_used_at IS NULL OR l.last_used_at < now() - interval '5 minutes')
  )
  SELECT l.id, u.id, l.organization_id, l.scopes, l.project_id, r.name, r.is_builtin, r.permissions, roles_in_projects(u.id, l.organization_id)
    FROM live l JOIN app_user u ON u.id = l.user_id AND u.is_active
    JOIN membership m ON m.user_id = u.id AND m.organization_id = l.organization_id
    JOIN role r ON r.id = m.role_id AND r.organization_id = m.organization_id $$;

CREATE FUNCTION needs_first_owner() RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$ SELECT NOT EXISTS (SELECT 1 FROM membership) $$;
"""

TOKENS = """
CREATE FUNCTION peek_one_time_token(digest text, wanted text) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT EXISTS (SELECT 1 FROM one_time_token t WHERE t.sha256 = digest AND t.purpose = wanted AND t.used_at IS NULL AND t.expires_at > now()) $$;

CREATE FUNCTION use_one_time_token(digest text, wanted text) RETURNS TABLE (user_id uuid, organization_id uuid, target text, epoch integer)
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
  WITH used AS (
    UPDATE one_time_token t SET used_at = now()
     WHERE t.sha256 = digest AND t.purpose = wanted AND t.used_at IS NULL AND t.expires_at > now() RETURNING t.*
  ) SELECT used.user_id, used.organization_id, used.target, u.epoch FROM used LEFT JOIN app_user u ON u.id = used.user_id $$;

-- One UPDATE decides who wins. A used token that comes back later than a client's retry could explain means theft: the session ends.
CREATE FUNCTION rotate_refresh(digest text, next_id uuid, next_digest text)
RETURNS TABLE (verdict text, session_id uuid, user_id uuid, organization_id uuid, expires_at timestamptz)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
#variable_conflict use_column
DECLARE old refresh_token; owner session;
BEGIN
  UPDATE refresh_token SET used_at = now() WHERE sha256 = digest AND used_at IS NULL RETURNING * INTO old;
  IF NOT FOUND THEN
    SELECT * INTO old FROM refresh_token WHERE sha256 = digest;
    IF NOT FOUND THEN RETURN QUERY SELECT 'unknown', NULL::uuid, NULL::uuid, NULL::uuid, NULL::timestamptz; RETURN; END IF;
    IF old.used_at > now() - interval '10 seconds' THEN RETURN QUERY SELECT 'raced', NULL::uuid, NULL::uuid, NULL::uuid, NULL::timestamptz; RETURN; END IF;
    UPDATE session SET revoked_at = now() WHERE id = old.session_id AND revoked_at IS NULL;
    RETURN QUERY SELECT 'reused', old.session_id, old.user_id, NULL::uuid, NULL::timestamptz; RETURN;
  END IF;
  SELECT s.* INTO owner FROM session s JOIN app_user u ON u.id = s.user_id AND u.is_active AND u.epoch = s.epoch
   WHERE s.id = old.session_id AND s.revoked_at IS NULL AND s.expires_at > now();
  IF NOT FOUND THEN RETURN QUERY SELECT 'unknown', NULL::uuid, NULL::uuid, NULL::uuid, NULL::timestamptz; RETURN; END IF;
  INSERT INTO refresh_token (id, session_id, user_id, sha256) VALUES (next_id, old.session_id, old.user_id, next_digest);
  UPDATE session SET last_seen_at = now() WHERE id = old.session_id;
  RETURN QUERY SELECT 'rotated', owner.id, owner.user_id, owner.organization_id, owner.expires_at;
END $$;
"""

SWEEP = """
CREATE FUNCTION due_runs(most integer) RETURNS TABLE (organization_id uuid, run_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT r.organization_id, r.id FROM test_run r
   WHERE r.finished_at IS NULL
     AND EXISTS (SELECT 1 FROM work_item w WHERE w.run_id = r.id AND w.lease_owner IS NULL AND w.not_before <= now())
     AND NOT EXISTS (SELECT 1 FROM work_item w WHERE w.run_id = r.id AND w.lease_until > now())
   ORDER BY r.id LIMIT most $$;

CREATE FUNCTION finished_runs(most integer) RETURNS TABLE (organization_id uuid, run_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT r.organization_id, r.id FROM test_run r
   WHERE r.finished_at IS NULL AND NOT EXISTS (SELECT 1 FROM work_item w WHERE w.run_id = r.id)
   ORDER BY r.id LIMIT most $$;

-- Runs (of any organization) waiting for a slice, other than this one: a long run then gives way.
CREATE FUNCTION others_wait(mine uuid) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT EXISTS (SELECT 1 FROM due_runs(2) d WHERE d.run_id <> mine) $$;

-- An item whose lease ran out goes back and is claimed alone from then on; one that used up its attempts ends as an error.
CREATE FUNCTION sweep_leases(most integer) RETURNS TABLE (returned integer, lost integer)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  WITH stale AS MATERIALIZED (
    SELECT w.run_id, w.test_version_id, w.trial, w.attempt - w.throttled >= w.max_attempts AS dead
      FROM work_item w WHERE w.lease_until < now() LIMIT most FOR UPDATE SKIP LOCKED
  ), back AS (
    UPDATE work_item w SET lease_owner = NULL, lease_until = NULL, fence = w.fence + 1, not_before = now(), solo = true, last_error = 'worker_lost'
      FROM stale s WHERE NOT s.dead AND (w.run_id, w.test_version_id, w.trial) = (s.run_id, s.test_version_id, s.trial) RETURNING 1
  ), gone AS (
    DELETE FROM work_item w USING stale s
     WHERE s.dead AND (w.run_id, w.test_version_id, w.trial) = (s.run_id, s.test_version_id, s.trial) RETURNING w.*
  ), kept AS (
    INSERT INTO test_result (organization_id, id, run_id, test_version_id, trial, test_id, requirement_id, position, outcome, error_code, error_detail, attempts)
    SELECT g.organization_id, gen_random_uuid(), g.run_id, g.test_version_id, g.trial, v.test_id, v.requirement_id, g.position, 'error', 'worker_lost',
           'The worker stopped while asking this test, each time it was tried.', g.attempt
      FROM gone g JOIN test_version v ON v.id = g.test_version_id RETURNING 1
  ) SELECT (SELECT count(*) FROM back), (SELECT count(*) FROM kept) INTO returned, lost;
  RETURN NEXT;
END $$;

-- What is still open at a run's deadline ends as an error; calls in flight keep their lease and finish by themselves.
CREATE FUNCTION sweep_deadlines(most integer) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE ended integer;
BEGIN
  WITH late AS MATERIALIZED (
    SELECT w.run_id, w.test_version_id, w.trial FROM work_item w JOIN test_run r ON r.id = w.run_id
     WHERE r.finished_at IS NULL AND r.deadline_at < now() AND w.lease_owner IS NULL LIMIT most FOR UPDATE OF w SKIP LOCKED
  ), gone AS (
    DELETE FROM work_item w USING late l WHERE (w.run_id, w.test_version_id, w.trial) = (l.run_id, l.test_version_id, l.trial) RETURNING w.*
  ), kept AS (
    INSERT INTO test_result (organization_id, id, run_id, test_version_id, trial, test_id, requirement_id, position, outcome, error_code, error_detail, attempts)
    SELECT g.organization_id, gen_random_uuid(), g.run_id, g.test_version_id, g.trial, v.test_id, v.requirement_id, g.position, 'error', 'deadline',
           'The run reached its deadline before this test was answered.', g.attempt
      FROM gone g JOIN test_version v ON v.id = g.test_version_id RETURNING 1
  ) SELECT count(*) FROM kept INTO ended;
  RETURN ended;
END $$;

CREATE FUNCTION sweep_expired() RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
  DELETE FROM login_attempt WHERE at < now() - interval '1 day';
  DELETE FROM one_time_token WHERE expires_at < now() - interval '7 days';
  DELETE FROM import_session WHERE confirmed_at IS NULL AND expires_at < now();
  DELETE FROM session WHERE expires_at < now() - interval '30 days' $$;
"""

ERASE = """
-- The demonstration is removed whole, and nothing else can be: the organization must say that it is one.
CREATE FUNCTION erase_demo() RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE gone uuid := app_organization(); people uuid[]; name text;
BEGIN
  IF NOT EXISTS (SELECT 1 FROM organization o WHERE o.id = gone AND (o.settings->>'demo')::boolean) THEN RETURN false; END IF;
  SELECT array_agg(m.user_id) INTO people FROM membership m WHERE m.organization_id = gone;
  FOREACH name IN ARRAY ARRAY['evaluation', 'test_result', 'work_item', 'run_metric', 'test_run', 'test_set_version_item', 'test_set_version',
    'test_set_metric', 'test_set_item', 'test_set', 'test_version', 'test', 'requirement_metric', 'metric_version', 'metric', 'requirement',
    'import_session', 'endpoint_throttle', 'endpoint', 'project_member', 'project', 'api_token', 'session', 'audit_entry', 'membership', 'role'] LOOP
    EXECUTE format('DELETE FROM %I WHERE organization_id = $1', name) USING gone;
  END LOOP;
  DELETE FROM one_time_token t WHERE t.organization_id = gone;
  DELETE FROM organization o WHERE o.id = gone;
  DELETE FROM app_user u WHERE u.id = ANY (people) AND NOT EXISTS (SELECT 1 FROM membership m WHERE m.user_id = u.id);
  RETURN true;
END $$;

DO $$ DECLARE signature text; BEGIN
  FOR signature IN SELECT p.oid::regprocedure::text FROM pg_proc p WHERE p.pronamespace = 'public'::regnamespace LOOP
    EXECUTE 'REVOKE ALL ON FUNCTION ' || signature || ' FROM PUBLIC';
    EXECUTE 'GRANT EXECUTE ON FUNCTION ' || signature || ' TO rhesis_app';
  END LOOP;
END $$;
"""
