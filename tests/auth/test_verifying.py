"""An e-mail address is somebody's when they have followed a letter's link, signed in; only then does another one take its place."""

import re
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import Engine, text

from rhesis_app.auth.actions.address import make_email_link
from rhesis_app.infra.runtime import Runtime
from rhesis_app.kernel.errors import Conflict, NotFound
from rhesis_app.tenancy.models import AuditEntry
from tests.auth.mailed import SITE, box, link_in
from tests.auth.second_factors import turn_on
from tests.background import do_jobs
from tests.people import PASSWORD, ApiClient, Person, add_member, signed_in
from tests.smtp import PostBox

__all__ = ["box"]
OTHER = "alice@other.example"


@pytest.fixture
def mine(app: Flask, alice: Person) -> ApiClient:
    """Alice, logged in as a program."""
    return signed_in(app, alice.email)


def change(client: ApiClient, email: str = OTHER, **changes: str) -> Any:
    return client.post("/me/email", {"email": email, "password": PASSWORD, **changes})


def token_in(box: PostBox) -> str:
    return link_in(box, "Confirm the address").rpartition("/")[2]


def test_a_letter_confirms_the_address(alice: Person, mine: ApiClient, box: PostBox) -> None:
    assert mine.post("/me/email/verify").status_code == 202
    do_jobs(alice)
    (letter,) = box.taken
    assert (letter.recipient, "30 minutes" in letter.text) == (alice.email, True)
    token = token_in(box)
    assert mine.get("/me").json["user"]["email_verified"] is False
    assert mine.post("/me/email/confirm", {"token": token}).json["user"]["email_verified"] is True
    assert mine.post("/me/email/confirm", {"token": token}).status_code == 404
    assert mine.post("/me/email/verify").status_code == 409
    assert len(box.taken) == 1
    assert alice.count(AuditEntry, action="email.verify") == 1


def test_another_address_is_taken_when_its_link_is_followed_and_the_old_one_is_told(
    app: Flask, alice: Person, mine: ApiClient, box: PostBox
) -> None:
    assert change(mine, " Alice@Other.example ").status_code == 202
    do_jobs(alice)
    assert box.taken[-1].recipient == OTHER
    assert mine.get("/me").json["user"]["email"] == alice.email
    me = mine.post("/me/email/confirm", {"token": token_in(box)}).json
    assert (me["user"]["email"], me["user"]["email_verified"]) == (OTHER, True)
    do_jobs(alice)
    assert (box.taken[-1].recipient, OTHER in box.taken[-1].text) == (alice.email, True)
    signed_in(app, OTHER)
    assert ApiClient(app, None).post("/auth/login", {"email": alice.email, "password": PASSWORD}).status_code == 401
    assert alice.count(AuditEntry, action="email.change") == 1


def test_a_link_works_for_whoever_asked_for_it_alone(
    app: Flask, alice: Person, charlie: Person, mine: ApiClient, box: PostBox
) -> None:
    """Otherwise somebody could have the owner of an address confirm it for them."""
    change(mine)
    do_jobs(alice)
    token, theirs = token_in(box), signed_in(app, charlie.email)
    assert theirs.post("/me/email/confirm", {"token": token}).status_code == 404
    assert charlie.web.get(f"/settings/profile/email/{token}").status_code == 404
    assert charlie.web.post(f"/settings/profile/email/{token}").status_code == 404
    page = app.test_client().get(f"/settings/profile/email/{token}")
    assert (page.status_code, page.headers["Location"].startswith("/login?next=")) == (303, True)
    assert theirs.get("/me").json["user"]["email"] == charlie.email
    assert mine.post("/me/email/confirm", {"token": token}).status_code == 200


def test_an_address_that_somebody_has_gets_a_letter_that_says_so(
    alice: Person, charlie: Person, mine: ApiClient, box: PostBox
) -> None:
    free, known = change(mine), change(mine, charlie.email)
    assert (known.status_code, known.json["detail"].replace(charlie.email, OTHER)) == (202, free.json["detail"])
    do_jobs(alice)
    told = {letter.recipient: letter.text for letter in box.taken}
    assert "/settings/profile/email/" in told[OTHER]
    assert "/settings/profile/email/" not in told[charlie.email]


def test_an_address_that_somebody_took_meanwhile_is_refused(alice: Person, mine: ApiClient, box: PostBox) -> None:
    change(mine, "erin@example.org")
    do_jobs(alice)
    add_member(alice, "erin", "Viewer")
    assert mine.post("/me/email/confirm", {"token": token_in(box)}).status_code == 409
    assert mine.get("/me").json["user"]["email"] == alice.email


@pytest.mark.parametrize(
    ("changes", "field"),
    [({"password": "wrong"}, "password"), ({"email": "none"}, "email"), ({"email": "Alice@example.org"}, "email")],
)
def test_what_is_wrong_is_said_at_its_field(
    alice: Person, mine: ApiClient, box: PostBox, changes: dict[str, str], field: str
) -> None:
    answer = change(mine, **changes)
    assert (answer.status_code, list(answer.json["errors"])) == (422, [field])
    do_jobs(alice)
    assert box.taken == []


def test_a_second_factor_is_asked_for(
    app: Flask, alice: Person, mine: ApiClient, superuser: Engine, box: PostBox
) -> None:
    _, codes = turn_on(app, alice, superuser)
    assert list(change(mine).json["errors"]) == ["code"]
    assert change(mine, code=codes[0]).status_code == 202


def test_the_newest_change_ends_the_other_links(alice: Person, mine: ApiClient, box: PostBox, host: Runtime) -> None:
    first = make_email_link(host, alice.email).rpartition("/")[2]
    change(mine)
    do_jobs(alice)
    mine.post("/me/email/confirm", {"token": token_in(box)})
    assert mine.post("/me/email/confirm", {"token": first}).status_code == 404
    assert mine.get("/me").json["user"]["email"] == OTHER


def test_a_few_letters_are_sent_and_no_more(mine: ApiClient, box: PostBox) -> None:
    answers = [change(mine, f"nobody{number}@example.org").status_code for number in range(5)]
    assert answers == [202, 202, 202, 429, 429]


def test_without_a_mail_server_it_says_who_helps(
    app: Flask, alice: Person, charlie: Person, mine: ApiClient, host: Runtime
) -> None:
    for answer in (change(mine), mine.post("/me/email/verify")):
        assert (answer.status_code, "rhesis-app account email-link" in answer.json["detail"]) == (409, True)
    page = alice.web.get("/settings/profile/email").text
    assert "sends no mail" in page
    assert 'name="password"' not in page
    token = make_email_link(host, "ALICE@example.org", OTHER).rpartition("/")[2]
    assert mine.post("/me/email/confirm", {"token": token}).json["user"]["email"] == OTHER
    with pytest.raises(NotFound):
        make_email_link(host, "nobody@example.org")
    with pytest.raises(Conflict):
        make_email_link(host, OTHER, charlie.email)


def test_a_letter_of_an_invitation_confirms_the_address_and_a_link_by_hand_does_not(
    app: Flask, alice: Person, box: PostBox, monkeypatch: pytest.MonkeyPatch, host: Runtime
) -> None:
    def join(token: str) -> Any:
        body = {"token": token, "name": "Dana", "password": "seven otters read maps"}
        joined = ApiClient(app, None).post("/invitations/accept", body)
        return ApiClient(app, joined.json["access_token"]).get("/me").json["user"]["email_verified"]

    alice.api.post("/invitations", {"email": "dana@example.org", "role": "Viewer"})
    do_jobs(alice)
    assert join(re.findall(rf"Join: {SITE}/invitations/(\S+)", box.taken[-1].text)[0]) is True
    monkeypatch.setattr(host, "post", None)
    made = alice.api.post("/invitations", {"email": "erik@example.org", "role": "Viewer"}).json
    assert join(made["accept_url"].rpartition("/")[2]) is False


def test_the_pages_lead_through_it(alice: Person, box: PostBox, superuser: Engine) -> None:
    page = alice.web.get("/settings/profile/email").text
    assert "Not confirmed" in page
    refused = alice.web.post("/settings/profile/email", {"email": OTHER, "password": "wrong"})
    assert (refused.status_code, "not your password" in refused.text, OTHER in refused.text) == (422, True, True)
    assert alice.web.post("/settings/profile/email/verify").status_code == 303
    assert alice.web.post("/settings/profile/email", {"email": OTHER, "password": PASSWORD}).status_code == 303
    assert f"on its way to {OTHER}" in alice.web.get("/settings/profile").text
    do_jobs(alice)
    path = link_in(box, "Confirm the address")
    shown = alice.web.get(path)
    assert (shown.status_code, OTHER in shown.text) == (200, True)
    assert alice.web.post(path).headers["Location"] == "/settings/profile"
    assert f"{OTHER} is confirmed" in alice.web.get("/settings/profile").text
    assert (alice.web.get(path).status_code, alice.web.post(path).status_code) == (404, 404)
    with superuser.connect() as connection:
        kept = connection.execute(text("SELECT o::text FROM one_time_token o UNION ALL SELECT d::text FROM delivery d"))
        assert not [row for (row,) in kept if path.rpartition("/")[2] in row]


def test_a_token_changes_nothing_of_it(alice: Person) -> None:
    answers = [
        change(alice.api),
        alice.api.post("/me/email/verify"),
        alice.api.post("/me/email/confirm", {"token": "x"}),
    ]
    assert {answer.status_code for answer in answers} == {403}
