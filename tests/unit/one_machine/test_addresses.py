"""Where the web server listens, how it is sized, and where that is found."""

from pathlib import Path

import pytest

from rhesis_app.infra.up import UpOptions
from rhesis_app.infra.web_server import bind_of, url_of, web_workers

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("host", "bind", "url"),
    [
        ("127.0.0.1", "127.0.0.1:80", "http://127.0.0.1:80"),
        ("0.0.0.0", "0.0.0.0:80", "http://127.0.0.1:80"),
        ("::", "[::]:80", "http://[::1]:80"),
        ("::1", "[::1]:80", "http://[::1]:80"),
        ("localhost", "localhost:80", "http://localhost:80"),
    ],
)
def test_an_address_is_written_for_gunicorn_and_for_a_browser(host: str, bind: str, url: str) -> None:
    assert bind_of(host, 80) == bind
    assert url_of(host, 80) == url


@pytest.mark.parametrize("value", ["", "0", "-1", "two"])
def test_a_senseless_number_of_workers_is_the_number_of_cores(value: str) -> None:
    assert web_workers({"RHESIS_WEB_WORKERS": value}) == web_workers({}) >= 1


def test_the_number_of_workers_can_be_set() -> None:
    assert web_workers({"RHESIS_WEB_WORKERS": "7"}) == 7


def test_the_data_directory_is_given_or_set_or_here() -> None:
    given, environment = Path("/given"), {"RHESIS_DATA": "/set"}
    assert UpOptions(environment=environment, data_dir=given).place == given
    assert UpOptions(environment=environment).place == Path("/set")
    assert UpOptions(environment={}).place == Path.cwd() / ".rhesis"
