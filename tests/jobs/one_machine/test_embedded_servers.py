"""PostgreSQL and Valkey of our own: real processes, real signals."""

import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.pool import NullPool

from rhesis_app.infra.embedded import launcher
from rhesis_app.infra.embedded.failures import DirectoryInUseError, EmbeddedError
from rhesis_app.infra.embedded.place import make_place
from rhesis_app.infra.embedded.postgres import find_binaries
from rhesis_app.infra.embedded.servers import EmbeddedServers, find_running

pytestmark = pytest.mark.integration


def ask(url: str, statement: str) -> object:
    engine = create_engine(url, poolclass=NullPool)
    with engine.begin() as connection:
        answer = connection.execute(text(statement))
        return answer.scalar() if answer.returns_rows else None


def redis_answers(url: str, command: bytes) -> bytes:
    with socket.socket(socket.AF_UNIX) as line:
        line.connect(url.removeprefix("unix://"))
        line.sendall(command + b"\r\n")
        return line.recv(200)


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedServers]:
    with EmbeddedServers(tmp_path_factory.mktemp("data"), fast=True) as servers:
        yield servers


def test_the_application_gets_a_weak_role(servers: EmbeddedServers) -> None:
    strong = (
        "SELECT rolsuper OR rolbypassrls OR rolcreaterole OR rolcreatedb FROM pg_roles WHERE rolname = current_user"
    )
    assert ask(servers.addresses.database_url, strong) is False
    with pytest.raises(Exception, match="permission denied"):
        ask(servers.addresses.database_url, "CREATE TABLE not_mine ()")


def test_the_owner_makes_tables_and_becomes_the_weak_role_but_has_nothing_from_it(servers: EmbeddedServers) -> None:
    owner = servers.addresses.database_owner_url
    ask(owner, "CREATE TABLE owned (id int)")
    assert ask(owner, "SELECT pg_has_role('rhesis_app', 'SET')") is True
    assert ask(owner, "SELECT pg_has_role('rhesis_app', 'USAGE')") is False
    assert ask(owner, "SELECT rolsuper FROM pg_roles WHERE rolname = current_user") is False


def test_text_is_unicode_whatever_the_machine_speaks(servers: EmbeddedServers) -> None:
    assert ask(servers.addresses.database_url, "SELECT upper('äé€')") == "ÄÉ€"
    assert ask(servers.addresses.database_url, "SHOW timezone") == "UTC"


def test_nobody_else_can_open_the_sockets(servers: EmbeddedServers) -> None:
    assert servers.place.sockets.stat().st_mode & 0o777 == 0o700
    assert servers.place.root.stat().st_mode & 0o777 == 0o700


def test_valkey_never_evicts(servers: EmbeddedServers) -> None:
    assert b"noeviction" in redis_answers(servers.addresses.redis_url, b"CONFIG GET maxmemory-policy")


def test_other_commands_find_the_running_servers(servers: EmbeddedServers) -> None:
    assert find_running(servers.place.root) == servers.addresses
    assert find_running(servers.place.root / "elsewhere") is None


def test_a_second_start_on_the_same_directory_is_refused_by_name(servers: EmbeddedServers) -> None:
    with pytest.raises(DirectoryInUseError, match=f"in use by process {os.getpid()}"):
        EmbeddedServers(servers.place.root, fast=True).start()
    assert ask(servers.addresses.database_url, "SELECT 1") == 1


def test_rows_survive_a_kill_even_when_the_process_number_belongs_to_somebody_else(tmp_path: Path) -> None:
    servers = EmbeddedServers(tmp_path)
    owner = servers.start(valkey=False).database_owner_url
    ask(owner, "CREATE TABLE kept AS SELECT 42 AS n")
    assert servers.postgres.process is not None
    servers.postgres.process.kill()
    servers.postgres.process.wait()
    stale = tmp_path / "postgres" / "postmaster.pid"
    # a process of ours that lives: PostgreSQL alone would take it for a running server and refuse
    stale.write_text(stale.read_text().replace(stale.read_text().split("\n", 1)[0], str(os.getppid()), 1))
    servers.postgres.start()
    assert ask(owner, "SELECT n FROM kept") == 42
    servers.stop()


def test_only_what_is_missing_is_started(tmp_path: Path) -> None:
    servers = EmbeddedServers(tmp_path, fast=True)
    addresses = servers.start(postgres=False)
    assert addresses.redis_url
    assert addresses.database_url == addresses.database_owner_url == ""
    assert servers.postgres.process is None
    servers.stop()


def test_a_cluster_of_another_version_stops_with_the_recipe(tmp_path: Path) -> None:
    (tmp_path / "postgres").mkdir()
    (tmp_path / "postgres" / "PG_VERSION").write_text("14\n")
    with pytest.raises(EmbeddedError, match=r"(?s)made by PostgreSQL 14.*rhesis-app backup.*rhesis-app restore"):
        EmbeddedServers(tmp_path, fast=True).start(valkey=False)


def test_an_interrupted_first_start_is_begun_anew(tmp_path: Path) -> None:
    (tmp_path / "postgres.new").mkdir()
    (tmp_path / "postgres.new" / "PG_VERSION").write_text("18\n")
    with EmbeddedServers(tmp_path, fast=True) as servers:
        assert ask(servers.addresses.database_url, "SELECT 1") == 1


def test_a_directory_too_deep_for_sockets_gets_a_short_one(tmp_path: Path) -> None:
    deep = tmp_path / ("deep" * 20) / "with, a comma"
    servers = EmbeddedServers(deep, fast=True)
    with servers:
        assert len(os.fsencode(servers.place.sockets)) < 60
        assert servers.place.sockets.stat().st_mode & 0o777 == 0o700
        assert redis_answers(servers.addresses.redis_url, b"PING").startswith(b"+PONG")
        assert ask(servers.addresses.database_url, "SELECT 1") == 1
    servers.place.sockets.rmdir()


def test_a_short_directory_that_others_can_open_is_not_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    deep = tmp_path / ("deep" * 25)
    with tempfile.TemporaryDirectory(prefix="rh") as elsewhere:
        monkeypatch.setattr(tempfile, "tempdir", elsewhere)
        first = make_place(deep).sockets
        assert first.parent == Path(elsewhere)
        first.chmod(0o777)
        second = make_place(deep).sockets
        assert second.parent == Path("/tmp")
        second.chmod(0o755)
        with pytest.raises(EmbeddedError, match="shorter --data"):
            make_place(deep)
        second.rmdir()


def test_bindir_without_a_server_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(EmbeddedError, match="holds no postgres and initdb"):
        find_binaries(tmp_path)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root needs a disguise")
def test_as_root_the_server_sees_an_ordinary_user(servers: EmbeddedServers) -> None:
    assert servers.postgres.process is not None
    pid = servers.postgres.process.pid
    assert Path(f"/proc/{pid}/uid_map").read_text() != Path("/proc/self/uid_map").read_text()
    # nothing was handed over to somebody else
    assert (servers.place.root / "postgres" / "PG_VERSION").stat().st_uid == 0


# starts the servers of a directory with a launcher, prints their numbers, and waits for one line
STARTER = """
import sys
from pathlib import Path
from rhesis_app.infra.embedded import launcher
launcher.__file__ = sys.argv[2]
from rhesis_app.infra.embedded.servers import EmbeddedServers
servers = EmbeddedServers(Path(sys.argv[1]), fast=True)
servers.start()
print(servers.postgres.process.pid, servers.valkey.process.pid, flush=True)
sys.stdin.readline()
servers.stop()
"""
OPEN = Path(launcher.__file__)


@pytest.fixture
def closed(tmp_path: Path) -> Path:
    """The launcher as it is, on a kernel that refuses user namespaces."""
    source = OPEN.read_text()
    assert source.count("unshare(CLONE_NEWUSER)") == 1
    shut = tmp_path / "launcher_without_namespaces.py"
    shut.write_text(source.replace("unshare(CLONE_NEWUSER)", "unshare(-1)"))
    return shut


def start_elsewhere(data: Path, by: Path) -> tuple[subprocess.Popen[str], list[int]]:
    command = [sys.executable, "-c", STARTER, str(data), str(by)]
    owner = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert owner.stdout is not None
    return owner, [int(part) for part in owner.stdout.readline().split()]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root needs a disguise")
def test_as_root_without_user_namespaces_it_runs_as_nobody_and_back(tmp_path: Path, closed: Path) -> None:
    data = tmp_path / "data"
    for by, user in ((OPEN, 0), (closed, 65534), (OPEN, 0)):
        owner, pids = start_elsewhere(data, by)
        assert (data / "postgres" / "PG_VERSION").stat().st_uid == user
        assert Path(f"/proc/{pids[0]}").stat().st_uid == user
        owner.communicate("stop\n", timeout=20)
        assert owner.returncode == 0


@pytest.mark.parametrize("namespaces", [True, False], ids=["as-it-is", "without-namespaces"])
def test_a_killed_owner_leaves_no_server_and_the_next_start_goes_on(
    tmp_path: Path, closed: Path, namespaces: bool, alive: Callable[[int], bool]
) -> None:
    if not namespaces and os.geteuid() != 0:
        pytest.skip("only root needs a disguise")
    data = tmp_path / "data"
    owner, pids = start_elsewhere(data, OPEN if namespaces else closed)
    assert len(pids) == 2
    assert all(map(alive, pids))
    owner.kill()
    owner.communicate()
    # at once: it waits by itself for the old servers to let go
    with EmbeddedServers(data, fast=True) as servers:
        assert ask(servers.addresses.database_url, "SELECT 1") == 1
        assert not any(map(alive, pids))


def test_what_users_wrote_stays_out_of_the_log(servers: EmbeddedServers) -> None:
    with pytest.raises(Exception, match="canary"):
        ask(servers.addresses.database_url, "SELECT CAST('canary-in-a-statement' AS int)")
    log = (servers.place.root / "postgres.log").read_text()
    assert "database system is ready" in log
    assert "canary" not in log
