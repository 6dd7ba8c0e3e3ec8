"""Every route that changes something leaves an entry in the audit log: by what its code reaches, and by doing it."""

import ast
import inspect
import textwrap
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import pytest
from flask import Flask

from tests.api.odd_input import Operation, operations, sensible
from tests.api.test_odd_input import ids_of
from tests.auth.test_isolation import rules_of
from tests.people import Person

Function = Callable[..., Any]
# the routes that leave none, each with its reason
EXEMPT: dict[str, str] = {}


def view_of(app: Flask, endpoint: str, method: str) -> Function:
    """The function behind a route."""
    view: Any = app.view_functions[endpoint]
    view_class = getattr(view, "view_class", None)
    return inspect.unwrap(getattr(view_class, method.lower()) if view_class else view)


def reached(function: Function) -> Iterator[Function]:
    """The product's functions that are named in this one, and in those that they name, and so on."""
    waiting, seen = [function], set()
    while waiting:
        one = inspect.unwrap(waiting.pop())
        if one in seen:
            continue
        seen.add(one)
        yield one
        waiting += [named for named in _named(one) if inspect.isfunction(named) and named.__module__.startswith("rhesis_app.")]


def _named(function: Function) -> Iterator[Any]:
    tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    known = {**function.__globals__, **inspect.getclosurevars(function).nonlocals}
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and node.id in known:
            yield known[node.id]
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            owner = known.get(node.value.id)
            if isinstance(owner, ModuleType):
                yield getattr(owner, node.attr, None)


def records(function: Function) -> bool:
    """Whether an entry is asked for somewhere behind this function."""
    return any(".record(" in inspect.getsource(one) for one in reached(function))


def changing(app: Flask) -> Iterator[tuple[str, str, str]]:
    """(endpoint, method, rule) of every route that may change something."""
    for rule in app.url_map.iter_rules():
        for method in sorted((rule.methods or set()) - {"GET", "HEAD", "OPTIONS"}):
            yield rule.endpoint, method, rule.rule


def test_every_route_that_changes_something_reaches_an_entry(app: Flask) -> None:
    silent, tried = {}, 0
    for endpoint, method, rule in changing(app):
        tried += 1
        if not records(view_of(app, endpoint, method)):
            silent[f"{method} {endpoint}"] = rule
    assert silent.keys() == EXEMPT.keys(), silent
    assert tried > 180


def entries(person: Person) -> int:
    with person.scope() as scope:
        from sqlalchemy import text

        return int(scope.session.scalar(text("SELECT count(*) FROM audit_entry")) or 0)


def test_every_operation_that_changes_something_leaves_an_entry_when_it_is_done(app: Flask, charlie: Person) -> None:
    document, ids = app.extensions["rhesis_openapi"](), ids_of(charlie)
    silent, refused, tried = [], [], 0
    for operation in operations(document):
        if operation.method == "get":
            continue
        before = entries(charlie)
        path = operation.path
        for name, value in ids.items():
            path = path.replace(f"{{{name}}}", str(value))
        body = sensible(document, operation, ids)
        answer = charlie.api.call(operation.method.upper(), path, **({} if body is None else {"json": body}))
        if answer.status_code >= 400:
            refused.append(f"{operation.method} {operation.path} {answer.status_code} {answer.text[:200]}")
        elif entries(charlie) == before:
            silent.append(f"{operation.method} {operation.path}")
        tried += 1
    print(tried)
    print("\n".join(["SILENT", *silent, "REFUSED", *refused]))
    assert False
