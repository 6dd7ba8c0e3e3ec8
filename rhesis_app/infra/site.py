"""Where templates, static files and migrations are: inside an installed wheel, or beside the package in a checkout."""

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent.parent


def site_directory() -> Path:
    """The folder that holds `templates/`, `static/` and `migrations/`."""
    packed = _PACKAGE / "_site"
    return packed if packed.is_dir() else _PACKAGE.parent
