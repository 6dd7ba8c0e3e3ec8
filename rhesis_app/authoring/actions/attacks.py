"""The attack suite on a metric: asked for by a person, done in the background, kept with the metric."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from typing import Any, Final
from uuid import UUID

from sqlalchemy import func, update

from rhesis_app.authoring.actions.metrics import freeze_metrics
from rhesis_app.authoring.models import AttackSuite, Metric, MetricVersion
from rhesis_app.authoring.queries.attacks import is_under_attack
from rhesis_app.authoring.rules.attacks import kept_sample, sample_of
from rhesis_app.endpoints.actions.judging import NO_MODEL, JudgeModel, JudgeTools, lend_judges
from rhesis_app.endpoints.actions.turns import TurnBook
from rhesis_app.infra.llm.judges import Judges
from rhesis_app.kernel.errors import Conflict, Invalid
from rhesis_app.kernel.ids import new_id
from rhesis_app.kernel.permissions import Permission
from rhesis_app.kernel.registry import Registry
from rhesis_app.kernel.scope import Scope
from rhesis_app.notifications.actions.background import Held, NewJob, ask_for
from rhesis_app.scoring import attack_suite
from rhesis_app.scoring.attack_suite import AttackOutcome, Control, NotAttackable, Target, judge_control, strike
from rhesis_app.scoring.engine import MetricRecipe
from rhesis_app.scoring.judges import Heard, JudgeUse
from rhesis_app.sdk import Sample
from rhesis_app.sdk.attacks import BAD_ANSWER
from rhesis_app.sdk.params import is_storable

ATTACK: Final = "authoring.attack"
_AT_ONCE: Final = 4
_REASON: Final = 600
_TEXT: Final = 20_000
_UNFIT: Final = f"Use at most {_TEXT:,} characters, without NUL and halves of surrogate pairs."


@dataclass(frozen=True, slots=True, kw_only=True)
class AttackParts:
    """What attacking needs besides the database."""

    registry: Registry
    judges: Judges


@dataclass(frozen=True, slots=True, kw_only=True)
class BadAnswer:
    """An answer that the metric ought to fail, to put the attacks into."""

    output: str
    prompt: str = ""
    expected: str | None = None
    context: tuple[str, ...] = ()


def ask_for_attacks(scope: Scope, registry: Registry, metric_id: UUID, answer: BadAnswer | None = None) -> UUID:
    """Have a metric attacked in the background; the id of the suite. It calls the metric's model, once and paid for.

    Without an `answer` the suite brings its own. Raises NotFound, Forbidden, Conflict when it is archived, cannot be
    attacked or is being attacked already.
    """
    with scope.atomic() as session:
        row = scope.get(Metric, metric_id, lock=True)
        scope.require(Permission.METRIC_WRITE, project=row.project_id)
        if row.archived_at is not None:
            raise Conflict("The metric is archived. Bring it back first.")
        if is_under_attack(scope, metric_id):
            raise Conflict("The metric is being attacked already. Wait for the end, or cancel it in Background work.")
        version = scope.get(MetricVersion, freeze_metrics(scope, registry, [metric_id])[metric_id])
        sample = _sample(answer) if answer is not None else BAD_ANSWER
        target = _target(registry, version, sample)
        if version.model is None:
            raise Conflict(NO_MODEL)
        suite_id = new_id()
        job = NewJob(
            kind=ATTACK,
            subject_type="attack_suite",
            subject_id=suite_id,
            project_id=row.project_id,
            max_attempts=1,  # what was paid for is not paid for again without being asked
        )
        job_id = ask_for(scope, job)
        session.add(
            AttackSuite(
                id=suite_id,
                project_id=row.project_id,
                metric_id=metric_id,
                metric_version_id=version.id,
                job_id=job_id,
                sample=kept_sample(sample),
                calls=target.calls,
                planned=len(target.attacks),
            )
        )
        session.flush()
        scope.record("metric.attack", "metric", metric_id, name=row.name, calls=target.calls)
        return suite_id


def attack_metric(scope: Scope, held: Held, parts: AttackParts) -> None:
    """Judge the bad answer without and with each attack, and keep what came of it."""
    suite = scope.get(AttackSuite, held.subject_id)
    version = scope.get(MetricVersion, suite.metric_version_id)
    target = _target(parts.registry, version, sample_of(suite.sample))
    book = TurnBook(held.owner)
    tools = _tools(scope, parts.judges, version, book)
    scope.session.rollback()  # no transaction stays open while the model thinks
    outcomes: list[AttackOutcome] = []
    with book.held(scope, _AT_ONCE):
        control = judge_control(target, tools)
        held.tick(5)
        for outcome in () if control.problem else _struck(target, tools, control, held):
            outcomes.append(outcome)
            book.sync(scope, _AT_ONCE)
    with held.finishing(scope) as session:
        session.execute(
            update(AttackSuite)
            .where(AttackSuite.organization_id == scope.organization_id, AttackSuite.id == held.subject_id)
            .values(ended_at=func.now(), **_found(control, outcomes))
        )


def _struck(target: Target, tools: JudgeTools, control: Control, held: Held) -> Iterator[AttackOutcome]:
    """The outcomes in order, a few at once; a cancelled suite leaves what it has not begun."""
    pool = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="attack")
    try:
        for number, outcome in enumerate(
            pool.map(lambda attack: strike(target, tools, attack, control), target.attacks), start=1
        ):
            held.tick(5 + 94 * number // len(target.attacks))
            yield outcome
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def _found(control: Control, outcomes: list[AttackOutcome]) -> dict[str, Any]:
    uses = [use for use in (*control.uses, *(one.use for one in outcomes)) if use != JudgeUse()]
    total = Heard(uses=uses).total()
    return {
        "control": _kept(control),
        "outcomes": [_kept(one) for one in outcomes] if outcomes else None,
        "held": sum(one.outcome == attack_suite.Held.HELD for one in outcomes) if outcomes else None,
        "model": total.model,
        "tokens_in": total.tokens_in,
        "tokens_out": total.tokens_out,
        "cost": total.cost,
    }


def _kept(found: Control | AttackOutcome) -> dict[str, Any]:
    kept = {name: value for name, value in asdict(found).items() if name not in {"use", "uses"}}
    return kept | {"reason": found.reason[:_REASON]}


def _target(registry: Registry, version: MetricVersion, sample: Sample) -> Target:
    spec = registry.evaluators.get(version.evaluator_key)
    if spec is None:
        raise Conflict(f"The evaluator {version.evaluator_key} is not loaded.")
    try:
        return attack_suite.target_of(_recipe(version), spec, sample)
    except NotAttackable as problem:
        raise Conflict(str(problem)) from problem


def _tools(scope: Scope, judges: Judges, version: MetricVersion, book: TurnBook) -> JudgeTools:
    model = JudgeModel.from_json(version.model) if version.model is not None else None
    (tools,) = lend_judges(scope, judges, [model], book)
    return tools


def _recipe(version: MetricVersion) -> MetricRecipe:
    return MetricRecipe(
        name=version.name,
        evaluator=version.evaluator_key,
        params=version.params,
        rule=version.rule,
        revision=version.evaluator_revision,
    )


def _sample(answer: BadAnswer) -> Sample:
    texts = {
        "prompt": answer.prompt,
        "output": answer.output,
        "expected": answer.expected or "",
        "context": "\n".join(answer.context),
    }
    wrong = {f"sample.{name}": [_UNFIT] for name, text in texts.items() if len(text) > _TEXT or not is_storable(text)}
    if not answer.output.strip():
        wrong["sample.output"] = ["Give an answer that the metric ought to fail."]
    if wrong:
        raise Invalid("The answer to attack with cannot be taken.", errors=wrong)
    return Sample(prompt=answer.prompt, output=answer.output, reference=answer.expected or None, context=answer.context)
