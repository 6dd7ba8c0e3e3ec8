"""Addresses of ours in full, for whoever asked to hand on."""

import logging
import re

from flask import request

from rhesis_app.web.scope import runtime

_log = logging.getLogger(__name__)
_THIS_MACHINE = re.compile(r"(?:localhost|127\.0\.0\.1|\[::1\])(?::\d+)?")


def full_address(path: str) -> str:
    """`path` where people reach this instance, as its operator says it; never as the request does, which anybody may write.

    Where nobody has said it, what this machine alone is asked for leads to itself, and everything else is the path alone.
    """
    settings = runtime().settings
    if settings.external_url is not None:
        return f"{settings.external_url}{path}"
    if settings.site_url is not None and _THIS_MACHINE.fullmatch(request.host):
        return f"{settings.site_url}{path}"
    _log.warning("a link was made without RHESIS_EXTERNAL_URL: set it to where browsers find this instance")
    return path
