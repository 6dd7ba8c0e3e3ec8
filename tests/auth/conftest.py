"""A sign-on provider for the tests of identity."""

from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask

from rhesis_app.infra.oidc import OidcProvider
from rhesis_app.infra.runtime import Runtime
from tests.auth.oidc import Provider, provider_on_this_machine
from tests.people import Person


@pytest.fixture
def plain_http(monkeypatch: pytest.MonkeyPatch) -> None:
    """The provider insists on HTTPS otherwise."""
    monkeypatch.setenv("AUTHLIB_INSECURE_TRANSPORT", "1")


@pytest.fixture
def provider(plain_http: None) -> Iterator[Provider]:
    """A provider that knows Dana."""
    with provider_on_this_machine() as made:
        made.knows("dana")
        yield made


@pytest.fixture
def use(app: Flask, host: Runtime, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Tell the instance of a provider."""

    def tell(provider: Provider, **settings: Any) -> OidcProvider:
        made = OidcProvider(provider.settings(**settings), host.door)
        monkeypatch.setattr(host, "sign_on", made)
        return made

    return tell


@pytest.fixture
def joining(use: Any, provider: Provider, alice: Person) -> Provider:
    """People of the provider join Alice's organization, as their groups say."""
    roles = {"testers": "Member", "platform": "Admin", "founders": "Owner", "*": "Viewer"}
    use(provider, organization=str(alice.actor.organization_id), roles=roles)
    return provider
