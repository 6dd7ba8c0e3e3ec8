"""A cap on what a run may spend: refused where nothing would be known to spend, and how a run ends that has reached it."""

from collections.abc import Iterable
from decimal import Decimal
from typing import Final
from uuid import UUID

from sqlalchemy import text

from rhesis_app.endpoints.actions.exchange import EndpointSnapshot, prices_of, snapshot_of
from rhesis_app.endpoints.actions.judging import choose_judges
from rhesis_app.kernel.errors import Invalid
from rhesis_app.kernel.ports import Prices
from rhesis_app.kernel.scope import Scope
from rhesis_app.runs.queries.checks import Check, Known, WantedRun
from rhesis_app.runs.queries.costs import cap_words
from rhesis_app.sdk import Need

HIGHEST: Final = Decimal(1_000_000)
_SMALLEST: Final = Decimal("0.000001")
_AT_ONCE: Final = 1000
_END: Final = text("SELECT end_spent(:run, :most)")
_CANNOT: Final = "What this run costs cannot be known, so no cap can stop it. "
_SET: Final = "Give the endpoint prices and map its token counts, or map a cost in its answer; or give the model that judges its prices."
_SET_OF_MODEL: Final = "Give the endpoint's model, or the model that judges, its prices."


def check_cost_cap(cap: Decimal | None, snapshot: EndpointSnapshot, judges: Iterable[Prices]) -> None:
    """Raise Invalid at `cost_cap` for an amount that is none, and where neither answers nor judges have a known cost.

    `judges` are the prices of the models that judge.
    """
    if cap is None:
        return
    if not cap.is_finite() or not 0 < cap <= HIGHEST or cap != cap.quantize(_SMALLEST):
        raise Invalid.field("cost_cap", "Enter US dollars above 0, such as 5.00, with at most six decimals.")
    if not knows_cost(snapshot) and not any(map(_has_both, judges)):
        raise Invalid.field("cost_cap", _CANNOT + (_SET if snapshot.chat is None else _SET_OF_MODEL))


def check_of_cap(scope: Scope, known: Known, wanted: WantedRun) -> tuple[Check, ...]:
    """What a start would say of the cap, before anything is started; nothing without one."""
    if wanted.cost_cap is None:
        return ()
    asking = {one.id: one.model_id for one in known.found.metrics if Need.JUDGE in one.needs and not one.problem}
    models = choose_judges(scope, asking, dict.fromkeys(asking, known.found.project_id)).values()
    prices = [model.prices for model in models if model is not None and model.prices is not None]
    try:
        check_cost_cap(wanted.cost_cap, snapshot_of(known.endpoint), prices)
    except Invalid as refused:
        return (Check(check="cost_cap", status="failed", message=f"Cost cap: {refused.errors['cost_cap'][0]}"),)
    sentence = f"The run stops when its known cost has reached {cap_words(str(wanted.cost_cap))}."
    return (Check(check="cost_cap", status="passed", message=sentence),)


def knows_cost(snapshot: EndpointSnapshot) -> bool:
    """Whether an answer's cost can be known: told by itself, or from prices and both token counts."""
    mapping = snapshot.response_mapping
    tells_tokens = snapshot.chat is not None or ("tokens_in" in mapping and "tokens_out" in mapping)
    return "cost" in mapping or (tells_tokens and _has_both(prices_of(snapshot)))


def end_spent_run(scope: Scope, run_id: UUID) -> None:
    """What a run has not asked becomes an error `cost_cap`, if it has reached its cap; calls in flight are left alone."""
    ended = _AT_ONCE
    while ended == _AT_ONCE:
        with scope.atomic() as session:
            ended = session.execute(_END, {"run": run_id, "most": _AT_ONCE}).scalar_one()


def _has_both(prices: Prices) -> bool:
    return prices.input_per_million is not None and prices.output_per_million is not None
