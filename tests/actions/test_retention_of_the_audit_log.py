"""Old entries of the audit log go in whole sealed batches; their seals stay, and what is left still holds."""

from typing import Any

import pytest
from sqlalchemy import Engine, text

from rhesis_app.infra.runtime import Runtime
from rhesis_app.kernel.ids import new_id
from rhesis_app.retention.actions.keep import erase_what_is_old
from rhesis_app.tenancy.actions.audit import seal_audit
from rhesis_app.tenancy.models import AuditEntry, AuditSeal
from rhesis_app.tenancy.queries.audit_seals import AuditCheck, check_audit
from tests.people import Person


def record(person: Person, count: int = 2) -> None:
    for _ in range(count):
        with person.scope() as scope, scope.atomic():
            scope.record("metric.create", "metric", new_id())


def check(person: Person) -> AuditCheck:
    with person.scope() as scope:
        found = check_audit(scope)
    assert found is not None
    return found


def kept_for(person: Person, days: int | None) -> None:
    path = f"/organizations/{person.actor.organization_id}/retention"
    assert person.api.patch(path, {"audit_days": days}).status_code == 200


@pytest.fixture
def sealed(alice: Person, superuser: Engine) -> Person:
    """Four batches of Alice's, sealed when they were written: 400, 300, 200 days ago and today."""
    for days in (400, 300, 200, 0):
        record(alice)
        _aged(
            superuser, "UPDATE audit_entry SET at = at - make_interval(days => :days) WHERE seal_number IS NULL", days
        )
        assert seal_audit(alice.host, waited_s=0)
    return alice


def _aged(superuser: Engine, statement: str, days: int) -> Any:
    with superuser.connect() as connection:
        return connection.execute(text(statement), {"days": days})


def test_nothing_goes_unless_somebody_has_said_so(host: Runtime, sealed: Person) -> None:
    assert erase_what_is_old(host).entries == 0
    kept_for(sealed, 500)
    assert erase_what_is_old(host).entries == 0


def test_whole_batches_go_and_the_chain_holds(host: Runtime, sealed: Person) -> None:
    before = check(sealed)
    assert (before.batches, before.broken) == (4, None)
    kept_for(sealed, 250)
    erased = erase_what_is_old(host)
    after = check(sealed)
    assert after.broken is None
    assert (after.batches, after.pruned) == (4, 2)
    assert after.last_hash == before.last_hash
    assert before.entries - after.entries == erased.entries > 0
    with sealed.scope() as scope:
        entry = scope.session.scalars(scope.select(AuditEntry).where(AuditEntry.action == "audit.expire")).one()
    assert entry.facts == {"entries": erased.entries, "days": 250}
    assert erase_what_is_old(host).entries == 0
    record(sealed)
    assert seal_audit(host, waited_s=0)
    assert check(sealed).broken is None


def test_a_batch_with_one_young_entry_stays(host: Runtime, sealed: Person, superuser: Engine) -> None:
    _aged(superuser, "UPDATE audit_seal SET last_at = now() - make_interval(days => :days) WHERE number = 1", 10)
    kept_for(sealed, 30)
    assert erase_what_is_old(host).entries == 0, "nor do those after it: only the beginning of a chain goes"
    assert sealed.count(AuditSeal, pruned_at=None) == 4


def test_what_has_no_seal_stays(host: Runtime, alice: Person, superuser: Engine) -> None:
    record(alice)
    _aged(superuser, "UPDATE audit_entry SET at = at - make_interval(days => :days)", 400)
    kept_for(alice, 30)
    assert erase_what_is_old(host).entries == 0


def test_other_organizations_keep_theirs(host: Runtime, sealed: Person, charlie: Person) -> None:
    kept_for(charlie, 7)
    entries = sealed.count(AuditEntry)
    erase_what_is_old(host)
    assert sealed.count(AuditEntry) == entries


def test_the_function_itself_keeps_what_is_young(sealed: Person) -> None:
    with sealed.scope() as scope, pytest.raises(Exception, match="kept for a day"):
        scope.session.execute(text("SELECT prune_audit(now(), 10)"))
