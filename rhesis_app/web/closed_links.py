"""For whoever may not read everything: on their pages, links to what they would be refused are plain words, and such buttons are gone.

Pages lead to each other in hundreds of places. Each of them asking what the built-in roles, which read everything, may always do would
hide what the page is about; so what an organization's own narrow role may not open is taken out of the page when it is drawn.
"""

import re
from collections.abc import Callable
from html import unescape
from typing import Final
from urllib.parse import urlsplit

from flask import current_app, request
from werkzeug.exceptions import HTTPException

from rhesis_app.kernel.permissions import BUILT_IN_ROLES, Permission
from rhesis_app.web.access import access_of

# our templates write no link inside of a link, and no ">" inside of an attribute
_LINK: Final = re.compile(r'<a\b(?P<attributes>[^>]*?\bhref="(?P<address>[^"]*)"[^>]*)>(?P<words>.*?)</a>', re.DOTALL)
_CLASS: Final = re.compile(r'\bclass="([^"]*)"')
_EVERYTHING: Final = frozenset(one for one in BUILT_IN_ROLES["Viewer"] if one.endswith(":read"))
"""What pages link to whatever the role: a viewer reads all of it."""

May = Callable[[Permission], bool]


def without_closed_links(html: str, *, here: str, may_here: May, may: May) -> str:
    """The page with its closed links taken out. `may_here` tells of addresses that begin with `here`, `may` of all others."""
    if all(may_here(one) and may(one) for one in _EVERYTHING):
        return html
    return _LINK.sub(lambda link: _drawn(link, here, may_here, may), html)


def _drawn(link: re.Match[str], here: str, may_here: May, may: May) -> str:
    path = urlsplit(unescape(link["address"])).path.removeprefix(request.script_root)
    needed = _needed(path)
    if needed is None or (may_here if here and path.startswith(here) else may)(needed):
        return link[0]
    found = _CLASS.search(link["attributes"])
    classes = found[1] if found else ""
    if "btn" in classes.split():
        return ""
    return f'<span class="{classes}">{link["words"]}</span>' if classes else f"<span>{link['words']}</span>"


def _needed(path: str) -> Permission | None:
    """What the page behind an address of ours needs; None where everybody may who is signed in, and for other addresses."""
    if not path.startswith("/"):
        return None
    try:
        endpoint, _ = current_app.url_map.bind("localhost").match(path, method="GET")
    except HTTPException:
        return None
    access = access_of(current_app, endpoint, "GET")
    return access.permission if access is not None else None
