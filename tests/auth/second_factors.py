"""People whose sign-in asks for a code, and the codes that their app would show."""

import time
from typing import Any

import pyotp
from flask import Flask
from sqlalchemy import Engine, text

from tests.people import PASSWORD, ApiClient, Person, signed_in


class Authenticator:
    """An app that knows somebody's secret. Each code it gives is of a later time step than the one before."""

    def __init__(self, secret: str, superuser: Engine) -> None:
        self._totp = pyotp.TOTP(secret)
        self._superuser = superuser

    def code(self) -> str:
        """The code of now, as if the one before had been used long ago."""
        with self._superuser.connect() as connection:
            connection.execute(text("UPDATE user_totp SET last_step = 0"))
        return self.same_code()

    def same_code(self) -> str:
        """The code of now."""
        return self._totp.at(time.time())

    def wrong_code(self) -> str:
        """Six digits that are the code of no step near now."""
        near = {self._totp.at(time.time() + 30 * step) for step in range(-3, 4)}
        return next(code for code in (f"{number:06}" for number in range(10)) if code not in near)


def turn_on(app: Flask, person: Person, superuser: Engine) -> tuple[Authenticator, list[str]]:
    """Set a second factor up over the API; the app and the recovery codes."""
    client = signed_in(app, person.email)
    made = client.post("/me/totp")
    assert made.status_code == 201, made.text
    authenticator = Authenticator(made.json["secret"], superuser)
    body = {"password": PASSWORD, "code": authenticator.same_code()}
    confirmed = client.post("/me/totp/confirm", body)
    assert confirmed.status_code == 200, confirmed.text
    return authenticator, confirmed.json["recovery_codes"]


def logged_in(app: Flask, email: str, code: str = "", password: str = PASSWORD) -> Any:
    """The answer to a sign-in of a program."""
    body = {"email": email, "password": password} | ({"code": code} if code else {})
    return ApiClient(app, None).post("/auth/login", body)
