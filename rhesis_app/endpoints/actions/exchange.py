"""One exchange with an endpoint: from its frozen settings and a test to a request, and from the answer to an output."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from rhesis_app.endpoints.actions.chats import Chat, SaidPrompt, frozen_chat, prepare_chat
from rhesis_app.endpoints.actions.judging import KEY_FIELD
from rhesis_app.endpoints.models import Endpoint, Model
from rhesis_app.endpoints.rules import (
    AnswerError,
    MappedAnswer,
    MappingProblem,
    RequestContext,
    ResponseMapping,
    Template,
    TemplateError,
    TemplateProblem,
    auth_headers,
    compile_mapping,
    compile_template,
    encode_request,
    origin_of,
    read_answer,
    storable,
    url_problem,
)
from rhesis_app.endpoints.rules.costs import frozen_prices, read_prices
from rhesis_app.endpoints.rules.kept import plain_call, plain_json
from rhesis_app.infra.crypto import SecretBox, SecretError
from rhesis_app.infra.http import failure_of
from rhesis_app.infra.http.echoes import forms_of, without_secrets
from rhesis_app.infra.llm.wires import chat_call
from rhesis_app.kernel.errors import Invalid
from rhesis_app.kernel.ports import HttpDoor, OutboundAnswer, OutboundFailure, OutboundRequest, Prices
from rhesis_app.kernel.scope import Scope
from rhesis_app.kernel.times import utc_now
from rhesis_app.kernel.urls import UrlProblem

KEPT_CHARACTERS: Final = 20_000
SECRET_FIELD: Final = "endpoint.secret"  # noqa: S105 the place a secret is sealed for
_ARCHIVED_MODEL: Final = (
    "“{name}” cannot be asked: its model “{model}” is archived. Restore it, or choose another model."
)
_ENTER_AGAIN: Final = "The endpoint's secret is missing or cannot be opened. Enter it again in the endpoint's settings."
_OTHER_ORIGIN: Final = (
    "The endpoint's secret was entered for another address, so it was not sent. Enter it again for this one."
)
_MODEL_ENTER_AGAIN: Final = "The model's key is missing or cannot be opened. Enter it again in the model's settings."
_MODEL_OTHER_ORIGIN: Final = (
    "The model's key was entered for another address than the one to be called, so it was not sent."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointSnapshot:
    """An endpoint as a run freezes it: everything but the secret."""

    endpoint_id: UUID
    name: str
    url: str
    method: str
    headers: Mapping[str, str]
    request_template: Any
    response_mapping: Mapping[str, str]
    auth_kind: str
    auth_header: str | None
    secret_origin: str | None
    timeout_s: int
    max_concurrency: int
    chat: Mapping[str, Any] | None = None
    """Of a model with a prompt: its wire, name, params and prices, and the role in which `request_template`, a text, is said."""
    prices: Mapping[str, str | None] | None = None
    """Of an endpoint with a URL, where somebody has said what its tokens cost."""

    def to_json(self) -> dict[str, Any]:
        """As plain JSON, for the run's row."""
        written = asdict(self) | {"endpoint_id": str(self.endpoint_id)}
        absent = {name for name in ("chat", "prices") if written[name] is None}
        return {name: value for name, value in written.items() if name not in absent}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> "EndpointSnapshot":
        """What `to_json` wrote."""
        return cls(**{**stored, "endpoint_id": UUID(stored["endpoint_id"])})


@dataclass(frozen=True, slots=True)
class BoundSecret:
    """An opened secret and the only origin it may be sent to."""

    value: str = field(repr=False)
    origin: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PreparedEndpoint:
    """A snapshot made ready to be asked; `problem` (code, sentence) says why it cannot be. Safe for many threads."""

    snapshot: EndpointSnapshot
    template: Template | None = None
    mapping: ResponseMapping | None = None
    chat: Chat | None = None
    prices: Prices = field(default_factory=Prices)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    hidden: tuple[bytes, ...] = field(default=(), repr=False)
    problem: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """What was sent and what came of it; without an `error_code` there is an `output`.

    `request` is `{"method", "url", "body"}` without headers, `response` `{"status", "body"}` with at most 20,000
    characters, None when nothing came back. `latency_ms` is the answer's, None without one. Every text can be stored.
    `cost` (US dollars) is what the answer itself told, else its tokens by the endpoint's prices; None where that is not known.
    """

    request: dict[str, Any]
    response: dict[str, Any] | None = None
    output: str | None = None
    context: tuple[str, ...] = ()
    tool_calls: tuple[dict[str, Any], ...] = ()
    tokens_in: int | None = None
    tokens_out: int | None = None
    cost: Decimal | None = None
    latency_ms: float | None = None
    error_code: str | None = None
    error_detail: str | None = None
    retry_after_s: float | None = None


def snapshot_of(row: Endpoint) -> EndpointSnapshot:
    """The row as it stands, without its secret; with the model as it stands where it is one, without its key.

    Raises Invalid at `endpoint_id` when the model is archived.
    """
    if row.model is not None:
        return _snapshot_of_model(row, row.model)
    return EndpointSnapshot(
        endpoint_id=row.id,
        name=row.name,
        url=row.url,
        method=row.method,
        headers=dict(row.headers),
        request_template=row.request_template,
        response_mapping=dict(row.response_mapping),
        auth_kind=row.auth_kind,
        auth_header=row.auth_header,
        secret_origin=row.secret_origin,
        timeout_s=row.timeout_s,
        max_concurrency=row.max_concurrency,
        prices=frozen_prices(Prices(input_per_million=row.price_input, output_per_million=row.price_output)),
    )


def _snapshot_of_model(row: Endpoint, model: Model) -> EndpointSnapshot:
    if model.archived_at is not None:
        raise Invalid.field("endpoint_id", _ARCHIVED_MODEL.format(name=row.name, model=model.name))
    said = SaidPrompt(
        text=row.request_template, role=row.prompt_role or "system", version_id=str(row.prompt_version_id)
    )
    return snapshot_of_chat(
        model, said, endpoint_id=row.id, name=row.name, timeout_s=row.timeout_s, max_concurrency=row.max_concurrency
    )


def snapshot_of_chat(model: Model, said: SaidPrompt, **plain: Any) -> EndpointSnapshot:
    """A model that is told a prompt, as an endpoint; `plain` are its id, name and limits."""
    call = chat_call(model.wire, model.base_url)
    keyed = "none" if model.key is None else "bearer" if call.key_header is None else "header"
    return EndpointSnapshot(
        url=call.url,
        method="POST",
        headers=call.headers,
        request_template=said.text,
        response_mapping={},
        auth_kind=keyed,
        auth_header=call.key_header,
        secret_origin=model.key_origin,
        chat=frozen_chat(model, said),
        **plain,
    )


def open_secret(scope: Scope, secrets: SecretBox, endpoint_id: UUID) -> BoundSecret | None:
    """The endpoint's secret as it is stored now, with its origin; None when there is none or no key opens it."""
    query = (
        scope.select(Endpoint.secret, Endpoint.secret_origin, Endpoint.model_id, Model.key, Model.key_origin)
        .outerjoin(Model, (Model.organization_id == Endpoint.organization_id) & (Model.id == Endpoint.model_id))
        .where(Endpoint.id == endpoint_id)
    )
    found = scope.session.execute(query).one_or_none()
    if found is None:
        return None
    if found.model_id is not None:
        return opened(scope, secrets, (found.key, found.key_origin), (KEY_FIELD, found.model_id))
    return opened(scope, secrets, (found.secret, found.secret_origin), (SECRET_FIELD, endpoint_id))


def opened(
    scope: Scope, secrets: SecretBox, sealed: tuple[str | None, str | None], place: tuple[str, UUID]
) -> BoundSecret | None:
    """What is `sealed` (a text, its origin) for a `place` (a field, a row); None when there is none or no key opens it."""
    if sealed[0] is None or sealed[1] is None:
        return None
    try:
        value = secrets.open(sealed[0], scope.organization_id, *place)
    except SecretError:
        return None
    return BoundSecret(value, sealed[1])


def prices_of(snapshot: EndpointSnapshot) -> Prices:
    """The prices a run froze: of its endpoint, or of the model that is one."""
    return read_prices(snapshot.chat["prices"] if snapshot.chat is not None else snapshot.prices)


def prepare(snapshot: EndpointSnapshot, secret: BoundSecret | None) -> PreparedEndpoint:
    """Compile template and mapping and put the secret into its header, once for many calls; never raises.

    The secret is used only while the snapshot's URL, the snapshot's `secret_origin` and the secret itself name one
    origin: a run that was planned before the endpoint moved never sends the new secret to the old address.
    """
    try:
        chat = prepare_chat(snapshot.chat, snapshot.request_template) if snapshot.chat is not None else None
        template = compile_template(snapshot.request_template) if chat is None else None
        mapping = compile_mapping(snapshot.response_mapping) if chat is None else None
        headers, problem = _headers(snapshot, secret)
    except TemplateProblem as refused:
        return PreparedEndpoint(snapshot=snapshot, problem=("template", str(refused)))
    except MappingProblem as refused:
        return PreparedEndpoint(snapshot=snapshot, problem=("mapping", str(refused)))
    except UrlProblem as refused:
        return PreparedEndpoint(snapshot=snapshot, problem=("blocked_address", str(refused)))
    hidden = forms_of(secret.value) if secret is not None else ()
    return PreparedEndpoint(
        snapshot=snapshot,
        template=template,
        mapping=mapping,
        chat=chat,
        prices=prices_of(snapshot),
        headers=headers,
        hidden=hidden,
        problem=problem,
    )


def ask(
    door: HttpDoor,
    prepared: PreparedEndpoint,
    context: Mapping[str, Any],
    *,
    headers: Mapping[str, str] | None = None,
) -> Exchange:
    """Ask once. `context` holds the template's roots: input, messages, turns, context, test, run, trial.

    Whatever the endpoint, the network or the template does becomes an error code; nothing of it is raised.
    """
    return ask_and_keep(door, prepared, context, headers=headers)[0]


def ask_and_keep(
    door: HttpDoor,
    prepared: PreparedEndpoint,
    context: Mapping[str, Any],
    *,
    headers: Mapping[str, str] | None = None,
) -> tuple[Exchange, OutboundAnswer | None]:
    """As `ask`, with the whole answer beside it, for a workbench that shows more than a run keeps."""
    shown: dict[str, Any] = {"method": prepared.snapshot.method, "url": prepared.snapshot.url, "body": None}
    if prepared.problem is not None:
        code, detail = prepared.problem
        return Exchange(request=shown, error_code=code, error_detail=storable(detail)), None
    try:
        request, shown = request_of(prepared, context, headers or {})
    except TemplateError as error:
        return Exchange(request=shown, error_code="template", error_detail=storable(str(error))), None
    try:
        answer = without_secrets(door.send(request), prepared.hidden)
    except OutboundFailure as failure:
        return _failed(shown, failure), failure.answer
    failure_in_it = failure_of(answer, utc_now())
    if failure_in_it is not None:
        return _failed(shown, failure_in_it), answer
    return read_exchange(shown, answer, prepared), answer


def _headers(snapshot: EndpointSnapshot, secret: BoundSecret | None) -> tuple[dict[str, str], tuple[str, str] | None]:
    origin, plain = origin_of(snapshot.url), dict(snapshot.headers)
    if snapshot.auth_kind == "none":
        return plain, None
    if secret is None:
        return plain, ("secret", _MODEL_ENTER_AGAIN if snapshot.chat is not None else _ENTER_AGAIN)
    if not origin == secret.origin == snapshot.secret_origin:
        return plain, ("secret", _MODEL_OTHER_ORIGIN if snapshot.chat is not None else _OTHER_ORIGIN)
    return plain | auth_headers(snapshot.auth_kind, snapshot.auth_header, secret.value), None


def request_of(
    prepared: PreparedEndpoint, context: Mapping[str, Any], headers: Mapping[str, str]
) -> tuple[OutboundRequest, dict[str, Any]]:
    """What goes out, and `{"method", "url", "body"}`, which is kept of it. Raises TemplateError."""
    snapshot = prepared.snapshot
    rendered = _rendered(prepared, _request_context(context))
    url, body = encode_request(snapshot.method, snapshot.url, snapshot.headers, rendered)
    if url != snapshot.url and (problem := url_problem(url)) is not None:
        raise TemplateError(f"With the prompt in it the URL cannot be called. {problem}")
    request = OutboundRequest(
        method=snapshot.method,
        url=url,
        headers={**prepared.headers, **headers},
        body=body,
        timeout_s=snapshot.timeout_s,
    )
    shown = {"method": snapshot.method, "url": url, "body": None if body is None else plain_json(rendered)}
    return request, shown


def _rendered(prepared: PreparedEndpoint, context: RequestContext) -> Any:
    if prepared.chat is not None:
        return prepared.chat.body(context)
    if prepared.template is None:
        raise TemplateError("The endpoint has no request template.")
    return prepared.template.render(context)


def _request_context(roots: Mapping[str, Any]) -> RequestContext:
    test: Mapping[str, Any] = roots.get("test") or {}
    run: Mapping[str, Any] = roots.get("run") or {}
    return RequestContext(
        input=roots["input"],
        earlier=tuple(roots.get("messages") or ())[:-1],
        turns=tuple(roots.get("turns") or ()),
        context=roots.get("context"),
        test_id=str(test.get("id", "")),
        metadata=test.get("metadata") or {},
        run_id=str(run.get("id", "")),
        trial=int(roots.get("trial", 1)),
    )


def _failed(request: dict[str, Any], failure: OutboundFailure) -> Exchange:
    answer = failure.answer
    return Exchange(
        request=request,
        response=_kept(answer) if answer is not None else None,
        latency_ms=answer.latency_ms if answer is not None else None,
        error_code=failure.code,
        error_detail=storable(failure.message),
        retry_after_s=failure.retry_after_s,
    )


def read_exchange(request: dict[str, Any], answer: OutboundAnswer, prepared: PreparedEndpoint) -> Exchange:
    """What an answer with a good status says by the endpoint's mapping; an error where the mapping does not fit it."""
    try:
        found = _found(answer, prepared)
    except AnswerError as error:
        return Exchange(
            request=request,
            response=_kept(answer),
            latency_ms=answer.latency_ms,
            error_code=error.code,
            error_detail=storable(error.message),
        )
    return _answered(request, answer, found, prepared.prices)


def _found(answer: OutboundAnswer, prepared: PreparedEndpoint) -> MappedAnswer:
    if prepared.chat is not None:
        return prepared.chat.read(answer.body)
    if prepared.mapping is None:
        raise AnswerError("mapping", "The endpoint does not say where its reply stands.")
    return read_answer(answer.body, answer.headers.get("content-type", ""), prepared.mapping)


def _answered(request: dict[str, Any], answer: OutboundAnswer, found: MappedAnswer, prices: Prices) -> Exchange:
    return Exchange(
        request=request,
        response=_kept(answer),
        output=found.output,
        context=found.context or (),
        tool_calls=tuple(plain_call(call) for call in found.tool_calls or ()),
        tokens_in=found.tokens_in,
        tokens_out=found.tokens_out,
        cost=prices.cost_of(found.tokens_in, found.tokens_out) if found.cost is None else found.cost,
        latency_ms=answer.latency_ms,
    )


def _kept(answer: OutboundAnswer) -> dict[str, Any]:
    # four bytes a character at most: what follows could not be kept anyway
    text = answer.body[: KEPT_CHARACTERS * 4].decode("utf-8", "replace")
    return {"status": answer.status, "body": storable(text[:KEPT_CHARACTERS])}
