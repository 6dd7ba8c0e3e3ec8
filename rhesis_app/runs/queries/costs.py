"""What runs came to: tokens and US dollars of the endpoint's answers, and apart from them those of the judges."""

from collections.abc import Mapping
from decimal import Decimal
from functools import cache
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Text, and_, case, cast, func, literal, null, or_, select

from rhesis_app.endpoints.rules.costs import dollars
from rhesis_app.endpoints.rules.models import money
from rhesis_app.kernel.scope import Scope
from rhesis_app.runs.models import Evaluation, TestResult, TestRun
from rhesis_app.runs.queries.json_rows import json_object
from rhesis_app.runs.rules import RunKind
from rhesis_app.runs.rules.recordings import REPLAYS
from rhesis_app.sdk import RunCost, Totals

FROZEN: Final = TestRun.parts["spent"]
"""What a run froze of its cost when it ended; null while it goes on."""


@cache
def spent_now() -> Any:
    """The same counted now, as a JSON column correlated to TestRun; null where it stands frozen, so that nothing is read."""
    return case((FROZEN.is_not(None), null()), else_=_counted()).label("spent_now")


def count_spent(scope: Scope, run_id: UUID) -> dict[str, Any]:
    """What a run came to, as JSON that it keeps; results and evaluations never change, so it is counted once."""
    query = scope.select(TestRun.id).add_columns(_counted().label("spent")).where(TestRun.id == run_id)
    found: dict[str, Any] = scope.session.execute(query).one().spent
    return found


def run_cost(row: Any, totals: Totals) -> RunCost | None:
    """The cost of a row of `select_runs`; None in lists while the run goes on."""
    found: Mapping[str, Any] | None = row.spent or getattr(row, "spent_now", None)
    if found is None:
        return None
    answered = 0 if row.kind == RunKind.RESCORE else totals.passed + totals.failed + totals.unscored
    if row.source in REPLAYS:
        answered = min(answered, row.answers["asked"] if row.answers else 0)
    return RunCost(
        endpoint=found["endpoint"],
        judge=found["judge"],
        unpriced=max(0, answered - found["priced"]),
        unpriced_judgements=found["judged"] - found["judgements_priced"],
        **{name: found[name] for name in ("tokens_in", "tokens_out", "judge_tokens_in", "judge_tokens_out")},
        cap=money(row.cost_cap),
        not_asked=found["not_asked"],
    )


def cost_words(cost: RunCost | None) -> str:
    """What a run came to in a line, with what of it is not known; empty where nothing is known to have been spent."""
    if cost is None:
        return ""
    if cost.endpoint is None and cost.judge is None:
        return "Cost not known" if cost.unpriced or cost.unpriced_judgements else ""
    said = [_part(cost.endpoint, cost.unpriced, "endpoint", "answer")]
    said.append(_part(cost.judge, cost.unpriced_judgements, "judging", "judgement"))
    told = [one for one in said if one]
    return f"Cost {' · '.join(told)}" if told else ""


def token_words(cost: RunCost | None) -> str:
    """Tokens as far as they were told, in a line; empty where none were."""
    if cost is None:
        return ""
    counts = {
        "endpoint": (cost.tokens_in, cost.tokens_out),
        "judging": (cost.judge_tokens_in, cost.judge_tokens_out),
    }
    said = [f"{(of_in or 0) + (of_out or 0):,} {who}" for who, (of_in, of_out) in counts.items() if of_in or of_out]
    return f"Tokens {' · '.join(said)}" if said else ""


def stopped_words(cost: RunCost | None, totals: Totals) -> str:
    """That a run stopped at its cap, as a sentence; empty where it did not."""
    if cost is None or cost.cap is None or not cost.not_asked:
        return ""
    tests = "test" if totals.planned == 1 else "tests"
    return (
        f"Stopped at its cost cap of {cap_words(cost.cap)}: {cost.not_asked:,} of {totals.planned:,} {tests} not asked."
    )


def cap_words(cap: str) -> str:
    """A cap as people write it, exactly: `$1.00`, `$0.005`."""
    cents = f"{Decimal(cap):,.2f}"
    return f"${cents}" if Decimal(cents.replace(",", "")) == Decimal(cap) else f"${Decimal(cap):,f}"


def price_words(told: Mapping[str, Any] | None) -> str:
    """Frozen prices as a person reads them."""
    names = {"input_per_million": "in", "output_per_million": "out"}
    said = [f"${told[name]} {way}" for name, way in names.items() if told[name] is not None] if told else []
    return f"{', '.join(said)} per million tokens" if said else "not known"


def _part(amount: str | None, unknown: int, who: str, what: str) -> str:
    missing = f"{unknown:,} {what}{'' if unknown == 1 else 's'} not known"
    if amount is None:
        return f"{who} not known" if unknown else ""
    return f"{dollars(amount)} {who}{f' ({missing})' if unknown else ''}"


def _counted() -> Any:
    """One JSON object from two index scans; a re-score asked for no answer, so only its judges are in it."""
    answers, judged = _answers(), _judged()
    columns = {
        "endpoint": _text(answers.c.cost),
        **{name: answers.c[name] for name in ("priced", "tokens_in", "tokens_out")},
        "judge": _text(judged.c.cost),
        "judged": judged.c.judged,
        "judgements_priced": judged.c.priced,
        "judge_tokens_in": judged.c.tokens_in,
        "judge_tokens_out": judged.c.tokens_out,
        "not_asked": case((TestRun.cost_cap.is_(None), literal(0)), else_=_not_asked()),
    }
    return (
        select(json_object(columns))
        .select_from(answers)
        .join(judged, literal(value=True))
        .correlate(TestRun)
        .scalar_subquery()
    )


def _answers() -> Any:
    kept = TestResult
    return (
        select(
            func.sum(kept.cost).label("cost"),
            func.count(kept.cost).label("priced"),
            func.sum(kept.tokens_in).label("tokens_in"),
            func.sum(kept.tokens_out).label("tokens_out"),
        )
        .where(
            kept.run_id == TestRun.id,
            TestRun.kind != RunKind.RESCORE,
            or_(kept.tokens_in.is_not(None), kept.tokens_out.is_not(None), kept.cost.is_not(None)),
        )
        .correlate(TestRun)
        .lateral("answers")
    )


def _judged() -> Any:
    kept = Evaluation
    return (
        select(
            func.sum(kept.cost).label("cost"),
            func.count().label("judged"),
            func.count(kept.cost).label("priced"),
            func.sum(kept.tokens_in).label("tokens_in"),
            func.sum(kept.tokens_out).label("tokens_out"),
        )
        .where(kept.run_id == TestRun.id, kept.model.is_not(None))
        .correlate(TestRun)
        .lateral("judged")
    )


def _not_asked() -> Any:
    kept = TestResult
    return (
        select(func.count())
        .where(and_(kept.run_id == TestRun.id, kept.outcome == "error", kept.error_code == "cost_cap"))
        .correlate(TestRun)
        .scalar_subquery()
    )


def _text(amount: Any) -> Any:
    return cast(func.trim_scale(amount), Text)
