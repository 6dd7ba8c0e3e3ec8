"""Seals over the audit log: whoever changes what was written, with whatever rights, is found out."""

import hashlib
import json
import threading
from collections.abc import Callable
from typing import Any

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import Engine, text
from sqlalchemy.exc import ProgrammingError

from rhesis_app.kernel.ids import new_id
from rhesis_app.runs.actions.sweep import sweep
from rhesis_app.tenancy.actions.audit import seal_audit
from rhesis_app.tenancy.cli import audit
from rhesis_app.tenancy.queries.audit_seals import AuditCheck, check_audit
from tests.people import Person

Do = Callable[..., Any]


def record(person: Person, count: int = 1) -> None:
    for _ in range(count):
        with person.scope() as scope, scope.atomic():
            scope.record("metric.create", "metric", new_id(), name="Tone", deep={"b": 1, "a": [1.5, None, "é"]})


def seal(person: Person, **more: Any) -> int:
    return seal_audit(person.host, waited_s=0, **more)


def check(person: Person) -> AuditCheck:
    with person.scope() as scope:
        found = check_audit(scope)
    assert found is not None
    return found


def verify(person: Person, *words: str) -> Result:
    return CliRunner().invoke(audit, ["verify", *words], obj=lambda: person.host)


@pytest.fixture
def do(superuser: Engine) -> Do:
    """A statement of somebody whom no grant, policy or foreign key stops."""

    def run(statement: str, **values: Any) -> Any:
        with superuser.connect() as connection:
            connection.execute(text("SET session_replication_role = replica"))
            found = connection.execute(text(statement), values)
            return found.all() if found.returns_rows else None

    return run


@pytest.fixture
def sealed(alice: Person) -> Person:
    """Three batches of Alice's."""
    for _ in range(3):
        record(alice, 4)
        assert seal(alice) >= 4
    return alice


def test_what_is_sealed_holds(sealed: Person) -> None:
    record(sealed, 2)
    found = check(sealed)
    assert found.broken is None
    assert (found.batches, found.pruned, found.entries, found.waiting) == (3, 0, 13, 2)
    said = verify(sealed)
    assert said.exit_code == 0
    assert "ok   Organization A: 3 batches with 13 entries hold; 2 entries wait for their seal." in said.output
    assert found.last_hash in said.output
    assert "Organization B" in said.output


def test_a_seal_is_the_hash_of_the_one_before_and_of_its_rows_as_the_documents_say(sealed: Person, do: Do) -> None:
    previous = ""
    for number, hashed in do(
        "SELECT number, hash FROM audit_seal WHERE organization_id = :o ORDER BY number", o=sealed.actor.organization_id
    ):
        rows = do(
            "SELECT id::text, (extract(epoch FROM at) * 1000000)::bigint, user_id::text, actor_kind, action, object_type, object_id::text,"
            " facts, ip FROM audit_entry WHERE organization_id = :o AND seal_number = :n ORDER BY id",
            o=sealed.actor.organization_id,
            n=number,
        )

        def ordered(value: Any) -> Any:
            """As jsonb keeps keys: shorter ones first, then by their bytes."""
            if isinstance(value, dict):
                keys = sorted(value, key=lambda key: (len(key.encode()), key.encode()))
                return {key: ordered(value[key]) for key in keys}
            return [ordered(item) for item in value] if isinstance(value, list) else value

        lines = [json.dumps([ordered(cell) for cell in row], ensure_ascii=False) for row in rows]
        previous = hashlib.sha256("\n".join([previous, *lines]).encode()).hexdigest()
        assert previous == hashed


@pytest.mark.parametrize(
    "change",
    [
        'facts = \'{"name": "Other"}\'',
        "at = at + interval '1 microsecond'",
        "user_id = NULL",
        "actor_kind = 'system'",
        "action = 'metric.update'",
        "object_type = 'model'",
        "object_id = gen_random_uuid()",
        "ip = '10.0.0.1'",
        "id = gen_random_uuid()",
    ],
)
def test_a_changed_entry_breaks_its_batch(sealed: Person, do: Do, change: str) -> None:
    do(
        f"UPDATE audit_entry SET {change} WHERE id = (SELECT id FROM audit_entry WHERE seal_number = 2 AND action = 'metric.create' LIMIT 1)"
    )
    said = verify(sealed)
    assert said.exit_code == 1
    assert "FAIL Organization A: batch 2 does not hold: entries were changed." in said.output
    assert "Before it 1 batches with" in said.output


@pytest.mark.parametrize(
    ("statement", "number", "reason"),
    [
        (
            "DELETE FROM audit_entry WHERE id = (SELECT id FROM audit_entry WHERE seal_number = 2 LIMIT 1)",
            2,
            "taken away",
        ),
        (
            (
                "INSERT INTO audit_entry (id, organization_id, actor_kind, action, object_type, seal_number)"
                " SELECT gen_random_uuid(), organization_id, 'user', 'run.start', 'test_run', 3 FROM audit_seal WHERE number = 3"
            ),
            3,
            "added",
        ),
        ("UPDATE audit_entry SET seal_number = NULL WHERE seal_number = 1", 1, "taken away"),
        ("UPDATE audit_entry SET seal_number = 9 WHERE seal_number = 3", 3, "taken away"),
        ("UPDATE audit_seal SET hash = repeat('0', 64) WHERE number = 1", 1, "changed"),
        ("UPDATE audit_seal SET previous = repeat('0', 64) WHERE number = 3", 3, "does not follow"),
        ("DELETE FROM audit_seal WHERE number = 2", 2, "missing"),
        ("UPDATE audit_seal SET pruned_at = now() WHERE number = 2", 2, "entries of it are there"),
        ("DELETE FROM audit_seal WHERE number = 3", 3, "missing"),
    ],
)
def test_whatever_is_done_to_batches_is_found(sealed: Person, do: Do, statement: str, number: int, reason: str) -> None:
    do(statement)
    broken = check(sealed).broken
    assert broken is not None
    assert broken.number == number
    assert reason in broken.reason


def test_a_batch_that_was_sealed_anew_breaks_the_next(sealed: Person, do: Do) -> None:
    do("UPDATE audit_entry SET action = 'x.y' WHERE seal_number = 2")
    do("UPDATE audit_seal SET hash = (SELECT h.hash FROM audit_hash(organization_id, 2, previous) h) WHERE number = 2")
    broken = check(sealed).broken
    assert broken is not None
    assert (broken.number, broken.reason) == (3, "it does not follow the seal before")


def test_a_batch_deleted_whole_for_its_age_keeps_the_chain(sealed: Person, do: Do) -> None:
    do("DELETE FROM audit_entry WHERE seal_number = 1")
    do("UPDATE audit_seal SET pruned_at = now() WHERE number = 1")
    found = check(sealed)
    assert found.broken is None
    assert (found.batches, found.pruned, found.entries) == (3, 1, 8)
    assert "1 of them deleted for their age" in verify(sealed).output


def test_verify_looks_at_one_organization_where_that_is_wanted(sealed: Person, do: Do) -> None:
    do("UPDATE audit_entry SET action = 'x.y' WHERE seal_number = 1 AND action = 'metric.create'")
    (slug,) = do("SELECT slug FROM organization WHERE name = 'Organization B'")[0]
    other = verify(sealed, "--organization", slug)
    assert other.exit_code == 0
    assert "Organization A" not in other.output
    assert verify(sealed, "--organization", str(sealed.actor.organization_id)).exit_code == 1
    assert verify(sealed, "--organization", "nowhere").exit_code == 1


def test_what_commits_late_is_in_the_next_batch(alice: Person) -> None:
    with alice.scope() as slow, slow.atomic():
        slow.record("run.start", "test_run", new_id())
        slow._audit(slow, *slow._records.pop())
        slow.session.flush()  # written, with its id and its time, and not committed
        record(alice)
        seal(alice)
        assert check(alice).waiting == 0
    assert check(alice).waiting == 1
    seal(alice)
    found = check(alice)
    assert (found.batches, found.waiting, found.broken) == (2, 0, None)


def test_two_who_seal_at_the_same_time_seal_everything_once(alice: Person) -> None:
    record(alice, 30)
    threads = [threading.Thread(target=seal, args=(alice,), kwargs={"most": 10}) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    while seal(alice):
        pass
    found = check(alice)
    assert found.broken is None
    assert found.entries == 31


def test_the_sweeper_seals_what_has_waited_for_minutes(alice: Person, do: Do) -> None:
    record(alice)
    assert sweep(alice.host).sealed == 0
    do("UPDATE audit_entry SET at = at - interval '6 minutes' WHERE action = 'metric.create'")
    assert sweep(alice.host).sealed == 2
    assert check(alice).broken is None


def test_the_application_can_neither_change_entries_nor_write_seals(alice: Person) -> None:
    record(alice)
    seal(alice)
    for statement in (
        "UPDATE audit_entry SET seal_number = NULL",
        "DELETE FROM audit_entry",
        "UPDATE audit_seal SET hash = ''",
        "DELETE FROM audit_seal",
        "INSERT INTO audit_seal SELECT * FROM audit_seal",
    ):
        with alice.scope() as scope, pytest.raises(ProgrammingError, match="permission denied"):
            scope.session.execute(text(statement))


def test_the_application_cannot_write_an_entry_into_a_batch(sealed: Person) -> None:
    statement = text(
        "INSERT INTO audit_entry (id, organization_id, actor_kind, action, object_type, seal_number)"
        " VALUES (gen_random_uuid(), :o, 'user', 'x.y', 'z', 1)"
    )
    with sealed.scope() as scope, pytest.raises(ProgrammingError, match="permission denied"):
        scope.session.execute(statement, {"o": sealed.actor.organization_id})


def test_the_page_says_how_far_it_is_sealed(alice: Person) -> None:
    assert "Nothing is sealed yet." in alice.web.get("/settings/audit").text
    seal(alice)
    page = alice.web.get("/settings/audit").text
    assert "1 batch," in page
    assert check(alice).last_hash in page
    assert "Sealed in batch 1." in page
