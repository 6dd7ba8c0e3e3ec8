"""The keys of an installation are made once and shut away."""

import json
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from rhesis_app.infra.embedded.failures import EmbeddedError
from rhesis_app.infra.embedded.keys import load_or_make_secrets

pytestmark = pytest.mark.unit


def test_they_are_made_once_and_only_their_owner_can_read_them(tmp_path: Path) -> None:
    first = load_or_make_secrets(tmp_path / "new")
    assert load_or_make_secrets(tmp_path / "new") == first
    assert len(first.secret_key) >= 32
    assert Fernet(first.encryption_key)
    path = tmp_path / "new" / "secrets.json"
    assert path.stat().st_mode & 0o777 == 0o600
    assert [file.name for file in path.parent.iterdir()] == ["secrets.json"]


def test_a_file_that_others_could_read_is_shut(tmp_path: Path) -> None:
    load_or_make_secrets(tmp_path)
    (tmp_path / "secrets.json").chmod(0o644)
    load_or_make_secrets(tmp_path)
    assert (tmp_path / "secrets.json").stat().st_mode & 0o777 == 0o600


def test_a_print_shows_no_key(tmp_path: Path) -> None:
    found = load_or_make_secrets(tmp_path)
    assert found.secret_key not in repr(found)


@pytest.mark.parametrize("content", ["", "{}", "[]", json.dumps({"secret_key": "x"})])
def test_a_damaged_file_is_not_replaced_in_silence(tmp_path: Path, content: str) -> None:
    (tmp_path / "secrets.json").write_text(content)
    with pytest.raises(EmbeddedError, match="Restore it from a backup"):
        load_or_make_secrets(tmp_path)
    assert (tmp_path / "secrets.json").read_text() == content
