"""Two organizations: every address of one is 404 to the other, generated from the URL map; and each layer holds alone."""

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import Engine, select, text
from sqlalchemy.exc import IntegrityError, ProgrammingError
from werkzeug.routing import Rule

from rhesis_app.auth.guard import PUBLIC
from rhesis_app.authoring.models import Requirement
from rhesis_app.infra.db import TenantSession
from rhesis_app.infra.orm import Base
from rhesis_app.kernel.ids import new_id
from rhesis_app.notifications.actions.background import NewJob, ask_for
from rhesis_app.projects.models import Project
from rhesis_app.web.access import access_of
from tests.auth.rows import BODIES, CANARY, NOT_ROWS, ONLY_READ, OWN, QUERIES, UNREADABLE, Theirs, everything_of
from tests.jobs.runs.world import make_world
from tests.people import Person, WebClient
from tests.scripted_endpoint import ScriptedEndpoint, json_reply


@pytest.fixture
def theirs(charlie: Person) -> Theirs:
    """Everything that there can be of Charlie's."""
    return everything_of(charlie)


def rules_of(app: Flask) -> Iterator[tuple[Rule, str]]:
    for rule in sorted(app.url_map.iter_rules(), key=lambda rule: rule.rule):
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
            if rule.endpoint not in NOT_ROWS:
                yield rule, method


def address(app: Flask, rule: Rule, ids: dict[str, Any]) -> str:
    with app.test_request_context():
        made = app.url_for(rule.endpoint, **{name: ids[name] for name in rule.arguments})
    return made + QUERIES.get(rule.endpoint, "")


def call(person: Person, rule: Rule, method: str, path: str, ids: dict[str, Any]) -> Any:
    if not path.startswith("/api/"):
        web: WebClient = person.web
        return web.get(path) if method == "GET" else web.post(path)
    body = BODIES.get((rule.endpoint, method), {})
    filled = {name: _filled(value, ids) for name, value in body.items()}
    return person.api.call(method, path, **({} if method in {"GET", "DELETE"} else {"json": filled}))


def _filled(value: Any, ids: dict[str, Any]) -> Any:
    if isinstance(value, list):
        return [_filled(item, ids) for item in value]
    return value.format(**ids) if isinstance(value, str) else value


def snapshot(superuser: Engine, person: Person) -> dict[str, int]:
    """How many rows the person's organization has, and their newest change, table by table."""
    found = {}
    with superuser.connect() as connection:
        for name, table in Base.metadata.tables.items():
            if "organization_id" not in table.c or name in {"session", "audit_entry"}:
                continue
            changed = ", max(updated_at)" if "updated_at" in table.c else ""
            query = text(f"SELECT count(*){changed} FROM {name} WHERE organization_id = :organization")
            found[name] = tuple(connection.execute(query, {"organization": person.actor.organization_id}).one())
    return found


def test_every_address_with_an_argument_is_404_to_a_stranger(
    app: Flask, alice: Person, charlie: Person, theirs: Theirs, superuser: Engine
) -> None:
    _ = charlie.web, alice.web, alice.api
    before = snapshot(superuser, charlie)
    wrong, tried = [], 0
    for rule, method in rules_of(app):
        if not rule.arguments:
            continue
        unknown = set(rule.arguments) - set(theirs.ids)
        assert not unknown, f"{rule.rule}: say what {unknown} stands for"
        path = address(app, rule, theirs.ids)
        answer = call(alice, rule, method, path, theirs.ids)
        tried += 1
        if answer.status_code != 404 or CANARY in answer.text:
            wrong.append(f"{method} {rule.rule}: {answer.status_code}")
    assert not wrong, "\n".join(wrong)
    assert tried > 50
    assert snapshot(superuser, charlie) == before


def test_the_same_addresses_exist_for_their_owner(app: Flask, charlie: Person, theirs: Theirs) -> None:
    """Otherwise the test above would pass on addresses that lead nowhere."""
    missing = []
    for rule, method in rules_of(app):
        if method == "GET" and rule.arguments:
            answer = call(charlie, rule, method, address(app, rule, theirs.ids), theirs.ids)
            if answer.status_code not in {200, 303, 422}:
                missing.append(f"{rule.rule}: {answer.status_code}")
    assert not missing, "\n".join(missing)


def test_no_list_shows_what_belongs_to_another_organization(app: Flask, alice: Person, theirs: Theirs) -> None:
    leaks, tried = [], 0
    for rule, method in rules_of(app):
        if method == "GET" and not rule.arguments and rule.endpoint not in PUBLIC:
            answer = call(alice, rule, method, rule.rule, {})
            tried += 1
            if CANARY in answer.text:
                leaks.append(rule.rule)
    assert leaks == []
    assert tried >= 10


def test_every_address_is_closed_to_somebody_who_is_not_signed_in(app: Flask, theirs: Theirs) -> None:
    client = app.test_client()
    open_ones = []
    for rule, method in rules_of(app):
        if rule.endpoint in PUBLIC:
            continue
        path = address(app, rule, theirs.ids)
        answer = client.open(path, method=method)
        is_closed = answer.status_code == 401 or (
            answer.status_code == 303 and answer.headers["Location"].startswith("/login")
        )
        if not is_closed or CANARY in answer.text:
            open_ones.append(f"{method} {rule.rule}: {answer.status_code}")
    assert open_ones == []


def test_every_route_says_what_it_needs_or_is_public(app: Flask) -> None:
    silent = [
        f"{method} {rule.rule}"
        for rule, method in rules_of(app)
        if rule.endpoint not in PUBLIC and access_of(app, rule.endpoint, method) is None
    ]
    assert silent == []


def test_a_viewer_changes_nothing(app: Flask, alice: Person, bob: Person, superuser: Engine) -> None:
    """Bob reads in Alice's organization; every other method on every route is refused to him, or is his own business."""
    with ScriptedEndpoint(lambda _call: json_reply({"reply": "yes"})) as server:
        world = make_world(alice, server.url, [("Question", "yes")])
        run_id = world.start()
    with alice.scope() as scope, scope.atomic():
        job_id = ask_for(scope, NewJob(kind="reports.render", subject_type="report", subject_id=new_id()))
    known = {
        "slug": world.ask("SELECT slug FROM project")[0].slug,
        "project_id": world.project_id,
        "endpoint_id": world.endpoint_id,
        "metric_id": world.metric_id,
        "test_id": world.ask("SELECT id FROM test")[0].id,
        "test_set_id": world.test_set_id,
        "run_id": run_id,
        "number": 1,
        "key": "json.run",
        "file_format": "jsonl",
        "user_id": alice.actor.user_id,
        "organization_id": alice.actor.organization_id,
        "job_id": job_id,
        "asset_kind": "project",
        "asset_id": world.project_id,
    }
    ids = defaultdict(new_id, known)
    _ = bob.web, bob.api
    before = snapshot(superuser, alice)
    allowed = []
    for rule, method in rules_of(app):
        if method == "GET" or rule.endpoint in PUBLIC | OWN | ONLY_READ:
            continue
        answer = call(bob, rule, method, address(app, rule, ids), ids)
        if answer.status_code != 403:
            allowed.append(f"{method} {rule.rule}: {answer.status_code}")
    assert allowed == []
    assert snapshot(superuser, alice) == before


def test_row_level_security_holds_without_the_scopes_filter(alice: Person, charlie: Person, theirs: Theirs) -> None:
    """The visible filter is left out on purpose: PostgreSQL alone keeps the organizations apart."""
    with alice.scope() as scope:
        for mapper in Base.registry.mappers:
            columns = mapper.local_table.c
            if "organization_id" in columns and mapper.local_table.name not in UNREADABLE:
                owners = set(scope.session.scalars(select(columns.organization_id).select_from(mapper.local_table)))
                assert owners <= {alice.actor.organization_id}, mapper.local_table.name


def test_the_scopes_filter_holds_without_row_level_security(alice: Person, theirs: Theirs, superuser: Engine) -> None:
    """The superuser's session is bound by no policy: the visible filter alone keeps the organizations apart."""
    with alice.scope() as scope:
        bare = TenantSession(superuser.execution_options(isolation_level="READ COMMITTED"), info={"actor": alice.actor})
        scope.session = bare
        assert scope.session.scalars(scope.select(Project)).all() == []
        assert len(bare.scalars(select(Project)).all()) == 1, (
            "without both layers the other project is there to be seen"
        )
        bare.close()


def test_a_row_cannot_refer_to_another_organizations_row(alice: Person, theirs: Theirs) -> None:
    with alice.scope() as scope:
        scope.session.add(Requirement(project_id=theirs.ids["project_id"], name="across"))
        with pytest.raises(IntegrityError):
            scope.session.flush()


def test_a_row_cannot_be_written_into_another_organization(alice: Person, charlie: Person, theirs: Theirs) -> None:
    statement = text(
        "INSERT INTO requirement (id, organization_id, project_id, name) VALUES (:id, :organization, :project, 'x')"
    )
    values = {"id": new_id(), "organization": charlie.actor.organization_id, "project": theirs.ids["project_id"]}
    with alice.scope() as scope, pytest.raises(ProgrammingError, match="row-level security"):
        scope.session.execute(statement, values)
