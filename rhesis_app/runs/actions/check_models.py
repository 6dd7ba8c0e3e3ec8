"""Asking the models that would judge a run one small question each, before anything is spent on it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final
from uuid import UUID

from rhesis_app.endpoints.actions.judging import JudgeTools, choose_judges, lend_judges
from rhesis_app.endpoints.actions.model_trials import PreparedTrial, try_model
from rhesis_app.infra.llm.judges import Judges
from rhesis_app.kernel.scope import Scope
from rhesis_app.runs.queries.checks import Check
from rhesis_app.runs.queries.preflight import JudgingMetric
from rhesis_app.sdk import Need

MOST: Final = 3
_PATIENCE_S: Final = 20


@dataclass(frozen=True, slots=True)
class Asked:
    """A model that would judge, by the name it is said under, with the tools that ask it."""

    name: str
    tools: JudgeTools


def prepare_models(
    scope: Scope, judges: Judges, project_id: UUID, metrics: Sequence[JudgingMetric]
) -> tuple[Asked, ...]:
    """The models that would judge by these metrics, each once, at most three, with their keys; call it inside `atomic()`."""
    asking = {one.id: one.model_id for one in metrics if Need.JUDGE in one.needs and not one.problem}
    chosen = choose_judges(scope, asking, dict.fromkeys(asking, project_id))
    distinct = list({(model.id, model.name): model for model in chosen.values() if model is not None}.values())[:MOST]
    for model in distinct:
        scope.record("model.test", "model", model.id)
    lent = lend_judges(scope, judges, distinct)
    return tuple(Asked(model.name, tools) for model, tools in zip(distinct, lent, strict=True))


def ask_models(judges: Judges, asked: Sequence[Asked]) -> Check | None:
    """What came of asking them; None where there is none to ask. Touches no database."""
    if not asked:
        return None
    said, has_failed = [], False
    for one in asked:
        sentence = _ask(judges, one)
        has_failed = has_failed or sentence is not None
        said.append(f"“{one.name}” does not answer. {sentence}" if sentence else f"“{one.name}” answers.")
    return Check(check="models", status="failed" if has_failed else "passed", message=" ".join(said))


def _ask(judges: Judges, asked: Asked) -> str | None:
    """Why the model gave no answer; None when it gave one."""
    if asked.tools.model is None:
        return asked.tools.problem
    hurried = replace(asked.tools.model, timeout_s=min(asked.tools.model.timeout_s, _PATIENCE_S))
    found = try_model(judges.door, PreparedTrial(model=hurried))
    return None if found.error_code is None else found.error_detail or found.error_code
