"""Pure decisions of projects."""

from rhesis_app.kernel.errors import Invalid
from rhesis_app.sdk.params import is_storable


def check_name(name: str) -> str:
    """A project's name, trimmed; Invalid when empty, longer than 120 characters or not storable."""
    if not is_storable(name):
        raise Invalid.field("name", "The name holds a character that cannot be stored.")
    trimmed = name.strip()
    if not trimmed or len(trimmed) > 120:
        raise Invalid.field("name", "Give the project a name of at most 120 characters.")
    return trimmed
