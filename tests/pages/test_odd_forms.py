"""Whatever is typed into a form or an address: never an error of ours, and nothing of it in the logs."""

import io
import logging
import re
from collections.abc import Iterator
from dataclasses import replace
from itertools import cycle, islice
from typing import Any
from urllib.parse import urlencode

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from rhesis_app.infra.llm import LlmClient
from tests.auth.rows import NOT_ROWS, Theirs, everything_of
from tests.pages.forms_in import Form, forms_in
from tests.people import Person

INSIDE = ("Traceback", "psycopg", "sqlalchemy", "/rhesis_app/")
ODD = (
    "",
    " \t ",
    "\ud800",
    "0",
    "-1",
    "9" * 30,
    "NaN",
    "1e999",
    "00000000-0000-0000-0000-000000000000",
    "<script>alert(1)</script>",
    "{{ nobody }}",
    '{"a": 1, "a": NaN}',
    "[" * 50_000,
    "long " * 40_000,
)
MOST = 3
"""How many of them each field is given."""
FILES = (
    b"",
    b"\x00\xff\xfe\x89PNG",
    b"prompt\nh\x00i\n",
    b"[" * 100_000,
    b'{"prompt": 1e999}\n{"prompt"',
    b"PK\x03\x04zip",
)
ADDRESSES = ("%00", "9" * 30, "-1", "..%2f..", "%C3%A9", "x" * 2000)
# pages that show another form with an argument
VARIANTS = {
    "metrics.new": ("?evaluator=text.similarity", "?evaluator=text.regex", "?evaluator=judge.labels"),
    "endpoints.new": ("?preset=openai-chat",),
    "models.new": ("?preset=anthropic",),
}
# sending these takes something away that the others need
LAST = ("/logout", "/archive", "/remove", "/revoke", "/cancel", "/delete", "/end")


@pytest.fixture
def mine(charlie: Person) -> Theirs:
    """One of everything."""
    return everything_of(charlie)


def pages(app: Flask, mine: Theirs) -> Iterator[str]:
    """Every page that can be opened."""
    for rule in sorted(app.url_map.iter_rules(), key=lambda rule: rule.rule):
        if rule.rule.startswith("/api") or "GET" not in (rule.methods or set()) or rule.endpoint in NOT_ROWS:
            continue
        if set(rule.arguments) - set(mine.ids):
            continue  # the isolation tests insist on one of every kind
        with app.test_request_context():
            address = app.url_for(rule.endpoint, **{name: mine.ids[name] for name in rule.arguments})
        for variant in ("", *VARIANTS.get(rule.endpoint, ())):
            yield address + variant


def all_forms(app: Flask, charlie: Person, mine: Theirs) -> list[Form]:
    """Each form that any page holds, once; those that take something away come last."""
    found: dict[tuple[Any, ...], Form] = {}
    for page in pages(app, mine):
        answer = charlie.web.get(page)
        if not answer.content_type.startswith("text/html"):
            continue
        for form in forms_in(answer.text):
            action = form.action or page
            found.setdefault(
                (form.method, action.partition("?")[0], tuple(form.fields.items())), replace(form, action=action)
            )
    # a project goes with all that is in it
    return sorted(
        found.values(),
        key=lambda form: (form.action.endswith(LAST), re.fullmatch(r"/p/[^/]+/archive", form.action) is not None),
    )


def sent(person: Person, form: Form, fields: dict[str, Any]) -> TestResponse:
    if form.method == "get":
        query = urlencode(fields, errors="surrogatepass")
        return person.web.get(f"{form.action.partition('?')[0]}?{query}")
    fields = {
        name: value.encode("utf-8", "surrogatepass") if isinstance(value, str) else value
        for name, value in fields.items()
    }
    return person.web.post(form.action, fields)


def odd_forms(form: Form) -> Iterator[dict[str, Any]]:
    """The form with one field odd at a time, with none at all, and with odd files."""
    for place, name in enumerate(form.fields):
        if name != "csrf_token":
            yield from ({**form.fields, name: value} for value in ("a\x00b", *islice(cycle(ODD), place, place + MOST)))
    for name in form.files:
        for content in FILES:
            yield {**form.fields, name: (io.BytesIO(content), "odd\x07.csv")}
    yield {}


def odd_addresses(page: str, number: int) -> Iterator[str]:
    """The page's address with one part odd at a time, and with arguments that are."""
    path = page.partition("?")[0].split("/")
    values = cycle(ADDRESSES)
    for place, value in zip(range(1, len(path)), islice(values, number % len(ADDRESSES), None), strict=False):
        yield "/".join([*path[:place], "%00", *path[place + 1 :]])
        yield "/".join([*path[:place], value, *path[place + 1 :]])
    for name in ("q", "cursor", "unknown"):
        yield f"{page}{'&' if '?' in page else '?'}{name}=%00"
        yield f"{page}{'&' if '?' in page else '?'}{name}={next(values)}"


def complaint(answer: TestResponse, caplog: pytest.LogCaptureFixture) -> str:
    said = [word for word in INSIDE if word.encode() in answer.data]
    logged = [str(record.exc_info[1])[:200] for record in caplog.records if record.exc_info]
    caplog.clear()
    return f"{answer.status_code} {said} {logged}" if answer.status_code >= 500 or said or logged else ""


def test_no_form_is_an_error_of_ours(
    app: Flask,
    charlie: Person,
    mine: Theirs,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(app.config, "PROPAGATE_EXCEPTIONS", False)
    # nothing answers where Charlie's model is said to be: there is no use in waiting before it is asked again
    hasty = LlmClient(charlie.host.door, sleep=lambda _seconds: None)
    monkeypatch.setattr(charlie.host, "models", hasty)
    caplog.set_level(logging.INFO)
    wrong, tried = [], 0
    forms = all_forms(app, charlie, mine)
    caplog.clear()
    for form in forms:
        for fields in odd_forms(form):
            tried += 1
            if found := complaint(sent(charlie, form, fields), caplog):
                odd = {name: str(value)[:40] for name, value in fields.items() if form.fields.get(name) != value}
                wrong.append(f"{form.method} {form.action} {odd} → {found}")
    assert not wrong, "\n".join(wrong)
    assert len(forms) > 30
    assert tried > 600


def test_no_address_is_an_error_of_ours(
    app: Flask,
    charlie: Person,
    mine: Theirs,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(app.config, "PROPAGATE_EXCEPTIONS", False)
    wrong, tried = [], 0
    for place, page in enumerate(pages(app, mine)):
        for address in odd_addresses(page, place):
            tried += 1
            if found := complaint(charlie.web.get(address), caplog):
                wrong.append(f"{address[:120]} → {found}")
    assert not wrong, "\n".join(wrong)
    assert tried > 300
