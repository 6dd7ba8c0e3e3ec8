"""Exchanges that are recorded whole, and given again later: the request is made anew, the answer mapped anew, nobody is called."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from rhesis_app.endpoints.actions.exchange import Exchange, PreparedEndpoint, ask_and_keep, read_exchange, request_of
from rhesis_app.endpoints.rules import TemplateError, storable
from rhesis_app.endpoints.rules.contents import content_hash
from rhesis_app.kernel.ports import HttpDoor, OutboundAnswer

# what the endpoint said with a 2xx: where the mapping did not fit, a better one may read it later
_WORTH_KEEPING: Final = (None, "mapping", "not_json")
# every run asks with an id of its own, which must not make its requests others
_ANY_RUN: Final = {"id": "00000000-0000-0000-0000-000000000000"}


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedAnswer:
    """An answer as it came, without what it may have echoed of a secret; `content` is the hash of what it answers.

    Of its headers no more is kept than whether it called itself JSON.
    """

    content: str
    status: int
    is_json: bool
    body: str = field(repr=False)
    latency_ms: float


def ask_and_record(
    door: HttpDoor, prepared: PreparedEndpoint, context: Mapping[str, Any], headers: Mapping[str, str]
) -> tuple[Exchange, RecordedAnswer | None]:
    """As `ask`, with the whole answer for a recording; none where the call failed, for a failure is not worth replaying."""
    exchange, answer = ask_and_keep(door, prepared, context, headers=headers)
    if answer is None or exchange.error_code not in _WORTH_KEEPING:
        return exchange, None
    recorded = RecordedAnswer(
        content=content_of(prepared, context),
        status=answer.status,
        is_json="json" in answer.headers.get("content-type", "").lower(),
        body=storable(answer.body.decode("utf-8-sig")),
        latency_ms=answer.latency_ms,
    )
    return exchange, recorded


def content_of(prepared: PreparedEndpoint, context: Mapping[str, Any]) -> str:
    """The hash of what would be sent; the same for every run and every secret. Raises TemplateError."""
    _, shown = request_of(prepared, {**context, "run": _ANY_RUN}, {})
    return content_hash(shown, prepared.snapshot.headers, int(context["trial"]))


def replay(prepared: PreparedEndpoint, context: Mapping[str, Any], recorded: RecordedAnswer | None) -> Exchange | None:
    """What a recorded answer says by the endpoint's mapping as it is now, in the time it took then; None without one.

    An endpoint that cannot be used, or a request that cannot be made, is the same error as when it is asked.
    """
    shown: dict[str, Any] = {"method": prepared.snapshot.method, "url": prepared.snapshot.url, "body": None}
    if prepared.problem is not None:
        code, detail = prepared.problem
        return Exchange(request=shown, error_code=code, error_detail=storable(detail))
    try:
        _, shown = request_of(prepared, context, {})
    except TemplateError as error:
        return Exchange(request=shown, error_code="template", error_detail=storable(str(error)))
    if recorded is None:
        return None
    answer = OutboundAnswer(
        status=recorded.status,
        headers={"content-type": "application/json" if recorded.is_json else "text/plain"},
        body=recorded.body.encode(),
        latency_ms=recorded.latency_ms,
    )
    # it was paid for when it was recorded
    return replace(read_exchange(shown, answer, prepared), cost=None)
