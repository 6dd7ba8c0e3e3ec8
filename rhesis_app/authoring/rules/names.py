"""Names and descriptions of what people author."""

from rhesis_app.kernel.errors import Invalid
from rhesis_app.sdk.params import is_storable

MAX_NAME = 120
MAX_DESCRIPTION = 2_000


def check_name(name: str, *, what: str, field: str = "name") -> str:
    """The name on one trimmed line; Invalid when empty, too long or not storable. `what` is such as "metric"."""
    if not is_storable(name):
        raise Invalid.field(field, "The name holds a character that cannot be stored.")
    trimmed = " ".join(name.split())
    if not trimmed or len(trimmed) > MAX_NAME:
        raise Invalid.field(field, f"Give the {what} a name of at most {MAX_NAME} characters.")
    return trimmed


def check_description(description: str) -> str:
    """The description as it is stored; Invalid when it is too long or cannot be stored."""
    if len(description) > MAX_DESCRIPTION:
        raise Invalid.field("description", f"Use at most {MAX_DESCRIPTION:,} characters.")
    if not is_storable(description):
        raise Invalid.field("description", "The description holds a character that cannot be stored.")
    return description.replace("\r\n", "\n").strip()


def search_text(text: str) -> str:
    """What is searched for: trimmed, at most 200 characters, without what the database cannot compare."""
    return text.replace("\0", "").strip()[:200]
