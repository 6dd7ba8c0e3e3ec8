"""E-mail: one SMTP connection for a batch of letters, with time-outs, over TLS where the address says so."""

import logging
import smtplib
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import formatdate, parseaddr
from typing import Final, Literal
from urllib.parse import unquote, urlsplit

from rhesis_app.kernel.ports import Letter, PostFailure

_TIMEOUT_S: Final = 30.0
_PORTS: Final = {"smtp": 25, "smtp+starttls": 587, "smtps": 465}
_log = logging.getLogger(__name__)
Security = Literal["smtp", "smtp+starttls", "smtps"]


class MailAddressError(ValueError):
    """The address of the mail server or of the sender cannot be used; the text says how it should look."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MailServer:
    """Where letters are handed over and who they are from."""

    host: str
    port: int
    security: Security
    sender: str
    user: str | None = None
    password: str | None = field(default=None, repr=False)

    @classmethod
    def parse(cls, url: str, sender: str) -> "MailServer":
        """From `smtp://host:25`, `smtp+starttls://user:password@host:587` or `smtps://…`. Raises MailAddressError."""
        parts = urlsplit(url)
        if parts.scheme not in _PORTS or not parts.hostname or parts.path.strip("/") or parts.query:
            raise MailAddressError(
                "must look like smtp://host:25, smtp+starttls://user:password@host:587 or smtps://user:password@host:465"
            )
        if "@" not in parseaddr(sender)[1] or not sender.isprintable():
            raise MailAddressError("needs a sender such as “Rhesis App <rhesis@example.org>”")
        if parts.password and parts.scheme == "smtp" and parts.hostname not in {"localhost", "127.0.0.1", "::1"}:
            raise MailAddressError("would send its password in the clear: use smtp+starttls:// or smtps://")
        try:
            port = parts.port or _PORTS[parts.scheme]
        except ValueError as error:
            raise MailAddressError("has a port that is none") from error
        return cls(
            host=parts.hostname,
            port=port,
            security=parts.scheme,  # type: ignore[arg-type]
            sender=sender,
            user=unquote(parts.username) if parts.username else None,
            password=unquote(parts.password) if parts.password else None,
        )


class SmtpPost:
    """Hands letters to one SMTP server. Safe to keep; each `open` is a connection of its own."""

    def __init__(self, server: MailServer, *, timeout_s: float = _TIMEOUT_S) -> None:
        self._server = server
        self._timeout_s = timeout_s

    @property
    def domain(self) -> str:
        """The sender's."""
        return parseaddr(self._server.sender)[1].rpartition("@")[2]

    @contextmanager
    def open(self) -> Iterator["_Counter"]:
        """Connect, encrypt, sign in; raises PostFailure when any of it fails. What the server says goes to the log alone."""
        try:
            connection = self._connect()
        except (OSError, smtplib.SMTPException) as error:
            _log.warning("the mail server cannot be used: %s", _said(error))
            raise PostFailure(_code(error)) from error
        try:
            yield _Counter(connection, self._server.sender)
        finally:
            with suppress(OSError, smtplib.SMTPException):
                connection.quit()
            connection.close()

    def _connect(self) -> smtplib.SMTP:
        server, context = self._server, ssl.create_default_context()
        if server.security == "smtps":
            connection: smtplib.SMTP = smtplib.SMTP_SSL(
                server.host, server.port, timeout=self._timeout_s, context=context
            )
        else:
            connection = smtplib.SMTP(server.host, server.port, timeout=self._timeout_s)
        try:
            connection.ehlo_or_helo_if_needed()
            if server.security == "smtp+starttls":
                connection.starttls(context=context)
            if server.user is not None:
                connection.login(server.user, server.password or "")
        except BaseException:
            connection.close()
            raise
        return connection


class _Counter:
    """One connection."""

    def __init__(self, connection: smtplib.SMTP, sender: str) -> None:
        self._connection = connection
        self._sender = sender

    def hand_over(self, letter: Letter, *, before: Callable[[], None]) -> None:
        """Agree on sender and recipient, call `before`, hand the content over. Raises PostFailure."""
        try:
            written = _written(letter, self._sender)
            self._agree(letter)
            before()
            status, _ = self._connection.data(written)
        except ValueError as error:  # an address that this server's dialect cannot spell
            self._forget()
            raise PostFailure("smtp_address", is_final=True) from error
        except (OSError, smtplib.SMTPException) as error:
            _log.warning("a letter was not taken: %s", _said(error))
            self._forget()
            raise PostFailure(_code(error), is_final=_is_final(error)) from error
        except BaseException:
            self._forget()
            raise
        _refuse(status, is_final=500 <= status < 600)  # the content: another try would hear the same

    def _agree(self, letter: Letter) -> None:
        self._connection.ehlo_or_helo_if_needed()
        _refuse(self._connection.mail(parseaddr(self._sender)[1])[0])
        status, _ = self._connection.rcpt(letter.recipient)
        _refuse(status, is_final=500 <= status < 600)

    def _forget(self) -> None:
        """The next letter begins anew; a connection that is broken says so then."""
        with suppress(OSError, smtplib.SMTPException):
            self._connection.rset()


def _refuse(status: int, *, is_final: bool = False) -> None:
    """Raise unless the server said yes; only what it will never take is final, everything else may be put right."""
    if not 200 <= status < 300:
        raise PostFailure(f"smtp_{status}", is_final=is_final)


def _written(letter: Letter, sender: str) -> bytes:
    message = EmailMessage(policy=SMTP)
    message["From"] = sender
    message["To"] = letter.recipient
    message["Subject"] = letter.subject
    message["Message-ID"] = letter.message_id
    message["Date"] = formatdate(localtime=False)
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(letter.text, cte="quoted-printable")
    message.add_alternative(letter.html, subtype="html", cte="quoted-printable")
    return message.as_bytes()


def _code(error: Exception) -> str:
    status = getattr(error, "smtp_code", None)
    if isinstance(status, int) and status > 0:
        return f"smtp_{status}"
    if isinstance(error, ssl.SSLError):
        return "smtp_tls"
    hung = isinstance(error, TimeoutError) or isinstance(error.__context__, TimeoutError)
    return "smtp_timeout" if hung else "smtp_away"


def _is_final(error: Exception) -> bool:
    """Whether the content itself was refused: another try would hear the same."""
    return isinstance(error, smtplib.SMTPDataError) and 500 <= error.smtp_code < 600


def _said(error: Exception) -> str:
    """For the log: what went wrong without what was sent."""
    return f"{type(error).__name__} {getattr(error, 'smtp_code', '')}".strip()
