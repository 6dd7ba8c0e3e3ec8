"""Open registration: the same answer for every address, and nobody gets an account at an address that is not theirs."""

import re
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import Engine, text

from rhesis_app.infra.runtime import Runtime
from tests.auth.mailed import SITE, box, link_in, open_to_all
from tests.people import PASSWORD, ApiClient, Person, signed_in
from tests.smtp import PostBox

__all__ = ["box", "open_to_all"]
NEW = "dana@example.org"
CHOSEN = "seven otters read maps of Dana"
pytestmark = pytest.mark.usefixtures("open_to_all")


@pytest.fixture
def stranger(app: Flask, alice: Person) -> ApiClient:
    """Somebody who is not signed in."""
    return ApiClient(app, None)


def register(stranger: ApiClient, email: str = NEW, **changes: str) -> Any:
    body = {"organization_name": "Dana's", "name": "Dana", "email": email, "password": CHOSEN, **changes}
    return stranger.post("/auth/register", body)


def users(superuser: Engine) -> set[str]:
    with superuser.connect() as connection:
        return set(connection.execute(text("SELECT email FROM app_user")).scalars())


def test_a_letter_makes_the_account(app: Flask, stranger: ApiClient, superuser: Engine, box: PostBox) -> None:
    answer = register(stranger, " Dana@Example.org ")
    assert (answer.status_code, list(answer.json)) == (202, ["detail"])
    (letter,) = box.taken
    assert (letter.recipient, "30 minutes" in letter.text) == (NEW, True)
    assert NEW not in users(superuser)
    token = link_in(box, "Finish the registration").rpartition("/")[2]
    made = stranger.post("/auth/register/confirm", {"token": token, "password": CHOSEN})
    assert made.status_code == 201
    me = ApiClient(app, made.json["access_token"]).get("/me").json
    assert (me["user"]["email"], me["user"]["email_verified"]) == (NEW, True)
    assert (me["organization"]["name"], me["organization"]["role"]) == ("Dana's", "Owner")
    assert stranger.post("/auth/register/confirm", {"token": token, "password": CHOSEN}).status_code == 404
    signed_in(app, NEW, CHOSEN)


def test_everybody_gets_the_same_answer(alice: Person, stranger: ApiClient, superuser: Engine, box: PostBox) -> None:
    before = users(superuser)
    answers = {(answer.status_code, answer.text) for answer in (register(stranger, who) for who in (NEW, alice.email))}
    assert len(answers) == 1
    assert users(superuser) == before
    told = {letter.recipient: letter.text for letter in box.taken}
    assert "/register/" in told[NEW]
    assert "/register/" not in told[alice.email]
    assert f"Sign in: {SITE}/login" in told[alice.email]
    signed_in(alice.app, alice.email, PASSWORD)


def test_everybody_gets_the_same_answer_without_mail_too(
    app: Flask, alice: Person, stranger: ApiClient, superuser: Engine
) -> None:
    answers = {(answer.status_code, answer.text) for answer in (register(stranger, who) for who in (NEW, alice.email))}
    assert len(answers) == 1
    assert "sends no mail" in answers.pop()[1]
    assert signed_in(app, NEW, CHOSEN).get("/me").json["user"]["email_verified"] is False
    assert stranger.post("/auth/login", {"email": alice.email, "password": CHOSEN}).status_code == 401
    signed_in(app, alice.email, PASSWORD)


def test_whoever_reads_the_letter_must_know_the_password_it_was_begun_with(
    stranger: ApiClient, superuser: Engine, box: PostBox
) -> None:
    """Otherwise somebody could have the owner of another address confirm an account of theirs."""
    register(stranger)
    token = link_in(box, "Finish the registration").rpartition("/")[2]
    refused = stranger.post("/auth/register/confirm", {"token": token, "password": "of somebody else's choice"})
    assert (refused.status_code, list(refused.json["errors"])) == (422, ["password"])
    assert NEW not in users(superuser)
    for _ in range(9):
        stranger.post("/auth/register/confirm", {"token": token, "password": "of somebody else's choice"})
    assert stranger.post("/auth/register/confirm", {"token": token, "password": CHOSEN}).status_code == 429


def test_of_many_who_use_a_link_at_once_one_makes_the_account(
    app: Flask, stranger: ApiClient, superuser: Engine, box: PostBox
) -> None:
    for _ in range(2):
        register(stranger)
    tokens = [re.findall(r"/register/(\S+)", letter.text)[0] for letter in box.taken]
    with ThreadPoolExecutor(8) as pool:
        made = list(
            pool.map(
                lambda number: (
                    ApiClient(app, None)
                    .post("/auth/register/confirm", {"token": tokens[number % 2], "password": CHOSEN})
                    .status_code
                ),
                range(8),
            )
        )
    assert made.count(201) == 1
    assert set(made) <= {201, 404, 409}
    with superuser.connect() as connection:
        assert connection.scalar(text("SELECT count(*) FROM organization WHERE name = 'Dana''s'")) == 1


def test_a_link_that_has_run_out_says_so_and_what_it_kept_goes(
    app: Flask, stranger: ApiClient, superuser: Engine, box: PostBox
) -> None:
    register(stranger)
    path = link_in(box, "Finish the registration")
    with superuser.connect() as connection:
        assert connection.scalar(text("SELECT expires_at - now() <= interval '30 minutes' FROM registration"))
        connection.execute(text("UPDATE registration SET expires_at = now()"))
    for answer in (app.test_client().get(path), app.test_client().post(path, data={"password": CHOSEN})):
        assert (answer.status_code, "has run out" in answer.text) == (404, True)
    register(stranger, "erik@example.org")
    with superuser.connect() as connection:
        assert connection.scalars(text("SELECT email FROM registration")).all() == ["erik@example.org"]


@pytest.mark.parametrize(
    ("field", "value"),
    [("organization_name", " "), ("name", " "), ("email", "no address"), ("password", "short"), ("password", NEW)],
)
def test_a_mistake_is_said_at_its_field_whoever_is_registered(
    alice: Person, stranger: ApiClient, field: str, value: str
) -> None:
    answer = register(stranger, **{field: value})
    assert (answer.status_code, list(answer.json["errors"])) == (422, [field])


def test_many_letters_to_one_address_are_few_and_a_flood_is_told_to_wait(stranger: ApiClient, box: PostBox) -> None:
    assert {register(stranger).status_code for _ in range(5)} == {202}
    assert len(box.taken) == 3
    for number in range(25):
        register(stranger, f"nobody{number}@example.org")
    assert register(stranger, "erik@example.org").status_code == 429


def test_a_mail_server_that_is_away_is_said_to_everybody(alice: Person, stranger: ApiClient, box: PostBox) -> None:
    box.on_data = lambda _address: "451 later"
    assert {register(stranger, who).status_code for who in (NEW, alice.email)} == {503}


def test_the_pages_lead_through_it(app: Flask, alice: Person, box: PostBox) -> None:
    browser = app.test_client()
    assert 'href="/register"' in browser.get("/login").text
    form = {"organization_name": "Dana's", "name": "Dana", "email": NEW, "password": "short"}
    refused = browser.post("/register", data=form)
    assert (refused.status_code, "12 to 1,024" in refused.text, NEW in refused.text) == (422, True, True)
    begun = browser.post("/register", data=form | {"password": CHOSEN})
    assert (begun.status_code, "Look into your mail" in begun.text) == (200, True)
    path = link_in(box, "Finish the registration")
    page = browser.get(path)
    assert (page.status_code, NEW in page.text, "Dana" in page.text) == (200, True, True)
    assert browser.post(path, data={"password": "not the one"}).status_code == 422
    entered = browser.post(path, data={"password": CHOSEN})
    assert (entered.status_code, entered.headers["Location"]) == (303, "/")
    assert "First project" in browser.get("/", follow_redirects=True).text


def test_what_nobody_finishes_is_forgotten(stranger: ApiClient, host: Runtime, superuser: Engine, box: PostBox) -> None:
    register(stranger)
    register(stranger, "erin@example.org")
    with superuser.connect() as connection:
        connection.execute(
            text("UPDATE registration SET expires_at = now() - interval '1 s' WHERE email = :email"), {"email": NEW}
        )
    host.ask("SELECT sweep_expired()")
    with superuser.connect() as connection:
        assert list(connection.execute(text("SELECT email FROM registration")).scalars()) == ["erin@example.org"]
