"""What a log line keeps of what it was given: no credential, and nothing of a row that the database refused."""

import io
import logging
from collections.abc import Iterator

import orjson
import pytest

from rhesis_app.infra.logs import configure_logs

REFUSED = (
    'null value in column "name" violates not-null constraint\n'
    "DETAIL:  Failing row contains (1, people@example.org, $argon2id$hash,\nsecond line).\n"
)
LINK = "c2VjcmV0" + "x" * 35


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch) -> Iterator[io.StringIO]:
    """Where the log goes; everything is as before afterwards."""
    kept = {name: logging.getLogger(name).level for name in ("", "urllib3", "rq", "alembic", "werkzeug")}
    root = logging.getLogger()
    handlers, written = root.handlers[:], io.StringIO()
    monkeypatch.setattr("sys.stderr", written)
    configure_logs("INFO")
    yield written
    root.handlers[:] = handlers
    for name, level in kept.items():
        logging.getLogger(name).setLevel(level)


@pytest.mark.parametrize(
    "text",
    [
        "token rhx_3QAc49n9YJEYdx1oZZtxaTDBz6MY1j31VI0l",
        "Authorization: Bearer c2VjcmV0",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl",
        "postgresql://rhesis:c2VjcmV0@db.example.org/rhesis",
        "authorization: basic c2VjcmV0",
        "Incorrect API key provided: sk-proj-c2VjcmV0_12",
        f"/reset/{LINK}",
        f"/invitations/{LINK}?from=letter",
        f"https://rhesis.example.org/start/{LINK}",
        f"/sign-in/{LINK}",
        f"/verify/{LINK}",
        f"refresh {LINK} of somebody",
        "sealed gAAAAABnc2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0==",
        "$argon2id$v=19$m=19456,t=2,p=1$c2VjcmV0$c2VjcmV0",
        "otpauth://totp/Rhesis:ada?secret=c2VjcmV0",
        f"/register/{LINK}",
        f"/settings/profile/email/{LINK}",
    ],
)
def test_a_credential_is_cut_out_by_its_form(lines: io.StringIO, text: str) -> None:
    logging.getLogger("product").warning("seen: %s", text)
    said = orjson.loads(lines.getvalue())["event"]
    assert "[removed]" in said
    assert not any(part in said for part in ("rhx_3", "c2VjcmV0", "eyJhb"))


def test_a_line_says_when_and_what(lines: io.StringIO) -> None:
    logging.getLogger("product").warning("seen", extra={"status": 200})
    line = orjson.loads(lines.getvalue())
    assert set(line) == {"event", "level", "logger", "status", "timestamp"}
    assert line["timestamp"].endswith("Z")


def test_a_text_with_line_ends_stays_one_line(lines: io.StringIO) -> None:
    logging.getLogger("product").warning("first\r\n%s", '{"event": "made up"}', extra={"name_given": "a\nb\u2028c"})
    (line, nothing) = lines.getvalue().split("\n")
    assert nothing == ""
    assert orjson.loads(line)["event"].startswith("first")


def test_a_credential_is_cut_out_by_its_name(lines: io.StringIO) -> None:
    logging.getLogger("product").warning(
        "seen", extra={"password": "c2VjcmV0", "api_key": "c2VjcmV0", "rule": "/login"}
    )
    line = orjson.loads(lines.getvalue())
    assert (line["password"], line["api_key"], line["rule"]) == ("[removed]", "[removed]", "/login")


def test_a_credential_is_cut_out_wherever_it_stands(lines: io.StringIO) -> None:
    extra = {
        "headers": {"Authorization": "c2VjcmV0", "Accept": "*/*", "X-Seen": ["Bearer c2VjcmV0", "fine"]},
        "seen": ({"api_key": "c2VjcmV0"}, 7, None),
        "body": b"Bearer c2VjcmV0",
        "cause": ValueError("Bearer c2VjcmV0"),
        "error": {"nested": ValueError("sk-c2VjcmV0c2Vj")},
    }
    logging.getLogger("product").warning("seen", extra=extra)
    assert "c2VjcmV0" not in lines.getvalue()
    line = orjson.loads(lines.getvalue())
    assert line["headers"] == {"Authorization": "[removed]", "Accept": "*/*", "X-Seen": ["Bearer [removed]", "fine"]}
    assert line["seen"] == [{"api_key": "[removed]"}, 7, None]


@pytest.mark.parametrize(
    "text",
    [
        "/api/v1/invitations/01a2207d-417e-76cf-8098-f6a0f2306cfc",
        "a risk-assessment of the task-force",
        "/p/support/test-sets/01a2207d-417e-76cf-8098-f6a0f2306cfc",
        "a_name_of_exactly_forty_three_letters_in_it",
        "in rhesis_app.notifications.actions.background_work_of_many_kinds",
    ],
)
def test_what_is_no_credential_stays(lines: io.StringIO, text: str) -> None:
    logging.getLogger("product").warning("seen: %s", text)
    assert orjson.loads(lines.getvalue())["event"] == f"seen: {text}"


def test_the_row_that_the_database_refused_is_cut_out(lines: io.StringIO) -> None:
    try:
        try:
            raise ValueError(REFUSED)
        except ValueError as error:
            raise RuntimeError(f"(NotNullViolation) {REFUSED}\n[SQL: INSERT INTO project]") from error
    except RuntimeError:
        logging.getLogger("product").exception("unexpected error")
    said = orjson.loads(lines.getvalue())["exception"]
    assert not any(part in said for part in ("people@", "$argon2id", "second line"))
    assert all(part in said for part in ("not-null constraint", "RuntimeError", "INSERT INTO project"))
