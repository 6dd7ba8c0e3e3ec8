"""Hashing passwords: argon2id, at most four at a time in one process."""

import threading

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

_HASHER = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)
_AT_ONCE = threading.BoundedSemaphore(4)
# Verified when there is no such user, so that both answers take as long.
_NOBODY = "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$9tXyFZKY3vjIymMbsIPUlZmlRnILw0e1Q8mQlZCuHwM"


def hash_password(password: str) -> str:
    """The argon2id hash of `password`, with its parameters and salt."""
    with _AT_ONCE:
        return _HASHER.hash(password)


def password_fits(password: str, stored: str | None) -> bool:
    """Whether `password` is the one behind `stored`; takes as long when there is no stored hash."""
    with _AT_ONCE:
        try:
            return _HASHER.verify(stored or _NOBODY, password) and stored is not None
        except (VerificationError, InvalidHashError):
            return False
