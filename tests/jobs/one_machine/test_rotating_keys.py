"""Keys rotate under a running instance, twice, and through a kill in the middle; wrong ones are noticed at the start."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from cryptography.fernet import Fernet
from sqlalchemy import Engine, create_engine, insert, select, text
from sqlalchemy.pool import NullPool

from rhesis_app.auth.models import UserTotp
from rhesis_app.endpoints.models import Endpoint, Model
from rhesis_app.infra import rotate
from rhesis_app.infra.backup.source import Installation
from rhesis_app.infra.config import Settings
from rhesis_app.infra.crypto import SecretBox
from rhesis_app.infra.embedded.keys import load_or_make_secrets
from rhesis_app.infra.rotate import Rotated, RotationRefused, keys_of, rotate_keys
from rhesis_app.infra.runtime import Runtime
from rhesis_app.infra.start_check import StartRefused, check_start
from rhesis_app.kernel.ids import new_id
from rhesis_app.projects.queries import ProjectView
from tests.people import Person
from tests.watch import TEST_KEY

NEW = Fernet.generate_key().decode()
OLD_BOX, NEW_BOX, BOTH = SecretBox([TEST_KEY]), SecretBox([NEW]), SecretBox([NEW, TEST_KEY])
FIELD = "endpoint.secret"
TOTP = "user_totp.secret"


@pytest.fixture
def owner_url(settings: Settings) -> str:
    assert settings.database_owner_url
    return settings.database_owner_url


@pytest.fixture
def started(host: Runtime) -> Runtime:
    """An instance that has been started with the old key."""
    host.check_start(patience_s=0)
    return host


def make_endpoints(person: Person, project: ProjectView, count: int, box: SecretBox = OLD_BOX) -> list[UUID]:
    """Endpoints with a secret each, in the order of their ids."""
    ids = sorted(new_id() for _ in range(count))
    organization = person.actor.organization_id
    rows = [
        {
            "id": one, "organization_id": organization, "project_id": project.id, "name": f"Bot {number}", "url": "http://127.0.0.1:9/",
            "request_template": "{}", "response_mapping": {}, "auth_kind": "bearer", "secret_origin": "http://127.0.0.1:9",
            "secret": box.seal(f"secret {number}", organization, FIELD, one),
        }
        for number, one in enumerate(ids)
    ]  # fmt: skip
    with person.scope() as scope, scope.atomic() as session:
        session.execute(insert(Endpoint), rows)
    return ids


def secrets_of(person: Person, box: SecretBox) -> list[str]:
    """What the endpoints' secrets open to, in the order of their ids."""
    with person.scope() as scope:
        rows = scope.session.execute(select(Endpoint.id, Endpoint.secret).order_by(Endpoint.id)).all()
    return [box.open(secret, person.actor.organization_id, FIELD, one) for one, secret in rows if secret]


def refusal(host: Runtime, box: SecretBox) -> str | None:
    """What a start with these keys is told; None when it may go on."""
    try:
        check_start(host.engine, box, patience_s=0)
    except StartRefused as problem:
        return str(problem)
    return None


@pytest.fixture
def behind(superuser: Engine) -> Iterator[Any]:
    """Somebody else's transaction, open until the test is over."""
    engine = create_engine(superuser.url, poolclass=NullPool)
    with engine.connect() as connection:
        yield connection
        connection.rollback()


def test_wrong_keys_are_noticed_from_the_second_start_on(host: Runtime) -> None:
    assert refusal(host, OLD_BOX) is None
    said = refusal(host, NEW_BOX)
    assert said is not None
    assert "keys rotate --lost" in said
    assert "\n" not in said
    assert refusal(host, OLD_BOX) is None
    assert refusal(host, BOTH) is None


def test_data_of_before_there_was_a_canary_is_judged_by_what_is_sealed(
    host: Runtime, alice: Person, project: ProjectView
) -> None:
    make_endpoints(alice, project, 1)
    assert refusal(host, NEW_BOX) is not None
    assert refusal(host, BOTH) is None


def test_every_text_moves_and_the_second_time_nothing_is_left_to_do(
    started: Runtime,
    alice: Person,
    charlie: Person,
    project: ProjectView,
    owner_url: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(rotate, "BATCH", 2)
    make_endpoints(alice, project, 5)
    organization, model_id = alice.actor.organization_id, new_id()
    with alice.scope() as scope, scope.atomic() as session:
        key = OLD_BOX.seal("a key", organization, "model.key", model_id)
        session.add(
            Model(
                id=model_id, project_id=project.id, name="Judge", wire="openai", base_url="https://api.example.org/v1",
                model_name="small", key=key, key_origin="https://api.example.org",
            )
        )  # fmt: skip
        who = alice.actor.user_id
        assert who is not None
        session.add(UserTotp(user_id=who, secret=OLD_BOX.seal("a seed", who, TOTP, who)))
    assert list(rotate_keys(owner_url, BOTH)) == [
        Rotated(FIELD, 5, 0, 0),
        Rotated("model.key", 1, 0, 0),
        Rotated(TOTP, 1, 0, 0),
    ]
    with alice.scope() as scope:
        assert NEW_BOX.open(scope.session.scalars(select(UserTotp.secret)).one(), who, TOTP, who) == "a seed"
    assert secrets_of(alice, NEW_BOX) == [f"secret {number}" for number in range(5)]
    assert list(rotate_keys(owner_url, BOTH)) == [
        Rotated(FIELD, 0, 5, 0),
        Rotated("model.key", 0, 1, 0),
        Rotated(TOTP, 0, 1, 0),
    ]
    assert refusal(started, NEW_BOX) is None
    assert refusal(started, OLD_BOX) is not None


def test_keys_that_are_not_the_datas_rotate_nothing(
    started: Runtime, alice: Person, project: ProjectView, owner_url: str
) -> None:
    make_endpoints(alice, project, 1)
    with pytest.raises(RotationRefused, match="--lost"):
        list(rotate_keys(owner_url, NEW_BOX))
    assert refusal(started, OLD_BOX) is None


def test_a_lost_key_is_given_up_on_demand(
    started: Runtime, alice: Person, project: ProjectView, owner_url: str
) -> None:
    make_endpoints(alice, project, 2)
    assert list(rotate_keys(owner_url, NEW_BOX, lost=True)) == [
        Rotated(FIELD, 0, 0, 2),
        Rotated("model.key", 0, 0, 0),
        Rotated(TOTP, 0, 0, 0),
    ]
    assert refusal(started, NEW_BOX) is None


def test_a_login_that_sees_no_rows_is_refused(started: Runtime, settings: Settings) -> None:
    engine_url = started.engine.url.update_query_dict({"options": "-c role=rhesis_app"})
    with pytest.raises(RotationRefused, match="RHESIS_DATABASE_OWNER_URL"):
        list(rotate_keys(engine_url.render_as_string(hide_password=False), BOTH))


def test_what_is_entered_meanwhile_stays(
    started: Runtime, alice: Person, project: ProjectView, owner_url: str, behind: Any,
    eventually: Callable[[Callable[[], bool]], bool], superuser: Engine,
) -> None:  # fmt: skip
    (one,) = make_endpoints(alice, project, 1)
    entered = BOTH.seal("entered meanwhile", alice.actor.organization_id, FIELD, one)
    behind.execute(text("UPDATE endpoint SET secret = :it WHERE id = :one"), {"it": entered, "one": one})
    rotation = threading.Thread(target=lambda: list(rotate_keys(owner_url, BOTH)))
    rotation.start()
    assert eventually(lambda: waiting(superuser) == 1)
    behind.commit()
    rotation.join(30)
    assert secrets_of(alice, NEW_BOX) == ["entered meanwhile"]


def waiting(superuser: Engine) -> int:
    """How many wait for a row that another transaction holds."""
    query = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%endpoint%'"
    with superuser.connect() as connection:
        return int(connection.scalar(text(query)) or 0)


def command(settings: Settings, keys: str, *words: str) -> "subprocess.CompletedProcess[str]":
    """A command of an operator with these keys."""
    return subprocess.run(
        [sys.executable, "-m", "rhesis_app.cli", *words],
        env=environment_of(settings, keys), capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


def environment_of(settings: Settings, keys: str) -> dict[str, str]:
    owner = settings.database_owner_url or ""
    return {
        **os.environ, "DATABASE_URL": settings.database_url, "RHESIS_DATABASE_OWNER_URL": owner, "RHESIS_ENCRYPTION_KEYS": keys,
    }  # fmt: skip


def test_a_migration_says_it_before_anything_starts(started: Runtime, settings: Settings) -> None:
    assert command(settings, f"{NEW},{TEST_KEY}", "migrate").returncode == 0
    refused = command(settings, NEW, "migrate")
    assert refused.returncode == 1
    assert refused.stderr.startswith("Error: RHESIS_ENCRYPTION_KEYS does not hold the key")
    assert refused.stderr.count("\n") == 1


def test_keys_are_the_environments_else_the_key_files(tmp_path: Path) -> None:
    load_or_make_secrets(tmp_path)
    path = tmp_path / "secrets.json"
    path.write_text(json.dumps({"secret_key": "x" * 48, "encryption_key": f"{NEW}, {TEST_KEY}"}))
    sealed = OLD_BOX.seal("s", new_id(), FIELD, new_id())
    of_file = keys_of(Installation(url="", place=tmp_path, environment={}))
    assert (of_file.opens(sealed), of_file.is_current(sealed)) == (True, False)
    of_environment = keys_of(Installation(url="", place=tmp_path, environment={"RHESIS_ENCRYPTION_KEYS": TEST_KEY}))
    assert of_environment.is_current(sealed)


def test_the_command_is_killed_in_the_middle_and_run_again(
    started: Runtime, settings: Settings, alice: Person, project: ProjectView, behind: Any,
    eventually: Callable[[Callable[[], bool]], bool], superuser: Engine,
) -> None:  # fmt: skip
    count = rotate.BATCH + 20
    ids = make_endpoints(alice, project, count)
    behind.execute(text("SELECT 1 FROM endpoint WHERE id = :one FOR UPDATE"), {"one": ids[-1]})
    argv = [sys.executable, "-m", "rhesis_app.cli", "keys", "rotate"]
    first = subprocess.Popen(argv, env=environment_of(settings, f"{NEW},{TEST_KEY}"))
    assert eventually(lambda: waiting(superuser) == 1)
    first.kill()
    first.wait()
    with alice.scope() as scope:
        texts = list(scope.session.scalars(select(Endpoint.secret)))
    assert sum(BOTH.is_current(text or "") for text in texts) == rotate.BATCH
    assert refusal(started, NEW_BOX) is not None, "the old key is still needed"
    behind.rollback()
    again = command(settings, f"{NEW},{TEST_KEY}", "keys", "rotate")
    assert (again.returncode, again.stderr) == (0, "")
    assert f"endpoint.secret: 20 sealed anew, {rotate.BATCH} were" in again.stdout
    assert secrets_of(alice, NEW_BOX) == [f"secret {number}" for number in range(count)]
    assert refusal(started, NEW_BOX) is None
