"""The data directory: what lies where in it, who holds it, and where its sockets are."""

import fcntl
import hashlib
import os
import re
import stat
import tempfile
from dataclasses import dataclass
from pathlib import Path

from rhesis_app.infra.embedded.failures import DirectoryInUseError, EmbeddedError

# 107 bytes on Linux, 103 on macOS
SOCKET_PATH_LIMIT = 103
LONGEST_SOCKET_NAME = ".s.PGSQL.5432"
# a comma splits a host list in libpq, and quotes and spaces need different escapes in every program
PLAIN_PATH = re.compile(r"[A-Za-z0-9._/@+-]+")
LOG_LIMIT = 5 * 1024 * 1024


@dataclass(frozen=True)
class Place:
    """One data directory and the directory of its sockets, both absolute and open to their owner alone."""

    root: Path
    sockets: Path

    def log(self, name: str) -> Path:
        """Where a server writes; a long file of earlier starts is set aside first."""
        path = self.root / f"{name}.log"
        if path.exists() and path.stat().st_size > LOG_LIMIT:
            path.replace(path.with_suffix(".log.1"))
        return path


def make_place(data_dir: Path) -> Place:
    """Make the directories, 0700; sockets go to a short one elsewhere when the path is too long for a socket."""
    root = Path(os.path.abspath(data_dir))  # noqa: PTH100 - resolve() would follow links that the operator chose
    try:
        root.mkdir(mode=0o700, parents=True, exist_ok=True)
        root.chmod(0o700)
    except OSError as problem:
        message = (
            f"The data directory {root} cannot be used ({problem.strerror}). Name another with --data or RHESIS_DATA."
        )
        raise EmbeddedError(message) from None
    return Place(root=root, sockets=_sockets(root))


def _sockets(root: Path) -> Path:
    near = root / "sockets"
    if len(os.fsencode(near / LONGEST_SOCKET_NAME)) <= SOCKET_PATH_LIMIT and PLAIN_PATH.fullmatch(str(near)):
        near.mkdir(mode=0o700, exist_ok=True)
        near.chmod(0o700)
        return near
    return _short_directory(root)


def _short_directory(root: Path) -> Path:
    """The same short name for the same data directory; refused when somebody else made it first."""
    digest = hashlib.sha256(os.fsencode(root)).hexdigest()[:12]
    for parent in (Path(tempfile.gettempdir()), Path("/tmp")):  # noqa: S108 - its owner and mode are checked
        short = parent / f"rhesis-{os.geteuid()}-{digest}"
        if len(os.fsencode(short / LONGEST_SOCKET_NAME)) > SOCKET_PATH_LIMIT or not PLAIN_PATH.fullmatch(str(short)):
            continue
        short.mkdir(mode=0o700, exist_ok=True)
        found = short.lstat()
        if stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid() and stat.S_IMODE(found.st_mode) == 0o700:
            return short
    message = (
        f"{root} is too long a path for sockets, and the temporary directory has no safe place for them. "
        "Choose a shorter --data."
    )
    raise EmbeddedError(message)


class DirectoryLock:
    """Held by one process per data directory; the kernel lets go of it however that process ends."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._held: int | None = None

    @property
    def is_ours(self) -> bool:
        """Whether this object holds it."""
        return self._held is not None

    def take(self) -> None:
        """Take it, or raise DirectoryInUseError naming the process that has it; harmless when it is ours."""
        if self._held is not None:
            return
        held = os.open(self._place.root / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            owner = os.read(held, 32).decode("ascii", "replace").strip()
            os.close(held)
            who = f"process {owner}" if owner else "another process"
            message = f"{self._place.root} is in use by {who}. Stop that one, or choose another directory with --data."
            raise DirectoryInUseError(message) from None
        os.ftruncate(held, 0)
        os.pwrite(held, f"{os.getpid()}\n".encode(), 0)
        self._held = held

    def give_back(self) -> None:
        """Let the next one in."""
        if self._held is not None:
            os.close(self._held)
            self._held = None
