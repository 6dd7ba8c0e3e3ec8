"""A forgotten password: the same answer for everybody, a link that works once, and nobody gets in by a link of another's."""

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from flask import Flask
from sqlalchemy import Engine, text

from rhesis_app.auth.actions.reset import make_operators_link
from rhesis_app.infra.mail import MailServer, SmtpPost
from rhesis_app.infra.runtime import Runtime
from rhesis_app.kernel.errors import NotFound
from rhesis_app.notifications.models import Delivery, Notification
from tests.background import do_jobs
from tests.people import PASSWORD, ApiClient, Person, add_member, signed_in
from tests.smtp import PostBox, post_box

NEW = "quite another passphrase"
SITE = "https://rhesis.example.org"


@pytest.fixture
def box(host: Runtime, monkeypatch: pytest.MonkeyPatch) -> Iterator[PostBox]:
    """The process's mail server, running."""
    with post_box() as box:
        sender = "Rhesis App <rhesis@example.org>"
        monkeypatch.setattr(host, "post", SmtpPost(MailServer.parse(box.url, sender), timeout_s=2))
        monkeypatch.setattr(host, "settings", replace(host.settings, external_url=SITE))
        yield box


@pytest.fixture
def stranger(app: Flask, alice: Person) -> ApiClient:
    """Somebody who is not signed in."""
    return ApiClient(app, None)


def asked(stranger: ApiClient, email: str) -> tuple[int, str]:
    answer = stranger.post("/auth/reset", {"email": email})
    return answer.status_code, answer.json["detail"]


def link_in(box: PostBox) -> str:
    return re.findall(rf"Set a new password: {SITE}/reset/(\S+)", box.taken[-1].text)[0]


def reset(stranger: ApiClient, token: str, password: str = NEW) -> int:
    return stranger.post("/auth/reset/confirm", {"token": token, "password": password}).status_code


def test_a_letter_with_a_link_sets_a_new_password_and_ends_every_session(
    app: Flask, alice: Person, stranger: ApiClient, box: PostBox
) -> None:
    before = signed_in(app, alice.email)
    assert alice.web.get("/").status_code in {200, 303}
    assert asked(stranger, " Alice@Example.org ")[0] == 202
    do_jobs(alice)
    (letter,) = box.taken
    assert letter.recipient == alice.email
    assert "30 minutes" in letter.text
    assert "Choose what you hear of" not in letter.text
    token = link_in(box)
    assert reset(stranger, token) == 204
    assert reset(stranger, token) == 404
    assert before.get("/me").status_code == 401
    assert alice.web.get("/settings/profile").headers["Location"].startswith("/login")
    signed_in(app, alice.email, NEW)
    refused = stranger.post("/auth/login", {"email": alice.email, "password": PASSWORD})
    assert refused.status_code == 401


def test_the_link_is_kept_nowhere_once_it_is_sent(
    alice: Person, stranger: ApiClient, box: PostBox, superuser: Engine
) -> None:
    asked(stranger, alice.email)
    do_jobs(alice)
    token = link_in(box)
    assert alice.count(Delivery, content={}) == 1
    assert alice.count(Notification) == 0
    with superuser.connect() as connection:
        tables = connection.scalars(text("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")).all()
        for table in tables:
            kept = connection.execute(text(f'SELECT t::text FROM "{table}" t')).scalars()
            assert not [row for row in kept if token in row], table


def test_everybody_gets_the_same_answer(stranger: ApiClient, alice: Person, box: PostBox, superuser: Engine) -> None:
    with superuser.connect() as connection:
        connection.execute(text("UPDATE app_user SET is_active = false WHERE email = 'bob@example.org'"))
    answers = {asked(stranger, email) for email in (alice.email, "nobody@example.org", "bob@example.org", "no address")}
    assert len(answers) == 1
    do_jobs(alice)
    assert [letter.recipient for letter in box.taken] == [alice.email]


def test_without_a_mail_server_it_says_who_helps(app: Flask, stranger: ApiClient, alice: Person) -> None:
    status, said = asked(stranger, alice.email)
    assert (status, "reset-link" in said) == (202, True)
    page = app.test_client().get("/forgotten").text
    assert "sends no mail" in page
    assert "<input" not in page.split("<form")[1].split("</form>")[0]


def test_somebody_asked_for_again_and_again_gets_few_letters_and_a_flood_is_told_to_wait(
    stranger: ApiClient, alice: Person, box: PostBox
) -> None:
    answers = [asked(stranger, alice.email)[0] for _ in range(6)]
    assert set(answers) == {202}
    do_jobs(alice)
    assert len(box.taken) == 3
    for number in range(24):
        asked(stranger, f"nobody{number}@example.org")
    answer = stranger.post("/auth/reset", {"email": "nobody@example.org"})
    assert answer.status_code == 429
    assert signed_in(alice.app, alice.email)  # and that locks nobody out


def test_a_new_password_ends_the_other_links(stranger: ApiClient, alice: Person, host: Runtime) -> None:
    first, second = (make_operators_link(host, alice.email).rpartition("/")[2] for _ in range(2))
    assert reset(stranger, first) == 204
    assert reset(stranger, second) == 404


def test_a_link_that_has_run_out_says_so(
    app: Flask, stranger: ApiClient, alice: Person, host: Runtime, superuser: Engine
) -> None:
    link = make_operators_link(host, alice.email)
    with superuser.connect() as connection:
        left = connection.scalar(text("SELECT expires_at - now() <= interval '30 minutes' FROM one_time_token"))
        assert left
        connection.execute(text("UPDATE one_time_token SET expires_at = now()"))
    assert reset(stranger, link.rpartition("/")[2]) == 404
    for answer in (app.test_client().get(link), app.test_client().post(link, data={"password": NEW})):
        assert answer.status_code == 404
        assert "has run out" in answer.text


def test_a_weak_password_does_not_use_the_link_up(app: Flask, alice: Person, host: Runtime) -> None:
    link, browser = make_operators_link(host, alice.email), app.test_client()
    assert alice.email in browser.get(link).text
    refused = browser.post(link, data={"password": "short"})
    assert refused.status_code == 422
    assert "12 to 1,024" in refused.text
    answer = browser.post(link, data={"password": NEW})
    assert (answer.status_code, answer.headers["Location"]) == (303, "/login")
    assert "password was changed" in browser.get("/login").text
    signed_in(app, alice.email, NEW)


def test_of_many_who_use_a_link_at_once_one_sets_the_password(app: Flask, alice: Person, host: Runtime) -> None:
    token = make_operators_link(host, alice.email).rpartition("/")[2]
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda n: reset(ApiClient(app, None), token, f"{NEW} {n}"), range(8)))
    assert sorted(answers) == [204] + [404] * 7


def test_the_operator_makes_a_link_for_anybody_who_belongs_somewhere(host: Runtime, alice: Person) -> None:
    assert make_operators_link(host, "ALICE@example.org").startswith("/reset/")
    with pytest.raises(NotFound, match="Nobody is registered"):
        make_operators_link(host, "nobody@example.org")


def test_somebody_who_has_left_and_forgotten_comes_back_by_an_invitation(
    app: Flask, stranger: ApiClient, alice: Person, charlie: Person, box: PostBox
) -> None:
    """The invitation asks for the password of their account, so they must be able to set one."""
    successor = add_member(charlie, "dana", "Owner")
    assert successor.api.delete(f"/members/{charlie.actor.user_id}").status_code == 204
    nowhere = stranger.post("/auth/login", {"email": charlie.email, "password": PASSWORD})
    assert (nowhere.status_code, "any organization" in nowhere.json["detail"]) == (401, True)
    asked(stranger, charlie.email)
    do_jobs(charlie)
    assert reset(stranger, link_in(box)) == 204
    alice.api.post("/invitations", {"email": charlie.email, "role": "Viewer"})
    do_jobs(alice)
    token = re.findall(rf"Join: {SITE}/invitations/(\S+)", box.taken[-1].text)[0]
    assert stranger.post("/invitations/accept", {"token": token, "password": NEW}).status_code == 201
    assert signed_in(app, charlie.email, NEW).get("/me").json["organization"]["name"] == "Organization A"


def test_an_administrator_hands_a_link_over(app: Flask, stranger: ApiClient, alice: Person, bob: Person) -> None:
    with bob.scope() as scope, scope.atomic() as session:
        session.execute(text("SELECT set_password(:who, 'x')"), {"who": bob.actor.user_id})
    answer = alice.api.post(f"/members/{bob.actor.user_id}/reset-link")
    assert answer.status_code == 201
    assert reset(stranger, answer.json["reset_url"].rpartition("/")[2]) == 204
    signed_in(app, bob.email, NEW)
    page = alice.web.post(f"/settings/members/{bob.actor.user_id}/reset-link")
    assert page.status_code == 201
    assert re.search(r"http://127\.0\.0\.1:8080/reset/[\w-]{43}", page.text)


def test_no_link_lifts_whoever_makes_it(alice: Person, bob: Person, charlie: Person, app: Flask) -> None:
    """Not above their own role here, and not into what the person may do elsewhere."""
    admin = add_member(alice, "erin", "Admin")
    assert admin.api.post(f"/members/{alice.actor.user_id}/reset-link").status_code == 403
    assert bob.api.post(f"/members/{alice.actor.user_id}/reset-link").status_code == 403
    assert alice.api.post(f"/members/{alice.actor.user_id}/reset-link").status_code == 409
    assert alice.api.post(f"/members/{charlie.actor.user_id}/reset-link").status_code == 404
    link = alice.api.post("/invitations", {"email": charlie.email, "role": "Viewer"}).json["accept_url"]
    body = {"token": link.rpartition("/")[2], "password": PASSWORD}
    assert ApiClient(app, None).post("/invitations/accept", body).status_code == 201
    refused = alice.api.post(f"/members/{charlie.actor.user_id}/reset-link")
    assert (refused.status_code, "other organizations" in refused.json["detail"]) == (409, True)


def test_a_link_of_a_member_who_was_removed_opens_nothing(alice: Person, bob: Person, stranger: ApiClient) -> None:
    with bob.scope() as scope, scope.atomic() as session:
        session.execute(text("SELECT set_password(:who, 'x')"), {"who": bob.actor.user_id})
    token = alice.api.post(f"/members/{bob.actor.user_id}/reset-link").json["reset_url"].rpartition("/")[2]
    alice.api.delete(f"/members/{bob.actor.user_id}")
    assert reset(stranger, token) == 404
