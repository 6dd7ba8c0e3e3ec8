"""One PostgreSQL and one Valkey for the whole run, real rows, and the only people there are: Alice, Bob and Charlie."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from hypothesis import settings as generated
from sqlalchemy import Engine, create_engine, event, text
from sqlalchemy.engine import make_url
from sqlalchemy.pool import NullPool

from rhesis_app.app import create_app
from rhesis_app.infra.config import Settings
from rhesis_app.infra.embedded.servers import EmbeddedServers
from rhesis_app.infra.migrate import migrate
from rhesis_app.infra.orm import Base
from rhesis_app.infra.runtime import Runtime
from rhesis_app.projects.actions import create_project
from rhesis_app.projects.queries import ProjectView
from tests.people import Person, make_people

MARKS = {
    "unit": "unit",
    "actions": "integration",
    "api": "integration",
    "pages": "integration",
    "jobs": "integration",
    "auth": "auth",
    "performance": "performance",
    "e2e": "e2e",
}
TEST_KEY = "dGVzdHMgYWxvbmUgdXNlIHRoaXMgb25lLCAzMiBieXQ="

# how long an example takes says something about the machine alone
generated.register_profile("untimed", deadline=None)
generated.load_profile("untimed")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A test's folder is its marker."""
    root = Path(__file__).parent
    for item in items:
        if item.path.is_relative_to(root):
            mark = MARKS.get(item.path.relative_to(root).parts[0])
            if mark:
                item.add_marker(getattr(pytest.mark, mark))


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedServers]:
    """The session's own servers, without durability."""
    with EmbeddedServers(tmp_path_factory.mktemp("servers"), fast=True) as started:
        migrate(started.addresses.database_owner_url)
        yield started


@pytest.fixture(scope="session")
def settings(servers: EmbeddedServers, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """As `rhesis-app up` on loopback makes them, with limits that tests do not reach."""
    return Settings(
        database_url=servers.addresses.database_url,
        database_owner_url=servers.addresses.database_owner_url,
        redis_url=servers.addresses.redis_url,
        secret_keys=("a key that only the tests have and that is long enough",),
        encryption_keys=(TEST_KEY,),
        allow_local_targets=True,
        plugins_strict=True,
        rate_limit_token=10_000_000,
        rate_limit_anonymous=10_000_000,
        data_directory=tmp_path_factory.mktemp("data"),
    )


@pytest.fixture(scope="session")
def app(settings: Settings) -> Iterator[Flask]:
    """The application, made once."""
    made = create_app(settings)
    yield made
    made.extensions["rhesis"].door.close()
    made.extensions["rhesis"].engine.dispose()


@pytest.fixture(scope="session")
def superuser(servers: EmbeddedServers) -> Iterator[Engine]:
    """The cluster's superuser on the tests' database, for emptying it and for looking behind the policies."""
    url = make_url(servers.superuser_url).set(database=make_url(servers.addresses.database_url).database)
    engine = create_engine(url, poolclass=NullPool, isolation_level="AUTOCOMMIT")
    yield engine
    engine.dispose()


@pytest.fixture
def host(app: Flask, superuser: Engine) -> Iterator[Runtime]:
    """The runtime on an empty database; what a test writes is really committed, and gone afterwards."""
    yield app.extensions["rhesis"]
    with superuser.connect() as connection:
        connection.execute(text("SET session_replication_role = replica"))
        connection.execute(text("; ".join(f"DELETE FROM {table}" for table in Base.metadata.tables)))
    app.extensions["rhesis"].queue.redis.flushdb()


@pytest.fixture
def people(app: Flask, host: Runtime) -> dict[str, Person]:
    """Alice owns organization A, Bob may read there; Charlie owns organization B."""
    return make_people(app, host)


@pytest.fixture
def alice(people: dict[str, Person]) -> Person:
    """Owner of organization A."""
    return people["alice"]


@pytest.fixture
def bob(people: dict[str, Person]) -> Person:
    """Viewer in organization A."""
    return people["bob"]


@pytest.fixture
def charlie(people: dict[str, Person]) -> Person:
    """Owner of organization B, a stranger to the others."""
    return people["charlie"]


@pytest.fixture
def project(alice: Person) -> ProjectView:
    """A project of Alice's."""
    with alice.scope() as scope:
        return create_project(scope, "Support Copilot")


@pytest.fixture
def statements(host: Runtime) -> Callable[[], AbstractContextManager[list[str]]]:
    """`with statements() as seen:` collects what is sent to the database meanwhile."""

    @contextmanager
    def watch() -> Iterator[list[str]]:
        seen: list[str] = []

        def note(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
            seen.append(statement)

        event.listen(host.engine, "before_cursor_execute", note)
        try:
            yield seen
        finally:
            event.remove(host.engine, "before_cursor_execute", note)

    return watch
