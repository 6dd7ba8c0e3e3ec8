"""Taking work: after the throttle row was locked in a statement of its own, items are counted and claimed.

Nothing is claimed of a run that has spent what it may: the batch that brought it there was counted before.

What is to be asked again goes before what was never asked: left for the end, its waits would lengthen the run. But a few times only:
an endpoint that puts some tests off for ever would have us ask for nothing else.

As one statement the count would see a snapshot older than its wait for the lock, and let more calls in flight than the limit.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

import orjson
from sqlalchemy import text

from rhesis_app.kernel.scope import Scope
from rhesis_app.runs.rules import LEASE_S

_EARLY: Final = 5
"""How often an item was asked at most to go before those never asked."""
_CLAIM = text(
    """
WITH spent AS (
  SELECT 1 FROM test_run WHERE organization_id = :organization AND id = :run AND spent >= cost_cap
), live AS (
  SELECT count(*) AS n, count(*) FILTER (WHERE lease_owner <> :me) AS others FROM work_item
   WHERE endpoint_id = CAST(:endpoint AS uuid) AND lease_owner IS NOT NULL AND lease_until > now()
), room AS (
  SELECT CASE WHEN others = 0 AND :ahead > 0 THEN :k + :ahead ELSE LEAST(:k, GREATEST(0, :most - n)) END AS n FROM live
), one AS MATERIALIZED (
  SELECT run_id, test_version_id, trial FROM work_item
   WHERE organization_id = :organization AND run_id = :run AND lease_owner IS NULL AND solo AND not_before <= now()
     AND endpoint_id IS NOT DISTINCT FROM CAST(:endpoint AS uuid) AND NOT EXISTS (SELECT 1 FROM spent)
   ORDER BY not_before, position LIMIT LEAST(:alone, GREATEST(0, :most - (SELECT n FROM live))) FOR UPDATE SKIP LOCKED
), again AS MATERIALIZED (
  SELECT run_id, test_version_id, trial FROM work_item
   WHERE organization_id = :organization AND run_id = :run AND lease_owner IS NULL AND attempt > 0 AND attempt <= :early AND NOT solo
     AND not_before <= now()
     AND endpoint_id IS NOT DISTINCT FROM CAST(:endpoint AS uuid)
     AND NOT EXISTS (SELECT 1 FROM one) AND NOT EXISTS (SELECT 1 FROM spent)
   ORDER BY not_before, position LIMIT (SELECT n FROM room) FOR UPDATE SKIP LOCKED
), first AS MATERIALIZED (
  SELECT run_id, test_version_id, trial FROM work_item
   WHERE organization_id = :organization AND run_id = :run AND lease_owner IS NULL AND (attempt = 0 OR attempt > :early) AND NOT solo
     AND not_before <= now()
     AND endpoint_id IS NOT DISTINCT FROM CAST(:endpoint AS uuid)
     AND NOT EXISTS (SELECT 1 FROM one) AND NOT EXISTS (SELECT 1 FROM spent)
   ORDER BY not_before, position LIMIT (SELECT n FROM room) - (SELECT count(*) FROM again) FOR UPDATE SKIP LOCKED
), taken AS (
  UPDATE work_item w SET attempt = w.attempt + 1, fence = w.fence + 1, lease_owner = :me, lease_until = now() + make_interval(secs => :lease)
    FROM (TABLE one UNION ALL TABLE again UNION ALL TABLE first) c
   WHERE (w.run_id, w.test_version_id, w.trial) = (c.run_id, c.test_version_id, c.trial)
  RETURNING w.test_version_id, w.trial, w.position, w.attempt, w.throttled, w.max_attempts, w.fence, w.solo
)
SELECT t.*, v.test_id, v.requirement_id, v.prompt, v.expected, v.messages, v.context, v.metadata
  FROM taken t JOIN test_version v ON v.organization_id = :organization AND v.id = t.test_version_id ORDER BY t.position
"""
)


# What was committed without us hearing of it: leased in our name, and asked by nobody.
_FORGET = text(
    "UPDATE work_item w SET lease_owner = NULL, lease_until = NULL, fence = w.fence + 1, attempt = w.attempt - 1"
    " WHERE w.organization_id = :organization AND w.run_id = :run AND w.lease_owner = :me AND NOT EXISTS ("
    "SELECT 1 FROM jsonb_to_recordset(CAST(:held AS jsonb)) AS h (test_version_id uuid, trial int)"
    " WHERE h.test_version_id = w.test_version_id AND h.trial = w.trial)"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimRequest:
    """At most `k` items of a run for `owner`, while the endpoint has fewer than `most` calls in flight.

    `ahead` more are taken to wait for the owner's threads, if nobody else holds items of this endpoint: then the threads
    alone are the limit. Whoever comes later finds them leased and takes fewer.
    Only items that ask this endpoint are claimed. Those without one take a stored or recorded answer: nobody is called, and
    only the slice's own width is a limit.
    """

    run_id: UUID
    endpoint_id: UUID | None
    owner: str
    k: int
    most: int
    is_idle: bool
    ahead: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """A claimed item with the test it asks. `tries` counts the attempts that the endpoint is to blame for."""

    test_version_id: UUID
    trial: int
    position: int
    attempt: int
    throttled: int
    max_attempts: int
    fence: int
    solo: bool
    test_id: UUID
    requirement_id: UUID | None
    prompt: str
    expected: str | None
    messages: list[dict[str, Any]]
    context: list[str]
    metadata: dict[str, Any]

    @property
    def key(self) -> tuple[UUID, int]:
        """What tells it from the other items of its run."""
        return self.test_version_id, self.trial

    @property
    def tries(self) -> int:
        """Attempts without those the endpoint asked to repeat later."""
        return self.attempt - self.throttled


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """Whose leases are meant."""

    run_id: UUID
    endpoint_id: UUID | None
    owner: str


_COLUMNS = tuple(Item.__dataclass_fields__)
"""In the order of the statement: rows are read by place, which costs less than by name."""


def claim(scope: Scope, wanted: ClaimRequest) -> list[Item]:
    """Lease items. Call it inside `atomic()`, with the endpoint's throttle locked; nothing is sent before the commit."""
    if wanted.k + wanted.ahead <= 0 or wanted.most <= 0:
        return []
    rows = scope.session.execute(
        _CLAIM,
        {
            "organization": scope.organization_id,
            "endpoint": wanted.endpoint_id,
            "run": wanted.run_id,
            "me": wanted.owner,
            "k": wanted.k,
            "ahead": wanted.ahead,
            "most": wanted.most,
            "alone": 1 if wanted.is_idle else 0,
            "lease": LEASE_S,
            "early": _EARLY,
        },
    )
    return [Item(**dict(zip(_COLUMNS, row, strict=True))) for row in rows]


def forget_unheard(scope: Scope, holder: Holder, mine: Sequence[Item]) -> None:
    """Give back what is leased in the holder's name besides `mine`: a claim that was committed and never heard of."""
    values = {
        "organization": scope.organization_id,
        "run": holder.run_id,
        "me": holder.owner,
        "held": orjson.dumps(
            [{"test_version_id": item.test_version_id, "trial": item.trial} for item in mine]
        ).decode(),
    }
    with scope.atomic() as session:
        session.execute(_FORGET, values)
