"""Sealed secrets open in their own row alone."""

from uuid import UUID

import pytest
from cryptography.fernet import Fernet

from rhesis_app.infra.crypto import SecretBox, SecretError, new_key

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


def test_nothing_is_sealed_for_a_place_that_a_rotation_would_miss():
    with pytest.raises(LookupError, match=r"app_user\.name"):
        SecretBox([NEW]).seal("s", ORGANIZATION, "app_user.name", ROW)


def test_a_new_key_is_one():
    assert SecretBox([new_key()]).opens(SecretBox([NEW]).seal("s", ORGANIZATION, "model.key", ROW)) is False
    assert new_key() != new_key()


def test_which_key_sealed_a_text_is_told_apart():
    old, new, both = SecretBox([OLD]), SecretBox([NEW]), SecretBox([NEW, OLD])
    sealed = old.seal("s", ORGANIZATION, "model.key", ROW)
    assert (both.opens(sealed), both.is_current(sealed), new.opens(sealed)) == (True, False, False)
    assert both.is_current(both.reseal(sealed))


def test_the_same_secret_never_looks_the_same():
    box = SecretBox([NEW])
    assert box.seal("s", ORGANIZATION, "model.key", ROW) != box.seal("s", ORGANIZATION, "model.key", ROW)


@pytest.mark.parametrize(
    "place", [(OTHER, "model.key", ROW), (ORGANIZATION, "endpoint.secret", ROW), (ORGANIZATION, "model.key", OTHER)]
)
def test_a_secret_moved_elsewhere_does_not_open(place):
    box = SecretBox([NEW])
    with pytest.raises(SecretError, match="another place"):
        box.open(box.seal("s", ORGANIZATION, "model.key", ROW), *place)


def test_an_old_key_still_opens_and_resealing_moves_to_the_new_one():
    sealed = SecretBox([OLD]).seal("s", ORGANIZATION, "model.key", ROW)
    rotating = SecretBox([NEW, OLD])
    assert rotating.open(sealed, ORGANIZATION, "model.key", ROW) == "s"
    assert SecretBox([NEW]).open(rotating.reseal(sealed), ORGANIZATION, "model.key", ROW) == "s"


@pytest.mark.parametrize("sealed", ["", "garbage", "gAAAA", "ü"])
def test_garbage_and_foreign_keys_are_one_clear_error(sealed):
    foreign = SecretBox([OLD]).seal("s", ORGANIZATION, "model.key", ROW)
    for text in (sealed, foreign):
        with pytest.raises(SecretError, match="another key"):
            SecretBox([NEW]).open(text, ORGANIZATION, "model.key", ROW)


@pytest.mark.parametrize("keys", [[], ["short"], [NEW, "x" * 44]])
def test_wrong_keys_say_how_to_make_one(keys):
    with pytest.raises(SecretError, match="rhesis-app keys new"):
        SecretBox(keys)
