"""Rate limits per proven credential, user and address, in Redis; while Redis is away each process counts for itself, to a quarter."""

import time
from contextlib import suppress
from typing import Any

from flask import Flask, current_app, g, request
from flask_limiter import HeaderNames, Limit, Limiter
from redis.exceptions import RedisError

from rhesis_app.infra.config import Settings
from rhesis_app.kernel.addresses import address_group
from rhesis_app.web.limit_storage import storage_uri
from rhesis_app.web.scope import Identity

_PATIENCE: dict[str, Any] = {"socket_timeout": 0.5, "socket_connect_timeout": 0.5}
USER_TIMES = 3
"""How many times as much as one token or session a user may ask with all of theirs together."""
_EXEMPT = frozenset({"static", "health.live", "health.ready", "health.health", "health.metrics"})


_WINDOW_S = 60


class _SharedLimiter(Limiter):
    """Of requests that find Redis away at the same moment the library lets only the first count by itself and fails the others."""

    def _check_request_limit(self, callable_name: str | None = None, in_middleware: bool = True) -> None:  # noqa: FBT001, FBT002 the library's own signature
        try:
            super()._check_request_limit(callable_name, in_middleware)
        except RedisError:
            if not self._storage_dead:
                raise
            self.context.seen_limits.clear()
            super()._check_request_limit(callable_name, in_middleware)


def register_limits(app: Flask, settings: Settings) -> Limiter:
    """Limit every route but static files and health; headers say how much is left.

    Whoever proved who they are is counted by their token or session, everybody else by address, whatever they sent:
    a credential that is made up anew for each request must not begin anew. All of a user's tokens and sessions are
    counted together as well, so that making many brings little.
    """

    def who() -> str:
        identity: Identity | None = g.get("identity")
        if identity is None:
            return f"a:{address_group(request.remote_addr)}"
        return f"c:{identity.session_id or identity.actor.token_id}"

    def user() -> str:
        return f"u:{g.identity.actor.user_id}"

    def a_minute(most: int) -> str:
        away = limiter._storage_dead  # noqa: SLF001 the extension has no public word for it
        return f"{max(1, most // 4 if away else most)} per minute"

    def of_one() -> str:
        return a_minute(settings.rate_limit_token if "identity" in g else settings.rate_limit_anonymous)

    def of_user() -> str:
        return a_minute(USER_TIMES * settings.rate_limit_token)

    limiter = _SharedLimiter(
        key_func=who,
        app=app,
        default_limits=[
            Limit(of_one, exempt_when=lambda: request.endpoint in _EXEMPT),
            Limit(of_user, key_function=user, scope="user", exempt_when=lambda: "identity" not in g),
        ],
        headers_enabled=True,
        # under its own name it would stand on every answer, and replace the pause that a refusal means
        header_name_mapping={HeaderNames.RETRY_AFTER: "X-RateLimit-Retry-After"},
        storage_uri=storage_uri(settings.redis_url),
        storage_options=_PATIENCE,
        strategy="fixed-window",
        in_memory_fallback_enabled=True,
        key_prefix="limit",
    )
    return limiter


def pause_s() -> int:
    """How long whoever was refused waits for their count to begin anew, in seconds; a whole window where nobody can say."""
    (limiter,) = current_app.extensions["limiter"]
    with suppress(RedisError):
        reached = limiter.current_limit
        if reached is not None:
            return min(_WINDOW_S, max(1, reached.reset_at - int(time.time())))
    return _WINDOW_S
