"""Believing a reverse proxy's headers exactly as far as the operator says."""

from flask import Flask
from werkzeug.middleware.proxy_fix import ProxyFix

from rhesis_app.infra.config import Settings


def trust_proxies(app: Flask, settings: Settings) -> None:
    """Take client address, scheme and host from `RHESIS_TRUSTED_PROXIES` proxies; from none by default."""
    hops = settings.trusted_proxies
    if hops:
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops, x_host=hops, x_port=0, x_prefix=0)  # type: ignore[method-assign]
