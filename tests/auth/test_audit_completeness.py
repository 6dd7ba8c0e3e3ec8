"""Every route that changes something leaves an entry in the audit log: by what its code reaches, and by doing it."""

import ast
import inspect
import json
import textwrap
from collections.abc import Callable, Iterator
from functools import partial
from types import ModuleType
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import Engine, text
from werkzeug.test import TestResponse

from rhesis_app.infra.orm import Base
from tests.api.odd_input import Operation, operations, sensible
from tests.api.test_odd_input import ids_of
from tests.auth.rows import everything_of
from tests.pages.test_odd_forms import all_forms
from tests.people import Person, add_member, signed_in

Function = Callable[..., Any]
Leaves = Callable[[str, Callable[[], TestResponse]], bool]
_PREVIEW = "shows what would be, and changes nothing"
_TRIAL = "scores a draft; neither it nor its score is stored"
_OWN_RESTORE = "brings back by the asset's own action, found in a registry, which is an entry"
# the routes whose code reaches no entry, each with its reason
EXEMPT = {
    "POST auth_api.refresh": "a session goes on whose opening is an entry; a refresh token that is none any more is one too",
    "POST endpoints.map_answer": _PREVIEW,
    "POST metrics.try_metric": _TRIAL,
    "POST metrics_api.try_it": _TRIAL,
    "POST prompts.preview": _PREVIEW,
    "POST prompts.preview_new": _PREVIEW,
    "POST prompts_api.preview": _PREVIEW,
    "POST recycle.restore": _OWN_RESTORE,
    "POST recycle_api.restore": _OWN_RESTORE,
    "POST schedules.preview": _PREVIEW,
    "POST schedules.preview_new": _PREVIEW,
    "POST schedules_api.preview": _PREVIEW,
    "POST tests.compose": _PREVIEW,
    "POST tests.compose_new": _PREVIEW,
}
_SECRET = "wants a secret that only a letter, a link or a person has"
_ENDED = "there is nothing left to do with what is there"
_CALL = "calls out, which is an entry, and stores nothing else"
# the operations that change nothing as they are sent here, each with its reason
UNCHANGED = {
    "delete /invitations/{invitation_id}": _ENDED,
    "delete /reviews/{review_id}": _ENDED,
    "post /auth/login": _SECRET,
    "post /auth/refresh": _SECRET,
    "post /auth/register": "closed on this instance",
    "post /auth/reset": "nobody is registered with that address",
    "post /auth/reset/confirm": _SECRET,
    "post /endpoints/{endpoint_id}/invoke": _CALL,
    "post /imports": "wants a file",
    "post /imports/{import_id}/confirm": "no row of the file is a test",
    "post /imports/{import_id}/job": "no row of the file is a test",
    "post /invitations/accept": _SECRET,
    "post /jobs/{job_id}/cancel": _ENDED,
    "post /me/password": _SECRET,
    "post /metrics/try": _TRIAL,
    "post /models/{model_id}/test": _CALL,
    "post /organizations/{organization_id}/leave": "the last owner stays",
    "post /organizations/{organization_id}/switch": "it is the active one",
    "post /preflights": _PREVIEW,
    "post /prompts/{prompt_id}/preview": _PREVIEW,
    "post /prompts/{prompt_id}/use-newest": _ENDED,
    "post /recycle-bin/{asset_kind}/{asset_id}/restore": "it is not archived",
    "post /schedules/preview": _PREVIEW,
    "post /sessions/end-others": "there is no other",
    "post /test-runs/{run_id}/cancel": _ENDED,
    "post /test-runs/{run_id}/pause": _ENDED,
    "post /test-runs/{run_id}/resume": _ENDED,
    "post /test-runs/{run_id}/retry-errors": _ENDED,
}
# tables that tell of attempts, not of anything that was changed; and the log itself
NO_CHANGE = {"audit_entry", "audit_seal", "login_attempt"}
# what makes a form one that is taken; the rest is sent as it stands
FILLED = {
    **dict.fromkeys(("name", "prompt", "test_set_name", "template", "add_tags", "comment"), "text {}"),
    "email": "dana{}@example.org",
    "url": "https://copilot.example/chat",
    "base_url": "https://copilot.example/v1",
    "model_name": "scripted",
}
# what takes away the session or the organization that the other forms are sent in
ENDING = ("/logout", "/demo/remove", "/switch", "/leave", "/organizations")


def view_of(app: Flask, endpoint: str, method: str) -> Function:
    """The function behind a route."""
    view: Any = app.view_functions[endpoint]
    view_class = getattr(view, "view_class", None)
    return inspect.unwrap(getattr(view_class, method.lower()) if view_class else view)


def reached(function: Function) -> Iterator[Function]:
    """The product's functions that are named in this one, and in those that they name, and so on."""
    waiting, seen = [function], set()
    while waiting:
        one = inspect.unwrap(waiting.pop())
        if one in seen:
            continue
        seen.add(one)
        yield one
        waiting += [
            named for named in _named(one) if inspect.isfunction(named) and named.__module__.startswith("rhesis_app.")
        ]


def _named(function: Function) -> Iterator[Any]:
    tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    known = {**function.__globals__, **inspect.getclosurevars(function).nonlocals}
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and node.id in known:
            yield known[node.id]
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            owner = known.get(node.value.id)
            if isinstance(owner, ModuleType):
                yield getattr(owner, node.attr, None)


def records(function: Function) -> bool:
    """Whether an entry is asked for somewhere behind this function."""
    return any(".record(" in inspect.getsource(one) for one in reached(function))


def changing(app: Flask) -> Iterator[tuple[str, str, str]]:
    """(endpoint, method, rule) of every route that may change something."""
    for rule in app.url_map.iter_rules():
        for method in sorted((rule.methods or set()) - {"GET", "HEAD", "OPTIONS"}):
            yield rule.endpoint, method, rule.rule


def test_every_route_that_changes_something_reaches_an_entry(app: Flask) -> None:
    silent, tried = {}, 0
    for endpoint, method, rule in changing(app):
        tried += 1
        if not records(view_of(app, endpoint, method)):
            silent[f"{method} {endpoint}"] = rule
    assert silent.keys() == EXEMPT.keys(), silent
    assert tried > 180


def state(superuser: Engine) -> tuple[dict[str, str], int]:
    """A digest of all that is stored, but for when something was last used; and how many entries the audit log has."""
    tables = sorted(Base.metadata.tables.keys() - NO_CHANGE)
    row = "(to_jsonb(t) - ARRAY['last_used_at', 'last_seen_at', 'updated_at'])::text"
    digests = (f"SELECT '{name}', md5(string_agg({row}, '' ORDER BY {row})) FROM {name} t" for name in tables)
    with superuser.connect() as connection:
        rows = connection.execute(text(" UNION ALL ".join(digests)))
        return dict(tuple(row) for row in rows), connection.execute(
            text("SELECT count(*) FROM audit_entry")
        ).scalar_one()


@pytest.fixture
def leaves(superuser: Engine) -> Leaves:
    """Do something, and say whether it `changed` what is stored; if it did, an entry must tell of it."""

    known: list[tuple[dict[str, str], int]] = []

    def watch(what: str, do: Callable[[], TestResponse]) -> bool:
        before, entries = known.pop() if known else state(superuser)
        answer = do()
        after, more = state(superuser)
        known.append((after, more))
        changed = sorted(name for name in after if before[name] != after[name])
        assert not changed or more > entries, f"{what}: {answer.status_code}, and no entry tells of it: {changed}"
        return bool(changed)

    return watch


@pytest.mark.timeout(300)
def test_every_operation_that_changes_something_leaves_an_entry(app: Flask, charlie: Person, leaves: Leaves) -> None:
    document, ids = app.extensions["rhesis_openapi"](), ids_of(charlie)
    ids["user_id"] = add_member(charlie, "mia", "Member").actor.user_id
    client = signed_in(app, charlie.email)
    unchanged = set()
    order = sorted((one for one in operations(document) if one.method != "get"), key=_when)
    for number, operation in enumerate(order):
        path = operation.path
        for name, value in ids.items():
            path = path.replace(f"{{{name}}}", str(value))
        body = sensible(document, operation, ids)
        options = (
            {} if body is None else {"json": json.loads(json.dumps(body).replace("sensible text", f"text {number}"))}
        )
        named = f"{operation.method} {operation.path.removeprefix('/api/v1')}"
        if not leaves(named, partial(client.call, operation.method.upper(), path, **options)):
            unchanged.add(named)
    assert unchanged == UNCHANGED.keys(), "\n".join(sorted(unchanged ^ UNCHANGED.keys()))


def _when(operation: Operation) -> int:
    """What is taken away is taken away before it is restored, and oneself comes last."""
    path = operation.path
    if path.endswith(("/logout", "/leave", "/switch", "/end-others", "/me/password")):
        return 3
    return 2 if path.endswith("/restore") else int(operation.method == "delete")


@pytest.mark.timeout(300)
def test_every_form_that_changes_something_leaves_an_entry(app: Flask, charlie: Person, leaves: Leaves) -> None:
    mine = everything_of(charlie)
    changed = set()
    forms = [
        form for form in all_forms(app, charlie, mine) if form.method == "post" and not form.action.endswith(ENDING)
    ]
    for number, form in enumerate(forms):
        filled = {name: value or FILLED.get(name, "").format(number) for name, value in form.fields.items()}
        if leaves(form.action, partial(charlie.web.post, form.action, filled)):
            endpoint, _ = app.url_map.bind("localhost").match(form.action.partition("?")[0], method="POST")
            changed.add(endpoint)
    assert len(changed) > 30
