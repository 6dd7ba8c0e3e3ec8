"""The API's document is valid, complete and the one that is kept in docs/."""

import re
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from openapi_spec_validator import OpenAPIV31SpecValidator

from rhesis_app.web.openapi import printed_document

KEPT = Path(__file__).parents[2] / "docs/openapi.json"
METHODS = {"get", "post", "put", "patch", "delete"}


@pytest.fixture
def document(app: Flask) -> dict[str, Any]:
    """As it is served."""
    served = app.test_client().get("/api/openapi.json")
    assert served.status_code == 200
    return dict(served.json)


def operations(document: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    return [
        (path, method, operation)
        for path, item in document["paths"].items()
        for method, operation in item.items()
        if method in METHODS
    ]


def test_it_is_a_valid_openapi_3_1_document(document: dict[str, Any]) -> None:
    assert [error.message for error in OpenAPIV31SpecValidator(document).iter_errors()] == []


def test_it_has_every_rule_of_the_url_map(app: Flask, document: dict[str, Any]) -> None:
    served = {
        (re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule), method.lower())
        for rule in app.url_map.iter_rules()
        if rule.rule.startswith("/api/v1/")
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    assert {(path, method) for path, method, _ in operations(document)} == served


def test_every_operation_says_what_it_does_who_may_and_how_it_fails(document: dict[str, Any]) -> None:
    for path, method, operation in operations(document):
        assert operation.get("summary"), f"{method} {path}"
        assert "security" in operation
        codes = set(operation["responses"])
        assert any(code.startswith("2") for code in codes), f"{method} {path}"
        assert {"401", "403", "429"} <= codes
        for code in codes - {code for code in codes if code.startswith("2")}:
            assert "application/problem+json" in operation["responses"][code]["content"]


def test_the_kept_document_is_the_served_one(app: Flask) -> None:
    """When this is red and the change was wanted: rhesis-app openapi > docs/openapi.json"""
    assert KEPT.read_text("utf-8").strip() == printed_document(app)
