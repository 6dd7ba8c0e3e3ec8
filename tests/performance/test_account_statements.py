"""How many statements one's own account takes, page by page and deed by deed."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

from flask import Flask
from sqlalchemy import Engine

from rhesis_app.auth.actions.address import make_email_link
from rhesis_app.infra.runtime import Runtime
from tests.auth.second_factors import Authenticator, logged_in
from tests.pages.account.test_second_factor_page import begun
from tests.people import PASSWORD, ApiClient, Person, signed_in
from tests.performance.test_run_statements import taken

Watch = Callable[[], AbstractContextManager[list[str]]]
PROFILE = "/settings/profile"


def test_the_pages_of_an_account_keep_their_budget(alice: Person, superuser: Engine, statements: Watch) -> None:
    def counts() -> dict[str, int]:
        paths = (PROFILE, f"{PROFILE}/second-factor", f"{PROFILE}/email", f"{PROFILE}/deactivate")
        return {path: taken(statements, lambda path=path: alice.web.get(path)) for path in paths}

    off = counts()
    authenticator = begun(alice, superuser)
    waiting = counts()
    alice.web.post(f"{PROFILE}/second-factor/confirm", {"password": PASSWORD, "code": authenticator.code()})
    for found in (off, waiting, counts()):
        assert {path: count for path, count in found.items() if count > 8} == {}


def test_what_changes_an_account_keeps_its_budget(
    app: Flask, alice: Person, host: Runtime, superuser: Engine, statements: Watch
) -> None:
    mine = signed_in(app, alice.email)
    counts: dict[str, int] = {}

    def measure(name: str, do: Callable[[], Any], *expected: int) -> Any:
        with statements() as seen:
            answer = do()
        assert answer.status_code in expected, (name, answer.text)
        counts[name] = len([statement for statement in seen if not statement.startswith("SELECT set_config")])
        return answer

    made = measure("begin", lambda: mine.post("/me/totp"), 201)
    authenticator = Authenticator(made.json["secret"], superuser)
    proof = {"password": PASSWORD, "code": authenticator.same_code()}
    codes = measure("confirm", lambda: mine.post("/me/totp/confirm", proof), 200).json["recovery_codes"]
    measure("sign in", lambda: logged_in(app, alice.email, codes[0]), 200)
    token = make_email_link(host, alice.email, "other@example.org").rpartition("/")[2]
    measure("address", lambda: mine.post("/me/email/confirm", {"token": token}), 200)
    measure("end all", lambda: mine.post("/sessions/end-all"), 200)
    assert ApiClient(app, None).get("/me").status_code == 401
    # a password and a code are each counted by three statements of their own before and after they are looked at
    budgets = {"confirm": 10 + 3, "sign in": 10 + 2 * 3}
    assert {name: count for name, count in counts.items() if count > budgets.get(name, 10)} == {}
