"""What `rhesis-app doctor` finds, and that each finding says what to do."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest
from cryptography.fernet import Fernet
from sqlalchemy import Engine, text

from rhesis_app.infra import doctor
from rhesis_app.infra.config import Settings
from rhesis_app.infra.crypto import SecretBox
from rhesis_app.infra.doctor import Finding, examine, examine_address
from rhesis_app.infra.mail import MailServer, SmtpPost
from rhesis_app.infra.runtime import Runtime
from tests.smtp import post_box


def found(host: Runtime, title: str) -> Finding:
    """The finding of that title."""
    (finding,) = [finding for finding in examine(host) if finding.title == title]
    return finding


def test_an_installation_as_it_comes_has_nothing_amiss(host: Runtime) -> None:
    findings = list(examine(host))
    assert [finding for finding in findings if finding.is_failure] == []
    assert [finding.title for finding in findings if not finding.holds] == ["letters can be sent"]
    assert all(finding.advice.endswith((".", ";")) for finding in findings if not finding.holds)


def test_another_key_is_told(host: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    host.check_start(patience_s=0)
    title = "the encryption keys are those of the data"
    assert found(host, title).holds
    monkeypatch.setattr(host, "secrets", SecretBox([Fernet.generate_key().decode()]))
    assert "keys rotate --lost" in found(host, title).advice


@pytest.mark.parametrize(("ahead_s", "says"), [(7.0, "7 s ahead of"), (-90.0, "90 s behind")])
def test_a_clock_that_goes_wrong_is_told(
    host: Runtime, monkeypatch: pytest.MonkeyPatch, ahead_s: float, says: str
) -> None:
    really = time.time
    monkeypatch.setattr(doctor.time, "time", lambda: really() + ahead_s)
    finding = found(host, "this machine and the database agree on the time")
    assert finding.is_failure
    assert says in finding.advice


@contextmanager
def spoiled(superuser: Engine, spoil: str, undo: str) -> Iterator[None]:
    with superuser.connect() as connection:
        connection.execute(text(spoil))
        try:
            yield
        finally:
            connection.execute(text(undo))


@pytest.mark.parametrize(
    ("spoil", "undo"),
    [
        ("ALTER FUNCTION needs_first_owner() RESET search_path", "ALTER FUNCTION needs_first_owner() SET search_path = pg_catalog, public, pg_temp"),
        ("GRANT EXECUTE ON FUNCTION needs_first_owner() TO PUBLIC", "REVOKE EXECUTE ON FUNCTION needs_first_owner() FROM PUBLIC"),
        (
            "ALTER FUNCTION needs_first_owner() OWNER TO rhesis_app",
            # the owner's rights went with it, those of the application among them
            "ALTER FUNCTION needs_first_owner() OWNER TO rhesis_owner; GRANT EXECUTE ON FUNCTION needs_first_owner() TO rhesis_app",
        ),
    ],
)  # fmt: skip
def test_a_function_that_others_could_turn_is_told(host: Runtime, superuser: Engine, spoil: str, undo: str) -> None:
    title = "functions that look across organizations are the owner's"
    with spoiled(superuser, spoil, undo):
        finding = found(host, title)
        assert finding.is_failure
        assert "needs_first_owner()" in finding.advice
    assert found(host, title).holds


def notes(settings: Settings, **changes: Any) -> dict[str, str]:
    """The word and the advice for each finding about its address that does not hold."""
    findings = examine_address(replace(settings, **changes))
    return {finding.title: f"{finding.mark}: {finding.advice}" for finding in findings if not finding.holds}


def test_what_only_its_own_machine_reaches_needs_no_address(settings: Settings) -> None:
    assert notes(settings) == {}


@pytest.mark.parametrize(
    ("changes", "title", "says"),
    [
        ({"bind": "0.0.0.0:8080"}, "its address is known", "note: Set RHESIS_EXTERNAL_URL="),
        ({"external_url": "http://10.0.0.1"}, "browsers reach it over https", "note: Passwords travel"),
        ({"external_url": "https://a.example"}, "it answers to no other name", "note: Set RHESIS_TRUSTED_HOSTS=a.example."),
        ({"external_url": "https://a.example", "trusted_hosts": ("b.example",)},
         "it answers to its own name", "FAIL: RHESIS_TRUSTED_HOSTS leaves out a.example"),
        ({"external_url": "https://a.example"}, "it sees who asks through the proxy", "RHESIS_TRUSTED_PROXIES=1"),
    ],
)  # fmt: skip
def test_an_address_that_is_half_set_up_is_told(
    settings: Settings, changes: dict[str, Any], title: str, says: str
) -> None:
    assert says in notes(settings, **changes)[title]


def test_an_address_that_is_set_up_has_nothing_amiss(settings: Settings) -> None:
    whole = {"external_url": "https://a.example", "trusted_hosts": (".a.example",), "trusted_proxies": 1}
    assert notes(settings, **whole) == {}


def test_open_registration_is_noted(host: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host, "settings", replace(host.settings, open_registration=True))
    finding = found(host, "registration is by invitation")
    assert (finding.mark, finding.is_failure) == ("note", False)
    assert "RHESIS_OPEN_REGISTRATION" in finding.advice


def test_a_mail_server_is_asked(host: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    with post_box() as box:
        monkeypatch.setattr(host, "post", SmtpPost(MailServer.parse(box.url, "Rhesis App <rhesis@example.org>")))
        assert found(host, "the mail server takes letters").holds
    finding = found(host, "the mail server takes letters")
    assert finding.is_failure
    assert "RHESIS_SMTP_URL" in finding.advice
