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
from rhesis_app.infra.config import Settings
from rhesis_app.web.limit_storage import CountedStorage, storage_uri

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
def limited(settings: Settings, host: object) -> Iterator[Flask]:
    """The application with limits that a test can follow."""
    app = create_app(replace(settings, rate_limit_token=LIMIT, rate_limit_anonymous=LIMIT))
    yield app
    app.extensions["rhesis"].engine.dispose()
    app.extensions["rhesis"].door.close()


def ask(app: Flask, credential: str, path: str = "/api/v1/projects") -> TestResponse:
    """A call that is counted before anybody looks whether the credential is worth anything."""
    return app.test_client().get(path, headers={"Authorization": f"Bearer {credential}"})


def left(answer: TestResponse) -> int:
    """How many requests the headers say are left."""
    return int(answer.headers["X-RateLimit-Remaining"])


def test_a_request_goes_to_redis_once_and_its_headers_count_down(limited: Flask, trips: Trips) -> None:
    ask(limited, "somebody")
    began = time.time()
    with trips() as seen:
        answers = [ask(limited, "somebody") for _ in range(3)]
    assert seen == ["EVALSHA"] * 3
    assert [left(answer) for answer in answers] == [LIMIT - 2, LIMIT - 3, LIMIT - 4]
    assert {answer.headers["X-RateLimit-Limit"] for answer in answers} == {str(LIMIT)}
    resets = {int(answer.headers["X-RateLimit-Reset"]) for answer in answers}
    assert all(began < reset <= began + 62 for reset in resets)


def test_credentials_and_routes_are_counted_apart(limited: Flask) -> None:
    assert [left(ask(limited, "somebody")) for _ in range(3)] == [LIMIT - 1, LIMIT - 2, LIMIT - 3]
    assert left(ask(limited, "somebody else")) == LIMIT - 1
    assert left(ask(limited, "somebody", "/api/v1/me")) == LIMIT - 1
    assert left(ask(limited, "somebody")) == LIMIT - 4


def test_a_hit_answers_what_is_asked_of_its_key_and_of_no_other(storage: CountedStorage, trips: Trips) -> None:
    storage.incr("one", 60)
    storage.incr("other", 600, amount=2)
    with trips() as seen:
        assert storage.incr("one", 60) == 2
        assert storage.get("one") == 2
        assert 55 < storage.get_expiry("one") - time.time() <= 60
    assert seen == ["EVALSHA"]
    with trips() as seen:
        assert storage.get("other") == 2
        assert 595 < storage.get_expiry("other") - time.time() <= 601
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
    limited: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert left(ask(limited, "somebody")) == LIMIT - 1

    def away(*_arguments: object, **_options: object) -> None:
        raise redis.ConnectionError

    monkeypatch.setattr(redis.Redis, "execute_command", away)
    answers = [ask(limited, "somebody") for _ in range(3)]
    assert [answer.status_code for answer in answers] == [401, 401, 401]
    assert [left(answer) for answer in answers] == [LIMIT // 4 - 1, LIMIT // 4 - 2, LIMIT // 4 - 3]
