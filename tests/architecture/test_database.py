"""The database is what the rows say, and no tenant table is without its guards."""

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from flask import Flask
from sqlalchemy import Engine, ForeignKeyConstraint, UniqueConstraint, text

from rhesis_app.infra.migrate import alembic_config
from rhesis_app.infra.orm import Base
from rhesis_app.infra.start_check import revisions

TENANT = sorted(name for name, table in Base.metadata.tables.items() if "organization_id" in table.c)
ONLY_ADDED = {
    "recorded_exchange",
    "test_result",
    "evaluation",
    "audit_entry",
    "audit_seal",
    "test_version",
    "test_set_version",
    "metric_version",
    "prompt_version",
    "run_metric",
}
# tables that are the user's: their row-level policy names the user
USERS_OWN = {"session", "api_token", "one_time_token", "notification"}


def test_there_is_one_newest_migration() -> None:
    scripts = ScriptDirectory.from_config(alembic_config())
    assert scripts.get_heads() == [max(revisions())]
    assert {script.revision for script in scripts.walk_revisions()} == revisions()


def test_the_migrations_make_exactly_the_tables_of_the_rows(app: Flask, superuser: Engine) -> None:
    with superuser.connect() as connection:
        context = MigrationContext.configure(connection, opts={"include_name": lambda *_: True})
        assert compare_metadata(context, Base.metadata) == []


@pytest.mark.parametrize("table", TENANT)
def test_a_tenant_table_is_guarded_by_a_forced_policy(app: Flask, superuser: Engine, table: str) -> None:
    query = text(
        "SELECT c.relrowsecurity, c.relforcerowsecurity, (SELECT pg_get_expr(polqual, polrelid) FROM pg_policy p"
        " WHERE p.polrelid = c.oid AND p.polname = 'tenant') FROM pg_class c WHERE c.oid = to_regclass(:table)"
    )
    with superuser.connect() as connection:
        enabled, forced, rule = connection.execute(query, {"table": f"public.{table}"}).one()
    assert enabled
    assert forced
    if table in USERS_OWN - {"one_time_token"}:
        assert "app_user_id()" in rule
    elif table not in USERS_OWN:
        assert rule == "(organization_id = app_organization())"


@pytest.mark.parametrize("table", TENANT)
def test_no_reference_between_tenant_rows_can_cross_organizations(table: str) -> None:
    for constraint in Base.metadata.tables[table].constraints:
        if not isinstance(constraint, ForeignKeyConstraint):
            continue
        target = constraint.referred_table
        if target.name in {"organization", "app_user"} or "organization_id" not in target.c:
            continue
        assert "organization_id" in constraint.column_keys, f"{table}.{constraint.column_keys} → {target.name}"


@pytest.mark.parametrize("table", sorted(ONLY_ADDED))
def test_what_was_found_is_only_ever_added_to(app: Flask, superuser: Engine, table: str) -> None:
    query = text(
        "SELECT has_table_privilege('rhesis_app', :table, 'UPDATE'), has_table_privilege('rhesis_app', :table, 'DELETE')"
    )
    with superuser.connect() as connection:
        assert connection.execute(query, {"table": table}).one() == (False, False)


@pytest.mark.parametrize(
    "table", ["test_run", "organization", "project", "test", "test_set", "endpoint", "metric", "prompt", "app_user"]
)
def test_no_parent_of_results_can_be_deleted(app: Flask, superuser: Engine, table: str) -> None:
    with superuser.connect() as connection:
        assert not connection.execute(
            text("SELECT has_table_privilege('rhesis_app', :table, 'DELETE')"), {"table": table}
        ).scalar_one()


def test_functions_that_look_across_organizations_have_a_fixed_search_path(app: Flask, superuser: Engine) -> None:
    query = text(
        "SELECT proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace AND prosecdef"
        " AND NOT coalesce(proconfig::text, '') LIKE '%search_path=pg_catalog%'"
    )
    with superuser.connect() as connection:
        assert list(connection.scalars(query)) == []


def test_a_password_hash_cannot_be_read(host: object, alice: object) -> None:
    with alice.scope() as scope:  # type: ignore[attr-defined]
        readable = scope.session.scalar(text("SELECT has_table_privilege('user_password', 'SELECT')"))
    assert readable is False


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        ("app_user", "(id = app_user_id())"),
        ("recovery_code", "(user_id = app_user_id())"),
        ("refresh_token", "(user_id = app_user_id())"),
        ("registration", "false"),
        ("user_password", "false"),
        ("user_totp", "(user_id = app_user_id())"),
    ],
)
def test_a_table_of_people_is_guarded_by_a_forced_policy(
    app: Flask, superuser: Engine, table: str, expected: str
) -> None:
    query = text(
        "SELECT c.relrowsecurity, c.relforcerowsecurity, pg_get_expr(p.polqual, p.polrelid), pg_get_expr(p.polwithcheck, p.polrelid)"
        " FROM pg_class c JOIN pg_policy p ON p.polrelid = c.oid AND p.polname = 'tenant' WHERE c.oid = to_regclass(:table)"
    )
    with superuser.connect() as connection:
        assert connection.execute(query, {"table": f"public.{table}"}).one() == (True, True, expected, expected)


def test_codes_are_used_up_by_a_function_alone_and_registrations_are_reached_by_functions_alone(
    app: Flask, superuser: Engine
) -> None:
    query = text(
        "SELECT has_any_column_privilege('rhesis_app', 'recovery_code', 'UPDATE'), has_table_privilege('rhesis_app', 'registration', 'SELECT'),"
        " has_table_privilege('rhesis_app', 'registration', 'INSERT'), has_column_privilege('rhesis_app', 'user_totp', 'secret', 'UPDATE')"
    )
    with superuser.connect() as connection:
        assert connection.execute(query).one() == (False, False, False, False)


# what a large organization has many rows of; and the few keys to those that no index begins with, because hardly a row has them
MANY = {"test", "test_version", "test_result", "evaluation", "test_set_version_item"}
RARE = {("replacement", "test_version_id"), ("replacement", "result_id"), ("recorded_exchange", "test_id")}
# the index that holds a run's results in another order is searched run by run
BY_RUN = {("test_result", "test_version_id")}


def test_what_many_rows_refer_to_is_found_by_an_index() -> None:
    """Otherwise each of many rows that goes reads the whole table that refers to it."""
    slow = set()
    for table in Base.metadata.tables.values():
        indexes = [[column.name for column in index.columns] for index in table.indexes]
        keys = [*indexes, [column.name for column in table.primary_key]]
        keys += [[c.name for c in one.columns] for one in table.constraints if isinstance(one, UniqueConstraint)]
        found = [[name for name in names if name != "organization_id"][:1] for names in keys]
        for key in table.foreign_key_constraints:
            (column, *_) = [name for name in key.column_keys if name != "organization_id"] or [""]
            if key.referred_table.name in MANY and [column] not in found:
                slow.add((table.name, column))
    assert slow == RARE | BY_RUN
