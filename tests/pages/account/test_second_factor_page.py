"""The page of the second factor: off, waiting for a first code, on; and what is shown once."""

import re

from sqlalchemy import Engine

from tests.auth.second_factors import Authenticator
from tests.pages.forms_in import forms_in
from tests.people import PASSWORD, Person

PAGE = "/settings/profile/second-factor"


def begun(person: Person, superuser: Engine) -> Authenticator:
    """Press the button, and add the secret to an app."""
    assert person.web.post(PAGE).headers["Location"] == PAGE
    secret = re.findall(r'<code class="secret" tabindex="0">([A-Z2-7]{32})</code>', person.web.get(PAGE).text)
    return Authenticator(secret[0], superuser)


def test_it_is_set_up_used_and_turned_off(alice: Person, superuser: Engine) -> None:
    assert "Nothing changes before you have typed a first code" in alice.web.get(PAGE).text
    authenticator = begun(alice, superuser)
    page = alice.web.get(PAGE).text
    assert 'src="data:image/svg+xml' in page
    wrong = alice.web.post(f"{PAGE}/confirm", {"password": PASSWORD, "code": authenticator.wrong_code()})
    assert (wrong.status_code, "not the code" in wrong.text) == (422, True)
    on = alice.web.post(f"{PAGE}/confirm", {"password": PASSWORD, "code": authenticator.code()})
    codes = re.findall(r"^[a-z2-7]{5}(?:-[a-z2-7]{5}){4}$", on.text.split("<pre")[1].split("</pre>")[0], re.MULTILINE)
    assert on.status_code == 200
    page = alice.web.get(PAGE).text
    assert "10 of 10 left" in page
    assert not [code for code in codes if code in page]
    renewed = alice.web.post(f"{PAGE}/recovery-codes", {"password": PASSWORD, "code": authenticator.code()})
    assert (renewed.status_code, "Keep your recovery codes" in renewed.text) == (200, True)
    assert 'name="code"' in alice.web.get("/settings/profile").text
    refused = alice.web.post(f"{PAGE}/off", {"password": "wrong", "code": authenticator.code()})
    assert (refused.status_code, refused.text.count("not your password")) == (422, 1)
    off = alice.web.post(f"{PAGE}/off", {"password": PASSWORD, "code": authenticator.code()})
    assert off.headers["Location"] == "/settings/profile"
    assert 'name="code"' not in alice.web.get("/settings/profile").text


def test_another_secret_takes_the_place_of_one_that_waits(alice: Person, superuser: Engine) -> None:
    first, second = begun(alice, superuser), begun(alice, superuser)
    old = alice.web.post(f"{PAGE}/confirm", {"password": PASSWORD, "code": first.code()})
    assert old.status_code == 422
    assert alice.web.post(f"{PAGE}/confirm", {"password": PASSWORD, "code": second.code()}).status_code == 200
    assert alice.web.post(PAGE).headers["Location"] == PAGE
    assert "is on already" in alice.web.get(PAGE).text


def test_what_was_not_begun_or_is_off_is_said(alice: Person) -> None:
    proof = {"password": PASSWORD, "code": "123456"}
    for deed, words in (("confirm", "Begin the set-up first"), ("off", "is off"), ("recovery-codes", "is off")):
        assert alice.web.post(f"{PAGE}/{deed}", proof).status_code == 303
        assert words in alice.web.get(PAGE).text


def test_all_sessions_end_after_a_question(alice: Person) -> None:
    page = alice.web.get("/settings/profile").text
    action = next(form.action for form in forms_in(page) if form.action.endswith("/end-all"))
    answer = alice.web.post(action)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/login")
    assert alice.web.get("/settings/profile").headers["Location"].startswith("/login")
