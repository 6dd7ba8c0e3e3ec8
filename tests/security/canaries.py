"""A canary in every text that an organization has, made from the tables' own columns; and whether its rows are as they were."""

import json
import re
from collections.abc import Callable, Collection, Iterator
from typing import Any
from uuid import UUID

from sqlalchemy import JSON, CheckConstraint, Column, Connection, Engine, Table, Text, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from rhesis_app.infra.orm import Base
from tests.auth.rows import CANARY

WORD = "one of our own words, or a rule's or a tool's: with anything else there the row could not be shown to its owner"
KEY = "what its owner signs in, asks or looks up by: with anything else there nobody would find the row"
EMPTY = "stands only while work is under way, and nothing is under way here"
NOBODYS = "belongs to no organization, and holds digests"
# columns without a canary, each with its reason; every other text has one
WITHOUT: dict[str, str] = {
    **dict.fromkeys(
        (
            "api_token.scopes",
            "app_user.kind",
            "app_user.theme",
            "attack_suite.control",
            "attack_suite.outcomes",
            "audit_entry.action",
            "audit_entry.actor_kind",
            "audit_entry.object_type",
            "delivery.channel",
            "delivery.event",
            "delivery.state",
            "endpoint.auth_kind",
            "endpoint.kind",
            "endpoint.method",
            "endpoint.prompt_role",
            "endpoint.response_mapping",
            "evaluation.verdict",
            "gate.rule",
            "gate_decision.decision",
            "gate_decision.rule",
            "import_session.columns",
            "import_session.mapping",
            "job.kind",
            "job.status",
            "job.subject_type",
            "metric.evaluator_key",
            "metric.params",
            "metric.rule",
            "metric_version.evaluator_key",
            "metric_version.model",
            "metric_version.params",
            "metric_version.rule",
            "model.wire",
            "notification.event",
            "one_time_token.purpose",
            "preference.event",
            "replacement.outcome",
            "report.exporter_key",
            "report.media_type",
            "review.verdict",
            "role.permissions",
            "schedule.cron",
            "schedule.time_zone",
            "session.kind",
            "test.kind",
            "test_edit.changes",
            "test_result.error_code",
            "test_result.outcome",
            "test_run.chosen_by",
            "test_run.config",
            "test_run.endpoint_snapshot",
            "test_run.kind",
            "test_run.outcome",
            "test_run.parts",
            "test_run.source",
            "test_run.status",
            "test_version.kind",
        ),
        WORD,
    ),
    **dict.fromkeys(
        ("api_token.sha256", "project.slug", "role.name", "sso_identity.issuer", "sso_identity.subject"), KEY
    ),
    **dict.fromkeys(("job.lease_owner", "work_item.lease_owner"), EMPTY),
    **dict.fromkeys(("key_canary.sealed", "login_attempt.account", "login_attempt.address"), NOBODYS),
    **dict.fromkeys(
        (
            "registration.email",
            "registration.name",
            "registration.organization_name",
            "registration.password_hash",
            "registration.sha256",
        ),
        "belongs to no organization yet, and nobody may read it",
    ),
}
# where a canary has to look like something
SHAPES = {
    "app_user.email": "{canary}{row}@example.org",
    "delivery.recipient": "{canary}{row}@example.org",
    "endpoint.url": "http://inside.example/{canary}{row}",
    "endpoint.secret_origin": "http://inside.example",
    "invitation.email": "{canary}{row}@example.org",
    "model.base_url": "http://inside.example/{canary}{row}",
    "model.key_origin": "http://inside.example",
    "notification.link": "/{canary}{row}",
    "one_time_token.email": "{canary}{row}@example.org",
    "one_time_token.target": "/{canary}{row}",
}
# what nobody is ever shown, the owner neither
SEALED = {
    "api_token.sha256",
    "endpoint.secret",
    "invitation.sha256",
    "model.key",
    "one_time_token.sha256",
    "recovery_code.sha256",
    "refresh_token.sha256",
    "user_password.password_hash",
    "user_totp.secret",
}
_NAMED = re.compile(rf"{re.escape(CANARY)}(?:\.([a-z_]+\.[a-z_]+)\.)?")
_OURS = {"organization_id", "user_id"}
_USUAL = {
    "ARRAY": "'{}'",
    "Boolean": "false",
    "JSON": "'{}'",
    "JSONB": "'{}'",
    "LargeBinary": "''",
    "TIMESTAMP": "now()",
    "Text": "md5(random()::text)",
    "Uuid": "gen_random_uuid()",
}
_OF_USERS = "(SELECT user_id FROM membership WHERE organization_id = :organization)"


def texts() -> Iterator[tuple[Table, Column[Any]]]:
    """Every column that holds text: plain, in lists or in JSON."""
    for _, table in sorted(Base.metadata.tables.items()):
        for column in table.columns:
            kind = column.type.item_type if isinstance(column.type, ARRAY) else column.type
            if isinstance(kind, Text | JSON):
                yield table, column


def canary_of(name: str) -> str:
    """What stands in every text of a column."""
    return f"{CANARY}.{name}."


def fill(
    superuser: Engine, organization_id: UUID, word: Callable[[str], str] = canary_of, *, everywhere: bool = False
) -> dict[str, int]:
    """Put a canary that names its column, or another word, into every text of the organization.

    With `everywhere` also where the product would put none: into JSON without any text, and into a row of each table that
    has none, so that its owner's pages may fail. Returns how many rows of each column carry it.
    """
    filled = {}
    with superuser.connect() as connection:
        connection.execute(text("SET session_replication_role = replica"))
        if everywhere:
            _add_missing(connection, organization_id)
        for table, column in texts():
            name = f"{table.name}.{column.name}"
            if name not in WITHOUT:
                values = {"organization": organization_id}
                filled[name] = _fill(connection, table, column, word(name), values)
                if everywhere and isinstance(column.type, JSON):
                    filled[name] += _force(connection, table, column, word(name), values)
    return filled


def seen(said: str) -> set[str]:
    """The columns whose canaries stand in an answer; the empty name for one that was there from the beginning."""
    return set(_NAMED.findall(said)) if CANARY in said else set()


def digests(superuser: Engine, organization_id: UUID, *, without_users: Collection[UUID] = ()) -> dict[str, str]:
    """A digest over all rows of the organization but for when people signed in; rows of `without_users` are their own business."""
    found = {}
    with superuser.connect() as connection:
        for name, table in sorted(Base.metadata.tables.items()):
            user = "id" if name == "app_user" else "user_id"
            own = f" AND ({user} IS NULL OR {user} <> ALL(CAST(:own AS uuid[])))" if user in table.c else ""
            row = "(to_jsonb(t) - 'last_login_at')::text" if name == "app_user" else "t::text"
            rows = f"SELECT md5(string_agg({row}, '|' ORDER BY {row})) FROM {name} t WHERE {_owned(table)}{own}"
            values = {"organization": organization_id} | ({"own": [str(user) for user in without_users]} if own else {})
            found[name] = str(connection.execute(text(rows), values).scalar())
    return found


def _owned(table: Table) -> str:
    """Which rows of a table are the organization's."""
    if "organization_id" in table.c:
        return "organization_id = :organization"
    if table.name == "organization":
        return "id = :organization"
    if "user_id" in table.c:
        return f"user_id IN {_OF_USERS}"
    return f"id IN {_OF_USERS}" if table.name == "app_user" else "CAST(:organization AS uuid) IS NULL"


def _fill(connection: Connection, table: Table, column: Column[Any], word: str, where: dict[str, Any]) -> int:
    if isinstance(column.type, JSON):
        return _fill_json(connection, table, column, word, where)
    shape = SHAPES.get(f"{table.name}.{column.name}", "{canary}{row}")
    before, row, after = shape.replace("{canary}", word).partition("{row}")
    apart = "left(md5(random()::text), 8)" if row else "''"  # names are unique
    made = f"CAST(:before AS text) || {apart} || CAST(:after AS text)"
    if isinstance(column.type, ARRAY):
        made = f"ARRAY[{made}]"
    statement = text(f"UPDATE {table.name} SET {column.name} = {made} WHERE {_owned(table)}")
    return connection.execute(statement, where | {"before": before, "after": after}).rowcount


def _fill_json(connection: Connection, table: Table, column: Column[Any], word: str, where: dict[str, Any]) -> int:
    """Every string that stands as a value in it; the names of its keys are its shape."""
    filled = 0
    rows = text(f"SELECT ctid::text, {column.name} FROM {table.name} WHERE {_owned(table)}")
    kind = "jsonb" if isinstance(column.type, JSONB) else "json"
    change = text(f"UPDATE {table.name} SET {column.name} = CAST(:value AS {kind}) WHERE ctid = CAST(:place AS tid)")
    for place, value in connection.execute(rows, where).all():
        changed = _in_strings(value, word)
        if changed != value:
            connection.execute(change, {"value": json.dumps(changed), "place": place})
            filled += 1
    return filled


def _force(connection: Connection, table: Table, column: Column[Any], word: str, where: dict[str, Any]) -> int:
    """Into JSON that holds no text."""
    kind = "jsonb" if isinstance(column.type, JSONB) else "json"
    made = f"UPDATE {table.name} SET {column.name} = CAST(:made AS {kind}) WHERE {_owned(table)}"
    empty = f"coalesce({column.name}::text, '') NOT LIKE '%' || CAST(:word AS text) || '%'"
    values = where | {"word": word, "made": json.dumps({"canary": word})}
    return connection.execute(text(f"{made} AND {empty}"), values).rowcount


def _add_missing(connection: Connection, organization_id: UUID) -> None:
    """A row of each table of which the organization has none."""
    where = {"organization": organization_id}
    for table in Base.metadata.tables.values():
        found = connection.execute(text(f"SELECT 1 FROM {table.name} WHERE {_owned(table)} LIMIT 1"), where).first()
        if found is None and {"organization_id", "user_id"} & set(table.c.keys()):
            needed = [one for one in table.columns if one.name in _OURS or _is_needed(one)]
            values = ", ".join(_some_value(table, one) for one in needed)
            names = ", ".join(one.name for one in needed)
            connection.execute(text(f"INSERT INTO {table.name} ({names}) VALUES ({values})"), where)


def _is_needed(column: Column[Any]) -> bool:
    return not column.nullable and column.server_default is None


def _some_value(table: Table, column: Column[Any]) -> str:
    """SQL for a value that the table takes."""
    if column.name in _OURS:
        user = "(SELECT user_id FROM membership WHERE organization_id = :organization LIMIT 1)"
        return ":organization" if column.name == "organization_id" else user
    checks = " ".join(str(one.sqltext) for one in table.constraints if isinstance(one, CheckConstraint))
    if one_of := re.search(rf"\b{column.name} IN \('(\w+)'", checks):
        return f"'{one_of[1]}'"
    return _USUAL.get(type(column.type).__name__, "1")


def _in_strings(value: Any, canary: str) -> Any:
    if isinstance(value, dict):
        return {name: _in_strings(inner, canary) for name, inner in value.items()}
    if isinstance(value, list):
        return [_in_strings(inner, canary) for inner in value]
    return canary if isinstance(value, str) else value
