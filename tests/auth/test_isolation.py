"""Two organizations: every address of one is 404 to the other, generated from the URL map; and each layer holds alone."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import pytest
from flask import Flask
from sqlalchemy import Engine, select, text
from sqlalchemy.exc import IntegrityError, ProgrammingError
from werkzeug.routing import Rule

from rhesis_app.auth.guard import PUBLIC
from rhesis_app.auth.models import Session
from rhesis_app.authoring.actions.prompts import NewPrompt, create_prompt
from rhesis_app.authoring.models import ImportSession, Requirement, Test
from rhesis_app.infra.db import TenantSession
from rhesis_app.infra.orm import Base
from rhesis_app.kernel.ids import new_id
from rhesis_app.notifications.actions.background import NewJob, ask_for
from rhesis_app.projects.models import Project
from rhesis_app.web.access import access_of
from tests.background import do_jobs
from tests.jobs.runs.test_driving import drive
from tests.jobs.runs.world import make_world
from tests.people import Person, WebClient
from tests.scripted_endpoint import ScriptedEndpoint, json_reply

CANARY = "charlies-canary"
# what an operation needs before it looks anything up; everything else is sent an empty object or form
BODIES: dict[tuple[str, str], Any] = {
    ("members_api.Member", "PATCH"): {"role": "Viewer"},
    ("organizations_api.Organization", "PATCH"): {"name": "Stolen"},
    ("runs_api.start", "POST"): {"endpoint_id": "{endpoint_id}", "metric_ids": []},
    ("endpoints_api.invoke", "POST"): {"input": "hello"},
    ("runs_api.Reviews", "POST"): {"verdict": "passed"},
    ("test_sets_api.TestSetTests", "PUT"): {"test_ids": ["{test_id}"]},
    ("prompts_api.Prompt", "PATCH"): {"name": "hello"},
    ("prompts_api.PromptVersions", "POST"): {"template": "hello"},
    ("schedules_api.Schedules", "POST"): {
        "test_set_id": "{test_set_id}",
        "endpoint_id": "{endpoint_id}",
        "cron": "0 6 * * *",
        "time_zone": "UTC",
    },
    ("schedules_api.preview", "POST"): {"cron": "0 6 * * *", "time_zone": "UTC"},
}
QUERIES = {
    "prompts_api.diff": "?from=1&to=1",
    "reports_api.export": "?format=json.run",
    "reports.export": "?format=json.run",
    "test_sets_api.export": "?format=jsonl",
}
MODEL = {"wire": "openai", "base_url": "http://127.0.0.1:9299/v1", "model_name": "scripted"}
# the application may write these and not read them
UNREADABLE = {"one_time_token"}
# addresses whose argument is a secret or a file, not a row
NOT_ROWS = {
    "static",
    "auth.first_start",
    "auth.sign_in_link",
    "auth.submit_first_start",
    "auth.submit_sign_in_link",
    "invitations.show",
    "invitations.accept",
    "reset.show",
    "reset.save",
}


@dataclass(frozen=True)
class Theirs:
    """Everything Charlie has, by the name of the URL's argument."""

    ids: dict[str, Any]


@pytest.fixture
def theirs(charlie: Person) -> Theirs:
    """Everything that there can be of Charlie's."""
    return everything_of(charlie)


def everything_of(charlie: Person) -> Theirs:
    """One of every kind of row, each text of which carries the canary."""
    with ScriptedEndpoint(lambda _call: json_reply({"reply": f"yes {CANARY}"})) as server:
        world = make_world(charlie, server.url, [(f"Question {CANARY}", "yes"), (f"Other {CANARY}", "no")])
        run_id = world.start()
        drive(world, run_id)
    requirement, imported = new_id(), new_id()
    with charlie.scope() as scope, scope.atomic() as session:
        project = session.scalars(scope.select(Project)).one()
        project.name = CANARY
        session.add(Requirement(id=requirement, project_id=project.id, name=CANARY))
        session.add(
            ImportSession(
                id=imported,
                project_id=project.id,
                user_id=charlie.actor.user_id,
                file_name=f"{CANARY}.jsonl",
                test_set_name=CANARY,
                rows=[{"row": 1, "cells": {"prompt": CANARY}}],
                expires_at=text("now() + interval '1 day'"),
            )
        )
        text_of_prompt = NewPrompt(project_id=project.id, name=CANARY, template=CANARY, note=CANARY)
        prompt = create_prompt(scope, text_of_prompt)
        test = session.scalars(scope.select(Test).limit(1)).one()
        slug = project.slug
    result = world.ask("SELECT id FROM test_result LIMIT 1")[0].id
    changes = {"project_id": str(world.project_id), "filter": {}, "changes": {"add_tags": [CANARY]}}
    edit_id = charlie.api.post("/test-edits", changes).json["id"]
    rule = {"kind": "pass_rate"}
    gate = charlie.api.post("/gates", {"project_id": str(world.project_id), "name": CANARY, "rule": rule}).json
    reviewed = charlie.api.post(f"/test-results/{result}/reviews", {"verdict": "passed", "comment": CANARY}).json
    model = charlie.api.post("/models", {"project_id": str(world.project_id), "name": CANARY, **MODEL}).json
    taken = {"params": {}, "prompt_version_id": str(prompt.version_id)}
    judge = {"evaluator": "judge.binary", **taken, "model_id": model["id"], "name": CANARY}
    metric = charlie.api.post("/metrics", {"project_id": str(world.project_id), **judge}).json["id"]
    suite = charlie.api.post(f"/metrics/{metric}/attacks", {}).json["id"]
    parts = {"test_set_id": str(world.test_set_id), "endpoint_id": str(world.endpoint_id), "name": CANARY}
    schedule = charlie.api.post("/schedules", parts | {"cron": "0 6 * * *", "time_zone": "Europe/Berlin"}).json
    report = charlie.api.post("/reports", {"run_id": str(run_id), "exporter": "html.run"}).json
    charlie.api.post(f"/test-runs/{run_id}/analysis")
    invitation = charlie.api.post("/invitations", {"email": f"{CANARY}@example.org", "role": "Viewer"}).json
    do_jobs(charlie)
    token = charlie.api and world.ask("SELECT id FROM api_token LIMIT 1")[0].id
    return Theirs(
        {
            "slug": slug,
            "project_id": world.project_id,
            "endpoint_id": world.endpoint_id,
            "metric_id": metric,
            "model_id": model["id"],
            "suite_id": suite,
            "requirement_id": requirement,
            "prompt_id": prompt.id,
            "test_id": test.id,
            "test_set_id": world.test_set_id,
            "import_id": imported,
            "run_id": run_id,
            "number": 1,
            "key": "json.run",
            "file_format": "jsonl",
            "result_id": result,
            "token_id": token,
            "notification_id": charlie.api.get("/notifications").json[0]["id"],
            "user_id": charlie.actor.user_id,
            "organization_id": charlie.actor.organization_id,
            "session_id": session_of(charlie),
            "invitation_id": invitation["id"],
            "report_id": report["id"],
            "job_id": report["job_id"],
            "edit_id": edit_id,
            "gate_id": gate["id"],
            "review_id": reviewed["reviews"][0]["id"],
            "schedule_id": schedule["id"],
        }
    )


def session_of(person: Person) -> UUID:
    """The session of this person's browser."""
    _ = person.web
    with person.scope() as scope:
        return scope.session.scalars(select(Session.id).where(Session.kind == "dashboard").limit(1)).one()


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
    ids = {
        "notification_id": new_id(),
        "slug": world.ask("SELECT slug FROM project")[0].slug,
        "project_id": world.project_id,
        "endpoint_id": world.endpoint_id,
        "metric_id": world.metric_id,
        "model_id": new_id(),
        "suite_id": new_id(),
        "requirement_id": new_id(),
        "prompt_id": new_id(),
        "test_id": world.ask("SELECT id FROM test")[0].id,
        "test_set_id": world.test_set_id,
        "import_id": new_id(),
        "run_id": run_id,
        "number": 1,
        "key": "json.run",
        "file_format": "jsonl",
        "result_id": new_id(),
        "token_id": new_id(),
        "user_id": alice.actor.user_id,
        "organization_id": alice.actor.organization_id,
        "session_id": new_id(),
        "invitation_id": new_id(),
        "report_id": new_id(),
        "job_id": job_id,
        "edit_id": new_id(),
        "gate_id": new_id(),
        "review_id": new_id(),
        "schedule_id": new_id(),
    }
    own = {
        "notifications.open_one",
        "notifications.read",
        "notifications.read_all",
        "notifications_api.read",
        "notifications_api.read_all",
        "me_api.Me",
        "me_api.end_others",
        "me_api.password",
        "organizations.create",
        "organizations.leave",
        "organizations.switch",
        "organizations_api.leave",
        "organizations_api.switch",
        "organizations_api.Organizations",
        "profile.save",
        "profile.save_password",
        "profile.end",
        "profile.end_others",
        "me_api.Session",
        "auth.logout",
        "auth_api.logout",
        "auth_api.Tokens",
        "auth_api.Token",
        "auth.create_token",
        "auth.revoke_token",
        "preferences.save",
        "preferences_api.Preferences",
    }
    only_read = {"prompts_api.preview", "schedules_api.preview"}
    _ = bob.web, bob.api
    before = snapshot(superuser, alice)
    allowed = []
    for rule, method in rules_of(app):
        if method == "GET" or rule.endpoint in PUBLIC | own | only_read:
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
