"""Sealing secrets at rest: keys rotate, and a sealed value opens only in the row it was made for."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

_VERSION = 1


@dataclass(frozen=True, slots=True)
class SealedColumn:
    """A column of sealed texts, and the column that tells its rows apart."""

    table: str
    column: str
    key: str = "id"

    @property
    def field(self) -> str:
        """How a sealed text names the column that it is for."""
        return f"{self.table}.{self.column}"


# Every column that holds sealed texts: nothing is sealed for any other, so that a rotation of keys finds all of them.
SEALED = (
    SealedColumn("endpoint", "secret"),
    SealedColumn("model", "key"),
    SealedColumn("user_totp", "secret", key="user_id"),
)
CANARY = SealedColumn("key_canary", "sealed", key="is_only")
_FIELDS = frozenset(column.field for column in (*SEALED, CANARY))


class SecretError(Exception):
    """A secret cannot be sealed or opened; the text says what to do and holds nothing of the secret."""


class SecretBox:
    """Seals with the first key, opens with any of them."""

    def __init__(self, keys: Sequence[str]) -> None:
        if not keys:
            raise SecretError(f"RHESIS_ENCRYPTION_KEYS is not set. {_HOW_TO_MAKE}")
        fernets = [_fernet(key, position) for position, key in enumerate(keys, start=1)]
        self._first, self._fernet = fernets[0], MultiFernet(fernets)

    def seal(self, plaintext: str, organization_id: UUID, field: str, row_id: UUID) -> str:
        """Encrypt for one field of one row of one organization; the answer is ASCII and different every time.

        A field that is not in SEALED is a LookupError: its texts would stay behind when keys are rotated.
        """
        if field not in _FIELDS:
            raise LookupError(f"{field} is no sealed column: add it to SEALED.")
        owner = _owner(organization_id, field, row_id)
        content = json.dumps([_VERSION, *owner, plaintext])
        return self._fernet.encrypt(content.encode("ascii")).decode("ascii")

    def open(self, sealed: str, organization_id: UUID, field: str, row_id: UUID) -> str:
        """The plaintext, or SecretError when no key fits or it was sealed for another place."""
        try:
            content = json.loads(self._fernet.decrypt(sealed.encode()))
        except (InvalidToken, ValueError):
            raise SecretError("This secret was sealed with another key. Enter it again.") from None
        if content[:-1] != [_VERSION, *_owner(organization_id, field, row_id)]:
            raise SecretError("This secret was sealed for another place. Enter it again.")
        return str(content[-1])

    def opens(self, sealed: str) -> bool:
        """Whether one of the keys fits, wherever it was sealed for."""
        return _fits(self._fernet, sealed)

    def is_current(self, sealed: str) -> bool:
        """Whether the first key sealed it, and it needs no other."""
        return _fits(self._first, sealed)

    def reseal(self, sealed: str) -> str:
        """The same content under the first key: what a key rotation does to every row."""
        try:
            return self._fernet.rotate(sealed.encode()).decode("ascii")
        except InvalidToken:
            raise SecretError("This secret was sealed with another key. Enter it again.") from None


def new_key() -> str:
    """A key for the list, as its settings take it."""
    return Fernet.generate_key().decode("ascii")


_HOW_TO_MAKE = "Make a key with `rhesis-app keys new`."


def _fernet(key: str, position: int) -> Fernet:
    try:
        return Fernet(key)
    except ValueError:
        raise SecretError(
            f"Key {position} of RHESIS_ENCRYPTION_KEYS is not a key of 32 bytes. {_HOW_TO_MAKE}"
        ) from None


def _fits(fernet: Fernet | MultiFernet, sealed: str) -> bool:
    try:
        fernet.decrypt(sealed.encode())
    except InvalidToken:
        return False
    return True


def _owner(organization_id: UUID, field: str, row_id: UUID) -> list[str]:
    return [str(organization_id), field, str(row_id)]
