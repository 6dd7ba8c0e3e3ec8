"""POST /demo/remove."""

import pytest
from flask import Flask
from sqlalchemy import Engine, text

from rhesis_app.auth.actions.first_start import NewAccount, found
from rhesis_app.demo.actions.remove import find_owner
from rhesis_app.demo.rules import EMAIL
from rhesis_app.infra.mail import MailServer, SmtpPost
from rhesis_app.infra.runtime import Runtime
from rhesis_app.notifications.actions.announce import choose_preferences
from rhesis_app.notifications.models import Delivery, Preference
from rhesis_app.projects.actions import create_project
from rhesis_app.reports.models import ReportChunk
from rhesis_app.tenancy.models import Membership
from tests.background import do_jobs
from tests.factories import Given, RunPlan, make_run
from tests.people import PASSWORD, Person


def make_owner(app: Flask, host: Runtime) -> Person:
    account = NewAccount(organization_name="Shop", name="Robin", email=EMAIL, password=PASSWORD)
    return Person(app=app, host=host, actor=found(host, account, is_demo=True), email=EMAIL)


def test_its_owner_goes_on_to_the_first_start(app: Flask, host: Runtime) -> None:
    owner = make_owner(app, host)
    answer = owner.web.post("/demo/remove")
    assert answer.status_code == 303
    assert answer.location.startswith("/start/")
    assert owner.web.get(answer.location).status_code == 200
    assert find_owner(host) is None


def test_whoever_lost_the_link_learns_at_the_sign_in_how_to_go_on(app: Flask, host: Runtime) -> None:
    owner = make_owner(app, host)
    assert "Ask an owner of your organization" in app.test_client().get("/login").text
    owner.web.post("/demo/remove")
    assert "rhesis-app first-link" in app.test_client().get("/login").text


def test_with_others_there_it_leads_to_the_sign_in(app: Flask, host: Runtime, alice: Person) -> None:
    answer = make_owner(app, host).web.post("/demo/remove")
    assert answer.location == "/login"
    assert alice.count(Membership) == 2


def test_the_browser_forgets_the_session(app: Flask, host: Runtime) -> None:
    answer = make_owner(app, host).web.post("/demo/remove")
    assert any(header.startswith("rhesis=;") for header in answer.headers.getlist("Set-Cookie"))


def test_another_organization_stays(alice: Person) -> None:
    assert alice.web.post("/demo/remove").status_code == 404
    assert alice.count(Membership) == 2


def test_a_viewer_is_refused(bob: Person) -> None:
    assert bob.web.post("/demo/remove").status_code == 403


def test_it_needs_a_login(app: Flask, host: Runtime) -> None:
    answer = app.test_client().post("/demo/remove")
    assert answer.status_code in {303, 401}


def test_a_form_without_its_token_is_refused(app: Flask, host: Runtime) -> None:
    owner = make_owner(app, host)
    assert owner.web.post("/demo/remove", {"csrf_token": ""}).status_code == 403
    assert find_owner(host) is not None


def test_what_was_done_in_the_background_goes_as_well(
    app: Flask, host: Runtime, superuser: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner = make_owner(app, host)
    monkeypatch.setattr(host, "post", SmtpPost(MailServer.parse("smtp://127.0.0.1:1", "a@example.org"), timeout_s=1))
    with owner.scope() as scope:
        project = create_project(scope, "Chatbot")
        run = make_run(scope, RunPlan(project_id=project.id), [Given()])
        choose_preferences(scope, email={"gate.failed": False})
    assert owner.api.post("/reports", {"run_id": str(run.id), "exporter": "html.run"}).status_code == 202
    do_jobs(owner)
    assert owner.count(Delivery) == owner.count(ReportChunk) == owner.count(Preference) == 1
    assert owner.web.post("/demo/remove").status_code == 303
    with superuser.connect() as connection:
        left = "SELECT (SELECT count(*) FROM job) + (SELECT count(*) FROM report) + (SELECT count(*) FROM preference)"
        assert connection.execute(text(left)).scalar_one() == 0
