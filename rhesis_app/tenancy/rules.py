"""Pure decisions of tenancy."""

import re
import unicodedata

from rhesis_app.kernel.errors import Invalid

_EMAIL = re.compile(r"[^@\s\x00-\x1f]{1,64}@[^@\s\x00-\x1f]+\.?[^@\s\x00-\x1f]+")


def check_email(text: str) -> str:
    """The address in the one form it is stored in (trimmed, lower case); Invalid when it is none."""
    address = text.strip().lower()
    if len(address) > 254 or not _EMAIL.fullmatch(address):
        raise Invalid.field("email", "Give an e-mail address such as ada@example.org.")
    return address


def slug_of(name: str, *, otherwise: str = "org") -> str:
    """A name as part of an address: ASCII lower case words joined by hyphens, at most 40 characters."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:40].strip("-") or otherwise
