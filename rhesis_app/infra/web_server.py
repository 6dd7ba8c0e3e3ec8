"""The web server as `up` starts it: its command, its size, its address, and whether it answers."""

import http.client
import os
import socket
import time
from collections.abc import Mapping

EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}  # noqa: S104 - compared, not bound
LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
LIVE = "/health/live"


def web_workers(environment: Mapping[str, str]) -> int:
    """RHESIS_WEB_WORKERS, else one process per core that we may use."""
    wanted = environment.get("RHESIS_WEB_WORKERS", "").strip()
    if wanted.isdecimal() and int(wanted) > 0:
        return int(wanted)
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def bind_of(host: str, port: int) -> str:
    """`host:port` as gunicorn reads it, with brackets around an IPv6 address."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def url_of(host: str, port: int) -> str:
    """Where a browser on this machine finds it."""
    return f"http://{bind_of(EVERYWHERE.get(host, host), port)}"


def await_port(host: str, port: int, patience_s: float = 2.0) -> str | None:
    """Why nothing can listen there, or None; a web server that was just killed gets a moment to let go of it."""
    deadline = time.monotonic() + patience_s
    while (problem := port_problem(host, port)) is not None and time.monotonic() < deadline:
        time.sleep(0.05)
    return problem


def port_problem(host: str, port: int) -> str | None:
    """Why nothing can listen there now, or None."""
    try:
        family, kind, _, _, address = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind) as trial:
            trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            trial.bind(address)
            # bind alone succeeds beside a listener that allows reuse
            trial.listen(1)
    except OSError as problem:
        return problem.strerror or str(problem)
    return None


def is_live(host: str, port: int) -> bool:
    """Whether the application answers at all; a refused Host header is an answer too."""
    connection = http.client.HTTPConnection(EVERYWHERE.get(host, host), port, timeout=1.0)
    try:
        connection.request("GET", LIVE)
        return connection.getresponse().status < 500
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
