"""Freezing a test set: its tests as they are now become immutable versions under one number."""

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import text

from rhesis_app.authoring.actions.bulk import forget_plans
from rhesis_app.authoring.models import TestSet
from rhesis_app.kernel.errors import Invalid
from rhesis_app.kernel.ids import new_id
from rhesis_app.kernel.scope import Scope

EMPTY = "This test set has no tests. Add some, or import a file, then try again."

# A statement of its own: what follows must see tests and versions as they are after the wait for these locks. Taken by id,
# so that two sets with the same tests in another order do not wait for each other in a circle.
_HOLD = text(
    """
SELECT count(*) FROM (
  SELECT t.id FROM test_set_item i JOIN test t ON t.organization_id = i.organization_id AND t.id = i.test_id
   WHERE i.organization_id = :organization AND i.test_set_id = :test_set ORDER BY t.id FOR NO KEY UPDATE OF t
) held
"""
)
_FIND = text(
    """
WITH content AS (
  SELECT count(*) AS test_count,
         encode(sha256(convert_to(string_agg(t.id || ' ' || t.content_hash, ',' ORDER BY i.position, t.id), 'UTF8')), 'hex') AS content_hash
    FROM test_set_item i JOIN test t ON t.organization_id = i.organization_id AND t.id = i.test_id
   WHERE i.organization_id = :organization AND i.test_set_id = :test_set AND t.archived_at IS NULL
)
SELECT c.test_count, c.content_hash, v.id, v.number
  FROM content c LEFT JOIN test_set_version v
    ON v.organization_id = :organization AND v.test_set_id = :test_set AND v.content_hash = c.content_hash
"""
)
# A version's id is made of what it is a version of (a UUID version 8 of test and content). So neither insert has to look up
# what the other wrote: rows of a statement have no statistics, and the planner may join ten thousand of them one by one.
_WRITE = text(
    """
WITH live AS MATERIALIZED (
  SELECT t.*, row_number() OVER (ORDER BY i.position, t.id) AS place,
         overlay(overlay(encode(substr(sha256(convert_to(t.id || ' ' || t.content_hash, 'UTF8')), 1, 16), 'hex')
           PLACING '8' FROM 13 FOR 1) PLACING '8' FROM 17 FOR 1)::uuid AS version_id
    FROM test_set_item i JOIN test t ON t.organization_id = i.organization_id AND t.id = i.test_id
   WHERE i.organization_id = :organization AND i.test_set_id = :test_set AND t.archived_at IS NULL
), made AS (
  INSERT INTO test_version (id, organization_id, test_id, requirement_id, kind, prompt, expected, messages, context, metadata,
    prompt_version_id, prompt_values, trials, content_hash)
  SELECT l.version_id, :organization, l.id, l.requirement_id, l.kind, l.prompt, l.expected, l.messages, l.context, l.metadata,
         l.prompt_version_id, l.prompt_values, l.trials, l.content_hash
    FROM live l
  ON CONFLICT DO NOTHING
), numbered AS (
  INSERT INTO test_set_version (id, organization_id, test_set_id, number, content_hash, test_count)
  SELECT :version, :organization, :test_set, COALESCE(max(number), 0) + 1, :content_hash, :test_count
    FROM test_set_version WHERE organization_id = :organization AND test_set_id = :test_set
  RETURNING number
), placed AS (
  INSERT INTO test_set_version_item (organization_id, test_set_version_id, position, test_version_id)
  SELECT :organization, :version, l.place, l.version_id FROM live l
)
SELECT number FROM numbered
"""
)


@dataclass(frozen=True, slots=True, kw_only=True)
class FrozenTestSet:
    """One version of a test set; `content_hash` covers its tests, their content and their order."""

    id: UUID
    number: int
    test_count: int
    content_hash: str


def freeze_test_set(scope: Scope, test_set_id: UUID) -> FrozenTestSet:
    """The version that holds the test set's live tests in order; a new one is written only for content that is new.

    The caller has asked for its permission. The set and its tests stay locked until the transaction ends. Raises Invalid
    when there is no live test, NotFound.
    """
    with scope.atomic() as session:
        scope.get(TestSet, test_set_id, lock=True)
        session.flush()
        session.execute(_HOLD, {"organization": scope.organization_id, "test_set": test_set_id})
        return freeze_held(scope, test_set_id)


def freeze_held(scope: Scope, test_set_id: UUID) -> FrozenTestSet:
    """As `freeze_test_set`, for a test set that this transaction has made or locked together with its tests."""
    where = {"organization": scope.organization_id, "test_set": test_set_id}
    with scope.atomic() as session:
        session.flush()
        found = session.execute(_FIND, where).one()
        if not found.test_count:
            raise Invalid.field("tests", EMPTY)
        forget_plans(scope, found.test_count)
        if found.id is not None:
            return _frozen(found.id, found.number, found.test_count, found.content_hash)
        version_id = new_id()
        written = {"version": version_id, "content_hash": found.content_hash, "test_count": found.test_count}
        number = session.execute(_WRITE, where | written).scalar_one()
        return _frozen(version_id, number, found.test_count, found.content_hash)


def _frozen(version_id: UUID, number: int, test_count: int, content_hash: str) -> FrozenTestSet:
    return FrozenTestSet(id=version_id, number=number, test_count=test_count, content_hash=content_hash)
