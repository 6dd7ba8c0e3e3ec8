"""JSON Web Tokens: the dashboard's cookie and the API's access token, both bound to a session row."""

import hashlib
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from flask import Flask, Response
from flask_jwt_extended import JWTManager, create_access_token, set_access_cookies, unset_jwt_cookies
from jwt.exceptions import InvalidKeyError

from rhesis_app.infra.config import Settings

ISSUER = "rhesis-app"


def register_tokens(app: Flask, settings: Settings) -> None:
    """Configure flask-jwt-extended: one algorithm, keys by `kid`, the cookie and its CSRF double submit."""
    keys = {hashlib.sha256(key.encode()).hexdigest()[:8]: key for key in settings.secret_keys}
    current = next(iter(keys))
    app.config.update(
        JWT_ALGORITHM=settings.jwt_algorithm,
        JWT_DECODE_ALGORITHMS=[settings.jwt_algorithm],
        JWT_SECRET_KEY=keys[current],
        JWT_TOKEN_LOCATION=["headers", "cookies"],
        JWT_ACCESS_TOKEN_EXPIRES=timedelta(minutes=settings.access_token_minutes),
        JWT_ACCESS_COOKIE_NAME=cookie_name(settings),
        JWT_COOKIE_SECURE=settings.secure_cookies,
        JWT_COOKIE_SAMESITE="Lax",
        JWT_COOKIE_CSRF_PROTECT=True,
        JWT_CSRF_IN_COOKIES=False,
        JWT_CSRF_CHECK_FORM=True,
        JWT_ENCODE_ISSUER=ISSUER,
        JWT_DECODE_ISSUER=ISSUER,
        JWT_ENCODE_AUDIENCE=ISSUER,
        JWT_DECODE_AUDIENCE=ISSUER,
    )
    manager = JWTManager(app)

    @manager.additional_headers_loader
    def _which(_user_id: str) -> dict[str, str]:
        return {"kid": current}

    @manager.decode_key_loader
    def _key(header: dict[str, Any], _payload: dict[str, Any]) -> str:
        key = keys.get(header.get("kid", ""))
        if key is None:
            raise InvalidKeyError("unknown key")
        return key


def cookie_name(settings: Settings) -> str:
    """The dashboard's cookie; the `__Host-` prefix needs Secure, which plain HTTP on loopback does without."""
    return "__Host-rhesis" if settings.secure_cookies else "rhesis"


def make_token(
    user_id: UUID, organization_id: UUID, session_id: UUID, permissions: Iterable[str], *, life: timedelta | None = None
) -> str:
    """A signed token: `sub, org_id, permissions, sid, exp, iat, iss, aud, jti, type`. `permissions` is for clients to read."""
    claims = {"org_id": str(organization_id), "permissions": sorted(permissions), "sid": str(session_id)}
    return str(create_access_token(str(user_id), additional_claims=claims, expires_delta=life))


def life_until(expires_at: datetime) -> timedelta:
    """How long a dashboard's token lives: as long as its session, which ends first."""
    return expires_at - datetime.now(UTC) + timedelta(minutes=1)


def set_session_cookie(response: Response, token: str, *, expires_at: datetime, stay: bool) -> None:
    """Keep the token in the browser: until it closes, or with `stay` as long as the session lives."""
    seconds = max(1, int((expires_at - datetime.now(UTC)).total_seconds()))
    set_access_cookies(response, token, max_age=seconds if stay else None)


def clear_session_cookie(response: Response) -> None:
    """Forget the token."""
    unset_jwt_cookies(response)
