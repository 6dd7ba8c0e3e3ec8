"""Tokens as the pages show them: one's own, and those of service accounts."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from rhesis_app.auth.forms import CHOSEN, PRESETS, TokenForm
from rhesis_app.auth.queries import TokenView
from rhesis_app.kernel.permissions import Permission
from rhesis_app.kernel.scope import Scope
from rhesis_app.projects.queries import list_project_choices

_EXPIRY_DAYS = (7, 30, 90, 180, 365)
PRESET_WORDS = (
    ("pipeline", "Run tests", "Read everything, import tests, start and cancel runs: for a pipeline."),
    ("read", "Read", "Look at results, change nothing."),
    ("everything", "Everything", "Whatever its owner may do."),
    (CHOSEN, "One by one", "Only what is ticked below."),
)
assert {key for key, _, _ in PRESET_WORDS} == {*PRESETS, CHOSEN}


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenRow:
    """A token as a row of the page."""

    id: UUID
    name: str
    prefix: str
    scopes: tuple[str, ...]
    project_name: str
    created_at: datetime
    last_used_at: datetime | None
    expires_at: datetime
    is_expired: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class FreshToken:
    """A token that was just made, with its secret."""

    name: str
    secret: str


def token_views(
    scope: Scope,
    tokens: Iterable[TokenView],
    form: TokenForm,
    held: Iterable[Permission],
    *,
    fresh: FreshToken | None = None,
    **said: Any,
) -> dict[str, Any]:
    """What the templates need of tokens that have not been revoked, and of the form for another one, which may do what is `held`."""
    projects = list_project_choices(scope)
    names = {project.id: project.name for project in projects}
    return {
        "form": form,
        "fresh": fresh,
        "tokens": [_row(token, names, scope.now) for token in tokens if token.revoked_at is None],
        "presets": PRESET_WORDS,
        "permissions": sorted(str(permission) for permission in held),
        "expiry_choices": [(str(days), f"{days} days") for days in _EXPIRY_DAYS],
        "projects": [("", "All projects"), *((str(project.id), project.name) for project in projects)],
        "now": scope.now,
        "errors": said.get("errors", {}),
        "message": said.get("message", ""),
    }


def _row(token: TokenView, names: dict[UUID, str], now: datetime) -> TokenRow:
    return TokenRow(
        id=token.id,
        name=token.name,
        prefix=token.prefix,
        scopes=token.scopes,
        project_name=names.get(token.project_id, "a project you cannot see") if token.project_id else "",
        created_at=token.created_at,
        last_used_at=token.last_used_at,
        expires_at=token.expires_at,
        is_expired=token.expires_at <= now,
    )
