"""Pure decisions of projects."""

from rhesis_app.kernel.errors import Invalid


def check_name(name: str) -> str:
    """A project's name, trimmed; Invalid when empty or longer than 120 characters."""
    trimmed = name.strip()
    if not trimmed or len(trimmed) > 120:
        raise Invalid.field("name", "Give the project a name of at most 120 characters.")
    return trimmed
