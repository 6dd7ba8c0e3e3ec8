"""An answer of a retry takes the place of the error that it was asked for, in the transaction that writes it."""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

import orjson
from sqlalchemy import text

from rhesis_app.kernel.scope import Scope
from rhesis_app.runs.actions.claim import Holder
from rhesis_app.runs.actions.finish import Answer
from rhesis_app.scoring.outcome import Outcome

# The error keeps its row, its id and its key. What the metrics said of the answer is copied under that id, so that rates by
# metric, comparisons and reviews of the run need not know that there was an error once.
_REPLACE: Final = text(
    """
WITH fresh AS (
  SELECT n.id, n.outcome, o.id AS result_id, o.test_version_id, o.trial
    FROM jsonb_to_recordset(CAST(:keys AS jsonb)) AS k (test_version_id uuid, trial int)
    JOIN test_result n ON n.organization_id = :organization AND n.run_id = :run AND n.test_version_id = k.test_version_id AND n.trial = k.trial
    JOIN test_result o ON o.organization_id = :organization AND o.run_id = :parent AND o.test_version_id = k.test_version_id AND o.trial = k.trial
   WHERE n.outcome <> 'error' AND o.outcome = 'error'
), replaced AS (
  INSERT INTO replacement (organization_id, run_id, test_version_id, trial, result_id, retry_run_id, answer_id, outcome)
  SELECT :organization, :parent, f.test_version_id, f.trial, f.result_id, :run, f.id, f.outcome FROM fresh f
  ON CONFLICT (run_id, test_version_id, trial) DO NOTHING
  RETURNING result_id, answer_id
)
INSERT INTO evaluation (organization_id, id, result_id, run_id, metric_version_id, position, applicable, verdict, score, label,
  reason, evidence, duration_ms, model, tokens_in, tokens_out, cost, raw)
SELECT :organization, gen_random_uuid(), p.result_id, :parent, e.metric_version_id, e.position, e.applicable, e.verdict, e.score, e.label,
  e.reason, e.evidence, e.duration_ms, e.model, e.tokens_in, e.tokens_out, e.cost, e.raw
  FROM replaced p JOIN evaluation e ON e.organization_id = :organization AND e.result_id = p.answer_id
"""
)


def replace_errors(scope: Scope, holder: Holder, parent_id: UUID | None, answers: Sequence[Answer]) -> None:
    """Let those of a batch just finished that are no errors stand in the run `parent_id`; nothing for any other run.

    One statement whatever the batch. Call it after `finish`, in its transaction: what was discarded there is not found here.
    """
    keys = [
        {"test_version_id": answer.item.test_version_id, "trial": answer.item.trial}
        for answer in answers
        if answer.outcome != Outcome.ERROR
    ]
    if parent_id is None or not keys:
        return
    values = {"organization": scope.organization_id, "run": holder.run_id, "parent": parent_id}
    scope.session.execute(_REPLACE, values | {"keys": orjson.dumps(keys).decode()})
