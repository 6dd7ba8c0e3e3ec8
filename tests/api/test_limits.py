"""What a request's rate limit costs, and what its headers say."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from typing import Any

import pytest
import redis
from flask import Flask
from limits.storage import storage_from_string
from werkzeug.test import TestResponse

from rhesis_app.app import create_app
from rhesis_app.auth.rules import new_api_token
from rhesis_app.infra.config import Settings
from rhesis_app.web.limit_storage import CountedStorage, storage_uri
from rhesis_app.web.limits import USER_TIMES
from rhesis_app.web.tokens import cookie_name
from tests.people import PASSWORD, Person

LIMIT = 40
Trips = Callable[[], AbstractContextManager[list[str]]]


@pytest.fixture
def trips(monkeypatch: pytest.MonkeyPatch) -> Trips:
    """`with trips() as seen:` collects the commands that are sent to Redis meanwhile."""
    really_execute = redis.Redis.execute_command

    @contextmanager
    def watch() -> Iterator[list[str]]:
        seen: list[str] = []

        def execute(client: redis.Redis, *arguments: Any, **options: Any) -> Any:
            seen.append(str(arguments[0]))
            return really_execute(client, *arguments, **options)

        with monkeypatch.context() as patch:
            patch.setattr(redis.Redis, "execute_command", execute)
            yield seen

    return watch


@pytest.fixture
def storage(settings: Settings, host: object) -> CountedStorage:
    """Counting on the tests' own Redis, which is emptied afterwards."""
    made = storage_from_string(storage_uri(settings.redis_url))
    assert isinstance(made, CountedStorage)
    made.incr("whatever loads the script", 60)
    return made


@pytest.fixture
def limited(settings: Settings, alice: Person) -> Iterator[Flask]:
    """The application with limits that a test can follow."""
    app = create_app(replace(settings, rate_limit_token=LIMIT, rate_limit_anonymous=LIMIT))
    yield app
    app.extensions["rhesis"].engine.dispose()
    app.extensions["rhesis"].door.close()


@pytest.fixture
def token(alice: Person) -> str:
    """An API token of Alice's, which has not been used."""
    return new_token(alice)


def new_token(person: Person) -> str:
    """One more API token of this person's."""
    return str(person.api.post("/tokens", {"name": "Limited"}).json["token"])


def ask(app: Flask, credential: str, path: str = "/api/v1/projects") -> TestResponse:
    """A call with this bearer token."""
    return app.test_client().get(path, headers={"Authorization": f"Bearer {credential}"})


def left(answer: TestResponse) -> int:
    """How many requests the headers say are left."""
    return int(answer.headers["X-RateLimit-Remaining"])


def test_a_request_goes_to_redis_once_for_each_count_and_its_headers_count_down(
    limited: Flask, token: str, trips: Trips
) -> None:
    ask(limited, token)
    began = time.time()
    with trips() as seen:
        answers = [ask(limited, token) for _ in range(3)]
    assert seen == ["EVALSHA"] * 6, "its token's and its user's"
    assert [left(answer) for answer in answers] == [LIMIT - 2, LIMIT - 3, LIMIT - 4]
    assert {answer.headers["X-RateLimit-Limit"] for answer in answers} == {str(LIMIT)}
    resets = {int(answer.headers["X-RateLimit-Reset"]) for answer in answers}
    assert all(began < reset <= began + 62 for reset in resets)


def test_credentials_and_routes_are_counted_apart(limited: Flask, alice: Person, token: str) -> None:
    assert [left(ask(limited, token)) for _ in range(3)] == [LIMIT - 1, LIMIT - 2, LIMIT - 3]
    assert left(ask(limited, new_token(alice))) == LIMIT - 1
    assert left(ask(limited, token, "/api/v1/me")) == LIMIT - 1
    assert left(ask(limited, token)) == LIMIT - 4


@pytest.mark.parametrize("junk", ["Bearer {token}", "Bearer a.b.{token}", "Basic {token}", "{token}"])
def test_what_somebody_invents_is_counted_by_their_address(limited: Flask, token: str, junk: str, trips: Trips) -> None:
    """However often the value changes, its sender is the one who was there before, and no one else pays for it."""
    ask(limited, "another")
    with trips() as seen:
        values = [junk.format(token=new_api_token()) for _ in range(3)]
        answers = [limited.test_client().get("/api/v1/projects", headers={"Authorization": value}) for value in values]
    assert [answer.status_code for answer in answers] == [401, 401, 401]
    assert [left(answer) for answer in answers] == [LIMIT - 2, LIMIT - 3, LIMIT - 4]
    assert seen == ["EVALSHA"] * 3
    assert left(ask(limited, token)) == LIMIT - 1


def test_past_the_limit_an_invented_credential_is_told_to_wait(limited: Flask) -> None:
    codes = [ask(limited, f"junk {number}").status_code for number in range(LIMIT + 1)]
    assert codes == [401] * LIMIT + [429]


def test_whoever_goes_past_the_limit_is_refused_at_once_and_nobody_else_notices(
    limited: Flask, alice: Person, token: str, trips: Trips
) -> None:
    codes = [ask(limited, token).status_code for _ in range(LIMIT + 1)]
    assert codes == [200] * LIMIT + [429]
    another = new_token(alice)
    with trips() as seen:
        other = ask(limited, another)
    assert (other.status_code, left(other), other.headers["X-RateLimit-Limit"]) == (200, LIMIT - 1, str(LIMIT))
    assert seen == ["EVALSHA"] * 2, "Redis is there and goes on counting"


def test_whoever_is_refused_waits_until_their_minute_is_over(limited: Flask, settings: Settings, token: str) -> None:
    codes = [ask(limited, token).status_code for _ in range(LIMIT + 1)]
    client = redis.Redis.from_url(settings.redis_url)
    counted = client.keys("*limit*")
    assert [client.expire(key, 7) for key in counted] == [True] * len(counted) != []
    refused = ask(limited, token)
    assert (codes[-1], refused.status_code) == (429, 429)
    assert 5 <= int(refused.headers["Retry-After"]) <= 8


def test_a_user_with_many_tokens_has_a_limit_as_well(limited: Flask, alice: Person, charlie: Person) -> None:
    tokens = [new_token(alice) for _ in range(USER_TIMES + 1)]
    codes = [ask(limited, token).status_code for token in tokens for _ in range(LIMIT)]
    assert codes == [200] * USER_TIMES * LIMIT + [429] * LIMIT
    refused = ask(limited, new_token(alice))
    assert (refused.status_code, refused.headers["X-RateLimit-Limit"]) == (429, str(USER_TIMES * LIMIT))
    assert int(refused.headers["Retry-After"]) > 0
    assert ask(limited, new_token(charlie)).status_code == 200


def test_a_page_for_everybody_is_counted_by_address_whatever_comes_along(limited: Flask, token: str) -> None:
    body = {"refresh_token": "x"}
    answers = [
        limited.test_client().post("/api/v1/auth/refresh", json=body, headers={"Authorization": f"Bearer {value}"})
        for value in ("junk", token, "more junk")
    ]
    assert [left(answer) for answer in answers] == [LIMIT - 1, LIMIT - 2, LIMIT - 3]


def test_a_cookie_that_is_invented_is_counted_by_address(limited: Flask, settings: Settings) -> None:
    seen = []
    for value in ("a.b.c", "d.e.f"):
        client = limited.test_client()
        client.set_cookie(cookie_name(settings), value)
        seen.append(left(client.get("/settings/tokens")))
    assert seen == [LIMIT - 1, LIMIT - 2]


def test_a_browsers_session_has_a_count_of_its_own(limited: Flask, settings: Settings, alice: Person) -> None:
    limited.test_client().get("/settings/tokens")
    browser = limited.test_client()
    signed_in = browser.post("/login", data={"email": alice.email, "password": PASSWORD})
    assert signed_in.status_code == 303
    assert left(browser.get("/settings/tokens")) == LIMIT - 1


def test_a_hit_answers_what_is_asked_of_its_key_and_of_the_one_before_alone(
    storage: CountedStorage, trips: Trips
) -> None:
    storage.incr("third", 600, amount=2)
    storage.incr("other", 60)
    with trips() as seen:
        assert storage.incr("one", 60) == 1
        assert storage.incr("one", 60) == 2
        assert [storage.get("one"), storage.get("other")] == [2, 1]
        assert 55 < storage.get_expiry("one") - time.time() <= 60
    assert seen == ["EVALSHA"] * 2
    with trips() as seen:
        assert storage.get("third") == 2
        assert 595 < storage.get_expiry("third") - time.time() <= 601
    assert seen == ["GET", "TTL"]


def test_what_one_thread_learnt_answers_no_other(storage: CountedStorage) -> None:
    storage.incr("shared", 60)
    elsewhere: list[int] = []

    def hit_and_ask() -> None:
        elsewhere.extend([storage.incr("shared", 60), storage.get("shared")])

    thread = threading.Thread(target=hit_and_ask)
    thread.start()
    thread.join()
    assert elsewhere == [2, 2]
    assert storage.get("shared") == 1, "as of this thread's own hit"


def test_a_hit_that_fails_leaves_nothing_of_the_one_before(
    storage: CountedStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage.incr("one", 60)

    def away(*_arguments: object) -> None:
        raise redis.ConnectionError

    with monkeypatch.context() as patch:
        patch.setattr(storage, "_count", away)
        with pytest.raises(redis.ConnectionError):
            storage.incr("one", 60)
    storage.storage.delete(storage.prefixed_key("one"))
    assert storage.get("one") == 0


def test_a_cleared_key_counts_from_one_again(storage: CountedStorage) -> None:
    storage.incr("one", 60)
    storage.clear("one")
    assert storage.get("one") == 0
    assert storage.incr("one", 60) == 1


def test_limits_go_on_in_memory_when_redis_leaves_between_two_requests(
    limited: Flask, token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert left(ask(limited, token)) == LIMIT - 1

    def away(*_arguments: object, **_options: object) -> None:
        raise redis.ConnectionError

    monkeypatch.setattr(redis.Redis, "execute_command", away)
    answers = [ask(limited, token) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 200]
    assert [left(answer) for answer in answers] == [LIMIT // 4 - 1, LIMIT // 4 - 2, LIMIT // 4 - 3]


def test_a_users_limit_goes_on_in_memory_at_a_quarter_as_well(
    limited: Flask, alice: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    tokens = [new_token(alice) for _ in range(USER_TIMES + 1)]

    def away(*_arguments: object, **_options: object) -> None:
        raise redis.ConnectionError

    monkeypatch.setattr(redis.Redis, "execute_command", away)
    quarter = LIMIT // 4
    codes = [ask(limited, token).status_code for token in tokens for _ in range(quarter)]
    assert codes.count(200) == USER_TIMES * quarter
    assert codes.count(429) == quarter
