"""Addresses of ours in full, for whoever asked to hand on."""

from flask import request

from rhesis_app.web.scope import runtime


def full_address(path: str) -> str:
    """`path` where people reach this instance; where nobody has said that, where this request reached it."""
    site = runtime().settings.external_url or request.host_url.rstrip("/")
    return f"{site}{path}"
