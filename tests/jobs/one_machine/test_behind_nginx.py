"""nginx.conf and the gunicorn configuration as they are, in front of an application that says what reached it."""

import json
import socket
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from rhesis_app.infra.supervise import ChildSpec, Supervisor, program
from tests.nginx import ROOT, Front, free_port, nginx_command, require_nginx

pytestmark = pytest.mark.integration

ECHO = """
import json
import socket
calls = 0
class Runtime:
    forks = 0
    def after_fork(self): self.forks += 1
class App:
    extensions = {"rhesis": Runtime()}
    def __call__(self, environ, start):
        global calls
        calls += 1
        environ["wsgi.input"].read()
        seen = {name: str(value) for name, value in environ.items()}
        seen |= {"calls": calls, "forks": self.extensions["rhesis"].forks}
        kind = "text/css" if environ["PATH_INFO"].startswith("/static/") else "application/json"
        start("200 OK", [("Content-Type", kind), ("Cache-Control", "no-cache"), ("X-App", "1")])
        return [json.dumps(seen).encode(), b" " * 2000]
app = App()
"""


def seen(front: Front, path: str, headers: dict[str, str] | None = None) -> dict[str, str]:
    """What reached the application."""
    found: dict[str, str] = json.loads(front.ask(path, headers)[2])
    return found


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """Where nginx writes. Started by root it works as nobody, who could not enter a directory of pytest's."""
    with tempfile.TemporaryDirectory(prefix="rhesis-nginx-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.fixture(scope="module")
def ports(folder: Path) -> Iterator[tuple[int, int]]:
    """gunicorn's and nginx's, both running."""
    require_nginx()
    (folder / "echo_app.py").write_text(ECHO)
    behind, front = free_port(), free_port()
    web = [sys.executable, "-m", "gunicorn", "-c", "python:rhesis_app.infra.gunicorn_conf", "echo_app:app"]
    env = {"PYTHONPATH": f"{folder}:{ROOT}", "RHESIS_BIND": f"127.0.0.1:{behind}", "RHESIS_WEB_WORKERS": "1"}
    supervisor = Supervisor(grace_s=5)
    supervisor.add(ChildSpec("web", program(web, env)))
    supervisor.add(ChildSpec("nginx", program(nginx_command(folder, behind=behind, front=front))))
    with supervisor:
        while not (Front(front).answers() and supervisor.watch(0.02)):
            assert supervisor.watch(0.02)
            assert supervisor.deaths("web") + supervisor.deaths("nginx") == 0
        yield behind, front


@pytest.fixture
def nginx(ports: tuple[int, int]) -> Front:
    return Front(ports[1])


@pytest.fixture
def gunicorn(ports: tuple[int, int]) -> Front:
    return Front(ports[0])


CLAIMS = {
    "X-Forwarded-For": "6.6.6.6",
    "X-Forwarded-Proto": "https",
    "X-Forwarded-Host": "evil.example",
    "X-Forwarded-Prefix": "/evil",
    "X-Real-IP": "6.6.6.6",
    "Forwarded": "for=6.6.6.6",
}


def test_what_a_client_claims_about_itself_is_dropped(nginx: Front) -> None:
    found = seen(nginx, "/", CLAIMS | {"Host": "rhesis.example:8443"})
    assert found["HTTP_X_FORWARDED_FOR"] == "127.0.0.1"
    assert found["HTTP_X_FORWARDED_PROTO"] == "http"
    assert found["HTTP_X_FORWARDED_HOST"] == found["HTTP_HOST"] == "rhesis.example:8443"
    assert not {"HTTP_FORWARDED", "HTTP_X_REAL_IP", "HTTP_X_FORWARDED_PREFIX"} & set(found)


def test_gunicorn_alone_believes_nobody_about_the_scheme(gunicorn: Front) -> None:
    found = seen(gunicorn, "/", {"X-Forwarded-Proto": "https", "SCRIPT_NAME": "/evil", "X_Forwarded_For": "6.6.6.6"})
    assert found["wsgi.url_scheme"] == "http"
    assert found["SCRIPT_NAME"] == ""
    assert "HTTP_X_FORWARDED_FOR" not in found


@pytest.mark.parametrize("path", ["/metrics", "/metrics/", "//metrics", "/%6detrics", "/x/../metrics", "/metrics?a=1"])
def test_figures_are_not_for_the_outside(nginx: Front, path: str) -> None:
    status, headers, _ = nginx.ask(path)
    assert status == 403
    assert "x-app" not in headers


def test_figures_stay_reachable_inside(gunicorn: Front) -> None:
    assert gunicorn.ask("/metrics")[0] == 200


def test_a_body_past_the_limit_never_reaches_the_application(nginx: Front) -> None:
    assert nginx.ask("/", body=b"x" * 11_000_000)[0] == 200
    status, headers, _ = nginx.ask("/", {"Content-Length": str(13 * 1024 * 1024)}, body=b"")
    assert status == 413
    assert "x-app" not in headers


def test_nobody_learns_a_version(nginx: Front, gunicorn: Front) -> None:
    assert nginx.ask("/")[1]["server"] == "nginx"
    assert nginx.ask("/metrics")[1]["server"] == "nginx"
    assert not any(character.isdigit() for character in gunicorn.ask("/")[1].get("server", ""))


def test_versioned_files_are_kept_and_others_are_asked_again(nginx: Front) -> None:
    first, again = nginx.ask("/static/a.css?v=1"), nginx.ask("/static/a.css?v=1")
    assert first[2] == again[2]
    assert again[1]["cache-control"] == "public, max-age=31536000, immutable"
    plain, anew = nginx.ask("/static/a.css"), nginx.ask("/static/a.css")
    assert json.loads(plain[2])["calls"] < json.loads(anew[2])["calls"]
    assert anew[1]["cache-control"] == "no-cache"


def test_pages_with_a_session_are_not_compressed_and_files_are(nginx: Front) -> None:
    squeezed = {"Accept-Encoding": "gzip"}
    assert nginx.ask("/static/z.css?v=2", squeezed)[1].get("content-encoding") == "gzip"
    assert nginx.ask("/api/v1/x", squeezed)[1].get("content-encoding") == "gzip"
    assert "content-encoding" not in nginx.ask("/p/x/", squeezed)[1]


def test_an_address_line_past_the_limit_is_refused(gunicorn: Front, nginx: Front) -> None:
    assert gunicorn.ask("/?" + "a" * 8000)[0] == 200
    assert 400 <= gunicorn.ask("/?" + "a" * 9000)[0] < 500
    assert 400 <= nginx.ask("/?" + "a" * 9000)[0] < 500


def test_each_worker_is_told_that_it_was_forked(gunicorn: Front) -> None:
    assert str(seen(gunicorn, "/")["forks"]) == "1"


HEAD = b"POST /first HTTP/1.1\r\nHost: a\r\n"
HIDDEN = b"GET /smuggled HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
TWO_ENDS = {
    "two lengths": HEAD + b"Content-Length: 5\r\nContent-Length: 64\r\n\r\n0\r\n\r\n" + HIDDEN,
    "length and chunks": HEAD + b"Content-Length: 64\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + HIDDEN,
    "chunks twice": HEAD + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n" + HIDDEN,
    "no known encoding": HEAD + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n" + HIDDEN,
    "space before the colon": HEAD + b"Transfer-Encoding : chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n" + HIDDEN,
    "a length that is none": HEAD + b"Content-Length: +5\r\n\r\n0\r\n\r\n" + HIDDEN,
    "a chunk that is none": HEAD + b"Transfer-Encoding: chunked\r\n\r\n0x5\r\nhello\r\n0\r\n\r\n" + HIDDEN,
}


def answered(port: int, message: bytes) -> bytes:
    """All that comes back until the connection is closed, or nothing more for a second."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(message)
        connection.settimeout(1.0)
        came = b""
        try:
            while part := connection.recv(65536):
                came += part
        except TimeoutError:
            pass
        return came


@pytest.mark.parametrize("message", TWO_ENDS.values(), ids=TWO_ENDS)
@pytest.mark.parametrize("which", [0, 1], ids=["gunicorn", "nginx"])
def test_a_message_with_two_ends_hides_no_other(ports: tuple[int, int], which: int, message: bytes) -> None:
    came = answered(ports[which], message)
    assert b"/smuggled" not in came
    assert came[:12] in {b"HTTP/1.1 400", b"HTTP/1.1 501"}, came[:200]
