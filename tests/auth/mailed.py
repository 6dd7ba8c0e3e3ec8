"""An instance that sends letters, or is open to all: fixtures for the tests of accounts."""

import re
from collections.abc import Iterator
from dataclasses import replace

import pytest

from rhesis_app.infra.mail import MailServer, SmtpPost
from rhesis_app.infra.runtime import Runtime
from tests.smtp import PostBox, post_box

SITE = "http://localhost:8080"  # plain, as the cookies of the tests' browsers are


@pytest.fixture
def box(host: Runtime, monkeypatch: pytest.MonkeyPatch) -> Iterator[PostBox]:
    """The process's mail server, running."""
    with post_box() as box:
        sender = "Rhesis App <rhesis@example.org>"
        monkeypatch.setattr(host, "post", SmtpPost(MailServer.parse(box.url, sender), timeout_s=2))
        monkeypatch.setattr(host, "settings", replace(host.settings, external_url=SITE))
        yield box


@pytest.fixture
def open_to_all(host: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    """Anybody may register."""
    monkeypatch.setattr(host, "settings", replace(host.settings, open_registration=True))


def link_in(box: PostBox, words: str) -> str:
    """The path of the link that the newest letter calls so."""
    return re.findall(rf"{words}: {SITE}(\S+)", box.taken[-1].text)[0]
