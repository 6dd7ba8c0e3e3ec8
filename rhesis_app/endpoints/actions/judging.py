"""Models that judge: what a run freezes of one, and the tools that an evaluator is lent."""

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, Final
from uuid import UUID

from sqlalchemy import and_, or_, text

from rhesis_app.endpoints.actions.turns import TurnBook
from rhesis_app.endpoints.models import Model
from rhesis_app.endpoints.rules import origin_of
from rhesis_app.endpoints.rules.costs import read_prices, told_prices
from rhesis_app.infra.crypto import SecretError
from rhesis_app.infra.llm.judges import Judges
from rhesis_app.kernel.errors import Invalid
from rhesis_app.kernel.ports import CalledModel, ModelDoor, ModelFailure, ModelQuestion, ModelSpent, Prices
from rhesis_app.kernel.scope import LentModel, Scope
from rhesis_app.scoring.judges import Heard, JudgeUse
from rhesis_app.sdk import Judgement, JudgeUnavailableError

KEY_FIELD: Final = "model.key"
NO_MODEL: Final = (
    "No model is connected for judging: connect one in the project's models and make it the default for judging."
)
ARCHIVED: Final = "The model that judges is archived: {names}. Restore it, or choose another in the metric."
_ENTER_AGAIN: Final = "The key of the model “{name}” cannot be opened. Enter it again in the model's settings."
_OTHER_ORIGIN: Final = (
    "The key of the model “{name}” was entered for another address than this run's, so it was not sent."
)
_MARGIN_S: Final = 30
LONGEST_TRIAL_S: Final = 60
"""A trial has somebody waiting for it; runs use the model's own time-out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgeModel:
    """A model that judges, without its key. What makes its judgements is frozen with the metric; what people call it and
    what it costs with the run, so that a new price does not make two runs incomparable. Without `prices` those of today count.
    """

    id: UUID | None
    wire: str
    base_url: str
    model_name: str
    params: Mapping[str, Any] = field(default_factory=dict)
    name: str = ""
    prices: Prices | None = None

    def to_json(self) -> dict[str, Any]:
        """What makes its judgements, as plain JSON."""
        return {
            "id": None if self.id is None else str(self.id),
            "wire": self.wire,
            "base_url": self.base_url,
            "model_name": self.model_name,
            "params": dict(self.params),
        }

    @classmethod
    def from_json(cls, stored: Mapping[str, Any], facts: Mapping[str, Any] | None = None) -> "JudgeModel":
        """What `to_json` wrote, with the name and the prices that a run froze."""
        told = {} if facts is None else {"name": facts["name"], "prices": read_prices(facts["prices"])}
        return cls(**{**stored, "id": UUID(stored["id"]) if stored["id"] else None, **told})


@dataclass(slots=True)
class JudgeTools:
    """The tools of one evaluator, for any number of threads; each hears what it asked itself.

    `model` None lends no judge, for the reason `problem`. All calls of one evaluation take at most `patience_s`.
    """

    door: ModelDoor
    model: CalledModel | None
    problem: str = NO_MODEL
    longest_s: int | None = None
    clock: Callable[[], float] = time.monotonic
    _mine: threading.local = field(default_factory=threading.local, init=False)

    @property
    def patience_s(self) -> int:
        """The longest that one evaluation may wait for its model: time for two answers, or for one and its repetition.

        Never more than `longest_s`, where somebody waits.
        """
        if self.model is None:
            return 0
        usual = 2 * self.model.timeout_s + _MARGIN_S
        return usual if self.longest_s is None else min(usual, self.longest_s)

    @contextmanager
    def hear(self) -> Iterator[Heard]:
        """What is asked from this thread until the block ends."""
        heard = Heard()
        self._mine.heard, self._mine.until = heard, self.clock() + self.patience_s
        try:
            yield heard
        finally:
            del self._mine.heard, self._mine.until

    def judge(self, prompt: str, schema: Mapping[str, Any]) -> Judgement:
        """Ask the model; JudgeUnavailableError when there is none or its answer is of no use."""
        heard: Heard = getattr(self._mine, "heard", None) or Heard()
        heard.problem = "" if self.model else self.problem
        if self.model is None:
            raise JudgeUnavailableError
        until: float | None = getattr(self._mine, "until", None)
        left = self.patience_s if until is None else until - self.clock()
        try:
            answer = self.door.ask(self.model, ModelQuestion(prompt=prompt, schema=schema, patience_s=left))
        except ModelFailure as failure:
            heard.problem = failure.message
            if failure.spent is not None:
                heard.uses.append(_use(failure.spent))
            raise JudgeUnavailableError from None
        spent = answer.spent
        heard.uses.append(_use(spent))
        return Judgement(
            answer=answer.answer,
            model=spent.model,
            tokens_in=spent.tokens_in,
            tokens_out=spent.tokens_out,
            cost=spent.cost,
            raw=spent.text,
        )

    def setting(self, name: str) -> str | None:  # noqa: ARG002 - the protocol's signature
        """There are no settings for plugins."""
        return None


def judge_of_row(row: Model) -> JudgeModel:
    """The row as it stands, without its key."""
    return JudgeModel(
        id=row.id,
        name=row.name,
        wire=row.wire,
        base_url=row.base_url,
        model_name=row.model_name,
        params=dict(row.params),
        prices=_prices_now(row),
    )


def judge_facts(scope: Scope, version_ids: Iterable[UUID]) -> dict[str, dict[str, Any]]:
    """Model → name and prices of today, for a run to freeze: those that these metric versions are judged by."""
    query = scope.select(Model.id, Model.name, Model.price_input, Model.price_output).where(
        Model.id.in_(
            text("SELECT CAST(model->>'id' AS uuid) FROM metric_version WHERE id = ANY(:versions)").bindparams(
                versions=list(version_ids)
            )
        )
    )
    return {
        str(row.id): {"name": row.name, "prices": told_prices(_prices_now(row))} for row in scope.session.execute(query)
    }


def judge_of_instance(lent: LentModel) -> JudgeModel:
    """The instance's own model."""
    return JudgeModel(id=None, name=lent.name, wire=lent.wire, base_url=lent.base_url, model_name=lent.model_name)


def choose_judges(
    scope: Scope, chosen: Mapping[UUID, UUID | None], projects: Mapping[UUID, UUID]
) -> dict[UUID, JudgeModel | None]:
    """Metric → the model that judges for it now: its own, else its project's default, else the instance's, else None.

    `chosen` is metric → model, `projects` metric → project. Raises Invalid at `metric_ids` for a model that is archived.
    """
    if not chosen:
        return {}
    named = {model_id for model_id in chosen.values() if model_id}
    query = scope.select(Model).where(
        or_(Model.id.in_(named), and_(Model.is_default, Model.project_id.in_(set(projects.values()))))
    )
    rows = {row.id: row for row in scope.session.scalars(query)}
    if archived := sorted(f"“{row.name}”" for row in rows.values() if row.archived_at is not None):
        raise Invalid.field("metric_ids", ARCHIVED.format(names=", ".join(archived)))
    defaults = {row.project_id: judge_of_row(row) for row in rows.values() if row.is_default}
    lent = judge_of_instance(scope.lent_model) if scope.lent_model else None
    return {
        metric_id: judge_of_row(rows[model_id]) if model_id in rows else defaults.get(projects[metric_id], lent)
        for metric_id, model_id in chosen.items()
    }


def default_judge(scope: Scope, project_id: UUID) -> str | None:
    """The name of the model that judges where nothing else is chosen: the project's default, else the instance's."""
    query = scope.select(Model.name).where(
        Model.project_id == project_id, Model.is_default, Model.archived_at.is_(None)
    )
    return scope.session.scalar(query) or (scope.lent_model.name if scope.lent_model else None)


def lend_for_trial(scope: Scope, judges: Judges, project_id: UUID, model_id: UUID | None) -> JudgeTools:
    """Tools of the model that would judge now, for somebody who waits. Raises Invalid at `model_id`."""
    if model_id is not None:
        check_judge_choice(scope, project_id, model_id)
    chosen = choose_judges(scope, {project_id: model_id}, {project_id: project_id})
    return replace(lend_judges(scope, judges, chosen.values())[0], longest_s=LONGEST_TRIAL_S)


def check_judge_choice(scope: Scope, project_id: UUID, model_id: UUID) -> None:
    """Raise Invalid at `model_id` unless it is a live model of the project."""
    query = scope.select(Model.id).where(
        Model.id == model_id, Model.project_id == project_id, Model.archived_at.is_(None)
    )
    if scope.session.scalar(query) is None:
        raise Invalid.field("model_id", "Choose a model of this project that is not archived.")


def lend_judges(
    scope: Scope, judges: Judges, models: Iterable[JudgeModel | None], book: TurnBook | None = None
) -> list[JudgeTools]:
    """Tools for each frozen model, with the key as it is stored now; it is opened here and lives no longer than they do.

    Their calls wait for the turns of `book`, or without one for those that this process counts for itself. A key is lent only
    while the frozen base URL, the row's and the key itself name one origin. One statement, if any.
    """
    wanted = list(models)
    ids = {model.id for model in wanted if model is not None and model.id is not None}
    limits = (Model.timeout_s, Model.max_concurrency)
    query = scope.select(
        *(Model.id, Model.key, Model.key_origin, Model.name, Model.price_input, Model.price_output, *limits)
    ).where(Model.id.in_(ids))
    rows = {row.id: row for row in scope.session.execute(query)} if ids else {}
    lent = [_tools(scope, judges, model, rows) for model in wanted]
    for tools, model in zip(lent, wanted, strict=True):
        if book is not None and model is not None and tools.model is not None:
            turns = book.of(model.id, tools.model.max_concurrency)
            tools.model = replace(tools.model, turns=turns)
    return lent


def open_key(judges: Judges, organization_id: UUID, row: Any, model: JudgeModel) -> tuple[str | None, str]:
    """(key, why the model cannot be called); a model without a key is called without one."""
    if row.key is None:
        return None, ""
    if row.key_origin != origin_of(model.base_url):
        return None, _OTHER_ORIGIN.format(name=model.name or row.name)
    try:
        return judges.secrets.open(row.key, organization_id, KEY_FIELD, row.id), ""
    except SecretError:
        return None, _ENTER_AGAIN.format(name=model.name or row.name)


def called_model(model: JudgeModel, key: str | None, **limits: Any) -> CalledModel:
    """The model ready to be called; `limits` are its `timeout_s` and `max_concurrency`."""
    return CalledModel(
        label=model.name or model.model_name,
        wire=model.wire,
        base_url=model.base_url,
        model_name=model.model_name,
        params=model.params,
        prices=model.prices or Prices(),
        key=key,
        **limits,
    )


def _tools(scope: Scope, judges: Judges, model: JudgeModel | None, rows: Mapping[UUID, Any]) -> JudgeTools:
    if model is None:
        return JudgeTools(door=judges.door, model=None)
    if model.id is None:
        return _lent_tools(scope, judges, model)
    row = rows[model.id]
    key, problem = open_key(judges, scope.organization_id, row, model)
    if problem:
        return JudgeTools(door=judges.door, model=None, problem=problem)
    known = replace(model, name=model.name or row.name, prices=model.prices or _prices_now(row))
    called = called_model(known, key, timeout_s=row.timeout_s, max_concurrency=row.max_concurrency)
    return JudgeTools(door=judges.door, model=called)


def _lent_tools(scope: Scope, judges: Judges, model: JudgeModel) -> JudgeTools:
    lent = scope.lent_model
    if lent is None or judges.lent_key is None or origin_of(lent.base_url) != origin_of(model.base_url):
        return JudgeTools(door=judges.door, model=None)
    return JudgeTools(door=judges.door, model=called_model(model, judges.lent_key))


def _use(spent: ModelSpent) -> JudgeUse:
    return JudgeUse(
        model=spent.model,
        tokens_in=spent.tokens_in,
        tokens_out=spent.tokens_out,
        cost=spent.cost,
        raw=(spent.text,) if spent.text else (),
    )


def _prices_now(row: Any) -> Prices:
    return Prices(input_per_million=row.price_input, output_per_million=row.price_output)
