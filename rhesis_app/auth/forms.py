"""Identity's HTML forms, parsed into the actions' arguments."""

from dataclasses import dataclass
from uuid import UUID

from werkzeug.datastructures import MultiDict

from rhesis_app.auth.actions.first_start import NewAccount
from rhesis_app.auth.actions.tokens import NewToken
from rhesis_app.kernel.errors import Invalid
from rhesis_app.kernel.permissions import Permission

READING = tuple(str(p) for p in Permission if p.endswith(":read"))
PIPELINE = (*READING, "run:execute", "run:cancel", "endpoint:invoke", "test:write", "test_set:write", "report:create")
PRESETS: dict[str, tuple[str, ...]] = {"everything": (), "pipeline": PIPELINE, "read": READING}


@dataclass(frozen=True, slots=True, kw_only=True)
class LoginForm:
    """What was typed, without the password."""

    email: str = ""
    stay_signed_in: bool = False
    next: str = "/"


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstStartForm:
    """What was typed, without the password."""

    organization_name: str = ""
    name: str = ""
    email: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenForm:
    """A token as the form holds it."""

    name: str = ""
    expires_in_days: str = "90"
    preset: str = "pipeline"
    project_id: str = ""


def account_from(form: MultiDict[str, str]) -> NewAccount:
    """The first-start form."""
    return NewAccount(
        organization_name=form.get("organization_name", ""),
        name=form.get("name", ""),
        email=form.get("email", ""),
        password=form.get("password", ""),
    )


def token_from(form: MultiDict[str, str], held: frozenset[Permission]) -> NewToken:
    """The token form; a preset is narrowed to what the person holds. Raises Invalid for a project that is none: all of them were not asked for."""
    chosen = PRESETS.get(form.get("preset", "pipeline"), READING)
    days = form.get("expires_in_days", "90")
    return NewToken(
        name=form.get("name", ""),
        expires_in_days=int(days) if days.isdecimal() and len(days) < 5 else 0,
        scopes=tuple(name for name in chosen if name in {str(p) for p in held}),
        project_id=_uuid(form.get("project_id", "")),
    )


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text) if text else None
    except ValueError as error:
        raise Invalid.field("project_id", "Choose a project of the list, or all of them.") from error
