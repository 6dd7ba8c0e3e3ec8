"""`demo.json`: what is in it, who may read it, and what is left after a removal."""

import json
import stat
from pathlib import Path

from rhesis_app.demo.actions.credentials import (
    Credentials,
    chatbot_port,
    fix_port,
    forget_credentials,
    read_credentials,
    was_removed,
    write_credentials,
)

KNOWN = Credentials(
    url="http://127.0.0.1:8080",
    email="demo@example.org",
    password="a password",
    token="a token",
    project_id="p",
    endpoint_id="e",
    test_set_id="t",
    port=8790,
)


def test_the_file_holds_what_scripts_rely_on(tmp_path: Path) -> None:
    write_credentials(tmp_path, KNOWN)
    content = json.loads((tmp_path / "demo.json").read_text())
    assert set(content) == {"url", "email", "password", "token", "project_id", "endpoint_id", "test_set_id", "port"}
    assert read_credentials(tmp_path) == KNOWN


def test_only_its_owner_may_read_the_file(tmp_path: Path) -> None:
    (tmp_path / "demo.json").touch(mode=0o644)
    write_credentials(tmp_path, KNOWN)
    assert stat.S_IMODE((tmp_path / "demo.json").stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["demo.json"]


def test_the_port_is_known_before_the_rest(tmp_path: Path) -> None:
    fix_port(tmp_path / "data", 8791)
    assert chatbot_port(tmp_path / "data") == 8791
    assert read_credentials(tmp_path / "data") is None
    assert not was_removed(tmp_path / "data")


def test_a_removal_leaves_the_port_and_nothing_secret(tmp_path: Path) -> None:
    write_credentials(tmp_path, KNOWN)
    forget_credentials(tmp_path)
    assert was_removed(tmp_path)
    assert chatbot_port(tmp_path) == KNOWN.port
    assert read_credentials(tmp_path) is None
    assert "a password" not in (tmp_path / "demo.json").read_text()


def test_a_removal_without_a_file_makes_none(tmp_path: Path) -> None:
    forget_credentials(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_damaged_file_counts_as_none(tmp_path: Path) -> None:
    (tmp_path / "demo.json").write_text("[")
    assert read_credentials(tmp_path) is None
    assert chatbot_port(tmp_path) is None


def test_secrets_stay_out_of_a_printed_object() -> None:
    assert "a password" not in repr(KNOWN)
    assert "a token" not in repr(KNOWN)
