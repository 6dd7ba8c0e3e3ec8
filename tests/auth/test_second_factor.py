"""A second factor: asked after a right password wherever one is proven, each code once, and the ways back in."""

import re
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import Engine, text

from rhesis_app.auth.actions.reset import make_operators_link
from rhesis_app.auth.rules import FAILURES_PER_ACCOUNT
from rhesis_app.infra.runtime import Runtime
from rhesis_app.tenancy.models import AuditEntry
from tests.auth.second_factors import Authenticator, logged_in, turn_on
from tests.people import PASSWORD, ApiClient, Person, signed_in

NEW = "quite another passphrase"


@pytest.fixture
def factor(app: Flask, alice: Person, superuser: Engine) -> tuple[Authenticator, list[str]]:
    """Alice's app and recovery codes."""
    return turn_on(app, alice, superuser)


@pytest.fixture
def authenticator(factor: tuple[Authenticator, list[str]]) -> Authenticator:
    """Alice's app."""
    return factor[0]


@pytest.fixture
def codes(factor: tuple[Authenticator, list[str]]) -> list[str]:
    """Alice's recovery codes."""
    return factor[1]


def with_code(app: Flask, person: Person, code: str) -> ApiClient:
    answer = logged_in(app, person.email, code)
    assert answer.status_code == 200, answer.text
    return ApiClient(app, answer.json["access_token"])


def test_a_right_password_is_not_enough_and_the_answer_says_what_is_missing(
    app: Flask, alice: Person, authenticator: Authenticator
) -> None:
    asked = logged_in(app, alice.email)
    assert (asked.status_code, list(asked.json["errors"])) == (401, ["code"])
    assert "access_token" not in asked.text
    wrong = logged_in(app, alice.email, authenticator.wrong_code())
    assert (wrong.status_code, list(wrong.json["errors"])) == (401, ["code"])
    me = with_code(app, alice, authenticator.code()).get("/me").json
    assert me["user"]["totp"] is True


def test_a_wrong_password_tells_nothing_of_a_second_factor(
    app: Flask, alice: Person, charlie: Person, authenticator: Authenticator
) -> None:
    answers = [
        logged_in(app, email, code, "not the right password")
        for email in (alice.email, charlie.email, "nobody@example.org")
        for code in ("", authenticator.code())
    ]
    assert {answer.status_code for answer in answers} == {401}
    assert len({answer.json["detail"] for answer in answers}) == 1
    assert not [answer for answer in answers if "errors" in answer.json]


def test_a_code_works_once_and_not_again_after_a_later_one(
    app: Flask, alice: Person, authenticator: Authenticator
) -> None:
    code = authenticator.code()
    assert logged_in(app, alice.email, code).status_code == 200
    again = logged_in(app, alice.email, code)
    assert (again.status_code, "used already" in again.json["detail"]) == (401, True)


def test_the_code_that_turned_it_on_signs_nobody_in(app: Flask, alice: Person, superuser: Engine) -> None:
    authenticator, _ = turn_on(app, alice, superuser)
    assert logged_in(app, alice.email, authenticator.same_code()).status_code == 401


@pytest.mark.parametrize("kind", ["code", "recovery"])
def test_of_many_who_bring_one_code_at_once_one_enters(
    app: Flask, alice: Person, authenticator: Authenticator, codes: list[str], kind: str
) -> None:
    code = authenticator.code() if kind == "code" else codes[0]
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: logged_in(app, alice.email, code).status_code, range(8)))
    assert answers.count(200) == 1
    assert set(answers) == {200, 401}


def test_a_recovery_code_works_once_however_it_is_typed(app: Flask, alice: Person, codes: list[str]) -> None:
    assert len(set(codes)) == 10
    assert {bool(re.fullmatch(r"[a-z2-7]{5}(-[a-z2-7]{5}){4}", code)) for code in codes} == {True}
    typed = f" {codes[0].upper().replace('-', ' ')} "
    assert logged_in(app, alice.email, typed).status_code == 200
    assert logged_in(app, alice.email, codes[0]).status_code == 401
    assert logged_in(app, alice.email, codes[1]).status_code == 200


def test_codes_of_others_do_nothing(app: Flask, alice: Person, charlie: Person, superuser: Engine) -> None:
    _, hers = turn_on(app, alice, superuser)
    turn_on(app, charlie, superuser)
    assert logged_in(app, charlie.email, hers[0]).status_code == 401
    assert logged_in(app, alice.email, hers[0]).status_code == 200


def test_neither_secret_nor_codes_are_kept_as_they_are(
    app: Flask, alice: Person, host: Runtime, superuser: Engine
) -> None:
    secret = signed_in(app, alice.email).post("/me/totp").json["secret"]
    with superuser.connect() as connection:
        sealed = connection.scalar(text("SELECT secret FROM user_totp"))
    assert secret not in sealed
    user_id = alice.actor.user_id
    assert user_id is not None
    assert host.secrets.open(sealed, user_id, "user_totp.secret", user_id) == secret
    _, codes = turn_on(app, alice, superuser)
    with superuser.connect() as connection:
        tables = connection.scalars(text("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")).all()
        for table in tables:
            kept = connection.execute(text(f'SELECT t::text FROM "{table}" t')).scalars()
            assert not [row for row in kept if any(code in row for code in codes)], table


def test_wrong_codes_count_from_wherever_they_come(app: Flask, alice: Person, authenticator: Authenticator) -> None:
    def guess(number: int, code: str) -> int:
        body = {"email": alice.email, "password": PASSWORD, "code": code}
        origin = {"REMOTE_ADDR": f"192.0.2.{number}"}
        return app.test_client().post("/api/v1/auth/login", json=body, environ_overrides=origin).status_code

    wrong = authenticator.wrong_code()
    statuses = [guess(number, wrong) for number in range(FAILURES_PER_ACCOUNT)]
    assert set(statuses) == {401}
    assert guess(100, authenticator.code()) == 429


def test_signing_in_on_the_page_takes_two_steps(app: Flask, alice: Person, authenticator: Authenticator) -> None:
    browser = app.test_client()
    form = {"email": alice.email, "password": PASSWORD, "stay_signed_in": "true", "next": "/settings/tokens"}
    page = browser.post("/login", data=form)
    assert (page.status_code, "Set-Cookie" in page.headers) == (200, False)
    assert PASSWORD not in page.text
    hidden = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', page.text))
    assert set(hidden) == {"ticket", "next", "stay_signed_in"}
    wrong = browser.post("/login/code", data=hidden | {"code": authenticator.wrong_code()})
    assert (wrong.status_code, "not right" in wrong.text, "Set-Cookie" in wrong.headers) == (422, True, False)
    entered = browser.post("/login/code", data=hidden | {"code": authenticator.code()})
    assert (entered.status_code, entered.headers["Location"]) == (303, "/settings/tokens")
    assert browser.get("/settings/tokens").status_code == 200
    late = browser.post("/login/code", data=hidden | {"code": authenticator.code()})
    assert (late.status_code, "took too long" in late.text) == (404, True)


@pytest.mark.parametrize("ending", ["time", "password"])
def test_a_first_step_does_not_last(
    app: Flask, alice: Person, authenticator: Authenticator, codes: list[str], superuser: Engine, ending: str
) -> None:
    page = app.test_client().post("/login", data={"email": alice.email, "password": PASSWORD})
    ticket = re.findall(r'name="ticket" value="([^"]+)"', page.text)[0]
    if ending == "time":
        with superuser.connect() as connection:
            connection.execute(text("UPDATE one_time_token SET expires_at = now()"))
    else:
        mine = with_code(app, alice, codes[0])
        body = {"current_password": PASSWORD, "new_password": NEW, "code": codes[1]}
        assert mine.post("/me/password", body).status_code == 204
    late = app.test_client().post("/login/code", data={"ticket": ticket, "code": authenticator.code()})
    assert late.status_code == 404


def test_a_new_password_needs_a_code(app: Flask, alice: Person, codes: list[str]) -> None:
    mine = with_code(app, alice, codes[0])
    body = {"current_password": PASSWORD, "new_password": NEW}
    refused = mine.post("/me/password", body)
    assert (refused.status_code, list(refused.json["errors"])) == (422, ["code"])
    weak = mine.post("/me/password", {"current_password": PASSWORD, "new_password": "short", "code": codes[1]})
    assert list(weak.json["errors"]) == ["new_password"]
    assert mine.post("/me/password", body | {"code": codes[1]}).status_code == 204


def test_an_invitation_is_no_way_round(app: Flask, alice: Person, charlie: Person, superuser: Engine) -> None:
    _, codes = turn_on(app, charlie, superuser)
    link = alice.api.post("/invitations", {"email": charlie.email, "role": "Viewer"}).json["accept_url"]
    stranger, token = ApiClient(app, None), link.rpartition("/")[2]
    body = {"token": token, "password": PASSWORD}
    refused = stranger.post("/invitations/accept", body)
    assert (refused.status_code, list(refused.json["errors"])) == (401, ["code"])
    page = app.test_client().post(f"/invitations/{token}", data={"password": PASSWORD})
    assert (page.status_code, "Give a code" in page.text) == (401, True)
    assert stranger.post("/invitations/accept", body | {"code": codes[0]}).status_code == 201


def test_a_forgotten_password_leaves_the_second_factor(
    app: Flask, alice: Person, host: Runtime, authenticator: Authenticator
) -> None:
    token = make_operators_link(host, alice.email).rpartition("/")[2]
    assert ApiClient(app, None).post("/auth/reset/confirm", {"token": token, "password": NEW}).status_code == 204
    assert logged_in(app, alice.email, password=NEW).status_code == 401
    assert logged_in(app, alice.email, authenticator.code(), NEW).status_code == 200


@pytest.mark.parametrize(("password", "is_right", "field"), [("wrong", True, "password"), (PASSWORD, False, "code")])
def test_it_turns_on_only_with_password_and_a_first_code(
    app: Flask, alice: Person, superuser: Engine, password: str, is_right: bool, field: str
) -> None:
    mine = signed_in(app, alice.email)
    assert mine.post("/me/totp/confirm", {"password": PASSWORD, "code": "123456"}).status_code == 409
    authenticator = Authenticator(mine.post("/me/totp").json["secret"], superuser)
    code = authenticator.same_code() if is_right else authenticator.wrong_code()
    refused = mine.post("/me/totp/confirm", {"password": password, "code": code})
    assert (refused.status_code, list(refused.json["errors"])) == (422, [field])
    assert mine.get("/me").json["user"]["totp"] is False
    assert logged_in(app, alice.email).status_code == 200


def test_one_that_is_on_is_not_replaced(app: Flask, alice: Person, codes: list[str]) -> None:
    mine = with_code(app, alice, codes[0])
    assert mine.post("/me/totp").status_code == 409
    assert logged_in(app, alice.email, codes[1]).status_code == 200


def test_new_recovery_codes_end_the_old_ones(app: Flask, alice: Person, codes: list[str]) -> None:
    mine = with_code(app, alice, codes[0])
    refused = mine.post("/me/totp/recovery-codes", {"password": PASSWORD, "code": codes[0]})
    assert (refused.status_code, list(refused.json["errors"])) == (422, ["code"])
    renewed = mine.post("/me/totp/recovery-codes", {"password": PASSWORD, "code": codes[1]}).json["recovery_codes"]
    assert logged_in(app, alice.email, codes[2]).status_code == 401
    assert logged_in(app, alice.email, renewed[0]).status_code == 200


def test_it_is_turned_off_with_password_and_code(
    app: Flask, alice: Person, authenticator: Authenticator, codes: list[str]
) -> None:
    mine = with_code(app, alice, codes[0])
    for body in ({"password": "wrong", "code": codes[1]}, {"password": PASSWORD, "code": codes[0]}):
        assert mine.post("/me/totp/off", body).status_code == 422
    assert mine.post("/me/totp/off", {"password": PASSWORD, "code": authenticator.code()}).status_code == 204
    assert logged_in(app, alice.email).status_code == 200
    assert mine.post("/me/totp/off", {"password": PASSWORD, "code": codes[2]}).status_code == 409
    actions = ("second_factor.begin", "second_factor.turn_on", "second_factor.turn_off")
    assert [alice.count(AuditEntry, action=action) for action in actions] == [1, 1, 1]


def test_a_token_changes_nothing_of_it(alice: Person) -> None:
    proof = {"password": PASSWORD, "code": "123456"}
    answers: list[Any] = [alice.api.post("/me/totp")]
    answers += [alice.api.post(f"/me/totp/{deed}", proof) for deed in ("confirm", "recovery-codes", "off")]
    assert {answer.status_code for answer in answers} == {403}
