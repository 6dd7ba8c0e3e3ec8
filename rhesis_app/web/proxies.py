"""What is believed of a request's address and names: a reverse proxy's headers exactly as far as the operator says."""

from collections.abc import Iterable
from typing import Any

from flask import Flask
from werkzeug.middleware.proxy_fix import ProxyFix

from rhesis_app.infra.config import Settings

_HEALTH = frozenset({"/health", "/health/live", "/health/ready"})


def trust_proxies(app: Flask, settings: Settings) -> None:
    """Take client address, scheme and host from `RHESIS_TRUSTED_PROXIES` proxies; from none by default."""
    if settings.trusted_hosts:
        _answer_health_by_any_name(app, settings.trusted_hosts[0].lstrip("."))
    hops = settings.trusted_proxies
    if hops:
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops, x_host=hops, x_port=0, x_prefix=0)  # type: ignore[method-assign]


def _answer_health_by_any_name(app: Flask, own: str) -> None:
    """Whoever watches over an instance asks its address, not its name; the answers hold neither name nor link."""
    inner = app.wsgi_app

    def outer(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        if environ.get("PATH_INFO") in _HEALTH:
            environ = {**environ, "HTTP_HOST": own}
        return inner(environ, start_response)

    app.wsgi_app = outer  # type: ignore[method-assign]
