"""From a rendered template to what goes over the wire."""

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from rhesis_app.endpoints.rules.placeholders import as_text
from rhesis_app.endpoints.rules.templates import TemplateError

_BODILESS = frozenset({"GET", "DELETE"})
_FORM = "application/x-www-form-urlencoded"


def encode_request(method: str, url: str, headers: Mapping[str, str], rendered: Any) -> tuple[str, bytes | None]:
    """(URL, body) of one call. Raises TemplateError when the value does not fit the method or content type.

    GET and DELETE put the value's members into the query, a form content type into the body as a form, a `text/…` one
    sends a text as it is; everything else is JSON in UTF-8.
    """
    if method in _BODILESS:
        return _with_query(url, rendered), None
    content_type = next((value for name, value in headers.items() if name.lower() == "content-type"), "").lower()
    if _FORM in content_type:
        return url, _pairs(rendered).encode("ascii")
    if content_type.startswith("text/"):
        return url, _utf8(as_text(rendered))
    return url, _utf8(json.dumps(rendered, ensure_ascii=False, allow_nan=False, separators=(",", ":")))


def _with_query(url: str, rendered: Any) -> str:
    base = url.partition("#")[0]
    query = _pairs(rendered)
    if not query:
        return base
    return f"{base}{'&' if '?' in base else '?'}{query}"


def _pairs(rendered: Any) -> str:
    if not isinstance(rendered, Mapping):
        raise TemplateError("For a query or a form the request template must be an object of names and values.")
    return urlencode([(key, _utf8(as_text(value))) for key, value in rendered.items() if value is not None])


def _utf8(text: str) -> bytes:
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError:
        raise TemplateError("The request holds half a surrogate pair, which cannot be sent as UTF-8.") from None
