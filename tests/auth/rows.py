"""What the tests of isolation know of every route: one of every row, what an operation needs, whose business it is."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import select, text

from rhesis_app.auth.models import Session
from rhesis_app.authoring.actions.prompts import NewPrompt, create_prompt
from rhesis_app.authoring.models import ImportSession, Requirement, Test
from rhesis_app.kernel.ids import new_id
from rhesis_app.projects.models import Project
from tests.background import do_jobs
from tests.jobs.runs.test_driving import drive
from tests.jobs.runs.world import make_world
from tests.people import Person
from tests.scripted_endpoint import ScriptedEndpoint, json_reply

CANARY = "charlies-canary"
# what an operation needs before it looks anything up; everything else is sent an empty object or form
BODIES: dict[tuple[str, str], Any] = {
    ("members_api.Member", "PATCH"): {"role": "Viewer"},
    ("organizations_api.Organization", "PATCH"): {"name": "Stolen"},
    ("organizations_api.delete", "POST"): {"name": "Stolen"},
    ("organizations_api.transfer", "POST"): {"user_id": "{user_id}"},
    ("projects_api.ProjectMember", "PATCH"): {"role": "Viewer"},
    ("projects_api.ProjectMembers", "POST"): {"user_id": "{user_id}", "role": "Viewer"},
    ("roles_api.Role", "PATCH"): {"name": "Stolen"},
    ("retention_api.Retention", "PATCH"): {"result_days": 30},
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
    ("service_accounts_api.ServiceAccount", "PATCH"): {"name": "Stolen"},
    ("service_accounts_api.ServiceTokens", "POST"): {"name": "Stolen"},
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
    "account.show_link",
    "account.use_link",
    "auth.first_start",
    "auth.sign_in_link",
    "auth.submit_first_start",
    "auth.submit_sign_in_link",
    "invitations.show",
    "invitations.accept",
    "register.finish",
    "register.show",
    "reset.show",
    "reset.save",
}
# what everybody does to what is theirs alone, whatever their role
OWN = {
    "account.use_link",
    "account.change_email",
    "account.deactivate",
    "account.verify_email",
    "account_api.change_email",
    "account_api.confirm_email",
    "account_api.deactivate",
    "account_api.verify_email",
    "auth.create_token",
    "auth.logout",
    "auth.revoke_token",
    "auth_api.Token",
    "auth_api.Tokens",
    "auth_api.logout",
    "auth_api.switch",
    "me_api.Me",
    "me_api.Session",
    "me_api.end_all",
    "me_api.end_others",
    "me_api.password",
    "notifications.open_one",
    "notifications.read",
    "notifications.read_all",
    "notifications_api.read",
    "notifications_api.read_all",
    "organizations.create",
    "organizations.leave",
    "organizations.switch",
    "organizations_api.Organizations",
    "organizations_api.leave",
    "organizations_api.switch",
    "preferences.save",
    "preferences_api.Preferences",
    "profile.end",
    "profile.end_all",
    "profile.end_others",
    "profile.save",
    "profile.save_password",
    "second_factor.begin",
    "second_factor.confirm",
    "second_factor.off",
    "second_factor.renew",
    "second_factor_api.begin",
    "second_factor_api.confirm",
    "second_factor_api.off",
    "second_factor_api.renew",
    "sso.connect",
    "sso.disconnect",
}
# a POST that asks and changes nothing
ONLY_READ = {"prompts_api.preview", "schedules_api.preview"}


@dataclass(frozen=True)
class Theirs:
    """Everything Charlie has, by the name of the URL's argument."""

    ids: dict[str, Any]


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
    archive = charlie.api.post("/archives", {}).json
    invitation = charlie.api.post("/invitations", {"email": f"{CANARY}@example.org", "role": "Viewer"}).json
    role = charlie.api.post("/roles", {"name": CANARY, "permissions": ["run:read"]}).json
    member = {"user_id": str(charlie.actor.user_id), "role": CANARY}
    assert charlie.api.post(f"/projects/{world.project_id}/members", member).status_code == 201
    service = charlie.api.post("/service-accounts", {"name": CANARY, "role": "Member"}).json
    charlie.api.post(f"/service-accounts/{service['id']}/tokens", {"name": CANARY})
    do_jobs(charlie)
    token = charlie.api and world.ask("SELECT id FROM api_token LIMIT 1")[0].id
    return Theirs(
        {
            "account_id": service["id"],
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
            "role_id": role["id"],
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
            "asset_kind": "requirement",
            "archive_id": archive["id"],
            "asset_id": requirement,
        }
    )


def session_of(person: Person) -> UUID:
    """The session of this person's browser."""
    _ = person.web
    with person.scope() as scope:
        return scope.session.scalars(select(Session.id).where(Session.kind == "dashboard").limit(1)).one()
