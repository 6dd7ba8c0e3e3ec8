"""A route answers the methods it was made for."""

import pytest
from flask import Flask


def test_no_route_answers_trace(app: Flask) -> None:
    assert [
        rule.rule for rule in app.url_map.iter_rules() if {"TRACE", "CONNECT", "TRACK"} & (rule.methods or set())
    ] == []


@pytest.mark.parametrize("method", ["TRACE", "TRACK", "PROPFIND", "PUT"])
@pytest.mark.parametrize("path", ["/login", "/api/v1/projects"])
def test_another_method_is_refused(app: Flask, method: str, path: str) -> None:
    answer = app.test_client().open(path, method=method)
    assert answer.status_code == 405
    assert answer.headers["Allow"]
