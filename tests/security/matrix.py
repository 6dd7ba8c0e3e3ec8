"""Every rule × method, and what each principal may get there."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from flask import Flask
from werkzeug.routing import Rule
from werkzeug.test import TestResponse

from rhesis_app.auth.guard import PUBLIC
from rhesis_app.kernel.permissions import Permission
from rhesis_app.web.access import access_of
from tests.auth.rows import BODIES, NOT_ROWS, ONLY_READ, OWN, QUERIES
from tests.security.canaries import seen
from tests.security.principals import Principal

# what a member of the organization reads on every page, whichever project they are in
OF_EVERY_MEMBER = {"organization.name", "organization.slug", "app_user.name", "app_user.email"}


@dataclass(frozen=True)
class Cell:
    """One rule and method, with everything filled in that it takes."""

    rule: Rule
    method: str
    path: str
    body: dict[str, Any] | None
    permission: Permission | None
    """What it needs besides a credential; None for nothing."""

    def __str__(self) -> str:
        return f"{self.method} {self.rule.rule}"

    @property
    def side(self) -> str:
        """Which credential counts here."""
        return "api" if self.path.startswith("/api/") else "web"

    @property
    def is_public(self) -> bool:
        """Whether nobody is asked who they are."""
        return self.rule.endpoint in PUBLIC

    @property
    def of_rows(self) -> bool:
        """Whether its address names a row."""
        return bool(self.rule.arguments) and self.rule.endpoint not in NOT_ROWS

    @property
    def needs_a_new_caller(self) -> bool:
        """Whether being answered may take the caller's own access away."""
        return self.method != "GET" and (self.rule.endpoint in OWN or not self.of_rows)


def cells(app: Flask, ids: dict[str, Any]) -> Iterator[Cell]:
    """All of them, in order; an argument of which nobody said what it stands for is an error."""
    for rule in sorted(app.url_map.iter_rules(), key=lambda rule: rule.rule):
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
            given: dict[str, Any] = ids
            if rule.endpoint in NOT_ROWS:
                given = defaultdict(lambda: "no-such-secret", ids)
            elif unknown := set(rule.arguments) - set(ids):
                raise AssertionError(f"{rule.rule}: say in tests/auth/rows.py what {unknown} stands for")
            access = access_of(app, rule.endpoint, method)
            needed = access.permission if access is not None else None
            yield Cell(rule, method, address(app, rule, given), body_of(rule, method, ids), needed)


def address(app: Flask, rule: Rule, ids: dict[str, Any]) -> str:
    """The rule's address for these ids."""
    with app.test_request_context():
        made = app.url_for(rule.endpoint, **{name: ids[name] for name in rule.arguments})
    return made + QUERIES.get(rule.endpoint, "")


def body_of(rule: Rule, method: str, ids: dict[str, Any]) -> dict[str, Any] | None:
    """The JSON body that an operation of the API needs before it looks anything up."""
    if method in {"GET", "DELETE"} or not rule.rule.startswith("/api/"):
        return None
    return {name: _filled(value, ids) for name, value in BODIES.get((rule.endpoint, method), {}).items()}


def wrong(principal: Principal, cell: Cell, answer: TestResponse) -> str:
    """What is wrong with an answer; empty when nothing is."""
    if answer.status_code >= 500:
        return f"{answer.status_code}"
    if leaked := leaks(principal, cell, answer):
        return f"{answer.status_code} tells {sorted(leaked)[:3]}"
    if cell.is_public:
        return ""
    if cell.side not in principal.opens:
        return "" if is_closed(answer, cell) else f"{answer.status_code}, and is open"
    wanted = _wanted(principal, cell)
    return "" if answer.status_code in wanted or not wanted else f"{answer.status_code}, and not {wanted}"


def leaks(principal: Principal, cell: Cell, answer: TestResponse) -> set[str]:
    """The columns of which an answer tells somebody who may not know."""
    if principal.name == "viewer" and not cell.is_public:
        return set()
    said = seen(answer.text + str(answer.headers))
    return said - OF_EVERY_MEMBER if principal.opens and not principal.is_stranger else said


def is_closed(answer: TestResponse, cell: Cell) -> bool:
    """Whether the answer is to sign in first."""
    if cell.side == "api":
        return answer.status_code == 401
    return answer.status_code == 303 and answer.headers["Location"].startswith("/login")


def _wanted(principal: Principal, cell: Cell) -> set[int]:
    """The statuses of a refusal; none where an answer may be given."""
    endpoint = cell.rule.endpoint
    if principal.is_stranger:
        return {404} if cell.of_rows else set()
    if principal.name == "viewer":
        return set() if cell.method == "GET" or endpoint in OWN | ONLY_READ else {403}
    return {403, 404} if cell.of_rows and cell.permission is not None else set()


def _filled(value: Any, ids: dict[str, Any]) -> Any:
    if isinstance(value, list):
        return [_filled(item, ids) for item in value]
    return value.format(**ids) if isinstance(value, str) else value
