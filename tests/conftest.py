"""One PostgreSQL and one Valkey for the whole run, real rows, and the only people there are: Alice, Bob and Charlie."""

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from hypothesis import settings as generated
from sqlalchemy import Engine, create_engine, event, text
from sqlalchemy.engine import make_url
from sqlalchemy.pool import NullPool

from benchmarks.figures import Figure
from rhesis_app.app import create_app
from rhesis_app.infra.config import Settings
from rhesis_app.infra.embedded.servers import EmbeddedServers
from rhesis_app.infra.migrate import migrate
from rhesis_app.infra.orm import Base
from rhesis_app.infra.runtime import Runtime
from rhesis_app.projects.actions import create_project
from rhesis_app.projects.queries import ProjectView
from tests.people import Person, make_people
from tests.watch import SIGNING_KEY, TEST_KEY, Watch, watching

MARKS = {
    "unit": "unit",
    "actions": "integration",
    "api": "integration",
    "pages": "integration",
    "jobs": "integration",
    "auth": "auth",
    "performance": "performance",
    "e2e": "e2e",
    "security": "security",
}

# how long an example takes says something about the machine alone
generated.register_profile("untimed", deadline=None)
generated.load_profile("untimed")


def pytest_addoption(parser: pytest.Parser) -> None:
    """What `make security` runs, and where its figures go."""
    parser.addoption("--figures", metavar="FILE", help="run the proofs of security alone, also the thorough ones")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """A test's folder is its marker; what is thorough, and what is no proof of security, stays out unless it is wanted."""
    root = Path(__file__).parent
    for item in items:
        if item.path.is_relative_to(root):
            mark = MARKS.get(item.path.relative_to(root).parts[0])
            if mark:
                item.add_marker(getattr(pytest.mark, mark))
    wanted = is_proof if config.getoption("--figures") else is_quick
    config.hook.pytest_deselected(items=[item for item in items if not wanted(item)])
    items[:] = [item for item in items if wanted(item)]


def is_quick(item: pytest.Item) -> bool:
    """Whether it belongs to every run of the suite."""
    return item.get_closest_marker("thorough") is None


def is_proof(item: pytest.Item) -> bool:
    """Whether it proves something about security: by its folder, or because it drops a figure."""
    return item.get_closest_marker("security") is not None or "figure" in getattr(item, "fixturenames", ())


@pytest.fixture(scope="session")
def drop(request: pytest.FixtureRequest) -> Callable[[Figure], None]:
    """Keeps a figure where `make security` finds it."""
    chosen = request.config.getoption("--figures")

    def write(one: Figure) -> None:
        if chosen:
            with Path(chosen).open("a", encoding="utf-8") as file:
                file.write(f"{json.dumps(asdict(one))}\n")

    return write


@pytest.fixture
def figure(drop: Callable[[Figure], None]) -> Iterator[Callable[..., None]]:
    """`figure(name, value, target, ok, method)` keeps a figure for `make security`; one that misses fails its test."""
    missed = []

    def add(name: str, value: float | None, target: str | None, ok: bool | None, method: str) -> None:
        drop(Figure(name, value, target, ok, method))
        if ok is False:
            missed.append(f"{name}: {value}, and not {target}")

    yield add
    assert not missed


@pytest.fixture(scope="session", autouse=True)
def watch(tmp_path_factory: pytest.TempPathFactory, drop: Callable[[Figure], None]) -> Iterator[Watch]:
    """Over all tests: no answer without its headers, and no secret in an answer or in a line of a log."""
    with watching(tmp_path_factory.getbasetemp()) as watched:
        yield watched
    for one in watched.figures():
        drop(one)
    assert not watched.wrong, "\n".join(watched.wrong)


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
        secret_keys=(SIGNING_KEY,),
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
