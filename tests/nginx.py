"""nginx.conf with other ports, and a client that asks one server on loopback."""

import http.client
import os
import shutil
import socket
from collections.abc import Mapping
from pathlib import Path

import pytest

NGINX = shutil.which("nginx", path="/usr/sbin:/usr/local/sbin:/usr/bin:/opt/homebrew/bin:/usr/local/bin")
ROOT = Path(__file__).parents[1]
Answer = tuple[int, dict[str, str], bytes]


def require_nginx() -> None:
    """Skip where nginx is missing; fail where everything must run."""
    if NGINX is not None:
        return
    if os.environ.get("RHESIS_BROWSER_REQUIRED"):
        pytest.fail("nginx is not installed")
    pytest.skip("nginx is not installed")


def free_port() -> int:
    """A port nobody listens on right now."""
    with socket.socket() as trial:
        trial.bind(("127.0.0.1", 0))
        return int(trial.getsockname()[1])


def nginx_command(folder: Path, *, behind: int, front: int) -> tuple[str, ...]:
    """nginx with our configuration, all of it but the two ports, working in `folder`."""
    text = (ROOT / "nginx.conf").read_text()
    for old, new in (("127.0.0.1:8080", f"127.0.0.1:{behind}"), ("listen 8088;", f"listen 127.0.0.1:{front};")):
        assert text.count(f"server {old}" if ":" in old else old) == 1
        text = text.replace(old, new)
    (folder / "nginx.conf").write_text(text)
    return (str(NGINX), "-p", str(folder), "-c", str(folder / "nginx.conf"))


class Front:
    """Asks one server; each answer is (status, headers, body)."""

    def __init__(self, port: int, *, source: str = "") -> None:
        self.port = port
        self._source = (source, 0) if source else None

    def ask(self, path: str, headers: Mapping[str, str] | None = None, body: bytes | None = None) -> Answer:
        """GET, or POST where there is a body."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10, source_address=self._source)
        try:
            connection.request("POST" if body is not None else "GET", path, body=body, headers=dict(headers or {}))
            answer = connection.getresponse()
            return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()
        finally:
            connection.close()

    def answers(self, path: str = "/") -> bool:
        """Whether it serves."""
        try:
            return self.ask(path)[0] == 200
        except OSError:
            return False
