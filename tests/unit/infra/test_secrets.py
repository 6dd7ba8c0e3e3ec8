"""Sealed secrets open in their own row alone."""

from uuid import UUID

import pytest
from cryptography.fernet import Fernet

from rhesis_app.infra.crypto import SecretBox, SecretError

ORGANIZATION, OTHER, ROW = UUID(int=1), UUID(int=2), UUID(int=3)
OLD, NEW = (Fernet.generate_key().decode() for _ in range(2))


@pytest.mark.parametrize("secret", ["sk-123", "", "ünï\x00code \ud83d\ude00", "a" * 5000])
def test_what_was_sealed_opens(secret):
    box = SecretBox([NEW])
    sealed = box.seal(secret, ORGANIZATION, "endpoint.secret", ROW)
    assert sealed.isascii()
    assert box.open(sealed, ORGANIZATION, "endpoint.secret", ROW) == secret.encode("utf-16", "surrogatepass").decode(
        "utf-16"
    )


def test_the_same_secret_never_looks_the_same():
    box = SecretBox([NEW])
    assert box.seal("s", ORGANIZATION, "f", ROW) != box.seal("s", ORGANIZATION, "f", ROW)


@pytest.mark.parametrize("place", [(OTHER, "f", ROW), (ORGANIZATION, "g", ROW), (ORGANIZATION, "f", OTHER)])
def test_a_secret_moved_elsewhere_does_not_open(place):
    box = SecretBox([NEW])
    with pytest.raises(SecretError, match="another place"):
        box.open(box.seal("s", ORGANIZATION, "f", ROW), *place)


def test_an_old_key_still_opens_and_resealing_moves_to_the_new_one():
    sealed = SecretBox([OLD]).seal("s", ORGANIZATION, "f", ROW)
    rotating = SecretBox([NEW, OLD])
    assert rotating.open(sealed, ORGANIZATION, "f", ROW) == "s"
    assert SecretBox([NEW]).open(rotating.reseal(sealed), ORGANIZATION, "f", ROW) == "s"


@pytest.mark.parametrize("sealed", ["", "garbage", "gAAAA", "ü"])
def test_garbage_and_foreign_keys_are_one_clear_error(sealed):
    foreign = SecretBox([OLD]).seal("s", ORGANIZATION, "f", ROW)
    for text in (sealed, foreign):
        with pytest.raises(SecretError, match="another key"):
            SecretBox([NEW]).open(text, ORGANIZATION, "f", ROW)


@pytest.mark.parametrize("keys", [[], ["short"], [NEW, "x" * 44]])
def test_wrong_keys_say_how_to_make_one(keys):
    with pytest.raises(SecretError, match="urlsafe_b64encode"):
        SecretBox(keys)
