"""Pure decisions of tenancy."""

import re
import unicodedata
from datetime import timedelta
from typing import Final

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


def slug_of(name: str, *, otherwise: str = "org") -> str:
    """A name as part of an address: ASCII lower case words joined by hyphens, at most 40 characters."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:40].strip("-") or otherwise
