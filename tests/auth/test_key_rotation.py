"""A new SECRET_KEY in front of the old one: what the old one signed is good until the old one goes."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace

import jwt
import pytest
from flask import Flask

from rhesis_app.app import create_app
from rhesis_app.infra.config import Settings
from rhesis_app.projects.actions import create_project
from tests.people import PASSWORD, ApiClient, Person

OLD = "the key of last year, which is long enough to be one"
NEW = "the key of this year, which is long enough to be one"
WithKeys = Callable[..., Flask]


@pytest.fixture
def with_keys(settings: Settings) -> Iterator[WithKeys]:
    """The application with these keys, the first of which signs."""
    with ExitStack() as stack:

        def make(*keys: str) -> Flask:
            app = create_app(replace(settings, secret_keys=keys))
            stack.callback(app.extensions["rhesis"].door.close)
            stack.callback(app.extensions["rhesis"].engine.dispose)
            return app

        yield make


def access_token(app: Flask, person: Person) -> str:
    answer = app.test_client().post("/api/v1/auth/login", json={"email": person.email, "password": PASSWORD})
    return str(answer.json["access_token"])


def who(app: Flask, token: str) -> int:
    return ApiClient(app, token).get("/me").status_code


def test_a_token_of_the_old_key_is_good_until_it_goes(with_keys: WithKeys, alice: Person) -> None:
    token = access_token(with_keys(OLD), alice)
    assert who(with_keys(NEW, OLD), token) == 200
    assert who(with_keys(NEW), token) == 401


def test_the_first_key_signs_and_says_which_it_is(with_keys: WithKeys, alice: Person) -> None:
    both, new = with_keys(NEW, OLD), with_keys(NEW)
    token = access_token(both, alice)
    assert who(new, token) == 200
    kid = jwt.get_unverified_header(token)["kid"]
    assert kid == jwt.get_unverified_header(access_token(new, alice))["kid"]
    assert kid != jwt.get_unverified_header(access_token(with_keys(OLD), alice))["kid"]


@pytest.mark.parametrize("headers", [{}, {"kid": ""}, {"kid": "unknown"}, {"kid": "../../dev/null"}])
def test_a_key_that_is_none_opens_nothing(with_keys: WithKeys, alice: Person, headers: dict[str, str]) -> None:
    app = with_keys(NEW)
    claims = jwt.decode(access_token(app, alice), options={"verify_signature": False})
    assert who(app, jwt.encode(claims, NEW, "HS256", headers=headers)) == 401
    assert who(app, jwt.encode(claims, "", "none", headers=headers)) == 401


def test_a_browser_stays_signed_in(with_keys: WithKeys, settings: Settings, alice: Person) -> None:
    old, both = with_keys(OLD).test_client(), with_keys(NEW, OLD).test_client()
    old.post("/login", data={"email": alice.email, "password": PASSWORD})
    cookie = old.get_cookie("rhesis")
    assert cookie is not None
    both.set_cookie("rhesis", cookie.value)
    assert both.get("/settings/tokens").status_code == 200


def test_a_cursor_of_the_old_key_goes_on(with_keys: WithKeys, alice: Person) -> None:
    with alice.scope() as scope:
        for number in range(2):
            create_project(scope, f"Project {number}")
    token = str(alice.api.post("/tokens", {"name": "Reader"}).json["token"])
    link = ApiClient(with_keys(OLD), token).get("/projects?limit=1").headers["Link"]
    following = link[link.index("/api") : link.index(">")]
    assert ApiClient(with_keys(NEW, OLD), token).get(following).status_code == 200
    assert ApiClient(with_keys(NEW), token).get(following).status_code == 400
