"""What a caller may say in a body: nothing that the server sets, and no id of another organization."""

import io
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import count
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import Engine, text
from werkzeug.test import TestResponse

from tests.api.odd_input import Operation, operations, sensible
from tests.auth.rows import everything_of
from tests.people import Person
from tests.security.canaries import digests, fill, seen
from tests.security.document import given, ids_in_body, ids_in_query, taken

pytestmark = pytest.mark.timeout(600)

# what rows have and no body may set, wherever the operation itself does not take it
OF_ROWS = {
    "id", "organization_id", "user_id", "created_at", "updated_at", "archived_at", "deleted_at", "is_builtin", "is_active",
    "is_admin", "epoch", "kind", "role", "role_id", "permissions", "status", "outcome", "started_by", "sha256", "password_hash",
}  # fmt: skip
VALUES = {"role": "Owner", "kind": "system", "permissions": ["organization:delete"], "is_active": True, "epoch": 7}
# names that stand for an id of another name
SAME_AS = {"baseline": "run_id", "candidate": "run_id", "recording_run_id": "run_id", "parent_run_id": "run_id"}
# where a foreign id is answered with 200, and tells and does nothing
BY_HAND = "POST /api/v1/organizations/{organization_id}/transfer "  # a token may not, whoever is named
SAFE = {
    "POST /api/v1/metrics/try body model_id": "an evaluator that asks no model looks at none",
    "POST /api/v1/preflights body metric_ids": "the answer is a list of checks, of which this one failed",
}
FORM = "multipart/form-data"
_numbers = count()


def all_ids(person: Person, superuser: Engine) -> dict[str, Any]:
    """One of everything, also of what no address names."""
    ids = dict(everything_of(person).ids)
    with superuser.connect() as connection:
        for table in ("prompt_version", "evaluation"):
            query = text(f"SELECT id FROM {table} WHERE organization_id = :organization LIMIT 1")
            ids[f"{table}_id"] = connection.execute(query, {"organization": person.actor.organization_id}).scalar_one()
    return ids


def path_of(operation: Operation, ids: dict[str, Any]) -> str:
    """Its address with these ids."""
    path = operation.path
    for name, value in ids.items():
        path = path.replace(f"{{{name}}}", str(value))
    return path


def fresh(body: dict[str, Any]) -> dict[str, Any]:
    """The same body with texts that nothing has yet."""
    made: dict[str, Any] = json.loads(json.dumps(body).replace("a sensible text", f"a sensible text {next(_numbers)}"))
    return made


def with_bodies(document: dict[str, Any], ids: dict[str, Any]) -> Iterator[tuple[Operation, dict[str, Any]]]:
    """Every operation that takes a JSON object, with one that it takes."""
    for operation in operations(document):
        body = sensible(document, operation, ids)
        if isinstance(body, dict):
            yield operation, body


def test_nothing_that_the_server_sets_can_be_sent(
    app: Flask, charlie: Person, superuser: Engine, monkeypatch: pytest.MonkeyPatch, figure: Callable[..., None]
) -> None:
    monkeypatch.setattr(charlie.host, "settings", replace(charlie.host.settings, open_registration=True))
    document, ids = app.extensions["rhesis_openapi"](), all_ids(charlie, superuser)
    _ = charlie.api
    before = digests(superuser, charlie.actor.organization_id)
    let_through, tried = [], 0
    for operation, body in with_bodies(document, ids):
        for name in sorted((given(document, operation) | OF_ROWS) - taken(document, operation).keys()):
            tried += 1
            sent = fresh(body) | {name: VALUES.get(name, str(charlie.actor.organization_id))}
            answer = charlie.api.call(operation.method.upper(), path_of(operation, ids), json=sent)
            if answer.status_code != 422 or name not in answer.json.get("errors", {}):
                let_through.append(f"{operation.method} {operation.path} {name}: {answer.status_code}")
    after = digests(superuser, charlie.actor.organization_id)
    changed = [name for name in before if before[name] != after[name]]
    how = "each field that an answer has and the body does not, and the fields of rows, × every operation with a body"
    figure("bodies/fields of the server's tried", tried, None, None, how)
    figure("bodies/fields of the server's taken", len(let_through), "= 0", not let_through, how)
    assert not let_through, "\n".join(let_through)
    assert changed == []


@pytest.fixture
def both(alice: Person, charlie: Person, superuser: Engine) -> tuple[dict[str, Any], dict[str, Any]]:
    """One of everything, once Alice's and once Charlie's, whose texts all have canaries."""
    mine, theirs = all_ids(alice, superuser), all_ids(charlie, superuser)
    fill(superuser, charlie.actor.organization_id)
    return mine, theirs


def id_named(name: str, ids: dict[str, Any]) -> str:
    """The id that a field of this name holds."""
    one = name.removesuffix("s")
    wanted = SAME_AS.get(one, one)
    assert wanted in ids, f"say what {name} stands for"
    return str(ids[wanted])


def foreign_calls(
    document: dict[str, Any], person: Person, mine: dict[str, Any], theirs: dict[str, Any]
) -> Iterator[tuple[str, TestResponse]]:
    """Each operation as often as it takes an id, with one of them foreign and all else one's own."""
    bodies = {(one.method, one.path): body for one, body in with_bodies(document, mine)}
    for operation in operations(document):
        path, method = path_of(operation, mine), operation.method.upper()
        for name, is_list in ids_in_body(document, operation):
            foreign = id_named(name, theirs)
            body = fresh(bodies[operation.method, operation.path]) | {name: [foreign] if is_list else foreign}
            yield f"{method} {operation.path} body {name}", person.api.call(method, path, json=body)
        for name, _ in ids_in_body(document, operation, FORM):
            form = {name: id_named(name, theirs), "file": (io.BytesIO(b"prompt\nhello\n"), "a.csv")}
            yield f"{method} {operation.path} form {name}", person.api.call(method, path, data=form)
        for name in ids_in_query(operation):
            own = {other: id_named(other, mine) for other in ids_in_query(operation) if other == "baseline"}
            query = own | {name: id_named(name, theirs)}
            yield f"{method} {operation.path} query {name}", person.api.call(method, path, query_string=query)


def test_no_id_of_another_organization_is_taken(
    app: Flask,
    alice: Person,
    charlie: Person,
    both: tuple[dict[str, Any], dict[str, Any]],
    superuser: Engine,
    figure: Callable[..., None],
) -> None:
    document = app.extensions["rhesis_openapi"]()
    before = digests(superuser, charlie.actor.organization_id)
    taken_up, tried = [], 0
    for what, answer in foreign_calls(document, alice, *both):
        tried += 1
        told = {column for column in seen(answer.text) if column}
        may_pass = " query " in what or what in SAFE
        is_refused = answer.status_code in {404, 422} or (may_pass and answer.status_code == 200)
        is_refused = is_refused or (answer.status_code == 403 and what.startswith(BY_HAND))
        if not is_refused or told:
            taken_up.append(f"{what}: {answer.status_code} {sorted(told)} {answer.text[:120]}")
    after = digests(superuser, charlie.actor.organization_id)
    how = "each id of each body, form and query of the document, one foreign at a time, all else one's own"
    figure("bodies/foreign ids tried", tried, "≥ 60", tried >= 60, how)
    figure("bodies/foreign ids taken", len(taken_up), "= 0", not taken_up, how)
    assert not taken_up, "\n".join(taken_up)
    assert before == after
