"""Somebody who signs in by single sign-on alone: a sign-in of a moment ago stands for the password that they do not have."""

from typing import Any

import pytest
from flask import Flask
from sqlalchemy import Engine, text

from rhesis_app.auth.actions.reset import make_operators_link
from rhesis_app.infra.runtime import Runtime
from tests.auth.mailed import box
from tests.auth.oidc import Browser, Provider
from tests.background import do_jobs
from tests.pages.forms_in import forms_in
from tests.people import Person, signed_in
from tests.smtp import PostBox

__all__ = ["box"]
# the provider's own use of a library that moves on
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")
DANA, NEW = "dana@example.org", "a first one, of four words"


@pytest.fixture
def dana(app: Flask, joining: Provider) -> Browser:
    """She is signed in."""
    browser = Browser(app)
    assert browser.signs_in(joining, "dana").status_code == 303
    return browser


def post(browser: Browser, page: str, action: str, **fields: str) -> Any:
    """Send a form of a page with what it holds, and these fields."""
    form = next(form for form in forms_in(browser.client.get(page).text) if form.action == action)
    return browser.client.post(action, data={**form.fields, **fields})


def let_the_sign_in_grow_old(superuser: Engine) -> None:
    with superuser.connect() as connection:
        connection.execute(text("UPDATE session SET created_at = created_at - interval '11 minutes'"))


HERS = "SELECT count(*) FROM user_password p JOIN app_user u ON u.id = p.user_id WHERE u.email = :email"
FORMS = {
    "/settings/profile/deactivate": {"email": DANA},
    "/settings/profile/email": {"email": "dana@other.example"},
    "/settings/profile/password": {"new_password": NEW},
}


@pytest.mark.parametrize("action", FORMS)
def test_after_ten_minutes_she_signs_in_again_first(
    dana: Browser, superuser: Engine, box: PostBox, action: str
) -> None:
    let_the_sign_in_grow_old(superuser)
    page = "/settings/profile" if action.endswith("password") else action
    answer = post(dana, page, action, **FORMS[action])
    assert answer.status_code == 409
    assert "sign in by single sign-on" in answer.text
    assert f"/login/sso?next={page}" in answer.text
    assert 'name="password"' not in answer.text
    assert 'name="current_password"' not in answer.text
    with superuser.connect() as connection:
        assert connection.scalar(text(HERS), {"email": DANA}) == 0
    assert dana.client.get("/settings/profile").status_code == 200


def test_right_after_it_she_sets_a_first_password(app: Flask, dana: Browser) -> None:
    assert post(dana, "/settings/profile", "/settings/profile/password", new_password=NEW).status_code == 303
    page = dana.client.get("/settings/profile").text
    assert 'name="current_password"' in page
    assert signed_in(app, DANA, NEW).get("/me").json["user"]["has_password"] is True


def test_a_weak_one_is_refused(dana: Browser) -> None:
    answer = post(dana, "/settings/profile", "/settings/profile/password", new_password="password1234")
    assert answer.status_code == 422
    assert "easy to guess" in answer.text


def test_she_takes_another_address(alice: Person, dana: Browser, box: PostBox) -> None:
    answer = post(dana, "/settings/profile/email", "/settings/profile/email", email="dana@other.example")
    assert answer.status_code == 303
    do_jobs(alice)
    assert box.taken[-1].recipient == "dana@other.example"


def test_she_deactivates_her_account(app: Flask, joining: Provider, dana: Browser) -> None:
    page = "/settings/profile/deactivate"
    assert post(dana, page, page, email=DANA).status_code == 303
    assert dana.client.get("/settings/profile").status_code == 303
    assert Browser(app).signs_in(joining, "dana").status_code == 403


def test_a_second_factor_waits_for_a_password(dana: Browser) -> None:
    """Single sign-on never asks for one of ours, so that it would be for show."""
    assert "sign-on provider may ask" in dana.client.get("/settings/profile").text
    page = "/settings/profile/second-factor"
    assert post(dana, page, page).status_code == 303
    said = dana.client.get(page).text
    assert "set a password on your profile first" in said
    assert "QR code" not in said


def test_whoever_runs_the_server_lets_her_in_without_the_provider(app: Flask, host: Runtime, dana: Browser) -> None:
    link = make_operators_link(host, DANA)
    assert app.test_client().post(link, data={"password": NEW}).status_code == 303
    assert signed_in(app, DANA, NEW).get("/me").status_code == 200
