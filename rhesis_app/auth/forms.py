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
CHOSEN = "chosen"


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
    scopes: tuple[str, ...] = ()


def account_from(form: MultiDict[str, str]) -> NewAccount:
    """The first-start form."""
    return NewAccount(
        organization_name=form.get("organization_name", ""),
        name=form.get("name", ""),
        email=form.get("email", ""),
        password=form.get("password", ""),
    )


def token_form(form: MultiDict[str, str]) -> TokenForm:
    """What was typed, to be shown again."""
    names = ("name", "expires_in_days", "preset", "project_id")
    return TokenForm(**{name: form.get(name, "") for name in names}, scopes=tuple(form.getlist("scopes")))


def token_from(form: MultiDict[str, str], held: frozenset[Permission]) -> NewToken:
    """The token form; a preset is narrowed to what its owner holds. Raises Invalid for nothing at all, which would mean everything,
    and for a project that is none: all of them were not asked for.
    """
    preset, days = form.get("preset", "pipeline"), form.get("expires_in_days", "90")
    if preset != CHOSEN and form.getlist("scopes"):
        raise Invalid.field("preset", "Permissions are ticked: choose “One by one”, or untick them.")
    wanted = form.getlist("scopes") if preset == CHOSEN else PRESETS.get(preset, READING)
    scopes = tuple(name for name in wanted if preset == CHOSEN or name in {str(p) for p in held})
    if not scopes and preset != "everything":
        nothing = "Tick what the token may do." if preset == CHOSEN else "Nothing of this may be handed on."
        raise Invalid.field("preset", nothing)
    return NewToken(
        name=form.get("name", ""),
        expires_in_days=int(days) if days.isdecimal() and len(days) < 5 else 0,
        scopes=scopes,
        project_id=_uuid(form.get("project_id", "")),
    )


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text) if text else None
    except ValueError as error:
        raise Invalid.field("project_id", "Choose a project of the list, or all of them.") from error
