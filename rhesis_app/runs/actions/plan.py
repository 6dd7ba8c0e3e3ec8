"""What a slice holds in memory: where a run's answers come from, and its metrics, made ready once."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from rhesis_app.authoring.models import MetricVersion
from rhesis_app.endpoints.actions.exchange import EndpointSnapshot, Exchange, open_secret, prepare
from rhesis_app.endpoints.actions.judging import JudgeModel, JudgeTools, lend_judges
from rhesis_app.endpoints.actions.turns import ModelTurns, TurnBook
from rhesis_app.endpoints.models import Model
from rhesis_app.infra.crypto import SecretBox
from rhesis_app.infra.llm.judges import Judges
from rhesis_app.kernel.ports import HttpDoor
from rhesis_app.kernel.registry import Registry
from rhesis_app.kernel.scope import Scope
from rhesis_app.runs.actions.claim import Item
from rhesis_app.runs.actions.finish import Answer, Judged
from rhesis_app.runs.actions.recordings import open_recording
from rhesis_app.runs.actions.sources import AnswerSource, AskedEndpoint, StoredAnswers
from rhesis_app.runs.models import RunMetric, TestRun
from rhesis_app.runs.rules import SCORING_AT_ONCE, SLOT_THREADS, RunKind, retry_budget
from rhesis_app.runs.rules.recordings import Source
from rhesis_app.scoring.engine import EvaluationOutcome, MetricRecipe, PreparedMetric, evaluate
from rhesis_app.scoring.engine import prepare as prepare_metric
from rhesis_app.scoring.outcome import result_outcome
from rhesis_app.sdk import Sample, ToolCall, Turn


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What asking and judging need besides the database; `holder` is the name under which items are leased."""

    registry: Registry
    door: HttpDoor
    secrets: SecretBox
    judges: Judges
    holder: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedMetric:
    """A metric version made ready, for all tests or those of one requirement."""

    version_id: UUID
    position: int
    requirement_id: UUID | None
    prepared: PreparedMetric
    turns: ModelTurns | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Everything a slice answers and judges with; safe to use from many threads. `retries` is the run's budget of them.

    Without an `endpoint_id` nobody is asked: its `source` holds answers that another run got, and what it lacks is handed
    to the endpoint `asks_missing` where there is one. What is answered is kept in the recording of the run `recording_id`.
    `book` holds the turns of all models that are called, `asked` those of the model that is asked as the endpoint.
    `replaces` is the run whose errors these answers replace, if any.
    """

    run_id: UUID
    endpoint_id: UUID | None
    limit: int
    retries: int
    source: AnswerSource
    metrics: Sequence[PlannedMetric]
    book: TurnBook
    asked: ModelTurns | None = None
    replaces: UUID | None = None
    asks_missing: UUID | None = None
    recording_id: UUID | None = None

    @property
    def width(self) -> int:
        """How many tests to hold at once by the turns held now: nobody is asked whose answer nobody could judge.

        To every test at a judge comes one that asks meanwhile. More would only wait for their judge's turn, and lose the time
        that they have for its answer.
        """
        return self._width(lambda turns: turns.capacity)

    @property
    def most(self) -> int:
        """How many tests to hold at once if all turns were held."""
        return self._width(lambda turns: turns.most)

    @property
    def calls_models(self) -> bool:
        """Whether an answer or its score waits for the turns of a model."""
        return self.asked is not None or any(metric.turns is not None for metric in self.metrics)

    def _width(self, of: Callable[[ModelTurns], int]) -> int:
        judges = [metric.turns for metric in self.metrics if metric.turns is not None]
        asked = [] if self.asked is None else [of(self.asked)]
        return min([self.limit, *asked, *(2 * of(turns) for turns in judges)])


def load_plan(scope: Scope, parts: Parts, run: TestRun, holder: str) -> Plan:
    """Read a run's frozen endpoint and metrics; the secret is opened here and lives no longer than the slice.

    A run that scores stored answers, or replays recorded ones, opens no endpoint's secret and gets no door to one: nobody
    but a judge can be called. A replay that may ask does so once everything was looked for.
    """
    book = TurnBook(holder)
    metrics = _metrics(scope, parts, run, book)
    if run.kind == RunKind.RESCORE and run.parent_run_id is not None:
        stored = StoredAnswers(run.parent_run_id)
        return _asking_nobody(run, stored, metrics, book, limit=SCORING_AT_ONCE)
    if (replayed := open_recording(scope, run)) is not None:
        asks = run.endpoint_id if run.source == Source.REPLAY else None
        return _asking_nobody(run, replayed, metrics, book, limit=SLOT_THREADS, asks_missing=asks)
    snapshot = EndpointSnapshot.from_json(run.endpoint_snapshot)
    recording_id = run.id if run.source == Source.RECORD else run.recording_run_id
    endpoint = prepare(snapshot, open_secret(scope, parts.secrets, run.endpoint_id))
    asked = _asked(scope, snapshot, book)
    return Plan(
        run_id=run.id,
        endpoint_id=run.endpoint_id,
        limit=snapshot.max_concurrency,
        retries=retry_budget(run.planned),
        source=AskedEndpoint(
            run_id=run.id, door=parts.door, endpoint=endpoint, turns=asked, records=recording_id is not None
        ),
        metrics=metrics,
        book=book,
        asked=asked,
        replaces=run.parent_run_id if run.kind == RunKind.RETRY else None,
        recording_id=recording_id,
    )


def _asking_nobody(
    run: TestRun, source: AnswerSource, metrics: Sequence[PlannedMetric], book: TurnBook, **more: Any
) -> Plan:
    return Plan(run_id=run.id, endpoint_id=None, retries=0, source=source, metrics=metrics, book=book, **more)


def _asked(scope: Scope, snapshot: EndpointSnapshot, book: TurnBook) -> ModelTurns | None:
    """The turns of the model that is asked as an endpoint; other endpoints and judges on it share them."""
    if snapshot.chat is None:
        return None
    model_id = UUID(snapshot.chat["model_id"])
    most = scope.session.scalar(scope.select(Model.max_concurrency).where(Model.id == model_id))
    return book.of(model_id, most or snapshot.max_concurrency)


def answer_item(plan: Plan, item: Item) -> Answer:
    """Get the answer to one test and judge it; called from a slice's threads, touches no database."""
    got = plan.source.answer(item)
    exchange = got.exchange
    if exchange.error_code is not None:
        failed = result_outcome((), endpoint_failed=True)
        return Answer(
            item=item,
            exchange=exchange,
            outcome=failed,
            attempts=got.attempts,
            was_asked=got.was_asked,
            recorded=got.recorded,
        )
    sample = _sample(item, exchange)
    judged = tuple(
        Judged(metric_version_id=metric.version_id, position=metric.position, outcome=evaluate(metric.prepared, sample))
        for metric in plan.metrics
        if metric.requirement_id is None or metric.requirement_id == item.requirement_id
    )
    outcomes: list[EvaluationOutcome] = [one.outcome for one in judged]
    return Answer(
        item=item,
        exchange=exchange,
        outcome=result_outcome(outcomes),
        judged=judged,
        attempts=got.attempts,
        recorded=got.recorded,
    )


def _metrics(scope: Scope, parts: Parts, run: TestRun, book: TurnBook) -> list[PlannedMetric]:
    rows = scope.session.execute(
        scope.select(RunMetric, MetricVersion)
        .join(
            MetricVersion,
            (MetricVersion.id == RunMetric.metric_version_id)
            & (MetricVersion.organization_id == RunMetric.organization_id),
        )
        .where(RunMetric.run_id == run.id)
        .order_by(RunMetric.position)
    ).all()
    lent = lend_judges(scope, parts.judges, (_judge(version.model, run.config) for _, version in rows), book)
    specs = parts.registry.evaluators
    return [
        PlannedMetric(
            version_id=version.id,
            position=chosen.position,
            requirement_id=chosen.requirement_id,
            prepared=prepare_metric(_recipe(version), specs.get(version.evaluator_key), tools),
            turns=_turns(tools),
        )
        for (chosen, version), tools in zip(rows, lent, strict=True)
    ]


def _turns(tools: JudgeTools) -> ModelTurns | None:
    turns = tools.model.turns if tools.model is not None else None
    return turns if isinstance(turns, ModelTurns) else None


def _judge(model: Mapping[str, Any] | None, config: Mapping[str, Any]) -> JudgeModel | None:
    if model is None:
        return None
    return JudgeModel.from_json(model, config.get("judges", {}).get(model["id"]))


def _recipe(version: MetricVersion) -> MetricRecipe:
    return MetricRecipe(
        name=version.name,
        evaluator=version.evaluator_key,
        params=version.params,
        rule=version.rule,
        required=version.required,
        revision=version.evaluator_revision,
    )


def _sample(item: Item, exchange: Exchange) -> Sample:
    earlier = [
        Turn(role=str(message.get("role", "user")), text=str(message.get("content", ""))) for message in item.messages
    ]
    output = exchange.output or ""
    return Sample(
        prompt=item.prompt,
        output=output,
        turns=(*earlier, Turn(role="user", text=item.prompt), Turn(role="assistant", text=output)),
        reference=item.expected,
        context=tuple(exchange.context),
        reference_context=tuple(item.context),
        tool_calls=tuple(_tool_call(call) for call in exchange.tool_calls),
        metadata=item.metadata,
        latency_ms=exchange.latency_ms,
        tokens_in=exchange.tokens_in,
        tokens_out=exchange.tokens_out,
    )


def _tool_call(call: dict[str, object]) -> ToolCall:
    arguments = call.get("arguments")
    return ToolCall(name=str(call.get("name", "")), arguments=arguments if isinstance(arguments, dict) else {})
