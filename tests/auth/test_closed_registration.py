"""Registration is closed unless the operator opens it, on every way in."""

from flask import Flask

from tests.people import ApiClient, Person


def test_every_way_in_is_closed(app: Flask, alice: Person) -> None:
    stranger, browser = ApiClient(app, None), app.test_client()
    answers = [
        stranger.post("/auth/register/confirm", {"token": "x", "password": "y"}),
        browser.get("/register"),
        browser.post("/register", data={"email": "dana@example.org"}),
        browser.get("/register/x"),
        browser.post("/register/x", data={"password": "y"}),
    ]
    assert {answer.status_code for answer in answers} == {403}
    assert 'href="/register"' not in browser.get("/login").text
