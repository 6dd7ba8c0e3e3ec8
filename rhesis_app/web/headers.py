"""Request ids, the content security policy and the other headers of every response."""

import base64
import logging
import os
import re
import time

from flask import Flask, Response, g, request

from rhesis_app.infra.config import Settings

_log = logging.getLogger(__name__)
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")
_POLICY = (
    "default-src 'none'; script-src 'nonce-{nonce}'; style-src 'self' 'nonce-{nonce}'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_FIXED = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "X-Frame-Options": "DENY",
}
_ENCRYPTED = "max-age=63072000; includeSubDomains"


def register_headers(app: Flask, settings: Settings) -> None:
    """Give every request an id and a nonce, and every response its headers."""

    @app.before_request
    def _begin() -> None:
        given = request.headers.get("X-Request-ID", "")
        g.request_id = given if _REQUEST_ID.fullmatch(given) else os.urandom(8).hex()
        g.nonce = base64.b64encode(os.urandom(16)).decode()
        g.began = time.perf_counter()

    everywhere = _FIXED | ({"Strict-Transport-Security": _ENCRYPTED} if settings.secure_cookies else {})

    @app.after_request
    def _finish(response: Response) -> Response:
        wanted = everywhere | {
            "Content-Security-Policy": _POLICY.format(nonce=g.get("nonce", "")),
            "X-Request-ID": g.get("request_id", ""),
        }
        if request.endpoint != "static" or response.status_code >= 400:
            wanted["Cache-Control"] = "no-store"
        there = {name.lower() for name, _ in response.headers}
        for name, value in wanted.items():
            if name.lower() not in there:  # Headers.setdefault looks through all of them for every one
                response.headers.add(name, value)
        _note(response)
        return response


def _note(response: Response) -> None:
    """One line per request, with its rule and never its values; static files and health checks would only drown the rest."""
    if request.endpoint == "static" or (request.endpoint or "").startswith("health."):
        return
    took_ms = round((time.perf_counter() - g.began) * 1000, 1) if "began" in g else None
    _log.info("request", extra={"method": request.method, "status": response.status_code, "took_ms": took_ms})
