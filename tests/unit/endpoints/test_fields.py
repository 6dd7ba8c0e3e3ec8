"""Header rules, bounds and authentication."""

import pytest

from rhesis_app.endpoints.rules import (
    auth_headers,
    auth_problem,
    bounds_problem,
    carries_secret,
    header_problems,
    url_problem,
)
from rhesis_app.endpoints.rules.fields import TIMEOUT_S


def test_ordinary_headers_pass():
    assert header_problems({"Content-Type": "application/json", "X-Tenant": "größe", "X-Empty": ""}) == []


@pytest.mark.parametrize(
    "name", ["Authorization", "cookie", "X-Api-Key", "api-key", "X-Auth-Token", "apikey", "Ocp-Apim-Subscription-Key"]
)
def test_secrets_are_sent_to_authentication(name):
    assert carries_secret(name)
    assert "authentication" in header_problems({name: "x"})[0]


@pytest.mark.parametrize(
    "name", ["Host", "Content-Length", "transfer-encoding", "Connection", "Accept-Encoding", "Idempotency-Key"]
)
def test_the_senders_own_headers_are_refused(name):
    assert "sender itself" in header_problems({name: "x"})[0]


@pytest.mark.parametrize(
    "headers",
    [{"A b": "x"}, {"": "x"}, {"X\r\nY": "x"}, {"X": "a\r\nB: c"}, {"X": "a\x00"}, {"X": 3}, {"X": "y" * 5000}],
)
def test_what_would_break_the_request_is_refused(headers):
    assert len(header_problems(headers)) == 1


def test_a_header_is_given_once():
    assert header_problems({"X-A": "1", "x-a": "2"}) == ["The header x-a is given twice."]


@pytest.mark.parametrize(("value", "fine"), [(0, False), (1, True), (600, True), (601, False)])
def test_bounds_are_inclusive(value, fine):
    assert (bounds_problem(value, TIMEOUT_S) is None) == fine


@pytest.mark.parametrize(
    ("kind", "header", "secret", "field"),
    [
        ("none", None, None, None),
        ("bearer", None, "token", None),
        ("bearer", None, None, None),
        ("bearer", None, "", "secret"),
        ("bearer", None, "a\nb", "secret"),
        ("basic", None, "user:password", None),
        ("basic", None, "password", "secret"),
        ("header", "X-Api-Key", "k", None),
        ("header", None, "k", "header"),
        ("header", "Host", "k", "header"),
        ("oauth", None, "k", "kind"),
    ],
)
def test_authentication_is_checked(kind, header, secret, field):
    problem = auth_problem(kind, header, secret)
    assert (problem and problem[0]) == field


def test_the_secret_goes_into_its_header():
    assert auth_headers("bearer", None, "t") == {"Authorization": "Bearer t"}
    assert auth_headers("basic", None, "user:pä") == {"Authorization": "Basic dXNlcjpww6Q="}
    assert auth_headers("header", "X-Api-Key", "k") == {"X-Api-Key": "k"}
    assert auth_headers("none", None, "k") == {}


def test_a_url_is_read_by_the_doors_own_rules():
    assert url_problem("https://x.example/a?b=c") is None
    assert "http" in (url_problem("ftp://x.example") or "")
