"""Both servers of one data directory, under one lock."""

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from rhesis_app.infra.embedded.place import DirectoryLock, Place, make_place
from rhesis_app.infra.embedded.postgres import APP, OWNER, SUPERUSER, PostgresServer
from rhesis_app.infra.embedded.valkey import ValkeyServer


@dataclass(frozen=True)
class Addresses:
    """Where the servers answer; empty for one that was not started."""

    database_owner_url: str = ""
    database_url: str = ""
    redis_url: str = ""


class EmbeddedServers:
    """PostgreSQL and Valkey in a data directory; as a context it starts both. `fast` gives up durability, for tests.

    Start it from the main thread: the servers end with the thread that started them.
    """

    def __init__(
        self, data_dir: Path, *, fast: bool = False, pg_bindir: Path | None = None, connections: int = 100
    ) -> None:
        self.place: Place = make_place(data_dir)
        self.postgres = PostgresServer(self.place, fast=fast, bindir=pg_bindir, connections=connections)
        self.valkey = ValkeyServer(self.place, fast=fast)
        self.addresses = Addresses()
        self._lock = DirectoryLock(self.place)

    @property
    def superuser_url(self) -> str:
        """The cluster's superuser, on its maintenance database: for tests and repairs, never for the application."""
        return self.postgres.url(SUPERUSER, "postgres")

    def reserve(self) -> None:
        """Take the directory, before anything is started; raises DirectoryInUseError."""
        self._lock.take()

    def start(self, *, postgres: bool = True, valkey: bool = True) -> Addresses:
        """Take the directory and start what is asked for; EmbeddedError says what to do when that fails."""
        self.reserve()
        try:
            if valkey:
                self.valkey.start()
            if postgres:
                self.postgres.start()
            if valkey:
                self.valkey.wait()
        except BaseException:
            self.stop()
            raise
        self.addresses = Addresses(
            database_owner_url=self.postgres.url(OWNER) if postgres else "",
            database_url=self.postgres.url(APP) if postgres else "",
            redis_url=self.valkey.url if valkey else "",
        )
        self._announce()
        return self.addresses

    def stop(self) -> None:
        """End both and give the directory back; harmless when nothing runs."""
        if not self._lock.is_ours:
            return
        self._note.unlink(missing_ok=True)
        self.postgres.stop()
        self.valkey.stop()
        self._lock.give_back()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def _note(self) -> Path:
        return self.place.root / "servers.json"

    def _announce(self) -> None:
        """Leave word for other commands on this machine, such as `doctor` beside a running `up`."""
        opened = os.open(self._note, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(opened, "w", encoding="utf-8") as file:
            json.dump(asdict(self.addresses), file)


def find_running(data_dir: Path) -> Addresses | None:
    """Where the servers of a running `up` answer, or None. After a crash they may be gone: connecting tells."""
    try:
        found = json.loads((data_dir / "servers.json").read_text(encoding="utf-8"))
        return Addresses(**found)
    except (OSError, ValueError, TypeError):
        return None
