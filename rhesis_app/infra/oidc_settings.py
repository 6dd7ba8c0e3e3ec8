"""The settings of single sign-on: one OpenID Connect provider per instance."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from rhesis_app.kernel.urls import UrlProblem, parse_url

EVERYBODY: Final = "*"
_OTHERS: Final = (
    "RHESIS_OIDC_CLIENT_ID",
    "RHESIS_OIDC_CLIENT_SECRET",
    "RHESIS_OIDC_ORGANIZATION",
    "RHESIS_OIDC_ROLES",
    "RHESIS_OIDC_GROUPS_CLAIM",
)
_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})


class OidcSettingsError(ValueError):
    """A setting of single sign-on is missing or wrong; the text names it and says what to set."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OidcSettings:
    """One provider. `roles` maps its groups to roles of `organization`, a slug or an id; `*` stands for everybody."""

    issuer: str
    client_id: str
    client_secret: str | None = field(default=None, repr=False)
    organization: str | None = None
    roles: Mapping[str, str] = field(default_factory=dict)
    groups_claim: str = "groups"


def oidc_from(environment: Mapping[str, str], *, allow_http: bool) -> OidcSettings | None:
    """The provider that the environment names; None without one. Raises OidcSettingsError."""
    issuer = environment.get("RHESIS_OIDC_ISSUER", "").strip()
    client_id, secret, organization, roles_text, claim = (environment.get(name, "").strip() for name in _OTHERS)
    if not issuer:
        if any((client_id, secret, organization, roles_text, claim)):
            raise OidcSettingsError("RHESIS_OIDC_ISSUER is not set, and all other settings of single sign-on need it.")
        return None
    _check_issuer(issuer, allow_http=allow_http)
    if not client_id:
        raise OidcSettingsError(
            "RHESIS_OIDC_CLIENT_ID is not set: the provider tells it when this instance is registered there."
        )
    roles = _roles(roles_text)
    if roles and not organization:
        raise OidcSettingsError(
            "RHESIS_OIDC_ROLES needs RHESIS_OIDC_ORGANIZATION: the organization whose roles are meant."
        )
    return OidcSettings(
        issuer=issuer,
        client_id=client_id,
        client_secret=secret or None,
        organization=organization or None,
        roles=roles,
        groups_claim=claim or "groups",
    )


def _check_issuer(issuer: str, *, allow_http: bool) -> None:
    try:
        address = parse_url(issuer)
    except UrlProblem as problem:
        raise OidcSettingsError(f"RHESIS_OIDC_ISSUER cannot be used: {problem}") from problem
    if "?" in issuer or "#" in issuer:
        raise OidcSettingsError(
            "RHESIS_OIDC_ISSUER is an address without “?” and “#”, such as https://login.example.org"
        )
    if address.scheme == "http" and address.host not in _LOOPBACK and not allow_http:
        raise OidcSettingsError(f"RHESIS_OIDC_ISSUER={issuer} would be asked over plain HTTP. Use https://.")


def _roles(text: str) -> dict[str, str]:
    """`platform=Admin, qa=Member, *=Viewer`, or the same as a JSON object where groups have commas in their names."""
    if text.startswith("{"):
        try:
            found = json.loads(text)
        except ValueError:
            raise _unreadable(text) from None
    else:
        pairs = [part.strip().rpartition("=") for part in text.split(",") if part.strip()]
        found = {group.strip(): role.strip() for group, _, role in pairs}
    if not isinstance(found, dict) or not all(
        group and isinstance(role, str) and role for group, role in found.items()
    ):
        raise _unreadable(text)
    if found.get(EVERYBODY, "").lower() == "owner":
        raise OidcSettingsError(
            "RHESIS_OIDC_ROLES makes everybody an owner. Name the group whose people own the organization."
        )
    return found


def _unreadable(text: str) -> OidcSettingsError:
    return OidcSettingsError(
        f"RHESIS_OIDC_ROLES={text} cannot be read. Write it like platform=Admin,qa=Member,*=Viewer."
    )
