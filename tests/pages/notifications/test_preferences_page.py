"""The page of what one wants to hear of."""

import re

import pytest

from rhesis_app.infra.mail import MailServer, SmtpPost
from rhesis_app.infra.runtime import Runtime
from tests.people import Person

PATH = "/settings/notifications"


def ticked(person: Person) -> list[str]:
    return re.findall(r'name="email" value="([^"]+)" checked', person.web.get(PATH).text)


def test_choices_are_shown_and_kept(alice: Person) -> None:
    assert ticked(alice) == ["run.finished", "gate.failed", "report.ready", "schedule.failed"]
    answer = alice.web.post(PATH, {"email": ["gate.failed"]})
    assert answer.headers["Location"] == PATH
    assert ticked(alice) == ["gate.failed"]
    assert alice.web.post(PATH).status_code == 303
    assert ticked(alice) == []


def test_an_installation_without_a_mail_server_says_so(
    alice: Person, host: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "has no mail server yet" in alice.web.get(PATH).text
    monkeypatch.setattr(host, "post", SmtpPost(MailServer.parse("smtp://localhost", "a@example.org")))
    page = alice.web.get(PATH).text
    assert "has no mail server" not in page
    assert "alice@example.org" in page


def test_a_viewer_may_choose(bob: Person) -> None:
    assert 'href="/settings/notifications"' in bob.web.get("/").text
    assert bob.web.post(PATH, {"email": []}).status_code == 303
