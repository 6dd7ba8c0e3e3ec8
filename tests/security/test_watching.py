"""The watch over the suite sees what it is there for."""

import logging
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from werkzeug.test import Client

from tests.watch import ALWAYS, HUSH, Watch

POLICY = "default-src 'none'; script-src 'nonce-x'; base-uri 'none'; frame-ancestors 'none'"
GOOD = ALWAYS | {
    "Content-Security-Policy": POLICY,
    "Permissions-Policy": "camera=()",
    "X-Request-ID": "x",
    "Cache-Control": "no-store",
}


def answered(body: str, headers: dict[str, str]) -> Watch:
    """A watch after one answer of an application; Flask's own entrance would be seen by the suite's watch as well."""
    watch, app = Watch(), Flask("watched")
    app.extensions["rhesis"] = object()

    def entrance(_app: Flask, _environ: Any, start_response: Any) -> list[bytes]:
        start_response("200 OK", list(headers.items()))
        return [body.encode()]

    assert Client(partial(watch.around(entrance), app)).get("/").status_code == 200
    return watch


def test_a_good_answer_is_counted_and_nothing_more() -> None:
    watch = answered("hello", GOOD)
    assert (watch.answers, watch.wrong) == (1, [])


@pytest.mark.parametrize("name", sorted(GOOD))
def test_an_answer_without_one_of_the_headers_is_seen(name: str) -> None:
    watch = answered("hello", {one: value for one, value in GOOD.items() if one != name})
    assert len(watch.headers) == 1


def test_a_policy_that_lets_anything_run_is_seen() -> None:
    watch = answered("hello", GOOD | {"Content-Security-Policy": f"{POLICY}; style-src 'unsafe-inline'"})
    assert len(watch.headers) == 1


@pytest.mark.parametrize("said", [HUSH, "rhx_3QAc49n9YJEYdx1oZZtxaTDBz6MY1j31VI0l", "$argon2id$v=19$m=8"])
def test_a_secret_in_a_body_or_a_header_is_seen(said: str) -> None:
    assert len(answered(f"hello {said}", GOOD).told) == 1
    assert len(answered("hello", GOOD | {"X-Odd": said}).told) == 1


def test_a_secret_in_a_line_or_a_file_is_seen(tmp_path: Path) -> None:
    watch = Watch()
    watch.look_at_line(logging.LogRecord("rhesis_app.x", logging.INFO, "x.py", 1, "said %s", ("hello",), None))
    assert watch.wrong == []
    line = logging.LogRecord("rhesis_app.x", logging.INFO, "x.py", 1, "said hush%shush", ("-",), None)
    watch.look_at_line(line)
    assert watch.lines == 2
    log = tmp_path / "web.log"
    log.write_text(f"said {HUSH}", encoding="utf-8")
    watch.read_files(tmp_path)
    log.unlink()  # the suite's watch reads such files too
    assert len(watch.logged) == 2
