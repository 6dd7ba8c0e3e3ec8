"""The real application behind the nginx of the system, with our nginx.conf: what arrives, and what is kept out."""

import json
import re
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode

import pytest
from sqlalchemy import create_engine, text

from rhesis_app.infra.embedded.servers import find_running
from tests.e2e.conftest import EMAIL, PASSWORD, Instance, make_owner, running
from tests.nginx import Front, free_port, nginx_command, require_nginx

TOO_MUCH = {"Content-Length": str(13 * 1024 * 1024)}


@pytest.fixture(scope="module")
def behind(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Instance]:
    """An instance that believes one proxy, with an owner."""
    require_nginx()
    env = {"RHESIS_TRUSTED_PROXIES": "1", "RHESIS_METRICS_TOKEN": "figures"}
    with running(tmp_path_factory.mktemp("behind") / "data", env=env) as started:
        make_owner(started)
        yield started


@pytest.fixture(scope="module")
def nginx(behind: Instance) -> Iterator[Front]:
    """nginx in front of it; started by root it works as nobody, who could not enter a directory of pytest's."""
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="rhesis-front-") as name:
        Path(name).chmod(0o755)
        command = nginx_command(Path(name), behind=int(behind.url.rpartition(":")[2]), front=port)
        process = subprocess.Popen(command, stderr=subprocess.PIPE)
        front = Front(port)
        while not front.answers("/health/live"):
            assert process.poll() is None, process.communicate()[1]
            time.sleep(0.02)
        yield front
        process.terminate()
        process.communicate(timeout=10)


def test_a_person_signs_in_and_files_are_kept_for_ever(nginx: Front) -> None:
    status, _, page = nginx.ask("/login")
    assert status == 200
    address = re.search(r'href="(/static/[^"]+\.css\?v=[^"]+)"', page.decode())
    assert address
    status, headers, _ = nginx.ask(address[1])
    assert (status, headers["cache-control"]) == (200, "public, max-age=31536000, immutable")
    assert nginx.ask(address[1].partition("?")[0])[1]["cache-control"] == "no-cache"

    form = urlencode({"email": EMAIL, "password": PASSWORD}).encode()
    own = {"Content-Type": "application/x-www-form-urlencoded", "Origin": f"http://127.0.0.1:{nginx.port}"}
    status, headers, _ = nginx.ask("/login", own, form)
    assert (status, headers["location"]) == (303, "/")
    cookie = headers["set-cookie"].partition(";")[0]
    assert nginx.ask("/", {"Cookie": cookie})[0] == 200
    assert nginx.ask("/login", own | {"Origin": "http://evil.example"}, form)[0] == 403


def test_the_api_answers_and_refuses_as_it_does_alone(nginx: Front) -> None:
    account = json.dumps({"email": EMAIL, "password": PASSWORD}).encode()
    status, _, body = nginx.ask("/api/v1/auth/login", {"Content-Type": "application/json"}, account)
    assert status == 200
    token = json.loads(body)["access_token"]
    assert nginx.ask("/api/v1/projects", {"Authorization": f"Bearer {token}"})[0] == 200
    status, headers, body = nginx.ask("/api/v1/projects")
    assert (status, headers["content-type"], json.loads(body)["status"]) == (401, "application/problem+json", 401)


def test_figures_stay_inside(nginx: Front, behind: Instance) -> None:
    token = {"Authorization": "Bearer figures"}
    assert nginx.ask("/metrics", token)[0] == 403
    assert b"rhesis_up" in Front(int(behind.url.rpartition(":")[2])).ask("/metrics", token)[2]


def test_the_address_of_a_client_is_the_one_it_called_from(nginx: Front, behind: Instance) -> None:
    account = json.dumps({"email": EMAIL, "password": PASSWORD}).encode()
    claims = {"Content-Type": "application/json", "X-Forwarded-For": "6.6.6.6", "Forwarded": "for=6.6.6.6"}
    assert Front(nginx.port, source="127.0.0.5").ask("/api/v1/auth/login", claims, account)[0] == 200
    found = find_running(behind.data)
    assert found
    engine = create_engine(found.database_owner_url)
    with engine.connect() as connection:
        addresses = set(connection.scalars(text("SELECT ip FROM session")))
    engine.dispose()
    assert "127.0.0.5" in addresses
    assert "6.6.6.6" not in addresses


@pytest.mark.parametrize("path", ["/login", "/api/v1/auth/login"])
def test_too_large_a_body_is_told_in_the_applications_words(nginx: Front, path: str) -> None:
    status, headers, body = nginx.ask(path, TOO_MUCH, b"")
    assert status == 413
    assert b"larger than the 12 MB" in body
    if path.startswith("/api/"):
        assert headers["content-type"] == "application/problem+json"
        assert json.loads(body).keys() == {"type", "title", "status", "detail", "request_id"}
    else:
        assert headers["content-type"] == "text/html; charset=utf-8"


def test_nginx_alone_says_that_the_application_is_away() -> None:
    require_nginx()
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="rhesis-front-") as name:
        Path(name).chmod(0o755)
        process = subprocess.Popen(nginx_command(Path(name), behind=free_port(), front=port), stderr=subprocess.PIPE)
        front = Front(port)
        try:
            while not _serves(front):
                assert process.poll() is None, process.communicate()[1]
                time.sleep(0.02)
            status, headers, body = front.ask("/")
            assert (status, headers["retry-after"]) == (503, "5")
            assert b"does not answer" in body
            status, headers, body = front.ask("/api/v1/projects")
            assert (status, headers["content-type"], json.loads(body)["status"]) == (
                503,
                "application/problem+json",
                503,
            )
        finally:
            process.terminate()
            process.communicate(timeout=10)


def _serves(front: Front) -> bool:
    try:
        front.ask("/")
    except OSError:
        return False
    return True
