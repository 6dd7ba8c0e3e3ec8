"""Messages as e-mails, and the addresses of mail servers."""

from email import message_from_bytes
from email.policy import default
from uuid import UUID

import pytest

from rhesis_app.infra.config import ConfigurationError, settings_from
from rhesis_app.infra.mail import MailAddressError, MailServer, _written
from rhesis_app.kernel.ports import Letter
from rhesis_app.notifications.rules.events import Event, Message
from rhesis_app.notifications.rules.letters import letter_of, message_of, one_line
from rhesis_app.reports.rules import report_message, run_message
from rhesis_app.sdk import GateFinding, Rate, RunSummary, Totals

ID = UUID("0193e4a2-0000-7000-8000-000000000000")
SENDER = "Rhesis App <rhesis@example.org>"
MESSAGE = Message(
    subject="Release #7 <b>failed</b>\r\nBcc: all@example.org",
    sentences=("1 of 2 tests <failed>.",),
    facts=(("Gate “Ship”", "undecided"),),
    path="/p/support/runs/7",
    link="Open the run",
)
SUMMARY = RunSummary(
    run_id="r",
    number=7,
    project="Support",
    endpoint="bot",
    test_set="Release",
    test_set_version=2,
    status="completed",
    outcome="failed",
    totals=Totals(planned=3, passed=1, failed=1, error=1),
    pass_rate=Rate(value=0.5, low=0.1, high=0.9, passed=1, n=2, excluded=1),
    finding="1 of 2 tests with a verdict failed.",
    left_out="Left out: 1 error.",
    gates=(GateFinding(name="Ship", claim="≥ 90 %", decision="failed", reason="1 of 2 passed."),),
)


def letter(site: str | None = "https://rhesis.example.org") -> Letter:
    return letter_of(ID, "ada@example.org", MESSAGE, domain="example.org", site=site)


def test_text_and_html_say_the_same_and_markup_stays_text() -> None:
    made = letter()
    for said in ("1 of 2 tests <failed>.", "Gate “Ship”", "undecided"):
        assert said in made.text
    assert "1 of 2 tests &lt;failed&gt;." in made.html
    assert "<b>" not in made.html
    assert "Open the run: https://rhesis.example.org/p/support/runs/7" in made.text
    assert 'href="https://rhesis.example.org/p/support/runs/7"' in made.html
    assert "https://rhesis.example.org/settings/notifications" in made.text


def test_without_an_address_of_ours_there_are_no_links() -> None:
    made = letter(site=None)
    assert "http" not in made.text
    assert "href" not in made.html


def test_a_subject_is_one_line_whatever_stood_in_it() -> None:
    assert letter().subject == "Release #7 <b>failed</b> Bcc: all@example.org"
    assert one_line("a\0b\u2028c\u202ed\te") == "a b c d e"
    assert len(letter_of(ID, "a@b.c", Message(subject="x" * 999), domain="d", site=None).subject) == 150


def test_the_letter_on_the_wire_is_read_back_as_it_was() -> None:
    made = letter()
    read = message_from_bytes(_written(made, SENDER), policy=default)
    assert (read["To"], read["From"], read["Subject"]) == ("ada@example.org", SENDER, made.subject)
    assert read["Message-ID"] == f"<{ID.hex}@example.org>"
    assert read["Auto-Submitted"] == "auto-generated"
    assert read["Bcc"] is None
    plain, html = (read.get_body((kind,)) for kind in ("plain", "html"))
    assert plain is not None
    assert html is not None
    assert plain.get_content().splitlines() == made.text.splitlines()
    assert html.get_content().splitlines() == made.html.splitlines()


def test_an_event_has_the_same_id_each_time_it_is_told() -> None:
    def event(kind: str, subject: UUID) -> UUID:
        return Event(kinds=(kind,), subject_id=subject, message=MESSAGE, recipients=()).id

    assert event("a", ID) == event("a", ID)
    assert event("a", ID) != event("b", ID)


def test_a_message_survives_being_kept() -> None:
    kept = {"subject": "s", "sentences": ["a"], "facts": [["n", "v"]], "path": "/p", "link": "Open"}
    assert message_of(kept) == Message(subject="s", sentences=("a",), facts=(("n", "v"),), path="/p", link="Open")


def test_an_ended_run_is_told_with_its_numbers_and_gates() -> None:
    said = run_message(SUMMARY, "support")
    assert said.subject == "Release #7 failed: gate Ship failed"
    assert said.sentences == (SUMMARY.finding, SUMMARY.left_out)
    assert ("Pass rate", "1 / 2 passed, 50.0\u00a0% [10.0, 90.0], 1 left out") in said.facts
    assert ("Gate Ship", "failed: 1 of 2 passed.") in said.facts
    assert said.path == "/p/support/runs/7"


def test_a_report_is_told_with_what_it_is_of() -> None:
    assert report_message("Page", "support", 7, 6).subject == "Report of run #7 against #6 is ready"


@pytest.mark.parametrize(
    ("url", "host", "port", "user"),
    [
        ("smtp://mail.example.org", "mail.example.org", 25, None),
        ("smtp+starttls://a%40b:p%2Fw@mail.example.org", "mail.example.org", 587, "a@b"),
        ("smtps://u:p@mail.example.org:2465", "mail.example.org", 2465, "u"),
        ("smtp://u:p@127.0.0.1:1025", "127.0.0.1", 1025, "u"),
    ],
)
def test_mail_servers_are_read_from_their_address(url: str, host: str, port: int, user: str | None) -> None:
    found = MailServer.parse(url, SENDER)
    assert (found.host, found.port, found.user) == (host, port, user)
    assert "p/w" not in repr(found)


@pytest.mark.parametrize(
    ("url", "sender"),
    [
        ("mail.example.org:25", SENDER),
        ("http://mail.example.org", SENDER),
        ("smtp://", SENDER),
        ("smtp://mail.example.org/path", SENDER),
        ("smtp://mail.example.org:99999", SENDER),
        ("smtp://u:p@mail.example.org", SENDER),
        ("smtp://mail.example.org", "nobody"),
        ("smtp://mail.example.org", "a@b.c\r\nBcc: d@e.f"),
    ],
)
def test_what_cannot_be_used_is_refused_at_the_start(url: str, sender: str) -> None:
    with pytest.raises(MailAddressError):
        MailServer.parse(url, sender)


def test_a_mail_server_needs_a_sender() -> None:
    environment = {
        "DATABASE_URL": "postgresql://a@b/c",
        "REDIS_URL": "redis://a",
        "SECRET_KEY": "x" * 40,
        "RHESIS_SMTP_URL": "smtp://localhost",
    }
    with pytest.raises(ConfigurationError, match="RHESIS_MAIL_FROM is not set"):
        settings_from(environment)
    with pytest.raises(ConfigurationError, match="RHESIS_SMTP_URL"):
        settings_from({**environment, "RHESIS_MAIL_FROM": "nobody"})
    made = settings_from({**environment, "RHESIS_MAIL_FROM": SENDER})
    assert made.mail_server is not None
    assert made.mail_server.host == "localhost"
