"""POST /demo/remove."""

from flask import Flask

from rhesis_app.auth.actions import NewAccount, found
from rhesis_app.demo.actions.remove import find_owner
from rhesis_app.demo.rules import EMAIL
from rhesis_app.infra.runtime import Runtime
from rhesis_app.tenancy.models import Membership
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
