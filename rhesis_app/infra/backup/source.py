"""Where an installation's database is, for commands that need it without web and workers."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from rhesis_app.infra.backup.failures import BackupError
from rhesis_app.infra.embedded.failures import DirectoryInUseError
from rhesis_app.infra.embedded.servers import EmbeddedServers, find_running
from rhesis_app.infra.migrate import database_owner_url


@dataclass(frozen=True, kw_only=True)
class Installation:
    """What is backed up or restored: its database by the owner's address, its data directory, its environment."""

    url: str = field(repr=False)
    place: Path
    environment: Mapping[str, str] = field(repr=False)

    @classmethod
    def at(cls, url: str, environment: Mapping[str, str]) -> Self:
        """With the data directory that the environment names."""
        return cls(url=url, place=data_directory(environment), environment=environment)

    @property
    def programs(self) -> Path | None:
        """The folder of PostgreSQL's programs that the operator chose."""
        return _programs(self.environment)


def data_directory(environment: Mapping[str, str]) -> Path:
    """RHESIS_DATA, else `.rhesis` here."""
    return Path(environment.get("RHESIS_DATA", ".rhesis")).absolute()


def _programs(environment: Mapping[str, str]) -> Path | None:
    chosen = environment.get("RHESIS_PG_BINDIR")
    return Path(chosen) if chosen else None


@contextmanager
def reachable(environment: Mapping[str, str]) -> Iterator[Installation]:
    """The operator's own database, that of a running instance, or the embedded one, started meanwhile."""
    if "DATABASE_URL" in environment:
        yield Installation.at(database_owner_url(environment), environment)
        return
    place = data_directory(environment)
    if not (place / "postgres").is_dir():
        raise BackupError(f"There is no database in {place}. Name its data directory with --data, or set DATABASE_URL.")
    servers = EmbeddedServers(place, pg_bindir=_programs(environment))
    try:
        servers.reserve()
    except DirectoryInUseError:
        running = find_running(place)
        if running is None or not running.database_owner_url:
            raise
        yield Installation.at(running.database_owner_url, environment)
        return
    with _started(servers) as url:
        yield Installation.at(url, environment)


@contextmanager
def resting(environment: Mapping[str, str]) -> Iterator[Installation]:
    """The same while nobody may start on the data directory; DirectoryInUseError names who runs on it already."""
    servers = EmbeddedServers(data_directory(environment), pg_bindir=_programs(environment))
    servers.reserve()
    if "DATABASE_URL" not in environment:
        with _started(servers) as url:
            yield Installation.at(url, environment)
        return
    try:
        yield Installation.at(database_owner_url(environment), environment)
    finally:
        servers.stop()


@contextmanager
def _started(servers: EmbeddedServers) -> Iterator[str]:
    try:
        yield servers.start(valkey=False).database_owner_url
    finally:
        servers.stop()
