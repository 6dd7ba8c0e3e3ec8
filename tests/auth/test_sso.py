"""Single sign-on against a provider that really answers over HTTP: the way there and back, and all that must not get in."""

from base64 import urlsafe_b64encode
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from oidc_provider_mock import _app as inside
from oidc_provider_mock._storage import AuthorizationCode

from rhesis_app.app import create_app
from rhesis_app.infra.config import Settings
from rhesis_app.infra.oidc import OidcProvider, s256
from rhesis_app.kernel.ports import OutboundFailure
from rhesis_app.tenancy.models import AuditEntry, User
from tests.auth.oidc import CLIENT_ID, CLIENT_SECRET, Browser, Provider, asked_with, provider_on_this_machine, refused
from tests.people import PASSWORD, Person

# the provider's own use of a library that moves on
pytestmark = [pytest.mark.filterwarnings("ignore::DeprecationWarning"), pytest.mark.usefixtures("plain_http")]


def test_somebody_new_joins_and_is_signed_in(app: Flask, joining: Provider, alice: Person) -> None:
    browser = Browser(app)
    assert "Sign in with localhost" in browser.client.get("/login").text
    answer = browser.signs_in(joining, "dana")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/settings/tokens")
    assert browser.client.get("/settings/tokens").status_code == 200
    assert {one["email"]: one["role"] for one in alice.api.get("/members").json}["dana@example.org"] == "Viewer"
    again = Browser(app)
    assert again.signs_in(joining, "dana").status_code == 303
    with alice.scope() as scope:
        assert scope.session.query(User).filter_by(email="dana@example.org").count() == 1
    entries = {action: alice.count(AuditEntry, action=action) for action in ("sso.connect", "sso.join", "sso.sign_in")}
    assert entries == {"sso.connect": 1, "sso.join": 1, "sso.sign_in": 2}


def test_what_is_sent_to_the_provider(app: Flask, joining: Provider) -> None:
    browser = Browser(app)
    asked = asked_with(address := browser.leaves())
    assert (asked["response_type"], asked["client_id"]) == ("code", CLIENT_ID)
    assert asked["redirect_uri"] == "http://127.0.0.1:8080/login/sso/callback"
    assert asked["code_challenge_method"] == "S256"
    assert len({asked["state"], asked["nonce"], asked["code_challenge"]}) == 3
    assert browser.client.get(joining.signs_in(address, "dana")).status_code == 303
    (sent,) = joining.codes
    assert s256(sent["code_verifier"]) == asked["code_challenge"]
    assert sent["client"] == (CLIENT_ID, CLIENT_SECRET)


def test_the_browsers_secret_is_kept_from_scripts_and_forgotten_afterwards(app: Flask, joining: Provider) -> None:
    browser = Browser(app)
    start = browser.client.get("/login/sso")
    assert "HttpOnly" in start.headers["Set-Cookie"]
    assert "SameSite=Lax" in start.headers["Set-Cookie"]
    browser.client.get(joining.signs_in(start.headers["Location"], "dana"))
    assert browser.client.get_cookie("rhesis-sso") is None


@pytest.mark.parametrize("state", ["", "made-up", "é"])
def test_a_wrong_state_signs_nobody_in(app: Flask, joining: Provider, state: str) -> None:
    browser = Browser(app)
    back = joining.signs_in(browser.leaves(), "dana")
    path, _, query = back.partition("?")
    code = asked_with(back)["code"]
    assert "state=" in query
    refused(browser.client.get(path, query_string={"code": code, "state": state}), 400, "Start again")
    assert joining.codes == []


def test_what_was_begun_in_another_browser_signs_nobody_in(app: Flask, joining: Provider) -> None:
    """Otherwise a link could sign somebody in as whoever sent it."""
    back = joining.signs_in(Browser(app).leaves(), "dana")
    refused(Browser(app).client.get(back), 400, "not begun in this browser")
    other = Browser(app)
    other.leaves()
    refused(other.client.get(back), 400, "not begun in this browser")


def test_the_same_address_works_once(app: Flask, joining: Provider) -> None:
    browser = Browser(app)
    back = joining.signs_in(browser.leaves(), "dana")
    secret = browser.client.get_cookie("rhesis-sso")
    assert secret
    assert browser.client.get(back).status_code == 303
    browser.client.set_cookie("rhesis-sso", secret.value)
    refused(browser.client.get(back), 400, "finished already")


def test_a_code_works_once(app: Flask, joining: Provider) -> None:
    browser = Browser(app)
    back = joining.signs_in(browser.leaves(), "dana")
    used = asked_with(back)["code"]
    assert browser.client.get(back).status_code == 303
    browser = Browser(app)
    state = asked_with(browser.leaves())["state"]
    answer = browser.client.get("/login/sso/callback", query_string={"code": used, "state": state})
    refused(answer, 401, "could not be trusted")


def test_another_nonce_is_refused(app: Flask, joining: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    """The code of a sign-on that somebody else began, put into one of one's own."""
    monkeypatch.setattr(AuthorizationCode, "get_nonce", lambda _self: "of another sign-on")
    refused(Browser(app).signs_in(joining, "dana"), 401, "could not be trusted")


@pytest.mark.parametrize(
    "change",
    [
        {"alg": "HS256", "key": {"kty": "oct", "k": urlsafe_b64encode(CLIENT_SECRET.encode()).decode().rstrip("=")}},
        {"alg": "RS512"},
        {"kid": "of nobody"},
        {"iss": "http://localhost:1"},
        {"aud": ["another application"]},
        {"aud": [CLIENT_ID, "another application"], "azp": "another application"},
    ],
    ids=[
        "secret as key",
        "another algorithm",
        "a key of nobody's",
        "another issuer",
        "another audience",
        "made for another",
    ],
)
def test_what_is_signed_otherwise_is_refused(
    app: Flask, joining: Provider, monkeypatch: pytest.MonkeyPatch, change: dict[str, Any]
) -> None:
    usual = inside.OpenIDCode.get_jwt_config
    monkeypatch.setattr(inside.OpenIDCode, "get_jwt_config", lambda *given: {**usual(*given), **change})
    refused(Browser(app).signs_in(joining, "dana"), 401, "could not be trusted")


def test_a_subject_that_no_provider_has_is_refused(app: Flask, joining: Provider) -> None:
    joining.knows("x" * 256, email="dana@example.org")
    refused(Browser(app).signs_in(joining, "x" * 256), 401, "could not be trusted")


def test_a_key_that_the_provider_does_not_show_is_refused(app: Flask, joining: Provider, use: Any) -> None:
    """Signed by another key of the same kind: what is shown decides, and not what the token says of itself."""
    browser = Browser(app)
    assert browser.signs_in(joining, "dana").status_code == 303
    sign_on = app.extensions["rhesis"].sign_on
    with provider_on_this_machine() as other:
        others = OidcProvider(other.settings(), app.extensions["rhesis"].door)
        others._look()
        assert others._kept
        sign_on._kept = replace(sign_on._kept, keys=others._kept.keys)
        refused(Browser(app).signs_in(joining, "dana"), 401, "could not be trusted")


def test_a_new_key_of_the_provider_is_looked_up(app: Flask, joining: Provider) -> None:
    """What is kept for an hour knows nothing of it; half a minute later the provider is asked again."""
    assert Browser(app).signs_in(joining, "dana").status_code == 303
    sign_on = app.extensions["rhesis"].sign_on
    sign_on._kept = replace(sign_on._kept, keys=())
    refused(Browser(app).signs_in(joining, "dana"), 401, "could not be trusted")
    sign_on._kept = replace(sign_on._kept, at=sign_on._kept.at - 31)
    assert Browser(app).signs_in(joining, "dana").status_code == 303


def test_an_expired_token_is_refused(app: Flask, use: Any, alice: Person) -> None:
    with provider_on_this_machine(access_token_max_age=timedelta(minutes=-5)) as late:
        use(late, organization=str(alice.actor.organization_id))
        late.knows("dana")
        refused(Browser(app).signs_in(late, "dana"), 401, "could not be trusted")


def test_a_provider_that_is_away_is_said_so(app: Flask, use: Any, alice: Person) -> None:
    with provider_on_this_machine() as gone:
        pass
    use(gone)
    refused(Browser(app).client.get("/login/sso"), 503, "cannot be asked right now")
    assert Browser(app).client.post("/login", data={"email": alice.email, "password": PASSWORD}).status_code == 303


def test_a_provider_that_refuses_is_not_quoted(app: Flask, joining: Provider) -> None:
    browser = Browser(app)
    state = asked_with(browser.leaves())["state"]
    said = {"error": "access_denied", "error_description": "<b>words of the provider</b>", "state": state}
    answer = browser.client.get("/login/sso/callback", query_string=said)
    refused(answer, 403, "signed nobody in")
    assert "words of the provider" not in answer.text


def test_another_providers_answer_is_refused(app: Flask, joining: Provider) -> None:
    browser = Browser(app)
    back = joining.signs_in(browser.leaves(), "dana")
    refused(browser.client.get(f"{back}&iss=https://login.example.org"), 400, "Start again")


def test_the_thirty_first_failure_is_told_to_wait(app: Flask, joining: Provider) -> None:
    client = Browser(app).client
    for _ in range(30):
        assert client.get("/login/sso/callback?code=x&state=y").status_code == 400
    refused(client.get("/login/sso/callback?code=x&state=y"), 429, "Too many failed sign-ins")


def test_the_way_on_never_leads_elsewhere(app: Flask, joining: Provider) -> None:
    answer = Browser(app).signs_in(joining, "dana", target="//evil.example")
    assert answer.headers["Location"] == "/"


def test_without_a_provider_there_is_neither_button_nor_page(app: Flask, alice: Person) -> None:
    client = app.test_client()
    assert "/login/sso" not in client.get("/login").text
    assert client.get("/login/sso").status_code == 404
    assert client.get("/login/sso/callback?code=x&state=y").status_code == 404
    assert alice.web.get("/settings/profile/single-sign-on").status_code == 404


def test_the_providers_address_is_open_for_it_alone(settings: Settings, provider: Provider, people: Any) -> None:
    """An instance that calls public addresses only asks its own provider all the same, and its endpoints may not."""
    closed = replace(settings, allow_local_targets=False, oidc=provider.settings())
    other = create_app(closed)
    assert Browser(other).leaves().startswith(provider.issuer)
    with pytest.raises(OutboundFailure):
        other.extensions["rhesis"].door.check(provider.issuer)
