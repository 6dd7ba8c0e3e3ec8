"""Whether a program that insists on an ordinary user with a name has one."""

import os
import pwd


def needs_disguise() -> bool:
    """True for root, which PostgreSQL refuses, and for a user without an entry, whom initdb cannot name."""
    if os.geteuid() == 0:
        return True
    try:
        pwd.getpwuid(os.geteuid())
    except KeyError:
        return True
    return False
