"""Which requests are the same to a recording."""

from typing import Any

import pytest

from rhesis_app.endpoints.rules.contents import content_hash

SHOWN = {"method": "POST", "url": "https://bot.example/chat", "body": {"message": "Hello", "top": {"a": 1, "b": None}}}
HEADERS = {"X-Tier": "gold", "content-type": "application/json"}


def hashed(*, headers: dict[str, str] = HEADERS, trial: int = 1, **shown: Any) -> str:
    return content_hash({**SHOWN, **shown}, headers, trial)


def test_it_is_a_sha_256_of_one_canonical_form() -> None:
    # printf '{"body":null,"headers":[],"method":"GET","trial":1,"url":"https://b/"}' | sha256sum
    assert content_hash({"method": "GET", "url": "https://b/", "body": None}, {}, 1) == (
        "49af84fd1f5dccb6305ab7a3dc4d7f82627beb215616fc533572bb8b4dfaf83e"
    )
    assert len(hashed()) == 64


@pytest.mark.parametrize(
    "same",
    [
        {"body": {"top": {"b": None, "a": 1}, "message": "Hello"}},
        {"headers": {"Content-Type": "application/json", "x-tier": "gold"}},
    ],
)
def test_order_and_the_case_of_header_names_make_no_difference(same: dict[str, Any]) -> None:
    assert hashed(**same) == hashed()


@pytest.mark.parametrize(
    "other",
    [
        {"method": "PUT"},
        {"url": "https://bot.example/chat?x=1"},
        {"body": {"message": "Hello!", "top": {"a": 1, "b": None}}},
        {"body": {"message": "Hello", "top": {"a": "1", "b": None}}},
        {"body": None},
        {"headers": {**HEADERS, "X-Tier": "silver"}},
        {"headers": {"content-type": "application/json"}},
        {"trial": 2},
    ],
)
def test_whatever_may_change_the_answer_makes_another(other: dict[str, Any]) -> None:
    assert hashed(**other) != hashed()
