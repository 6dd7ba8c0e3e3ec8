"""A provider that answers oddly: what of it is believed, and where its addresses may lead."""

import json
import time
from base64 import b64decode
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import parse_qs

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

from rhesis_app.infra.http import AllowList, OutboundDoor
from rhesis_app.infra.oidc import OidcProvider
from rhesis_app.infra.oidc_settings import OidcSettings
from rhesis_app.kernel.ports import OutboundAnswer, OutboundFailure, OutboundRequest
from rhesis_app.kernel.sign_on import Challenge, SignOnFailure, Vouched

ISSUER = "https://login.example.org/realms/staff"
BACK = "https://rhesis.example.org/login/sso/callback"
CHALLENGE = Challenge(state="state", nonce="nonce", verifier="verifier")
RSA = rsa.generate_private_key(public_exponent=65537, key_size=2048)
EC = ec.generate_private_key(ec.SECP256R1())
KEYS = [
    {**RSAAlgorithm.to_jwk(RSA.public_key(), as_dict=True), "kid": "rsa", "use": "sig"},
    {**ECAlgorithm.to_jwk(EC.public_key(), as_dict=True), "kid": "ec"},
]


def said(**changes: Any) -> dict[str, Any]:
    usual = {
        "issuer": ISSUER,
        "authorization_endpoint": f"{ISSUER}/authorize",
        "token_endpoint": "https://tokens.example.org/token",
        "jwks_uri": f"{ISSUER}/keys",
    }
    return {name: value for name, value in (usual | changes).items() if value is not None}


def token(key: Any = EC, algorithm: str = "ES256", kid: str | None = "ec", **changes: Any) -> str:
    now = int(time.time())
    usual = {"iss": ISSUER, "aud": "rhesis", "sub": "7", "iat": now, "exp": now + 60, "nonce": "nonce"}
    claims = {name: value for name, value in (usual | changes).items() if value is not None}
    return jwt.encode(claims, key, algorithm, headers={"kid": kid} if kid else {})


@dataclass
class Scripted:
    """A door behind which a provider says what it is told to; `asked` is what was sent to it."""

    discovery: Any = field(default_factory=said)
    keys: Any = field(default_factory=lambda: {"keys": KEYS})
    answer: Any = field(default_factory=lambda: {"id_token": token()})
    status: int = 200
    asked: list[OutboundRequest] = field(default_factory=list)

    def check(self, url: str) -> None:
        """Nothing is refused here."""

    def send(self, request: OutboundRequest) -> OutboundAnswer:
        """By the end of the address."""
        self.asked.append(request)
        if request.url.endswith("openid-configuration"):
            status, found = 200, self.discovery
        elif request.url.endswith("/keys"):
            status, found = 200, self.keys
        else:
            status, found = self.status, self.answer
        body = found if isinstance(found, bytes) else json.dumps(found).encode()
        return OutboundAnswer(status=status, headers={}, body=body, latency_ms=1.0)


SETTINGS = OidcSettings(issuer=ISSUER, client_id="rhesis", client_secret="a secret: with / signs")


def identify(door: Scripted, settings: OidcSettings = SETTINGS) -> Vouched:
    return OidcProvider(settings, door).identify(CHALLENGE, "code", BACK)


def refused(door: Scripted) -> str:
    with pytest.raises(SignOnFailure) as failure:
        identify(door)
    return failure.value.code


@pytest.mark.parametrize(
    "made",
    [
        {"key": EC, "algorithm": "ES256", "kid": "ec"},
        {"key": EC, "algorithm": "ES256", "kid": None},
        {"key": RSA, "algorithm": "RS256", "kid": "rsa"},
    ],
)
def test_both_algorithms_are_believed(made: dict[str, Any]) -> None:
    claims = {"email": "Ada@Example.org ", "email_verified": True, "name": "Ada", "groups": ["qa", 7]}
    vouched = identify(Scripted(answer={"id_token": token(**made, **claims)}))
    assert (vouched.subject, vouched.email, vouched.email_verified) == ("7", "ada@example.org", True)
    assert (vouched.name, vouched.groups) == ("Ada", frozenset({"qa"}))


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"exp": 1}, "ExpiredSignatureError"),
        ({"exp": None}, "MissingRequiredClaimError"),
        ({"iat": None}, "MissingRequiredClaimError"),
        ({"iat": int(time.time()) + 3600}, "ImmatureSignatureError"),
        ({"nbf": int(time.time()) + 3600}, "ImmatureSignatureError"),
        ({"iss": f"{ISSUER}/other"}, "InvalidIssuerError"),
        ({"aud": None}, "MissingRequiredClaimError"),
        ({"aud": ["another"]}, "InvalidAudienceError"),
        ({"nonce": None}, "nonce"),
        ({"sub": ""}, "subject"),
        ({"key": ec.generate_private_key(ec.SECP256R1())}, "InvalidSignatureError"),
        ({"kid": "rsa"}, "key"),
        ({"key": None, "algorithm": "none"}, "algorithm"),
    ],
)
def test_what_a_token_must_say(changes: dict[str, Any], code: str) -> None:
    assert refused(Scripted(answer={"id_token": token(**changes)})) == code


@pytest.mark.parametrize("email_verified", [None, False, "false", 1, "yes", ["true"]])
def test_an_address_is_verified_only_where_it_is_said_so(email_verified: Any) -> None:
    made = token(email="ada@example.org", email_verified=email_verified)
    assert identify(Scripted(answer={"id_token": made})).email_verified is False


@pytest.mark.parametrize(
    ("answer", "status", "code"),
    [
        ({"error": "invalid_grant"}, 400, "code"),
        ({"id_token": token()}, 302, "code"),
        ({}, 200, "token"),
        ({"id_token": 7}, 200, "token"),
        ({"id_token": "a.b.c"}, 200, "DecodeError"),
        (b"<html>", 200, "code"),
        (b"[" * 100_000, 200, "code"),
        ([], 200, "code"),
        ({}, 503, "away"),
    ],
)
def test_what_the_token_address_may_answer(answer: Any, status: int, code: str) -> None:
    assert refused(Scripted(answer=answer, status=status)) == code


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"issuer": "https://login.example.org/realms/other"}, "issuer"),
        ({"issuer": None}, "issuer"),
        ({"token_endpoint": "http://tokens.example.org/token"}, "discovery"),
        ({"token_endpoint": None}, "discovery"),
        ({"jwks_uri": "file:///etc/passwd"}, "discovery"),
        ({"jwks_uri": ["https://login.example.org/keys"]}, "discovery"),
        ({"authorization_endpoint": "javascript:alert(1)"}, "discovery"),
        ({"authorization_endpoint": "https://somebody@login.example.org/authorize"}, "discovery"),
    ],
)
def test_what_a_provider_may_say_of_itself(changes: dict[str, Any], code: str) -> None:
    assert refused(Scripted(discovery=said(**changes))) == code


@pytest.mark.parametrize(
    "keys", [{}, {"keys": "none"}, {"keys": [1, {"kty": "EC"}]}, {"keys": [{"kty": "EC", "kid": "ec"}]}]
)
def test_keys_that_are_none(keys: Any) -> None:
    assert refused(Scripted(keys=keys)) in {"key", "InvalidKeyError", "PyJWKError"}


def test_the_secret_goes_where_the_provider_takes_it() -> None:
    basic, body, public = (
        Scripted(),
        Scripted(discovery=said(token_endpoint_auth_methods_supported=["client_secret_post"])),
        Scripted(),
    )
    identify(basic)
    identify(body)
    identify(public, replace(SETTINGS, client_secret=None))
    sent = [door.asked[-1] for door in (basic, body, public)]
    forms = [parse_qs((request.body or b"").decode()) for request in sent]
    assert b64decode(sent[0].headers["Authorization"].removeprefix("Basic ")) == b"rhesis:a+secret%3A+with+%2F+signs"
    assert "client_secret" not in forms[0]
    assert forms[1]["client_secret"] == ["a secret: with / signs"]
    assert "Authorization" not in sent[1].headers
    assert forms[2]["client_id"] == ["rhesis"]
    assert "client_secret" not in forms[2]
    assert all(form["code_verifier"] == ["verifier"] for form in forms)


def test_discovery_is_kept_and_made_up_keys_do_not_ask_again() -> None:
    now, door = [0.0], Scripted()
    provider = OidcProvider(SETTINGS, door, clock=lambda: now[0])
    provider.address(CHALLENGE, BACK)
    provider.identify(CHALLENGE, "code", BACK)
    assert len(door.asked) == 3
    door.answer = {"id_token": token(kid="made up")}
    for _ in range(5):
        with pytest.raises(SignOnFailure):
            provider.identify(CHALLENGE, "code", BACK)
    assert len(door.asked) == 8
    now[0] = 3601.0
    provider.address(CHALLENGE, BACK)
    assert len(door.asked) == 10


def test_groups_are_asked_for_where_the_provider_has_such_a_scope() -> None:
    plain, asked = Scripted(), Scripted(discovery=said(scopes_supported=["openid", "groups"]))
    assert "scope=openid+email+profile&" in OidcProvider(SETTINGS, plain).address(CHALLENGE, BACK)
    assert "scope=openid+email+profile+groups&" in OidcProvider(SETTINGS, asked).address(CHALLENGE, BACK)


@pytest.mark.parametrize(
    "issuer", ["http://169.254.169.254", "http://10.0.0.1", "https://[fd00:ec2::254]", "http://[::1]:6379"]
)
def test_an_issuer_goes_through_the_door(issuer: str) -> None:
    """The door's own rules hold; metadata addresses stay shut also where the operator names one as issuer."""
    door = OutboundDoor(AllowList.parse("169.254.169.254:80"), allow_local=False)
    with pytest.raises(OutboundFailure):
        door.check(issuer)
    with pytest.raises(SignOnFailure, match="away"):
        OidcProvider(replace(SETTINGS, issuer=issuer), door).address(CHALLENGE, BACK)
