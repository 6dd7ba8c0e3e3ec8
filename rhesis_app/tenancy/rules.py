"""Pure decisions of tenancy."""

import re
import unicodedata
from datetime import timedelta
from typing import Final
from uuid import UUID

from rhesis_app.kernel.errors import Invalid
from rhesis_app.kernel.permissions import Permission

# What the roles differ in, in words, each with a permission that stands for it.
DEEDS: Final = (
    ("Read results and everything they rest on", Permission.RUN_READ),
    ("Make own API tokens", Permission.TOKEN_MANAGE),
    ("Write requirements, metrics, tests and sets", Permission.TEST_WRITE),
    ("Edit endpoints", Permission.ENDPOINT_WRITE),
    ("Start and cancel runs", Permission.RUN_EXECUTE),
    ("Review results", Permission.REVIEW_WRITE),
    ("Set up gates", Permission.GATE_MANAGE),
    ("Make reports", Permission.REPORT_CREATE),
    ("Enter secrets", Permission.ENDPOINT_SECRET),
    ("Archive projects", Permission.PROJECT_DELETE),
    ("Invite and manage members", Permission.MEMBER_MANAGE),
    ("Rename the organization", Permission.ORGANIZATION_UPDATE),
    ("Make and change owners", Permission.ORGANIZATION_DELETE),
)
INVITATION_LIFE: Final = timedelta(days=7)
MOST_OPEN_INVITATIONS: Final = 500
MOST_ORGANIZATIONS: Final = 50
MOST_ROLES: Final = 30
GRACE: Final = timedelta(days=7)
"""How long an organization that is being deleted can be brought back."""
_EMAIL = re.compile(r"[^@\s\x00-\x1f]{1,64}@[^@\s\x00-\x1f]+\.?[^@\s\x00-\x1f]+")


def check_email(text: str) -> str:
    """The address in the one form it is stored in (trimmed, lower case); Invalid when it is none."""
    address = text.strip().lower()
    if len(address) > 254 or not _EMAIL.fullmatch(address):
        raise Invalid.field("email", "Give an e-mail address such as ada@example.org.")
    return address


def check_name(text: str, *, field: str = "name") -> str:
    """A name without the space around it; Invalid unless it has 1 to 200 characters."""
    name = text.strip()
    if not name or len(name) > 200:
        raise Invalid.field(field, "Give a name of at most 200 characters.")
    return name


def user_id_from(text: str) -> UUID:
    """A person's id as a form sends it; Invalid when it is none."""
    try:
        return UUID(text)
    except ValueError as error:
        raise Invalid.field("user_id", "Choose a member.") from error


def check_role_name(text: str) -> str:
    """A role's name, trimmed; Invalid unless it has 1 to 60 characters in one line."""
    name = " ".join(text.split())
    if not name or len(name) > 60 or not name.isprintable():
        raise Invalid.field("name", "Give the role a name of at most 60 characters.")
    return name


def grouped_permissions() -> tuple[tuple[str, tuple[Permission, ...]], ...]:
    """Every permission by its resource, in words: `("Test set", (test_set:delete, …))`."""
    groups: dict[str, list[Permission]] = {}
    for permission in Permission:
        groups.setdefault(permission.partition(":")[0], []).append(permission)
    return tuple((name.replace("_", " ").capitalize(), tuple(group)) for name, group in groups.items())


def slug_of(name: str, *, otherwise: str = "org") -> str:
    """A name as part of an address: ASCII lower case words joined by hyphens, at most 40 characters."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:40].strip("-") or otherwise
