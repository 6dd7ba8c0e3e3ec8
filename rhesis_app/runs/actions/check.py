"""Checking a run before it is started, with one real call of the endpoint and of each judge when that is wanted."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass

from rhesis_app.endpoints.actions.calls import Invocation, invoke, prepare_invocation
from rhesis_app.endpoints.actions.exchange import Exchange
from rhesis_app.endpoints.actions.fields import Tools
from rhesis_app.infra.crypto import SecretBox
from rhesis_app.infra.llm.judges import Judges
from rhesis_app.kernel.errors import TooMany
from rhesis_app.kernel.permissions import Permission
from rhesis_app.kernel.ports import HttpDoor
from rhesis_app.kernel.registry import Registry
from rhesis_app.kernel.scope import Scope
from rhesis_app.runs.actions.check_models import ask_models, prepare_models
from rhesis_app.runs.actions.cost_caps import check_of_cap
from rhesis_app.runs.queries.checks import (
    Check,
    CheckedRun,
    FirstTest,
    Known,
    WantedRun,
    checks_of,
    estimate_of,
    read_known,
)

_DEAD = {"tests", "endpoint"}


@dataclass(frozen=True, slots=True)
class Callout:
    """How the caller bounds what it calls outside: a slot to hold meanwhile, and the connection given back before."""

    slot: Callable[[], AbstractContextManager[None]]
    release: Callable[[], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ways:
    """The ways out: to endpoints and to models."""

    door: HttpDoor
    secrets: SecretBox
    judges: Judges


def check_run(scope: Scope, registry: Registry, ways: Ways, wanted: WantedRun, callout: Callout | None) -> CheckedRun:
    """Look at everything a run depends on; with `callout` the set's first test is sent once, and each judge is asked.

    Starts nothing and keeps nothing but the audit entries of the calls. Raises NotFound, Forbidden.
    """
    known = read_known(scope, registry, wanted)
    checks = (*checks_of(known, wanted), *check_of_cap(scope, known, wanted))
    is_dead = any(one.check in _DEAD and one.status == "failed" for one in checks)
    if callout is None or is_dead or known.first is None:
        why = "No call was asked for." if callout is None else "Nothing was called: see above."
        skipped = Check(check="call", status="skipped", message=why)
        return CheckedRun(checks=(*checks, skipped), estimate=estimate_of(known, wanted))
    if not scope.may(Permission.ENDPOINT_INVOKE, project=known.endpoint.project_id):
        skipped = Check(check="call", status="skipped", message="You may not call endpoints outside of runs.")
        return CheckedRun(checks=(*checks, skipped), estimate=estimate_of(known, wanted))
    called, models, latency_ms = _call(scope, ways, known, known.first, callout)
    if models is not None:
        checks = tuple(models if one.check == models.check else one for one in checks)
    return CheckedRun(checks=(*checks, called), estimate=estimate_of(known, wanted, latency_ms))


def _call(
    scope: Scope, ways: Ways, known: Known, first: FirstTest, callout: Callout
) -> tuple[Check, Check | None, float | None]:
    """(what became of the call, of asking the judges if there are any, how long the answer took)."""
    invocation = Invocation(
        input=first.prompt, messages=tuple(first.messages), context=tuple(first.context), metadata=first.metadata
    )
    try:
        with callout.slot():
            with scope.atomic():
                prepared = prepare_invocation(scope, Tools(door=ways.door, secrets=ways.secrets), known.endpoint.id)
                asked = prepare_models(scope, ways.judges, known.found.project_id, known.found.metrics)
            callout.release()
            exchange = invoke(ways.door, prepared, invocation)
            models = ask_models(ways.judges, asked)
    except TooMany as busy:
        return Check(check="call", status="skipped", message=busy.detail), None, None
    return _told(exchange), models, exchange.latency_ms if exchange.error_code is None else None


def _told(exchange: Exchange) -> Check:
    if exchange.error_code is not None:
        sentence = exchange.error_detail or exchange.error_code
        return Check(check="call", status="failed", message=f"The set's first test got no answer. {sentence}")
    took = f" in {exchange.latency_ms:,.0f} ms" if exchange.latency_ms is not None else ""
    return Check(check="call", status="passed", message=f"The set's first test was answered{took}.")
