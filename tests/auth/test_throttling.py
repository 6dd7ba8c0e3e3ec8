"""Guessing passwords: who counts as one guesser, also when many guesses are made at once."""

from collections import Counter
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor

from flask import Flask
from sqlalchemy import Engine, text

from rhesis_app.auth.rules import FAILURES_PER_ACCOUNT, FAILURES_PER_ADDRESS
from tests.people import PASSWORD, Person

WRONG = "wrong password"


def guess(app: Flask, email: str, password: str = WRONG, *, ip: str = "192.0.2.1") -> int:
    """The status of one sign-in from this address."""
    body = {"email": email, "password": password}
    return app.test_client().post("/api/v1/auth/login", json=body, environ_overrides={"REMOTE_ADDR": ip}).status_code


def kept(superuser: Engine) -> int:
    """How many attempts are counted."""
    with superuser.connect() as connection:
        return int(connection.execute(text("SELECT count(*) FROM login_attempt")).scalar_one())


def at_once(app: Flask, email: str, addresses: Iterable[str], path: str = "/api/v1/auth/login") -> Counter[int]:
    """How often each status came when all of these ask at the same time."""

    def ask(ip: str) -> int:
        body = {"email": email} | ({"password": WRONG} if path.endswith("login") else {})
        return app.test_client().post(path, json=body, environ_overrides={"REMOTE_ADDR": ip}).status_code

    every = list(addresses)
    with ThreadPoolExecutor(len(every)) as pool:
        return Counter(pool.map(ask, every))


def test_the_addresses_of_one_network_are_one_guesser(app: Flask, alice: Person) -> None:
    codes = [guess(app, alice.email, ip=f"2001:db8:0:1::{number:x}") for number in range(FAILURES_PER_ACCOUNT + 1)]
    assert codes == [401] * FAILURES_PER_ACCOUNT + [429]
    assert guess(app, alice.email, PASSWORD, ip="2001:db8:0:2::1") == 200, "a stranger shuts nobody out"


def test_guesses_at_the_same_time_count_each_other(app: Flask, host: object) -> None:
    codes = at_once(app, "nobody@example.org", ["192.0.2.1"] * 25)
    assert set(codes) <= {401, 429}
    assert codes[401] <= FAILURES_PER_ACCOUNT


def test_what_was_right_or_refused_is_not_counted(app: Flask, alice: Person, superuser: Engine) -> None:
    assert [guess(app, alice.email, PASSWORD) for _ in range(FAILURES_PER_ACCOUNT + 1)] == [200] * 11
    assert kept(superuser) == 0
    codes = [guess(app, alice.email) for _ in range(FAILURES_PER_ACCOUNT + 3)]
    assert codes == [401] * FAILURES_PER_ACCOUNT + [429] * 3
    assert kept(superuser) == FAILURES_PER_ACCOUNT, "whoever goes on asking must not wait ever longer"


def test_letters_for_a_forgotten_password_are_counted_alike(app: Flask, host: object) -> None:
    addresses = [f"2001:db8:0:1::{number:x}" for number in range(FAILURES_PER_ADDRESS + 5)]
    codes = at_once(app, "nobody@example.org", addresses, "/api/v1/auth/reset")
    assert set(codes) == {202, 429}
    assert codes[202] <= FAILURES_PER_ADDRESS
