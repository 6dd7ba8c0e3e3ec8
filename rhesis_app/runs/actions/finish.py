"""Writing answers: the item goes and the result comes in one statement, so that a planned test is always exactly one of both.

Where a run has a cap, the same statement adds what was spent to it: every slice sees the sum, and nothing is counted twice.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import text

from rhesis_app.endpoints.actions.exchange import Exchange
from rhesis_app.endpoints.actions.recorded import RecordedAnswer
from rhesis_app.kernel.ids import new_id
from rhesis_app.kernel.scope import Scope
from rhesis_app.runs.actions.claim import Holder, Item
from rhesis_app.scoring.engine import EvaluationOutcome
from rhesis_app.scoring.outcome import Outcome

_FINISH = text(
    """
WITH done AS (
  SELECT * FROM jsonb_to_recordset(CAST(:results AS jsonb)) AS d (test_version_id uuid, trial int, fence int, id uuid, test_id uuid,
    requirement_id uuid, outcome text, error_code text, error_detail text, request jsonb, response jsonb, output text, context jsonb,
    tool_calls jsonb, latency_ms float8, tokens_in int, tokens_out int, cost numeric, attempts int)
), gone AS (
  DELETE FROM work_item w USING done d
   WHERE w.organization_id = :organization AND w.run_id = :run AND w.test_version_id = d.test_version_id AND w.trial = d.trial
     AND w.fence = d.fence AND w.lease_owner = :me
  RETURNING w.test_version_id, w.trial, w.attempt, w.position
), kept AS (
  INSERT INTO test_result (organization_id, run_id, test_version_id, trial, id, test_id, requirement_id, position, outcome,
    error_code, error_detail, attempts, request, response, output, context, tool_calls, latency_ms, tokens_in, tokens_out, cost)
  SELECT :organization, :run, d.test_version_id, d.trial, d.id, d.test_id, d.requirement_id, g.position, d.outcome,
    d.error_code, d.error_detail, COALESCE(d.attempts, g.attempt), d.request, d.response, d.output,
    ARRAY(SELECT jsonb_array_elements_text(d.context)), d.tool_calls, d.latency_ms, d.tokens_in, d.tokens_out, d.cost
    FROM gone g JOIN done d USING (test_version_id, trial)
  RETURNING id, cost
), judged AS (
  INSERT INTO evaluation (organization_id, id, result_id, run_id, metric_version_id, position, applicable, verdict, score, label,
    reason, evidence, duration_ms, model, tokens_in, tokens_out, cost, raw)
  SELECT :organization, e.id, e.result_id, :run, e.metric_version_id, e.position, e.applicable, e.verdict, e.score, e.label,
    e.reason, e.evidence, e.duration_ms, e.model, e.tokens_in, e.tokens_out, e.cost, ARRAY(SELECT jsonb_array_elements_text(e.raw))
    FROM jsonb_to_recordset(CAST(:evaluations AS jsonb)) AS e (id uuid, result_id uuid, metric_version_id uuid, position int, applicable boolean,
      verdict text, score float8, label text, reason text, evidence jsonb, duration_ms float8, model text, tokens_in int, tokens_out int,
      cost numeric, raw jsonb) JOIN kept k ON k.id = e.result_id
  RETURNING cost
), counted AS (
  UPDATE test_run SET spent = spent + COALESCE((SELECT sum(cost) FROM kept), 0) + COALESCE((SELECT sum(cost) FROM judged), 0)
   WHERE organization_id = :organization AND id = :run AND cost_cap IS NOT NULL
)
SELECT count(*) FROM kept
"""
)
_LATER = text(
    """
UPDATE work_item w SET lease_owner = NULL, lease_until = NULL, fence = w.fence + 1, not_before = now() + make_interval(secs => l.delay),
       throttled = w.throttled + l.free, attempt = w.attempt - l.unasked, last_error = COALESCE(l.code, w.last_error),
       endpoint_id = COALESCE(l.endpoint, w.endpoint_id)
  FROM jsonb_to_recordset(CAST(:items AS jsonb)) AS l (test_version_id uuid, trial int, fence int, delay float8, free int, unasked int, code text,
       endpoint uuid)
 WHERE w.organization_id = :organization AND w.run_id = :run AND w.test_version_id = l.test_version_id AND w.trial = l.trial AND w.fence = l.fence
   AND w.lease_owner = :me
"""
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """One metric version's outcome on an answer."""

    metric_version_id: UUID
    position: int
    outcome: EvaluationOutcome


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A claimed item with what came of it. `attempts` are those of a stored answer, 0 of a replayed one; None counts this
    run's own. `recorded` is what a recording keeps of it.

    Without `was_asked` it is to be given back as if it had not been claimed.
    """

    item: Item
    exchange: Exchange
    outcome: Outcome
    judged: tuple[Judged, ...] = ()
    attempts: int | None = None
    was_asked: bool = True
    recorded: RecordedAnswer | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Later:
    """A claimed item to give back: asked again after `delay_s`; `is_free` does not count as a try, `was_asked` False undoes the claim.

    `endpoint_id` is set where a recording had no answer: from now on that endpoint is to be asked.
    """

    item: Item
    delay_s: float = 0.0
    code: str | None = None
    is_free: bool = False
    was_asked: bool = True
    endpoint_id: UUID | None = None


def finish(scope: Scope, holder: Holder, answers: Sequence[Answer]) -> int:
    """Write a batch of answers; those whose item is no longer ours are discarded. Returns how many were kept."""
    if not answers:
        return 0
    results, evaluations = [], []
    for answer in answers:
        result_id = new_id()
        results.append(_result(result_id, answer))
        evaluations += [_evaluation(result_id, judged) for judged in answer.judged]
    values = {
        "organization": scope.organization_id,
        "run": holder.run_id,
        "me": holder.owner,
        "results": orjson.dumps(results).decode(),
        "evaluations": orjson.dumps(evaluations).decode(),
    }
    return int(scope.session.execute(_FINISH, values).scalar_one())


def give_back(scope: Scope, holder: Holder, items: Sequence[Later]) -> None:
    """Return claimed items to be asked later."""
    if not items:
        return
    rows = [
        {
            "test_version_id": later.item.test_version_id,
            "trial": later.item.trial,
            "fence": later.item.fence,
            "delay": later.delay_s,
            "free": int(later.is_free),
            "unasked": int(not later.was_asked),
            "endpoint": later.endpoint_id,
            "code": later.code,
        }
        for later in items
    ]
    values = {
        "organization": scope.organization_id,
        "run": holder.run_id,
        "me": holder.owner,
        "items": orjson.dumps(rows).decode(),
    }
    scope.session.execute(_LATER, values)


def _result(result_id: UUID, answer: Answer) -> dict[str, Any]:
    item, exchange = answer.item, answer.exchange
    return {
        "test_version_id": item.test_version_id,
        "trial": item.trial,
        "fence": item.fence,
        "id": result_id,
        "test_id": item.test_id,
        "requirement_id": item.requirement_id,
        "outcome": answer.outcome,
        "error_code": exchange.error_code,
        "error_detail": exchange.error_detail,
        "request": exchange.request,
        "response": exchange.response,
        "output": exchange.output,
        "context": exchange.context,
        "tool_calls": exchange.tool_calls,
        "latency_ms": exchange.latency_ms,
        "tokens_in": exchange.tokens_in,
        "tokens_out": exchange.tokens_out,
        "cost": None if exchange.cost is None else str(exchange.cost),
        "attempts": answer.attempts,
    }


def _evaluation(result_id: UUID, judged: Judged) -> dict[str, Any]:
    outcome = judged.outcome
    return {
        "id": new_id(),
        "result_id": result_id,
        "metric_version_id": judged.metric_version_id,
        "position": judged.position,
        "applicable": outcome.applicable,
        "verdict": outcome.verdict,
        "score": outcome.score,
        "label": outcome.label,
        "reason": outcome.reason,
        "evidence": outcome.evidence,
        "duration_ms": outcome.duration_ms,
        "model": outcome.use.model,
        "tokens_in": outcome.use.tokens_in,
        "tokens_out": outcome.use.tokens_out,
        "cost": None if outcome.use.cost is None else str(outcome.use.cost),
        "raw": outcome.use.raw,
    }
