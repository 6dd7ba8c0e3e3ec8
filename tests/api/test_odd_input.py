"""Whatever is sent to the API: never an error of ours, one shape of answer, and nothing of it in the logs."""

import logging
from typing import Any

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from tests.api.odd_input import SECRET, Odd, Operation, odd_requests, operations, sensible
from tests.auth.rows import everything_of
from tests.people import Person

NEEDED = {"type", "title", "status", "detail", "request_id"}
INSIDE = ("Traceback", "psycopg", "sqlalchemy", "/rhesis_app/", SECRET)
ABOUT = 12


def what_is_wrong(operation: Operation, answer: TestResponse) -> str:
    """Empty for an answer that the document allows."""
    if answer.status_code >= 500:
        return f"{answer.status_code}"
    if str(answer.status_code) not in operation.spec["responses"]:
        return f"{answer.status_code} is not in the document"
    if answer.status_code < 400:
        return ""
    return _wrong_shape(answer)


def _wrong_shape(answer: TestResponse) -> str:
    if answer.content_type != "application/problem+json":
        return f"{answer.status_code} as {answer.content_type}"
    said: Any = answer.json
    if not NEEDED <= said.keys() <= NEEDED | {"errors"} or said["status"] != answer.status_code or not said["detail"]:
        return f"not the one shape: {said}"
    if "errors" in said and not all(
        texts and all(isinstance(text, str) for text in texts) for texts in said["errors"].values()
    ):
        return f"errors of another shape: {said['errors']}"
    return next((f"tells “{word}”" for word in INSIDE if word in answer.text), "")


def send(person: Person, odd: Odd) -> TestResponse:
    options: dict[str, Any] = {"headers": dict(odd.headers)}
    if odd.body is not None:
        options |= {"data": odd.body, "content_type": odd.content_type}
    return person.api.call(odd.method, odd.path, **options)


def ids_of(person: Person) -> dict[str, Any]:
    """One of everything, and a token that may be revoked."""
    spare = person.api.post("/tokens", {"name": "to be revoked", "expires_in_days": 30})
    return {**everything_of(person).ids, "token_id": spare.json["id"]}


def test_what_the_odd_bodies_are_made_from_is_taken(app: Flask, charlie: Person) -> None:
    """Otherwise they would all be refused for one and the same reason, and nothing behind it be reached.

    Where the document does not say enough for a body that is taken, `odd_input` has one of its own.
    """
    document, ids = app.extensions["rhesis_openapi"](), ids_of(charlie)
    refused, tried = [], 0
    for operation in operations(document):
        body = sensible(document, operation, ids)
        if body is None or operation.method == "delete":
            continue
        tried += 1
        path = operation.path
        for name, value in ids.items():
            path = path.replace(f"{{{name}}}", str(value))
        answer = charlie.api.call(operation.method.upper(), path, json=body)
        if answer.status_code in {400, 404, 415, 422}:
            refused.append(f"{operation.method} {operation.path}: {answer.text} {body}")
    assert len(refused) <= tried // 10, "\n".join(refused)


def test_no_input_is_an_error_of_ours(
    app: Flask, charlie: Person, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(app.config, "PROPAGATE_EXCEPTIONS", False)
    caplog.set_level(logging.INFO)
    document, ids = app.extensions["rhesis_openapi"](), ids_of(charlie)
    wrong, tried, locked_out = [], 0, 0
    for operation, odd in odd_requests(document, ids, about=ABOUT):
        tried += 1
        caplog.clear()
        answer = send(charlie, odd)
        locked_out += answer.status_code == 401
        found = what_is_wrong(operation, answer)
        logged = [one for one in caplog.records if one.exc_info or SECRET in str(one.__dict__)]
        if found or logged:
            wrong.append(f"{odd} → {found or answer.status_code} {[str(one.exc_info)[:300] for one in logged]}")
    assert not wrong, "\n".join(wrong)
    assert tried > 1500
    assert locked_out < tried // 20, "something that was sent took the sender's own access away"
