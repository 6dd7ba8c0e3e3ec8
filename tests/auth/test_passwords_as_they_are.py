"""A password is what was typed: all of it, in its case, with whatever characters, up to a thousand and twenty-four."""

import pytest
from flask import Flask

from tests.people import PASSWORD, Person, signed_in

LONG = "Ünïcode 🙂 and spaces  twice, " * 30


def change(person: Person, password: str) -> int:
    """A new password, with the session of a program."""
    api = signed_in(person.app, person.email)
    return api.post("/me/password", {"current_password": PASSWORD, "new_password": password}).status_code


def sign_in(app: Flask, person: Person, password: str) -> int:
    body = {"email": person.email, "password": password}
    return app.test_client().post("/api/v1/auth/login", json=body).status_code


@pytest.mark.parametrize(
    "password", [LONG, "only small letters here", "  spaces at both ends  ", ("many words " * 94)[:1024]]
)
def test_a_long_password_of_any_characters_is_taken(app: Flask, alice: Person, password: str) -> None:
    assert change(alice, password) in {200, 204}
    assert sign_in(app, alice, password) == 200


def test_a_password_counts_to_its_last_character_and_in_its_case(app: Flask, alice: Person) -> None:
    assert change(alice, LONG) in {200, 204}
    for other in (LONG[:-1], LONG + " ", LONG.lower(), LONG.strip()):
        assert sign_in(app, alice, other) == 401
    assert sign_in(app, alice, LONG) == 200
