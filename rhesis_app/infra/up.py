"""`rhesis-app up`: everything on one machine, under one supervisor, from nothing to `ready`."""

import signal
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

from rhesis_app.infra.embedded.failures import EmbeddedError
from rhesis_app.infra.embedded.keys import load_or_make_secrets
from rhesis_app.infra.embedded.leash import start_leashed
from rhesis_app.infra.embedded.servers import EmbeddedServers, find_running
from rhesis_app.infra.supervise import ChildSpec, Supervisor, program
from rhesis_app.infra.web_server import LOOPBACK, await_port, bind_of, is_live, url_of, web_workers

OWNER_URL = "RHESIS_DATABASE_OWNER_URL"
READY_WITHIN_S = 180.0
HOPELESS = 3
LOCAL_TARGETS = (
    "Endpoints on loopback and private addresses are allowed, because only this machine can reach this server. "
    "They are closed when --host is another address or RHESIS_EXTERNAL_URL is set."
)


_GUNICORN = (sys.executable, "-m", "gunicorn")
_CLI = (sys.executable, "-m", "rhesis_app.cli")


class StartError(Exception):
    """The start cannot go on; the message says what to do."""


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


@dataclass(frozen=True)
class Commands:
    """What `up` runs. gunicorn finds configuration and app in the package: a wheel has no checkout beside it."""

    migrate: tuple[str, ...] = (*_CLI, "migrate", "--backup")
    web: tuple[str, ...] = (*_GUNICORN, "-c", "python:rhesis_app.infra.gunicorn_conf", "rhesis_app.app:create_app()")
    worker: tuple[str, ...] = (*_CLI, "worker", "--queue")


COMMANDS = Commands()
WITHOUT_BACKUP = Commands(migrate=(*_CLI, "migrate"))


@dataclass(frozen=True)
class ExtraChild:
    """One more program to keep running; `env` is laid over the other children's."""

    name: str
    argv: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Ready:
    """What a hook gets once the application answers: its address, and the environment the children run with."""

    url: str
    data_dir: Path
    environment: Mapping[str, str]
    owner_url: str


@dataclass(frozen=True, kw_only=True)
class UpOptions:
    """What to start. `after_ready` runs once beside the children, in a thread; it ends with the process."""

    environment: Mapping[str, str]
    data_dir: Path | None = None
    host: str = "127.0.0.1"
    port: int = 8080
    workers: int = 2
    extra_children: tuple[ExtraChild, ...] = ()
    after_ready: Callable[[Ready], None] | None = None
    commands: Commands = COMMANDS
    say: Callable[[str], None] = _say

    @property
    def place(self) -> Path:
        """The data directory: given, else RHESIS_DATA, else `.rhesis` here."""
        return (self.data_dir or Path(self.environment.get("RHESIS_DATA", ".rhesis"))).absolute()


def run_up(options: UpOptions) -> int:
    """Start everything, keep it running until SIGINT or SIGTERM, end it in order; the exit status."""
    before = signal.signal(signal.SIGTERM, _interrupt)
    try:
        return _run(options)
    except (EmbeddedError, StartError) as failure:
        sys.stderr.write(f"{failure}\n")
        return 1
    except KeyboardInterrupt:
        return 130
    finally:
        signal.signal(signal.SIGTERM, before)


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    """Until the supervisor listens, SIGTERM ends a start as Ctrl-C does: what was started is stopped."""
    raise KeyboardInterrupt


def _run(options: UpOptions) -> int:
    given = options.environment
    bindir = given.get("RHESIS_PG_BINDIR")
    servers = EmbeddedServers(
        options.place, pg_bindir=Path(bindir) if bindir else None, connections=60 + 12 * web_workers(given)
    )
    servers.reserve()
    try:
        _check_port(options)
        servers.start(postgres="DATABASE_URL" not in given, valkey="REDIS_URL" not in given)
        environment = child_environment(options, servers)
        owner_url = servers.addresses.database_owner_url or given.get(OWNER_URL, "")
        _migrate(options.commands.migrate, environment | {OWNER_URL: owner_url})
        if environment.get("RHESIS_ALLOW_LOCAL_TARGETS") == "1":
            options.say(LOCAL_TARGETS)
        ready = Ready(url_of(options.host, options.port), options.place, environment, owner_url)
        return _supervise(options, servers, ready)
    finally:
        servers.stop()


def child_environment(options: UpOptions, servers: EmbeddedServers) -> dict[str, str]:
    """What web and workers run with: the operator's environment, completed; never the owner's address."""
    keys = load_or_make_secrets(options.place)
    own = {"SECRET_KEY": keys.secret_key, "RHESIS_ENCRYPTION_KEYS": keys.encryption_key}
    found = servers.addresses
    own |= {"DATABASE_URL": found.database_url} if found.database_url else {}
    own |= {"REDIS_URL": found.redis_url} if found.redis_url else {}
    if options.host in LOOPBACK and "RHESIS_EXTERNAL_URL" not in options.environment:
        own["RHESIS_ALLOW_LOCAL_TARGETS"] = "1"
    return {
        "RHESIS_LOG_LEVEL": "WARNING",  # a line per request would bury the link that a newcomer looks for
        **own,
        **options.environment,
        "RHESIS_DATA": str(options.place),
        "RHESIS_BIND": bind_of(options.host, options.port),
        # empty, not absent: a .env file must not bring it back
        OWNER_URL: "",
    }


def _check_port(options: UpOptions) -> None:
    problem = await_port(options.host, options.port)
    if problem:
        where = bind_of(options.host, options.port)
        raise StartError(f"Nothing can listen on {where} ({problem}). Choose another: --port {options.port + 1}.")


def _migrate(argv: Sequence[str], environment: Mapping[str, str]) -> None:
    process = start_leashed(argv, env=environment)
    try:
        status = process.wait()
    except KeyboardInterrupt:
        process.terminate()
        process.wait()
        raise
    if status != 0:
        raise StartError(
            "The database could not be brought to this version, or is sealed with other keys; the lines above say why. Nothing was started."
        )


def _children(options: UpOptions, environment: Mapping[str, str]) -> list[ChildSpec]:
    # with its supervisor gone the database goes as well: nothing is left for the web server to finish
    web = program(options.commands.web, environment, death_signal=signal.SIGQUIT)
    specs = [ChildSpec("web", web)]
    queues = [("run-worker", "runs")] * options.workers + [("job-worker", "jobs")]
    for number, (name, queue) in enumerate(queues, start=1):
        specs.append(ChildSpec(f"{name}-{number}", program((*options.commands.worker, queue), environment)))
    extras = options.extra_children
    return specs + [ChildSpec(extra.name, program(extra.argv, {**environment, **extra.env})) for extra in extras]


def _supervise(options: UpOptions, servers: EmbeddedServers, ready: Ready) -> int:
    supervisor = Supervisor()
    for name, server in (("postgres", servers.postgres), ("valkey", servers.valkey)):
        if server.process is not None:
            supervisor.add(
                ChildSpec(name, server.launch, server.stop_signal, serves_others=True), running=server.process
            )
    for spec in _children(options, ready.environment):
        supervisor.add(spec)
    with supervisor:
        if _await_ready(options, supervisor):
            options.say(f"ready {ready.url}")
            _start_hook(options, ready)
        while supervisor.watch():
            pass
    return 0


def _await_ready(options: UpOptions, supervisor: Supervisor) -> bool:
    """True when the application answers, False when a signal came first."""
    deadline = time.monotonic() + READY_WITHIN_S
    while supervisor.watch(0.05):
        if is_live(options.host, options.port):
            return True
        if supervisor.deaths("web") >= HOPELESS or time.monotonic() > deadline:
            raise StartError("The web server does not start; the lines above say why.")
    return False


def _start_hook(options: UpOptions, ready: Ready) -> None:
    if options.after_ready is not None:
        threading.Thread(target=options.after_ready, args=(ready,), name="after-ready", daemon=True).start()


def environment_beside(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment completed by an `up` that runs on the same data directory, for commands given beside it."""
    place = Path(environment.get("RHESIS_DATA", ".rhesis")).absolute()
    running = find_running(place)
    if running is None:
        return dict(environment)
    keys = load_or_make_secrets(place)
    own = {"SECRET_KEY": keys.secret_key, "RHESIS_ENCRYPTION_KEYS": keys.encryption_key}
    found = {"DATABASE_URL": running.database_url, "REDIS_URL": running.redis_url}
    return {**own, **{name: value for name, value in found.items() if value}, **environment}
