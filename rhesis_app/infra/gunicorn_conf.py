"""gunicorn's configuration: `gunicorn -c python:rhesis_app.infra.gunicorn_conf rhesis_app.app:create_app()`.

gunicorn reads the names of this module; docs/configuration.md lists the variables that change them.
"""

import gc
import sys
from pathlib import Path
from typing import Any

from rhesis_app.infra.config import read_environment
from rhesis_app.infra.doctor import examine_address
from rhesis_app.infra.start_check import StartRefused
from rhesis_app.infra.web_server import web_workers

_environment = read_environment()

# what is loaded before the first fork stays: looking through it for garbage again and again is a quarter of the start
gc.disable()

bind = _environment.get("RHESIS_BIND", "127.0.0.1:8080")
workers = web_workers(_environment)
worker_class = "gthread"
# a quarter of them may wait for something (`?wait=`, a test call); the others keep answering
threads = 8
preload_app = True

# the heartbeat file must not wait for a busy disk
worker_tmp_dir = "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108 - gunicorn makes a private file there
timeout = 60
graceful_timeout = 25  # less than a supervisor waits before it kills
keepalive = 75  # longer than nginx keeps an idle connection, so that it never sends into a closing one

limit_request_line = 8190
limit_request_fields = 64
limit_request_field_size = 8190

# whom to believe about the client is the application's decision (RHESIS_TRUSTED_PROXIES), in one place
forwarded_allow_ips = ""
forwarder_headers = ""
secure_scheme_headers: dict[str, str] = {}
header_map = "drop"
# the control socket would lie in the home directory, one for all installations
control_socket_disable = True

accesslog = None  # the application writes its own line per request, with the request's id
errorlog = "-"
loglevel = "warning"
proc_name = "rhesis-app"


def on_starting(server: Any) -> None:
    """Before the port is opened: nobody is answered from a database that is not fit for it."""
    runtime = getattr(server.app.wsgi(), "extensions", {}).get("rhesis")
    check = getattr(runtime, "check_start", None)
    try:
        if check is not None:
            check()
    except StartRefused as problem:
        sys.stderr.write(f"{problem}\n")
        sys.exit(1)
    settings = getattr(runtime, "settings", None)
    for finding in examine_address(settings) if settings is not None else ():
        if not finding.holds:
            sys.stderr.write(f"{finding.mark}: {finding.advice}\n")


def when_ready(server: Any) -> None:
    """Before the first fork: keep what is loaded out of the collector's way, so that workers share its memory."""
    del server
    gc.collect()
    gc.freeze()
    gc.enable()


def post_fork(server: Any, worker: Any) -> None:
    """A connection that crossed a fork would be spoken on by two processes: the app opens its own."""
    del worker
    runtime = getattr(server.app.wsgi(), "extensions", {}).get("rhesis")
    after_fork = getattr(runtime, "after_fork", None)
    if after_fork is not None:
        after_fork()
