"""Checking a run before it is started, with one real call when that is wanted."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass

from rhesis_app.endpoints.actions.calls import Invocation, invoke, prepare_invocation
from rhesis_app.endpoints.actions.exchange import Exchange
from rhesis_app.endpoints.actions.fields import Tools
from rhesis_app.kernel.errors import TooMany
from rhesis_app.kernel.permissions import Permission
from rhesis_app.kernel.registry import Registry
from rhesis_app.kernel.scope import Scope
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


def check_run(scope: Scope, registry: Registry, tools: Tools, wanted: WantedRun, callout: Callout | None) -> CheckedRun:
    """Look at everything a run depends on; with `callout` the set's first test is sent to the endpoint once.

    Starts nothing and keeps nothing but the audit entry of the call. Raises NotFound, Forbidden.
    """
    known = read_known(scope, registry, wanted)
    checks = checks_of(known, wanted)
    is_dead = any(one.check in _DEAD and one.status == "failed" for one in checks)
    if callout is None or is_dead or known.first is None:
        why = "No call was asked for." if callout is None else "Nothing was called: see above."
        skipped = Check(check="call", status="skipped", message=why)
        return CheckedRun(checks=(*checks, skipped), estimate=estimate_of(known, wanted))
    if not scope.may(Permission.ENDPOINT_INVOKE, project=known.endpoint.project_id):
        skipped = Check(check="call", status="skipped", message="You may not call endpoints outside of runs.")
        return CheckedRun(checks=(*checks, skipped), estimate=estimate_of(known, wanted))
    called, latency_ms = _call(scope, tools, known, known.first, callout)
    return CheckedRun(checks=(*checks, called), estimate=estimate_of(known, wanted, latency_ms))


def _call(scope: Scope, tools: Tools, known: Known, first: FirstTest, callout: Callout) -> tuple[Check, float | None]:
    invocation = Invocation(
        input=first.prompt, messages=tuple(first.messages), context=tuple(first.context), metadata=first.metadata
    )
    try:
        with callout.slot():
            prepared = prepare_invocation(scope, tools, known.endpoint.id)
            callout.release()
            exchange = invoke(tools.door, prepared, invocation)
    except TooMany as busy:
        return Check(check="call", status="skipped", message=busy.detail), None
    return _told(exchange), exchange.latency_ms if exchange.error_code is None else None


def _told(exchange: Exchange) -> Check:
    if exchange.error_code is not None:
        sentence = exchange.error_detail or exchange.error_code
        return Check(check="call", status="failed", message=f"The set's first test got no answer. {sentence}")
    took = f" in {exchange.latency_ms:,.0f} ms" if exchange.latency_ms is not None else ""
    return Check(check="call", status="passed", message=f"The set's first test was answered{took}.")
