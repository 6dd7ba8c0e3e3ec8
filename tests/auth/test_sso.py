"""Single sign-on against a provider that really answers over HTTP: the way there and back, and all that must not get in."""

from base64 import urlsafe_b64encode
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from oidc_provider_mock import _app as inside
from oidc_provider_mock._storage import AuthorizationCode
from sqlalchemy import Engine, text

from rhesis_app.app import create_app
from rhesis_app.auth.models import SsoIdentity
from rhesis_app.infra.config import Settings
from rhesis_app.infra.oidc import OidcProvider, s256
from rhesis_app.infra.runtime import Runtime
from rhesis_app.kernel.ports import OutboundFailure
from rhesis_app.tenancy.models import AuditEntry, Membership, Role, User
from tests.auth.oidc import CLIENT_ID, CLIENT_SECRET, Browser, Provider, asked_with, provider_on_this_machine
from tests.people import PASSWORD, Person, add_member

# the provider's own use of a library that moves on
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


@pytest.fixture(autouse=True)
def _plain_http(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUTHLIB_INSECURE_TRANSPORT", "1")


@pytest.fixture
def provider(_plain_http: None) -> Iterator[Provider]:
    """A provider that knows Dana."""
    with provider_on_this_machine() as made:
        made.knows("dana")
        yield made


@pytest.fixture
def use(app: Flask, host: Runtime, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Tell the instance of a provider."""

    def tell(provider: Provider, **settings: Any) -> OidcProvider:
        made = OidcProvider(provider.settings(**settings), host.door)
        monkeypatch.setattr(host, "sign_on", made)
        return made

    return tell


@pytest.fixture
def joining(use: Any, provider: Provider, alice: Person) -> Provider:
    """People of the provider join Alice's organization, as their groups say."""
    roles = {"testers": "Member", "platform": "Admin", "founders": "Owner", "*": "Viewer"}
    use(provider, organization=str(alice.actor.organization_id), roles=roles)
    return provider


def role_of(alice: Person, email: str) -> str:
    with alice.scope() as scope:
        query = scope.select(Membership.user_id, Role.name).join(Role, Role.id == Membership.role_id)
        row = scope.session.execute(query.join(User, User.id == Membership.user_id).where(User.email == email)).one()
    return str(row.name)


def refused(answer: Any, status: int, words: str) -> None:
    assert answer.status_code == status, answer.text
    assert "Not signed in" in answer.text
    assert words in answer.text


def test_somebody_new_joins_and_is_signed_in(app: Flask, joining: Provider, alice: Person) -> None:
    browser = Browser(app)
    assert "Sign in with localhost" in browser.client.get("/login").text
    answer = browser.signs_in(joining, "dana")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/settings/tokens")
    assert browser.client.get("/settings/tokens").status_code == 200
    assert role_of(alice, "dana@example.org") == "Viewer"
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
    assert asked["redirect_uri"] == "http://localhost/login/sso/callback"
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


@pytest.mark.parametrize("said", [{"email_verified": False}, {"email_verified": None}, {"email": ""}])
def test_an_address_that_is_not_verified_makes_no_account(
    app: Flask, joining: Provider, alice: Person, said: dict[str, Any]
) -> None:
    joining.knows("dana", **said)
    refused(Browser(app).signs_in(joining, "dana"), 403, "does not vouch for your e-mail address")
    assert alice.count(Membership) == 2
    assert alice.count(AuditEntry, action="sso.refuse") == 1


def test_an_address_that_is_not_verified_finds_no_account(app: Flask, joining: Provider, bob: Person) -> None:
    """Bob has no password that would keep others out."""
    joining.knows("mallory", email=bob.email, email_verified=False)
    refused(Browser(app).signs_in(joining, "mallory"), 403, "does not vouch for your e-mail address")


def test_an_account_with_a_password_is_not_taken_over(app: Flask, joining: Provider, alice: Person) -> None:
    joining.knows("mallory", email=alice.email, groups=["founders"])
    answer = Browser(app).signs_in(joining, "mallory")
    refused(answer, 409, "Sign in with the password")
    assert 'href="/login?next=/settings/profile/single-sign-on"' in answer.text
    with alice.scope() as scope:
        assert scope.session.query(SsoIdentity).count() == 0


def test_whoever_has_signed_in_connects_their_account_and_disconnects_it(
    app: Flask, joining: Provider, alice: Person
) -> None:
    joining.knows("a.lice", email="another.address@example.org", email_verified=False, groups=["founders"])
    assert "Not connected" in alice.web.get("/settings/profile/single-sign-on").text
    page = alice.web.post("/settings/profile/single-sign-on/connect").text
    address = page.partition('href="http://localhost:')[2].partition('"')[0].replace("&amp;", "&")
    back = joining.signs_in(f"http://localhost:{address}", "a.lice")
    assert alice.web.get(back).headers["Location"] == "/settings/profile/single-sign-on"
    assert "Disconnect" in alice.web.get("/settings/profile/single-sign-on").text
    browser = Browser(app)
    assert browser.signs_in(joining, "a.lice").status_code == 303
    assert "Alice" in browser.client.get("/settings/profile").text
    alice.web.post("/settings/profile/single-sign-on/disconnect")
    refused(Browser(app).signs_in(joining, "a.lice"), 403, "does not vouch")


def test_an_account_without_a_password_is_not_disconnected(app: Flask, joining: Provider, alice: Person) -> None:
    """Bob's account was made without one; the provider's verified address finds it once, and nobody else with it."""
    joining.knows("bob")
    browser = Browser(app)
    assert browser.signs_in(joining, "bob").status_code == 303
    page = browser.client.get("/settings/profile/single-sign-on").text
    assert "only way in" in page
    csrf = page.partition('name="csrf_token" value="')[2].partition('"')[0]
    answer = browser.client.post("/settings/profile/single-sign-on/disconnect", data={"csrf_token": csrf})
    assert answer.status_code == 409
    joining.knows("bob.the.second", email="bob@example.org")
    refused(Browser(app).signs_in(joining, "bob.the.second"), 409, "somebody else at the provider")


@pytest.mark.parametrize(
    ("groups", "role"),
    [
        ([], "Viewer"),
        (["testers"], "Member"),
        (["testers", "platform"], "Admin"),
        (["founders"], "Owner"),
        ("testers", "Member"),
    ],
)
def test_groups_give_the_role_that_may_most(
    app: Flask, joining: Provider, alice: Person, groups: list[str], role: str
) -> None:
    joining.knows("dana", groups=groups)
    assert Browser(app).signs_in(joining, "dana").status_code == 303
    assert role_of(alice, "dana@example.org") == role


def test_groups_are_asked_for_again_at_each_sign_in(app: Flask, joining: Provider, alice: Person) -> None:
    for groups, role in ((["platform"], "Admin"), ([], "Viewer"), (["testers"], "Member")):
        joining.knows("dana", groups=groups)
        Browser(app).signs_in(joining, "dana")
        assert role_of(alice, "dana@example.org") == role
    assert alice.count(AuditEntry, action="member.change_role") == 2


def test_the_last_owner_stays_one_and_others_do_not(app: Flask, joining: Provider, alice: Person) -> None:
    add_member(alice, "oscar", "Owner")
    joining.knows("oscar")
    Browser(app).signs_in(joining, "oscar")
    assert role_of(alice, "oscar@example.org") == "Viewer"
    with alice.scope() as scope, scope.atomic() as session:
        owner = session.scalars(scope.select(Role).where(Role.name == "Owner")).one()
        viewer = session.scalars(scope.select(Role).where(Role.name == "Viewer")).one()
        for place in session.scalars(scope.select(Membership)):
            place.role_id = viewer.id if place.user_id == alice.actor.user_id else place.role_id
        oscar = session.query(User).filter_by(email="oscar@example.org").one()
        session.query(Membership).filter_by(user_id=oscar.id).one().role_id = owner.id
    assert Browser(app).signs_in(joining, "oscar").status_code == 303
    assert role_of(alice, "oscar@example.org") == "Owner"
    assert alice.count(AuditEntry, action="sso.keep_owner") == 1


def test_nobody_comes_in_without_a_group(app: Flask, use: Any, provider: Provider, alice: Person) -> None:
    use(provider, organization=str(alice.actor.organization_id), roles={"testers": "Member"})
    provider.knows("dana", groups=["cooks"])
    refused(Browser(app).signs_in(provider, "dana"), 403, "None of your groups")
    provider.knows("dana", groups=["testers"])
    assert Browser(app).signs_in(provider, "dana").status_code == 303
    provider.knows("dana", groups=["cooks"])
    refused(Browser(app).signs_in(provider, "dana"), 403, "None of your groups")


def test_a_role_that_does_not_exist_lets_nobody_in(app: Flask, use: Any, provider: Provider, alice: Person) -> None:
    use(provider, organization=str(alice.actor.organization_id), roles={"*": "Tester"})
    refused(Browser(app).signs_in(provider, "dana"), 503, "does not exist in the organization")
    use(provider, organization="nowhere")
    refused(Browser(app).signs_in(provider, "dana"), 503, "does not exist on this instance")


def test_without_an_organization_only_those_who_have_an_account_sign_in(
    app: Flask, use: Any, provider: Provider, alice: Person, bob: Person
) -> None:
    use(provider)
    refused(Browser(app).signs_in(provider, "dana"), 403, "Ask somebody to invite you")
    provider.knows("bob")
    assert Browser(app).signs_in(provider, "bob").status_code == 303
    assert role_of(alice, bob.email) == "Viewer"


def test_whoever_was_removed_does_not_come_back_by_it(
    app: Flask, joining: Provider, alice: Person, bob: Person
) -> None:
    joining.knows("bob")
    assert Browser(app).signs_in(joining, "bob").status_code == 303
    assert alice.api.delete(f"/members/{bob.actor.user_id}").status_code == 204
    refused(Browser(app).signs_in(joining, "bob"), 403, "has ended")
    invited = alice.api.post("/invitations", {"email": bob.email, "role": "Member"})
    assert invited.status_code == 201
    assert Browser(app).signs_in(joining, "bob").status_code == 303
    assert alice.api.get("/invitations").json[0]["state"] == "accepted"
    assert {one["email"] for one in alice.api.get("/members").json} == {alice.email, bob.email}


def test_an_invitation_is_accepted_by_signing_in(app: Flask, use: Any, provider: Provider, alice: Person) -> None:
    """Where nobody joins by the provider alone; an address that is not verified accepts nothing."""
    use(provider)
    alice.api.post("/invitations", {"email": "dana@example.org", "role": "Member"})
    provider.knows("dana", email_verified=False)
    refused(Browser(app).signs_in(provider, "dana"), 403, "does not vouch")
    provider.knows("dana")
    assert Browser(app).signs_in(provider, "dana").status_code == 303
    assert role_of(alice, "dana@example.org") == "Member"
    assert alice.count(AuditEntry, action="invitation.accept") == 1
    provider.knows("erin")
    alice.api.post("/invitations", {"email": "erin@example.org", "role": "Member"})
    (open_one,) = (one for one in alice.api.get("/invitations").json if one["state"] == "pending")
    alice.api.delete(f"/invitations/{open_one['id']}")
    refused(Browser(app).signs_in(provider, "erin"), 403, "Ask somebody to invite you")


def test_an_invitation_elsewhere_takes_nobody_along(
    app: Flask, joining: Provider, alice: Person, bob: Person, charlie: Person
) -> None:
    """Whoever has a place already is asked by the link, and not moved by a sign-in."""
    joining.knows("bob")
    charlie.api.post("/invitations", {"email": bob.email, "role": "Admin"})
    assert Browser(app).signs_in(joining, "bob").status_code == 303
    assert charlie.api.get("/invitations").json[0]["state"] == "pending"


def test_an_account_that_is_switched_off_stays_so(
    app: Flask, joining: Provider, alice: Person, bob: Person, superuser: Engine
) -> None:
    joining.knows("bob")
    with superuser.connect() as connection:
        connection.execute(text("UPDATE app_user SET is_active = false WHERE email = 'bob@example.org'"))
    refused(Browser(app).signs_in(joining, "bob"), 403, "switched off")


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
