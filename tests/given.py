"""What a test gives for one answer of a run, and the rows it becomes."""

from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any
from uuid import UUID

from rhesis_app.kernel.ids import new_id


@dataclass(frozen=True, kw_only=True)
class Given:
    """A result to make: `verdicts` maps a metric's name to its verdict; outcome `pending` leaves a work item instead.

    `more` are the outcomes of the test's further trials, of which all tests of a run have as many.
    """

    outcome: str = "passed"
    prompt: str = "Where is my parcel?"
    expected: str | None = "On its way"
    output: str | None = "It is on its way."
    requirement: str | None = None
    error_code: str | None = None
    verdicts: dict[str, str] = field(default_factory=dict)
    score: float | None = 1.0
    reason: str = ""
    latency_ms: float | None = 120.0
    tokens_in: int | None = None
    tokens_out: int | None = None
    cost: Decimal | None = None
    metadata: dict[str, Any] = field(default_factory=dict)
    more: tuple[str, ...] = ()

    @property
    def trials(self) -> "list[Given]":
        """Each of its trials, as a result to make."""
        return [self, *(replace(self, outcome=outcome, more=()) for outcome in self.more)]


def result_row(key: dict[str, Any], one: Given, version: dict[str, Any]) -> dict[str, Any]:
    """The columns of one result, as it was given."""
    failed = one.outcome == "error"
    return {
        **key,
        "id": new_id(),
        "test_id": version["test_id"],
        "requirement_id": version["requirement_id"],
        "outcome": one.outcome,
        "error_code": (one.error_code or "timeout") if failed else None,
        "error_detail": "The endpoint did not answer within 60 s." if failed else None,
        "attempts": 3 if failed else 1,
        "request": {"method": "POST", "url": "https://copilot.example/chat", "body": {"message": one.prompt}},
        "response": None if failed else {"status": 200, "body": '{"reply": "…"}'},
        "output": None if failed else one.output,
        "context": [],
        "tool_calls": [],
        "latency_ms": None if failed else one.latency_ms,
        "tokens_in": None if failed else one.tokens_in,
        "tokens_out": None if failed else one.tokens_out,
        "cost": None if failed else one.cost,
    }


def evaluation_rows(result: dict[str, Any], one: Given, metric_versions: dict[str, UUID]) -> list[dict[str, Any]]:
    """The columns of its evaluations."""
    usual = "passed" if one.outcome == "passed" else "failed"
    chosen = one.verdicts or ({} if one.outcome == "error" else dict.fromkeys(metric_versions, usual))
    return [
        {
            "organization_id": result["organization_id"],
            "id": new_id(),
            "result_id": result["id"],
            "run_id": result["run_id"],
            "metric_version_id": metric_versions[name],
            "position": position,
            "applicable": verdict != "not_applicable",
            "verdict": "unscored" if verdict == "not_applicable" else verdict,
            "score": {"passed": one.score, "failed": 0.0}.get(verdict),
            "label": None,
            "reason": one.reason,
            "evidence": {},
            "duration_ms": 0.4,
        }
        for position, (name, verdict) in enumerate(chosen.items())
    ]
