"""Whoever guesses waits longer each time, and is refused in the end; whoever mistypes once does not notice."""

import pytest
from flask import Flask

from rhesis_app.auth.actions import slowing
from rhesis_app.auth.actions.attempts import Attempt
from rhesis_app.auth.actions.slowing import pause_of
from rhesis_app.auth.rules import FAILURES_PER_ACCOUNT, FAILURES_PER_ADDRESS
from rhesis_app.kernel.ids import new_id
from tests.people import Person


def pause(of_both: int, of_origin: int) -> float:
    return pause_of(Attempt(id=new_id(), of_account=of_both, of_origin=of_origin, of_both=of_both))


def test_pauses_grow_and_end_at_a_second() -> None:
    assert [pause(number, number) for number in (1, 2, 3)] == [0, 0, 0]
    one_account = [pause(number, number) for number in range(4, FAILURES_PER_ACCOUNT + 1)]
    assert one_account == sorted(set(one_account))
    assert pause(1, 10) == 0, "many people share an address"
    assert 0 < pause(1, 15) < pause(1, FAILURES_PER_ADDRESS) == 1


def test_a_sign_in_waits_as_long_as_its_attempt_says(
    app: Flask, alice: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    waited: list[float] = []
    monkeypatch.setattr(slowing.time, "sleep", waited.append)
    body = {"email": alice.email, "password": "wrong password"}
    codes = [
        app.test_client().post("/api/v1/auth/login", json=body).status_code for _ in range(FAILURES_PER_ACCOUNT + 1)
    ]
    assert codes == [401] * FAILURES_PER_ACCOUNT + [429]
    assert waited == [pause(number, number) for number in range(4, FAILURES_PER_ACCOUNT + 1)]
