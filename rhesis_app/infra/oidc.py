"""An OpenID Connect provider: where it sends people, and what its signed answers say. It is asked through the outbound door alone."""

import hashlib
import hmac
import json
import time
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import quote_plus, urlencode

import jwt
from jwt.exceptions import PyJWTError

from rhesis_app.infra.oidc_settings import OidcSettings
from rhesis_app.kernel.ports import HttpDoor, OutboundAnswer, OutboundFailure, OutboundRequest
from rhesis_app.kernel.sign_on import Challenge, SignOnFailure, Vouched
from rhesis_app.kernel.urls import UrlProblem, parse_url

AWAY: Final = "away"
_KEY_KINDS: Final = {"RS256": "RSA", "ES256": "EC"}
"""The algorithms that are believed, and the kind of key that each takes."""
_KEPT_S: Final = 3600.0
_AGAIN_S: Final = 30.0
_CLOCKS_APART_S: Final = 60
_TIMEOUT_S: Final = 10.0
_LONGEST: Final = 256 * 1024


@dataclass(frozen=True, slots=True)
class _Known:
    """What a provider says of itself, and its keys, at a moment of our clock."""

    issuer: str
    authorization: str
    token: str
    scopes: tuple[str, ...]
    secret_in_body: bool
    keys: tuple[Mapping[str, Any], ...]
    at: float


@dataclass(slots=True)
class OidcProvider:
    """One provider; one per process, shared by its threads. What it says of itself is kept for an hour."""

    settings: OidcSettings
    door: HttpDoor = field(repr=False)
    clock: Callable[[], float] = time.monotonic
    _kept: _Known | None = None

    @property
    def label(self) -> str:
        """Its host."""
        return parse_url(self.settings.issuer).host

    @property
    def issuer(self) -> str:
        """As it is configured, without a slash at the end: identities are kept by it."""
        return self.settings.issuer.rstrip("/")

    @property
    def organization(self) -> str | None:
        """Whose people it signs in."""
        return self.settings.organization

    @property
    def roles(self) -> Mapping[str, str]:
        """Group → role."""
        return self.settings.roles

    def address(self, challenge: Challenge, redirect_uri: str) -> str:
        """Where to send somebody, with the digest of the verifier (PKCE, S256). Raises SignOnFailure."""
        known = self._known()
        query = urlencode({
            "response_type": "code",
            "client_id": self.settings.client_id,
            "redirect_uri": redirect_uri,
            "scope": " ".join(known.scopes),
            "state": challenge.state,
            "nonce": challenge.nonce,
            "code_challenge": s256(challenge.verifier),
            "code_challenge_method": "S256",
        })  # fmt: skip
        return f"{known.authorization}{'&' if '?' in known.authorization else '?'}{query}"

    def identify(self, challenge: Challenge, code: str, redirect_uri: str) -> Vouched:
        """Exchange a code and check the ID token: signature, issuer, audience, times, nonce. Raises SignOnFailure."""
        known = self._known()
        answer = self._post(known, {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": redirect_uri,
            "code_verifier": challenge.verifier,
        })  # fmt: skip
        token = _object(answer, "code").get("id_token")
        if not isinstance(token, str):
            raise SignOnFailure("token")
        return self._vouched(self._claims(token, known, challenge.nonce))

    def _claims(self, token: str, known: _Known, nonce: str) -> dict[str, Any]:
        try:
            header = jwt.get_unverified_header(token)
            algorithm = str(header.get("alg"))
            if algorithm not in _KEY_KINDS:
                raise SignOnFailure("algorithm")
            key = jwt.PyJWK.from_dict(dict(self._key(known, header.get("kid"), algorithm)), algorithm)
            claims: dict[str, Any] = jwt.decode(
                token, key, algorithms=[algorithm], audience=self.settings.client_id, issuer=known.issuer,
                leeway=_CLOCKS_APART_S, options={"require": ["exp", "iat", "iss", "aud", "sub"]},
            )  # fmt: skip
        except (PyJWTError, ValueError) as error:
            raise SignOnFailure(type(error).__name__) from None
        if claims.get("azp", self.settings.client_id) != self.settings.client_id:
            raise SignOnFailure("azp")
        if not hmac.compare_digest(str(claims.get("nonce", "")).encode(), nonce.encode()):
            raise SignOnFailure("nonce")
        return claims

    def _vouched(self, claims: Mapping[str, Any]) -> Vouched:
        subject, email, verified = str(claims["sub"]), claims.get("email"), claims.get("email_verified")
        if not 0 < len(subject) <= 255 or "\x00" in subject:
            raise SignOnFailure("subject")
        groups = claims.get(self.settings.groups_claim) or []
        listed = [groups] if isinstance(groups, str) else groups if isinstance(groups, list) else []
        return Vouched(
            issuer=self.issuer,
            subject=subject,
            email=email.strip().lower() if isinstance(email, str) else "",
            email_verified=verified is True or verified == "true",
            name=str(claims.get("name") or ""),
            groups=frozenset(group for group in listed if isinstance(group, str)),
        )

    def _key(self, known: _Known, kid: Any, algorithm: str) -> Mapping[str, Any]:
        found = _fitting(known.keys, kid, algorithm)
        if found is None and self.clock() - known.at > _AGAIN_S:
            # a key that is not known may be a new one; whoever invents names does not make us ask each time
            found = _fitting(self._look().keys, kid, algorithm)
        if found is None:
            raise SignOnFailure("key")
        return found

    def _known(self) -> _Known:
        kept = self._kept
        if kept is None or self.clock() - kept.at > _KEPT_S:
            return self._look()
        return kept

    def _look(self) -> _Known:
        """Discovery and keys, anew."""
        said = _object(self._get(f"{self.issuer}/.well-known/openid-configuration"), "discovery")
        if str(said.get("issuer", "")).rstrip("/") != self.issuer:
            raise SignOnFailure("issuer")
        keys = _object(self._get(self._safe(said, "jwks_uri")), "keys").get("keys")
        methods, scopes = said.get("token_endpoint_auth_methods_supported"), said.get("scopes_supported")
        claim = self.settings.groups_claim
        self._kept = _Known(
            issuer=said["issuer"],
            authorization=self._safe(said, "authorization_endpoint"),
            token=self._safe(said, "token_endpoint"),
            scopes=("openid", "email", "profile", *((claim,) if isinstance(scopes, list) and claim in scopes else ())),
            secret_in_body=isinstance(methods, list) and "client_secret_basic" not in methods,
            keys=tuple(key for key in keys if isinstance(key, dict)) if isinstance(keys, list) else (),
            at=self.clock(),
        )
        return self._kept

    def _safe(self, said: Mapping[str, Any], name: str) -> str:
        """An address that the provider names: never plain HTTP where the issuer is asked over HTTPS."""
        address = said.get(name)
        try:
            scheme = parse_url(address).scheme if isinstance(address, str) else ""
        except UrlProblem:
            raise SignOnFailure("discovery") from None
        if scheme != "https" and (not scheme or self.issuer.startswith("https://")):
            raise SignOnFailure("discovery")
        return str(address)

    def _get(self, url: str) -> OutboundAnswer:
        return self._send(OutboundRequest(method="GET", url=url, timeout_s=_TIMEOUT_S, max_bytes=_LONGEST))

    def _post(self, known: _Known, form: Mapping[str, str]) -> OutboundAnswer:
        who, secret = self.settings.client_id, self.settings.client_secret
        headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
        if secret is None:
            form = {**form, "client_id": who}
        elif known.secret_in_body:
            form = {**form, "client_id": who, "client_secret": secret}
        else:
            basic = b64encode(f"{quote_plus(who)}:{quote_plus(secret)}".encode()).decode()
            headers["Authorization"] = f"Basic {basic}"
        body = urlencode(form).encode()
        request = OutboundRequest(
            method="POST", url=known.token, headers=headers, body=body, timeout_s=_TIMEOUT_S, max_bytes=_LONGEST
        )
        return self._send(request)

    def _send(self, request: OutboundRequest) -> OutboundAnswer:
        try:
            return self.door.send(request)
        except OutboundFailure:
            raise SignOnFailure(AWAY) from None


def s256(verifier: str) -> str:
    """The code challenge of a verifier, by RFC 7636."""
    return urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()


def _fitting(keys: tuple[Mapping[str, Any], ...], kid: Any, algorithm: str) -> Mapping[str, Any] | None:
    """The signing key of that name; without a name the only one of that kind there is."""
    fitting = [
        key
        for key in keys
        if key.get("kty") == _KEY_KINDS[algorithm]
        and key.get("use", "sig") == "sig"
        and key.get("alg", algorithm) == algorithm
    ]
    if kid is None:
        return fitting[0] if len(fitting) == 1 else None
    return next((key for key in fitting if key.get("kid") == kid), None)


def _object(answer: OutboundAnswer, otherwise: str) -> dict[str, Any]:
    """The JSON object of a 200. A 5xx is a provider that is away; anything else is the failure `otherwise`."""
    if answer.status >= 500:
        raise SignOnFailure(AWAY)
    try:
        found = json.loads(answer.body) if answer.status == 200 else None
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise SignOnFailure(otherwise)
    return found
