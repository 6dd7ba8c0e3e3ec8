"""Calling an endpoint outside of a run: the API's invoke, and the workbench's test call of settings not saved yet."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final
from uuid import UUID

from rhesis_app.endpoints.actions.exchange import (
    BoundSecret,
    EndpointSnapshot,
    Exchange,
    PreparedEndpoint,
    ask,
    ask_and_keep,
    open_secret,
    prepare,
    snapshot_of,
)
from rhesis_app.endpoints.actions.fields import NewEndpoint, Tools
from rhesis_app.endpoints.models import Endpoint
from rhesis_app.endpoints.rules import origin_of, storable
from rhesis_app.endpoints.rules.seen import SeenCall
from rhesis_app.kernel.ids import new_id
from rhesis_app.kernel.permissions import Permission
from rhesis_app.kernel.ports import HttpDoor
from rhesis_app.kernel.scope import Scope
from rhesis_app.kernel.urls import UrlProblem

LONGEST_CALL_S: Final = 60
"""A test call has somebody waiting for it; runs use the endpoint's own time-out."""
_WHOLE: Final = {"output": "$"}
_ABOUT_THE_MAPPING: Final = frozenset({None, "mapping", "not_json"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Invocation:
    """What one call says of the test it stands for."""

    input: str
    messages: tuple[Mapping[str, Any], ...] = ()
    context: tuple[str, ...] = ()
    metadata: Mapping[str, Any] = field(default_factory=dict)

    def roots(self) -> dict[str, Any]:
        """The template's roots, with ids made for this call alone."""
        turns = [*self.messages, {"role": "user", "content": self.input}]
        return {
            "input": self.input,
            "messages": turns,
            "turns": turns,
            "context": list(self.context),
            "test": {"id": str(new_id()), "metadata": dict(self.metadata)},
            "run": {"id": str(new_id())},
            "trial": 1,
        }


def prepare_invocation(scope: Scope, tools: Tools, endpoint_id: UUID) -> PreparedEndpoint:
    """A saved endpoint, ready to be asked; the commit of the audit entry gives the connection back.

    Raises NotFound, Forbidden.
    """
    with scope.atomic():
        row = scope.get(Endpoint, endpoint_id)
        scope.require(Permission.ENDPOINT_INVOKE, project=row.project_id)
        snapshot = snapshot_of(row)
        secret = open_secret(scope, tools.secrets, row.id)
        scope.record("endpoint.invoke", "endpoint", row.id)
    return prepare(_hurried(snapshot), secret)


def invoke(door: HttpDoor, prepared: PreparedEndpoint, invocation: Invocation) -> Exchange:
    """One call. Touches no database; whatever goes wrong is in the exchange."""
    return ask(door, prepared, invocation.roots())


def prepare_trial(
    scope: Scope, tools: Tools, draft: NewEndpoint, *, endpoint_id: UUID | None = None
) -> PreparedEndpoint:
    """Settings that may not be saved yet, ready to be asked; a saved endpoint lends its secret to its own origin.

    The whole answer is taken: mappings are looked at afterwards, in what was seen. Raises NotFound, Forbidden.
    """
    scope.require(Permission.ENDPOINT_WRITE, project=draft.project_id)
    scope.require(Permission.ENDPOINT_INVOKE, project=draft.project_id)
    with scope.atomic():
        secret = _secret_for(scope, tools, draft, endpoint_id)
        scope.record("endpoint.invoke", "endpoint", endpoint_id, is_saved=endpoint_id is not None)
    return prepare(_hurried(_snapshot_of_draft(draft, secret)), secret)


def try_call(door: HttpDoor, prepared: PreparedEndpoint, prompt: str) -> SeenCall:
    """One call of what `prepare_trial` made ready. Touches no database; whatever goes wrong is in what was seen."""
    exchange, answer = ask_and_keep(door, prepared, Invocation(input=prompt).roots())
    came_back = answer is not None and exchange.error_code in _ABOUT_THE_MAPPING
    return SeenCall(
        request=exchange.request,
        status=answer.status if answer is not None else None,
        latency_ms=exchange.latency_ms,
        content_type=answer.headers.get("content-type", "") if answer is not None else "",
        body=storable(answer.body.decode("utf-8", "replace")) if answer is not None else "",
        error_code=None if came_back else exchange.error_code,
        error_detail=None if came_back else exchange.error_detail,
    )


def _secret_for(scope: Scope, tools: Tools, draft: NewEndpoint, endpoint_id: UUID | None) -> BoundSecret | None:
    """What was typed, else what is stored, as long as it would travel in the header it was entered for."""
    if draft.auth.secret is not None:
        origin = _origin(draft.url)
        return BoundSecret(draft.auth.secret, origin) if origin else None
    if endpoint_id is None or draft.auth.kind == "none":
        return None
    row = scope.get(Endpoint, endpoint_id)
    scope.require(Permission.ENDPOINT_WRITE, project=row.project_id)
    if (draft.auth.kind, draft.auth.header) != (row.auth_kind, row.auth_header):
        scope.require(Permission.ENDPOINT_SECRET, project=row.project_id)
    return open_secret(scope, tools.secrets, endpoint_id)


def _origin(url: str) -> str | None:
    try:
        return origin_of(url)
    except UrlProblem:
        return None


def _snapshot_of_draft(draft: NewEndpoint, secret: BoundSecret | None) -> EndpointSnapshot:
    return EndpointSnapshot(
        endpoint_id=new_id(),
        name=draft.name,
        url=draft.url,
        method=draft.method,
        headers=dict(draft.headers),
        request_template=draft.request_template,
        response_mapping=_WHOLE,
        auth_kind=draft.auth.kind,
        auth_header=draft.auth.header,
        secret_origin=secret.origin if secret is not None else None,
        timeout_s=draft.timeout_s,
        max_concurrency=draft.max_concurrency,
    )


def _hurried(snapshot: EndpointSnapshot) -> EndpointSnapshot:
    return replace(snapshot, timeout_s=min(snapshot.timeout_s, LONGEST_CALL_S))
