"""`demo.json` in the data directory: how to reach the demonstration, and the port of its chatbot."""

import json
import os
import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

FILE: Final = "demo.json"
REMOVED: Final = (
    "The demonstration was removed. To have it again, delete demo.json in the data directory and start with "
    "`rhesis-app up --demo`."
)
_REMOVED: Final = "removed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """Everything a script needs to use the demonstration; ids are text, `port` is the chatbot's."""

    url: str
    email: str
    password: str = field(repr=False)
    token: str = field(repr=False)
    project_id: str
    endpoint_id: str
    test_set_id: str
    port: int


def read_credentials(data_dir: Path) -> Credentials | None:
    """The credentials of the demonstration; None before it is made and after it was removed."""
    try:
        return Credentials(**_read(data_dir))
    except TypeError:
        return None


def write_credentials(data_dir: Path, credentials: Credentials) -> None:
    """Keep them, for the owner of the directory alone."""
    _write(data_dir, asdict(credentials))


def chatbot_port(data_dir: Path) -> int | None:
    """The chatbot's port, fixed when the demonstration was first started; None before that."""
    port = _read(data_dir).get("port")
    return port if isinstance(port, int) else None


def model_port(chatbot: int) -> int:
    """The port of the demonstration's scripted model: the one after its chatbot's."""
    return chatbot + 1


def fix_port(data_dir: Path, port: int) -> None:
    """Settle the chatbot's port, before there is anything else to keep."""
    _write(data_dir, {"port": port})


def was_removed(data_dir: Path) -> bool:
    """Whether somebody removed the demonstration: then a start does not bring it back."""
    return bool(_read(data_dir).get(_REMOVED))


def forget_credentials(data_dir: Path) -> None:
    """Keep only the port and that the demonstration was removed; nothing happens where there is no file."""
    known = _read(data_dir)
    if known:
        _write(data_dir, {"port": known.get("port"), _REMOVED: True})


def _read(data_dir: Path) -> dict[str, Any]:
    try:
        found = json.loads((data_dir / FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _write(data_dir: Path, content: Mapping[str, Any]) -> None:
    data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = data_dir / f".{FILE}.{secrets.token_hex(4)}"
    opened = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(opened, "w", encoding="utf-8") as file:
        json.dump(content, file, indent=1)
        file.write("\n")
    draft.replace(data_dir / FILE)
