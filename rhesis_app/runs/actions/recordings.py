"""Recordings: every exchange of a run kept under the hash of its content, and given again to runs that replay it."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Final
from uuid import UUID

import orjson
from sqlalchemy import exists, select, text

from rhesis_app.authoring.models import TestSet
from rhesis_app.endpoints.actions.exchange import EndpointSnapshot, Exchange, PreparedEndpoint, prepare
from rhesis_app.endpoints.actions.recorded import RecordedAnswer, content_of, replay
from rhesis_app.endpoints.rules import TemplateError
from rhesis_app.kernel.errors import Invalid
from rhesis_app.kernel.permissions import Permission
from rhesis_app.kernel.scope import Scope
from rhesis_app.runs.actions.claim import Holder, Item
from rhesis_app.runs.actions.finish import Answer
from rhesis_app.runs.actions.sources import Got, roots_of
from rhesis_app.runs.models import TestRun, WorkItem
from rhesis_app.runs.queries.recordings import is_recording
from rhesis_app.runs.rules import RunStatus
from rhesis_app.runs.rules.recordings import NOT_RECORDED, REPLAYS, Source, not_recorded

_FIELD: Final = "recording_run_id"
# locked, so that what is recorded is what is answered: an item that is no longer ours gives neither
_KEEP: Final = text(
    """
INSERT INTO recorded_exchange (organization_id, run_id, content_hash, test_id, status, is_json, body, latency_ms)
SELECT w.organization_id, :recording, e.content, e.test_id, e.status, e.is_json, e.body, e.latency_ms
  FROM jsonb_to_recordset(CAST(:exchanges AS jsonb)) AS e (test_version_id uuid, trial int, fence int, test_id uuid, content text,
    status int, is_json boolean, body text, latency_ms float8)
  JOIN work_item w ON w.organization_id = :organization AND w.run_id = :run AND w.test_version_id = e.test_version_id AND w.trial = e.trial
   AND w.fence = e.fence AND w.lease_owner = :me
   FOR UPDATE OF w
    ON CONFLICT DO NOTHING
"""
)
# the answer to this very test, else the one to another test that sent the same
_FIND: Final = text(
    """
SELECT f.place, e.content_hash AS content, e.status, e.is_json, e.body, e.latency_ms
  FROM jsonb_to_recordset(CAST(:wanted AS jsonb)) AS f (place int, content text, test_id uuid)
 CROSS JOIN LATERAL (
  SELECT * FROM recorded_exchange r
   WHERE r.organization_id = :organization AND r.run_id = :recording AND r.content_hash = f.content
   ORDER BY r.test_id = f.test_id DESC, r.test_id LIMIT 1
 ) e
"""
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """Gives what the recording of the run `recording_id`, called `number`, has of an item's content; calls nobody.

    What it does not have is the error `not_recorded`.
    """

    run_id: UUID
    recording_id: UUID
    number: int
    endpoint: PreparedEndpoint
    _kept: dict[tuple[UUID, int], RecordedAnswer] = field(default_factory=dict)

    def get_ready(self, scope: Scope, items: Sequence[Item]) -> None:
        """Read the answers to these items, in one statement."""
        wanted = [
            {"place": place, "content": content, "test_id": item.test_id}
            for place, item in enumerate(items)
            if (content := self._content(item)) is not None
        ]
        if not wanted:
            return
        values = {"organization": scope.organization_id, "recording": self.recording_id}
        found = scope.session.execute(_FIND, {**values, "wanted": orjson.dumps(wanted).decode()}).mappings()
        for row in found:
            item = items[row["place"]]
            self._kept[item.test_version_id, item.trial] = RecordedAnswer(
                **{name: value for name, value in row.items() if name != "place"}
            )

    def answer(self, item: Item) -> Got:
        """What was recorded, read by the endpoint's mapping as it is now; nothing of it is held any longer."""
        kept = self._kept.pop((item.test_version_id, item.trial), None)
        said = replay(self.endpoint, roots_of(self.run_id, item), kept)
        return Got(said or self._missing(item), attempts=0)

    def _content(self, item: Item) -> str | None:
        """The hash of what the item would send; None where nothing can be sent, which `answer` says."""
        if self.endpoint.problem is not None:
            return None
        try:
            return content_of(self.endpoint, roots_of(self.run_id, item))
        except TemplateError:
            return None

    def _missing(self, item: Item) -> Exchange:
        detail = not_recorded(self.number, item.position, item.prompt, item.trial)
        return Exchange(request={}, error_code=NOT_RECORDED, error_detail=detail)


def open_recording(scope: Scope, run: TestRun) -> Recording | None:
    """What a replay takes its answers from; None for other runs, and for one that has only what is missing left to ask.

    The endpoint is made ready without its secret: nothing is sent, and no hash covers it.
    """
    if run.source not in REPLAYS or run.recording_run_id is None:
        return None
    looks = exists().where(
        WorkItem.organization_id == scope.organization_id,
        WorkItem.run_id == run.id,
        WorkItem.endpoint_id.is_(None),
        WorkItem.lease_owner.is_(None),
    )
    if run.source == Source.REPLAY and not scope.session.scalar(select(looks)):
        return None
    number = scope.session.scalars(scope.select(TestRun.number).where(TestRun.id == run.recording_run_id)).one()
    snapshot = replace(EndpointSnapshot.from_json(run.endpoint_snapshot), auth_kind="none")
    return Recording(
        run_id=run.id, recording_id=run.recording_run_id, number=number, endpoint=prepare(snapshot, secret=None)
    )


def keep_exchanges(scope: Scope, holder: Holder, recording_id: UUID | None, answers: Sequence[Answer]) -> None:
    """Keep what was said in these answers, where there is a recording; call it before they are finished, in one transaction.

    What a recording has, stands: of two answers to one content the first is kept.
    """
    exchanges = [
        {
            "test_version_id": answer.item.test_version_id,
            "trial": answer.item.trial,
            "fence": answer.item.fence,
            "test_id": answer.item.test_id,
            **asdict(answer.recorded),
        }
        for answer in answers
        if answer.recorded is not None
    ]
    if recording_id is None or not exchanges:
        return
    values: dict[str, Any] = {
        "organization": scope.organization_id,
        "run": holder.run_id,
        "me": holder.owner,
        "recording": recording_id,
        "exchanges": orjson.dumps(exchanges).decode(),
    }
    scope.session.execute(_KEEP, values)


def choose_recording(
    scope: Scope, source: str, recording_run_id: UUID | None, test_set: TestSet, endpoint_id: UUID
) -> UUID | None:
    """The run whose recording a replay takes: the one named, else the latest of this test set and endpoint that came to its end.

    A replay stands for the recording that it took. None where nothing is replayed. Raises Invalid at `source` or
    `recording_run_id`, NotFound, Forbidden without `run:read`.
    """
    if source not in tuple(Source):
        raise Invalid.field("source", f"Choose one of {', '.join(Source)}.")
    if source not in REPLAYS:
        if recording_run_id is not None:
            raise Invalid.field(
                _FIELD, "Only a replay takes a recording. Choose replay or replay-or-fail, or leave it out."
            )
        return None
    scope.require(Permission.RUN_READ, project=test_set.project_id)
    if recording_run_id is None:
        return _latest(scope, test_set, endpoint_id)
    run = scope.get(TestRun, recording_run_id)
    scope.require(Permission.RUN_READ, project=run.project_id)
    if run.project_id != test_set.project_id:
        raise Invalid.field(
            _FIELD, f"#{run.number} belongs to another project. Choose a run of the test set's project."
        )
    if run.source == Source.RECORD:
        return run.id
    if run.recording_run_id is None:
        raise Invalid.field(_FIELD, f"#{run.number} recorded nothing. Choose a run with the source record.")
    return run.recording_run_id


def _latest(scope: Scope, test_set: TestSet, endpoint_id: UUID) -> UUID:
    query = (
        scope.select(TestRun.id)
        .where(TestRun.test_set_id == test_set.id, TestRun.endpoint_id == endpoint_id)
        .where(is_recording(), TestRun.status != RunStatus.CANCELLED)
        .order_by(TestRun.number.desc())
        .limit(1)
    )
    found: UUID | None = scope.session.scalar(query)
    if found is None:
        raise Invalid.field(
            _FIELD,
            "No ended run of this test set has recorded this endpoint. Start one with the source record first, or name a run.",
        )
    return found
