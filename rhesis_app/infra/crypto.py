"""Sealing secrets at rest: keys rotate, and a sealed value opens only in the row it was made for."""

import json
from collections.abc import Sequence
from uuid import UUID

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

_VERSION = 1


class SecretError(Exception):
    """A secret cannot be sealed or opened; the text says what to do and holds nothing of the secret."""


class SecretBox:
    """Seals with the first key, opens with any of them."""

    def __init__(self, keys: Sequence[str]) -> None:
        if not keys:
            raise SecretError(f"RHESIS_ENCRYPTION_KEYS is not set. {_HOW_TO_MAKE}")
        self._fernet = MultiFernet([_fernet(key, position) for position, key in enumerate(keys, start=1)])

    def seal(self, plaintext: str, organization_id: UUID, field: str, row_id: UUID) -> str:
        """Encrypt for one field of one row of one organization; the answer is ASCII and different every time."""
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

    def reseal(self, sealed: str) -> str:
        """The same content under the first key: what a key rotation does to every row."""
        try:
            return self._fernet.rotate(sealed.encode()).decode("ascii")
        except InvalidToken:
            raise SecretError("This secret was sealed with another key. Enter it again.") from None


_HOW_TO_MAKE = (
    "Make a key with: python3 -c 'import base64, os; print(base64.urlsafe_b64encode(os.urandom(32)).decode())'"
)


def _fernet(key: str, position: int) -> Fernet:
    try:
        return Fernet(key)
    except ValueError:
        raise SecretError(
            f"Key {position} of RHESIS_ENCRYPTION_KEYS is not a key of 32 bytes. {_HOW_TO_MAKE}"
        ) from None


def _owner(organization_id: UUID, field: str, row_id: UUID) -> list[str]:
    return [str(organization_id), field, str(row_id)]
