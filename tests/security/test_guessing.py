"""How many passwords may be guessed, with Redis and without, one after the other and all at once."""

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from flask import Flask

from rhesis_app.app import create_app
from rhesis_app.auth.rules import FAILURES_PER_ACCOUNT, FAILURES_PER_ADDRESS
from rhesis_app.infra.config import Settings
from tests.auth.test_throttling import at_once, guess
from tests.people import PASSWORD, Person

pytestmark = pytest.mark.timeout(600)

NOWHERE = "unix:///nonexistent/redis.sock"
AT_ONCE = 50


@pytest.fixture(params=["with Redis", "without Redis"])
def site(request: pytest.FixtureRequest, app: Flask, settings: Settings) -> Iterator[tuple[str, Flask]]:
    """The application, also while Redis is away."""
    if request.param == "with Redis":
        yield request.param, app
        return
    made = create_app(replace(settings, redis_url=NOWHERE))
    yield request.param, made
    made.extensions["rhesis"].engine.dispose()
    made.extensions["rhesis"].door.close()


def test_guesses_are_counted_and_nobody_else_is_shut_out(
    site: tuple[str, Flask], alice: Person, figure: Callable[..., None]
) -> None:
    where, app = site
    codes = [guess(app, alice.email) for _ in range(2 * FAILURES_PER_ACCOUNT)]
    heard = codes.count(401)
    how = f"{2 * FAILURES_PER_ACCOUNT} wrong passwords of one account from one address"
    figure(f"guessing/heard {where}", heard, f"≤ {FAILURES_PER_ACCOUNT}", heard <= FAILURES_PER_ACCOUNT, how)
    assert set(codes) == {401, 429}
    owner = guess(app, alice.email, PASSWORD, ip="198.51.100.7")
    figure(
        f"guessing/the owner signs in meanwhile {where}", int(owner == 200), "= 1", owner == 200, "from another address"
    )


def test_guesses_at_the_same_time_are_counted(
    site: tuple[str, Flask], alice: Person, figure: Callable[..., None]
) -> None:
    where, app = site
    codes = at_once(app, alice.email, ["192.0.2.1"] * AT_ONCE)
    how = f"{AT_ONCE} threads at once, one account, one address"
    figure(
        f"guessing/heard at once {where}",
        codes[401],
        f"≤ {FAILURES_PER_ACCOUNT}",
        codes[401] <= FAILURES_PER_ACCOUNT,
        how,
    )
    assert set(codes) <= {401, 429, 503}, "503 where a slow machine has no connection left for so many"


def test_guesses_at_many_accounts_are_counted_by_address(
    site: tuple[str, Flask], alice: Person, figure: Callable[..., None]
) -> None:
    where, app = site
    codes = [guess(app, f"nobody-{number}@example.org") for number in range(FAILURES_PER_ADDRESS + 10)]
    heard = codes.count(401)
    how = "one wrong password for each of many accounts, from one address"
    figure(
        f"guessing/heard of many accounts {where}",
        heard,
        f"≤ {FAILURES_PER_ADDRESS}",
        heard <= FAILURES_PER_ADDRESS,
        how,
    )
    assert set(codes) == {401, 429}
