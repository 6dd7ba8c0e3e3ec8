"""Asking a saved model one small question, to see whether it can be reached and understood."""

from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from rhesis_app.endpoints.actions.judging import LONGEST_TRIAL_S, called_model, judge_of_row, open_key
from rhesis_app.endpoints.models import Model
from rhesis_app.endpoints.rules import storable_json
from rhesis_app.endpoints.rules.models import money
from rhesis_app.infra.llm.judges import Judges
from rhesis_app.kernel.permissions import Permission
from rhesis_app.kernel.ports import CalledModel, ModelDoor, ModelFailure, ModelQuestion, ModelSpent
from rhesis_app.kernel.scope import Scope

_QUESTION: Final = 'This is a test of the connection. Answer with {"ready": true}.'
_SCHEMA: Final = {
    "type": "object",
    "properties": {"ready": {"type": "boolean"}},
    "required": ["ready"],
    "additionalProperties": False,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class PreparedTrial:
    """A model ready to be asked; `problem` says why it cannot be."""

    model: CalledModel
    problem: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelTrialView:
    """What one call gave. Without an `error_code` there is an `answer`; `request` never holds the key."""

    request: dict[str, Any]
    answer: dict[str, Any] | None
    text: str
    model: str | None
    latency_ms: float | None
    tokens_in: int | None
    tokens_out: int | None
    cost: str | None
    currency: str
    error_code: str | None
    error_detail: str | None


def prepare_model_trial(scope: Scope, judges: Judges, model_id: UUID) -> PreparedTrial:
    """A saved model with its key, ready to be asked; the commit of the audit entry gives the connection back.

    Raises NotFound, Forbidden.
    """
    with scope.atomic():
        row = scope.get(Model, model_id)
        scope.require(Permission.MODEL_WRITE, project=row.project_id)
        frozen = judge_of_row(row)
        key, problem = open_key(judges, scope.organization_id, row, frozen)
        scope.record("model.test", "model", row.id)
    limits = {"timeout_s": min(row.timeout_s, LONGEST_TRIAL_S), "max_concurrency": row.max_concurrency}
    return PreparedTrial(model=called_model(frozen, key, **limits), problem=problem)


def try_model(door: ModelDoor, prepared: PreparedTrial) -> ModelTrialView:
    """One question. Touches no database; whatever goes wrong is in the view."""
    if prepared.problem:
        return _view(None, {}, error=("secret", prepared.problem))
    question = ModelQuestion(prompt=_QUESTION, schema=_SCHEMA, patience_s=LONGEST_TRIAL_S)
    try:
        answer = door.ask(prepared.model, question)
    except ModelFailure as failure:
        return _view(failure.spent, failure.request, error=(failure.code, failure.message))
    return _view(answer.spent, answer.request, answer=answer.answer)


def _view(spent: ModelSpent | None, request: Any, *, answer: Any = None, error: Any = (None, None)) -> ModelTrialView:
    found = spent or ModelSpent(model="")
    return ModelTrialView(
        request=storable_json(dict(request)),
        answer=None if answer is None else storable_json(dict(answer)),
        text=found.text[:20_000],
        model=found.model or None,
        latency_ms=found.latency_ms,
        tokens_in=found.tokens_in,
        tokens_out=found.tokens_out,
        cost=money(found.cost),
        currency="USD",
        error_code=error[0],
        error_detail=error[1],
    )
