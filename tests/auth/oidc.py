"""A real OpenID Connect provider on this machine, and a browser that goes there and comes back."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import urllib3
from flask import Flask, request
from flask.testing import FlaskClient
from oidc_provider_mock import run_server_in_thread
from werkzeug.test import TestResponse

from rhesis_app.infra.oidc_settings import OidcSettings

CLIENT_ID = "rhesis-of-the-tests"
CLIENT_SECRET = "the-secret-of-the-tests"


@dataclass
class Provider:
    """A provider that listens, and what it was asked for codes."""

    issuer: str
    codes: list[dict[str, Any]] = field(default_factory=list)

    def settings(self, **changes: Any) -> OidcSettings:
        """How an instance is told of it."""
        return OidcSettings(
            **{"issuer": self.issuer, "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET, **changes}
        )

    def knows(self, subject: str, **claims: Any) -> None:
        """Register somebody there, with a verified address where nothing else is said."""
        told = {"email": f"{subject}@example.org", "email_verified": True, "name": subject.title(), **claims}
        answer = urllib3.request("PUT", f"{self.issuer}/users/{quote(subject)}", json=told)
        assert answer.status == 204, answer.data

    def signs_in(self, address: str, subject: str) -> str:
        """Where the provider sends somebody back to who signs in there, as path and query."""
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        answer = urllib3.request("POST", address, body=f"sub={quote(subject)}", headers=form, redirect=False)
        assert answer.status == 302, answer.data
        parts = urlsplit(answer.headers["Location"])
        return f"{parts.path}?{parts.query}"


@contextmanager
def provider_on_this_machine(**options: Any) -> Iterator[Provider]:
    """Start a provider, which needs AUTHLIB_INSECURE_TRANSPORT for plain HTTP."""
    with run_server_in_thread(**options) as server:
        made = Provider(issuer=f"http://localhost:{server.server_port}")
        site: Any = server.app

        @site.before_request  # type: ignore[untyped-decorator]
        def _note() -> None:
            if request.path == "/oauth2/token":
                basic = request.authorization
                made.codes.append({**request.form, "client": basic and (basic.username, basic.password)})

        yield made


class Browser:
    """Somebody at the pages, signed in or not."""

    def __init__(self, app: Flask, client: FlaskClient | None = None) -> None:
        self.client = client or app.test_client()

    def leaves(self, target: str = "/settings/tokens") -> str:
        """Follow the button; the provider's address."""
        answer = self.client.get(f"/login/sso?next={target}")
        assert answer.status_code == 303, answer.text
        return str(answer.headers["Location"])

    def signs_in(self, provider: Provider, subject: str, target: str = "/settings/tokens") -> TestResponse:
        """The whole way there and back."""
        return self.client.get(provider.signs_in(self.leaves(target), subject))


def asked_with(address: str) -> Mapping[str, str]:
    """What an address of the provider asks for."""
    return {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}


def refused(answer: Any, status: int, words: str) -> None:
    """The page that says why nobody was signed in."""
    assert answer.status_code == status, answer.text
    assert "Not signed in" in answer.text
    assert words in answer.text
