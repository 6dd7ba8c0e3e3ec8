"""Cursors on the wire: sort values, signed for one organization, one rule and one set of filters."""

import base64
import binascii
import hashlib
import hmac
from datetime import datetime
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

import orjson
from flask import request

from rhesis_app.kernel.errors import BadRequest
from rhesis_app.kernel.paging import DEFAULT_LIMIT, Page, PageRequest
from rhesis_app.web.scope import current_identity, runtime

_MAC = 16


def page_request(*, limit: int = DEFAULT_LIMIT, cursor: str | None = None, count: bool = False) -> PageRequest:
    """The page a request asks for; BadRequest for a cursor of another list, filter or organization."""
    if not cursor:
        return PageRequest(limit=limit, count=count)
    backward, values = _open(cursor)
    return PageRequest(limit=limit, after=values, backward=backward, count=count)


def cursors(page: Page[Any]) -> tuple[str | None, str | None]:
    """(previous, next) cursors of a page for the current request's list."""
    previous = _seal(True, page.previous_after) if page.previous_after is not None else None  # noqa: FBT003
    following = _seal(False, page.next_after) if page.next_after is not None else None  # noqa: FBT003
    return previous, following


def page_links(page: Page[Any]) -> tuple[str | None, str | None]:
    """(previous, next) addresses of a page: this address with another cursor."""
    made = (
        f"{request.path}?{urlencode([*_filters(), ('cursor', cursor)])}" if cursor else None for cursor in cursors(page)
    )
    previous, following = made
    return previous, following


def _filters() -> list[tuple[str, str]]:
    return [(name, value) for name, value in request.args.items(multi=True) if name not in {"cursor", "count"}]


def _context() -> bytes:
    rule = request.url_rule.rule if request.url_rule else ""
    filters = sorted(item for item in _filters() if item[0] != "limit")
    scope = [
        str(current_identity().actor.organization_id),
        rule,
        sorted((request.view_args or {}).items(), key=str),
        filters,
    ]
    return orjson.dumps(scope, default=str)


def _mac(payload: bytes, key: str) -> bytes:
    return hmac.new(key.encode(), b"cursor:" + _context() + payload, hashlib.sha256).digest()[:_MAC]


def _is_ours(mac: bytes, payload: bytes) -> bool:
    """Whether one of our keys signed it, be it one that signs no more."""
    return any(hmac.compare_digest(mac, _mac(payload, key)) for key in runtime().settings.secret_keys)


def _seal(backward: bool, values: tuple[Any, ...]) -> str:  # noqa: FBT001 private
    payload = orjson.dumps([backward, [_tagged(value) for value in values]])
    key = runtime().settings.secret_keys[0]
    return base64.urlsafe_b64encode(_mac(payload, key) + payload).decode().rstrip("=")


def _open(cursor: str) -> tuple[bool, tuple[Any, ...]]:
    try:
        raw = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
    except (binascii.Error, ValueError):
        raw = b""
    if len(raw) <= _MAC or not _is_ours(raw[:_MAC], raw[_MAC:]):
        raise BadRequest("This cursor belongs to another list or filter. Start again without it.")
    backward, tagged = orjson.loads(raw[_MAC:])
    return backward, tuple(_untagged(tag, value) for tag, value in tagged)


def _tagged(value: Any) -> tuple[str, Any]:
    if isinstance(value, UUID):
        return "u", value.hex
    if isinstance(value, datetime):
        return "d", value.isoformat()
    return "v", value


def _untagged(tag: str, value: Any) -> Any:
    if tag == "u":
        return UUID(value)
    return datetime.fromisoformat(value) if tag == "d" else value
