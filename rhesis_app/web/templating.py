"""The Jinja environment: strict, escaped everywhere, with the filters, charts, addresses and versioned assets."""

import base64
import hashlib
from collections.abc import Callable, Mapping
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from flask import Flask, has_request_context, request
from jinja2 import StrictUndefined

from rhesis_app.web import charts, filters
from rhesis_app.web.addresses import address_builder
from rhesis_app.web.jinja import PageEnvironment
from rhesis_app.web.json_tree import json_tree

_DRAWN = 256


def fingerprints(folder: Path) -> dict[str, str]:
    """A short content hash for every file under `folder`, by its relative path."""
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()[:10]
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def asset_address(prefix: str, versions: Mapping[str, str]) -> Callable[[str], str]:
    """Make `asset(path)`: the address of a static file with its version, so that it may be cached for ever.

    Fonts carry none: the style sheet names them without, and one font under two addresses would be loaded twice.
    A name that does not exist raises LookupError when the page is rendered.
    """
    addresses = {
        path: f"{prefix}/{path}" if path.startswith("fonts/") else f"{prefix}/{path}?v={version}"
        for path, version in versions.items()
    }

    def asset(path: str) -> str:
        if path not in addresses:
            raise LookupError(f"There is no static file {path!r}.")
        return _mounted_at() + addresses[path]

    return asset


def integrity_of(folder: Path) -> Callable[[str], str]:
    """Make `integrity(path)`: the digest by which a browser refuses a script or style sheet that is not the file of this version."""

    @cache
    def integrity(path: str) -> str:
        return f"sha384-{base64.b64encode(hashlib.sha384((folder / path).read_bytes()).digest()).decode('ascii')}"

    return integrity


def memoized(macro: Callable[..., str]) -> Callable[..., str]:
    """Make a macro that remembers what it drew: for those that depend on their arguments alone, which are hashable."""

    @lru_cache(maxsize=_DRAWN, typed=True)
    def draw(_mounted_at: str, *args: Any, **kwargs: Any) -> str:
        return macro(*args, **kwargs)

    return lambda *args, **kwargs: draw(_mounted_at(), *args, **kwargs)


def configure_templates(app: Flask) -> None:
    """Set up `app.jinja_env`. The app's static folder is read here once."""
    app.jinja_environment = PageEnvironment
    environment = app.jinja_env
    environment.undefined = StrictUndefined
    environment.autoescape = True
    environment.trim_blocks = True
    environment.lstrip_blocks = True
    environment.filters.update(filters.FILTERS)
    folder = Path(app.static_folder or "")
    versions = fingerprints(folder) if app.static_folder else {}
    environment.globals.update(
        charts.GLOBALS,
        json_tree=json_tree,
        asset=asset_address(app.static_url_path or "", versions),
        integrity=integrity_of(folder),
        memoized=memoized,
        url_for=address_builder(app),
    )


def _mounted_at() -> str:
    return request.script_root if has_request_context() else ""
