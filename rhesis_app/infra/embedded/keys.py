"""The two keys of an installation without settings, made once and kept with its data."""

import base64
import json
import os
import secrets
from dataclasses import asdict, dataclass
from pathlib import Path

from rhesis_app.infra.embedded.failures import EmbeddedError


@dataclass(frozen=True, repr=False)
class Secrets:
    """`secret_key` signs sessions and tokens; `encryption_key` (Fernet's form) seals stored credentials."""

    secret_key: str
    encryption_key: str


def load_or_make_secrets(data_dir: Path) -> Secrets:
    """Read `<data>/secrets.json`, or make it, mode 0600; of two processes that make it at once, both get the same."""
    path = data_dir / "secrets.json"
    if not path.exists():
        _make(path)
    path.chmod(0o600)
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        return Secrets(secret_key=str(found["secret_key"]), encryption_key=str(found["encryption_key"]))
    except (ValueError, KeyError, TypeError):
        message = (
            f"{path} is damaged. Restore it from a backup: without it stored credentials cannot be read. "
            "To go on without them, delete the file; everybody signs in again and endpoint secrets are entered anew."
        )
        raise EmbeddedError(message) from None


def _make(path: Path) -> None:
    sealing = base64.urlsafe_b64encode(os.urandom(32)).decode()
    made = Secrets(secret_key=secrets.token_urlsafe(48), encryption_key=sealing)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_name(f".secrets.{os.getpid()}.{secrets.token_hex(4)}")
    opened = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(opened, "w", encoding="utf-8") as file:
            json.dump(asdict(made), file, indent=1)
            file.flush()
            os.fsync(file.fileno())
        # link, not rename: the first one stays
        os.link(draft, path)
    except FileExistsError:
        return
    finally:
        draft.unlink()
