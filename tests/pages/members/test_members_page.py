"""Settings › Members: inviting with and without a mail server, roles, removing, and what a viewer sees of it."""

import re
from collections.abc import Iterator
from dataclasses import replace
from html import unescape

import pytest

from rhesis_app.infra.mail import MailServer, SmtpPost
from rhesis_app.infra.runtime import Runtime
from tests.background import do_jobs
from tests.pages.forms_in import forms_in
from tests.people import Person, add_member
from tests.smtp import PostBox, post_box

PATH = "/settings/members"


@pytest.fixture
def box(alice: Person, host: Runtime, monkeypatch: pytest.MonkeyPatch) -> Iterator[PostBox]:
    """The process's mail server, running."""
    _ = alice.web  # before the address changes what its cookie is called
    with post_box() as box:
        sender = "Rhesis App <rhesis@example.org>"
        monkeypatch.setattr(host, "post", SmtpPost(MailServer.parse(box.url, sender), timeout_s=2))
        monkeypatch.setattr(host, "settings", replace(host.settings, external_url="https://rhesis.example.org"))
        yield box


def invite(person: Person, email: str = "dana@example.org", role: str = "Viewer") -> str:
    answer = person.web.post(f"{PATH}/invitations", {"email": email, "role": role})
    return unescape(answer.text)


def row_of(page: str, name: str) -> str:
    return next(row for row in page.split("<tr>") if name in row).split("</tr>")[0]


def test_without_a_mail_server_the_link_is_shown_once(alice: Person) -> None:
    page = invite(alice)
    (link,) = re.findall(r'<code class="secret" tabindex="0">(\S+?)</code>', page)
    assert link.startswith("http://127.0.0.1:8080/invitations/")
    link = link.removeprefix("http://127.0.0.1:8080")
    again = alice.web.get(PATH).text
    assert link not in again
    assert "dana@example.org" in again
    assert "1 invitation waiting" in again
    browser = alice.app.test_client()
    assert "Join Organization A" in browser.get(link).text
    joined = browser.post(link, data={"name": "Dana", "password": "seven otters read maps"})
    assert (joined.status_code, joined.headers["Location"]) == (303, "/")
    assert "Welcome to Organization A." in browser.get("/", follow_redirects=True).text
    over = browser.get(link)
    assert (over.status_code, "accepted already" in over.text) == (404, True)
    assert "3 people" in alice.web.get(PATH).text


def test_with_one_a_letter_brings_the_link_and_nobody_else_sees_it(alice: Person, box: PostBox) -> None:
    answer = alice.web.post(f"{PATH}/invitations", {"email": "dana@example.org", "role": "Member"})
    assert answer.headers["Location"] == PATH
    page = alice.web.get(PATH).text
    assert "the letter is on its way" in page
    assert "/invitations/" not in page.replace("/settings/members/invitations/", "")
    do_jobs(alice)
    (letter,) = box.taken
    assert letter.recipient == "dana@example.org"
    assert letter.message["Subject"] == "Alice invites you to Organization A"
    assert "join as Member" in letter.text
    assert "Choose what you hear of" not in letter.text
    (link,) = re.findall(r"Join: https://rhesis.example.org(\S+)", letter.text)
    assert f"https://rhesis.example.org{link}" in unescape(letter.html)
    assert (
        "Dana"
        in alice.app.test_client()
        .post(link, data={"name": "Dana", "password": "seven otters read maps"}, follow_redirects=True)
        .text
    )
    assert alice.api.post("/invitations", {"email": "e@example.org", "role": "Viewer"}).json["accept_url"] is None


def test_an_address_that_no_server_takes_is_said(alice: Person, box: PostBox) -> None:
    box.refuse["dana@example.org"] = "550 no such mailbox"
    invite(alice)
    invite(alice, email="erin@example.org")
    assert "Not delivered" not in alice.web.get(PATH).text
    do_jobs(alice)
    page = alice.web.get(PATH).text
    assert "Not delivered" in row_of(page, "dana@example.org")
    assert "Pending" in row_of(page, "erin@example.org")


def test_sent_again_the_letter_before_leads_nowhere(alice: Person, box: PostBox) -> None:
    invite(alice)
    do_jobs(alice)
    form = next(one for one in forms_in(alice.web.get(PATH).text) if one.action.endswith("/send"))
    alice.web.post(form.action)
    do_jobs(alice)
    first, second = (re.findall(r"Join: https://rhesis.example.org(\S+)", one.text)[0] for one in box.taken)
    browser = alice.app.test_client()
    assert (browser.get(first).status_code, browser.get(second).status_code) == (404, 200)
    assert "newer one was sent" in browser.get(first).text


def test_what_is_no_invitation_is_said_at_its_field(alice: Person) -> None:
    page = invite(alice, email="nobody")
    assert re.search(r'<dialog class="dialog" id="d-invite"[^>]* open data-modal>', page)
    assert "Give an e-mail address" in page
    assert 'value="nobody"' in page
    assert "is a member already" in invite(alice, email="bob@example.org")


def test_an_invitation_is_revoked(alice: Person) -> None:
    invite(alice)
    form = next(one for one in forms_in(alice.web.get(PATH).text) if one.action.endswith("/revoke"))
    alice.web.post(form.action)
    page = alice.web.get(PATH).text
    assert "was revoked" in page
    assert "Nobody is waiting" in page


def test_a_role_is_changed_and_somebody_removed(alice: Person, bob: Person) -> None:
    alice.web.post(f"{PATH}/{bob.actor.user_id}/role", {"role": "Member"})
    page = alice.web.get(PATH).text
    assert "Bob is Member now" in page
    assert '<option value="Member" selected>' in row_of(page, "Bob")
    alice.web.post(f"{PATH}/{bob.actor.user_id}/remove")
    page = alice.web.get(PATH).text
    assert "Bob was removed" in page
    assert "1 person" in page


def test_a_refusal_is_said_on_the_page(alice: Person) -> None:
    alice.web.post(f"{PATH}/{alice.actor.user_id}/role", {"role": "Viewer"})
    assert "Somebody has to own the organization" in alice.web.get(PATH).text
    alice.web.post(f"{PATH}/{alice.actor.user_id}/remove")
    assert "Somebody has to own the organization" in alice.web.get(PATH).text


def test_an_admin_is_offered_neither_owners_nor_their_role(alice: Person, bob: Person) -> None:
    admin = add_member(alice, "erin", "Admin")
    page = admin.web.get(PATH).text
    assert "<form" not in row_of(page, "Alice")
    assert "<form" in row_of(page, "Bob")
    assert '<option value="Owner"' not in page
    assert '<option value="Admin"' in page


def test_a_viewer_sees_who_is_there_and_nothing_to_change(alice: Person, bob: Person) -> None:
    invite(alice)
    page = bob.web.get(PATH).text
    assert "alice@example.org" in page
    assert "dana@example.org" not in page
    assert [form.action for form in forms_in(page.split('<main id="main"')[1].split("</main>")[0])] == []
    assert "What roles may do" in page


def test_names_are_only_text(alice: Person) -> None:
    add_member(alice, "<b>x</b>", "Viewer")
    assert "<b>x" not in alice.web.get(PATH).text.lower()
