"""What is asked of endpoints. No query loads a secret; `has_secret` and its origin are all that is told of it."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Select, and_, func, select

from rhesis_app.endpoints.models import Endpoint, EndpointThrottle, Model
from rhesis_app.endpoints.queries.models import PricesView
from rhesis_app.endpoints.queries.throttles import OF_ENDPOINT, ThrottleView, throttle_view, throttled
from rhesis_app.endpoints.rules.models import money
from rhesis_app.infra.llm.wires import chat_call
from rhesis_app.kernel.errors import NotFound
from rhesis_app.kernel.etags import etag
from rhesis_app.kernel.paging import By, Page, PageRequest, keyset, page_of
from rhesis_app.kernel.permissions import Permission
from rhesis_app.kernel.scope import Scope

_SHOWN = (
    Endpoint.id,
    Endpoint.project_id,
    Endpoint.name,
    Endpoint.url,
    Endpoint.method,
    Endpoint.headers,
    Endpoint.request_template,
    Endpoint.response_mapping,
    Endpoint.auth_kind,
    Endpoint.auth_header,
    func.coalesce(Endpoint.secret, Model.key).is_not(None).label("has_secret"),
    func.coalesce(Endpoint.secret_origin, Model.key_origin).label("secret_origin"),
    Endpoint.kind,
    Endpoint.model_id,
    Endpoint.prompt_version_id,
    Endpoint.prompt_role,
    Model.name.label("model"),
    Model.model_name,
    Model.wire,
    Model.base_url,
    Model.archived_at.is_not(None).label("model_archived"),
    Endpoint.timeout_s,
    Endpoint.max_concurrency,
    func.coalesce(Model.price_input, Endpoint.price_input).label("price_input"),
    func.coalesce(Model.price_output, Endpoint.price_output).label("price_output"),
    Endpoint.created_at,
    Endpoint.updated_at,
    Endpoint.archived_at,
    *throttled(EndpointThrottle),
)

_ITS_MODEL = and_(Model.organization_id == Endpoint.organization_id, Model.id == Endpoint.model_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthView:
    """How calls authenticate; `header` is named for the kind `header` alone."""

    kind: str
    header: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ToldModel:
    """The model of an endpoint of kind `model`, and in which role it is told the text of a prompt's version."""

    id: UUID
    name: str
    model_name: str
    is_archived: bool
    prompt_version_id: UUID
    role: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointView:
    """An endpoint as pages and the API show it. `secret_origin` is the only origin its secret is sent to.

    One of kind `model` has a `model`, whose address, key, prices and answer's form are used; `request_template` is its prompt's text.
    `warnings` says what a change did besides what was asked, such as clearing the secret; empty when read.
    """

    id: UUID
    project_id: UUID
    name: str
    kind: str
    model: ToldModel | None
    url: str
    method: str
    headers: dict[str, str]
    request_template: Any
    response_mapping: dict[str, str]
    auth: AuthView
    has_secret: bool
    secret_origin: str | None
    timeout_s: int
    max_concurrency: int
    prices: PricesView
    throttle: ThrottleView
    created_at: datetime
    updated_at: datetime
    archived_at: datetime | None
    etag: str
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointChoice:
    """An endpoint to choose in a form."""

    id: UUID
    name: str
    url: str


def list_endpoints(
    scope: Scope, request: PageRequest, *, project_id: UUID | None = None, archived: bool = False
) -> Page[EndpointView]:
    """The endpoints the actor may read, newest first: those in use, or with `archived` those put aside."""
    query = _shown(scope).where(Endpoint.archived_at.is_not(None) if archived else Endpoint.archived_at.is_(None))
    query = _of_projects(scope, query, project_id)
    total = scope.session.scalar(select(func.count()).select_from(query.subquery())) if request.count else None
    rows = scope.session.execute(keyset(query, [By(Endpoint.id, descending=True)], request)).all()
    return page_of(rows, request, key=lambda row: (row.id,), view=_view, total=total)


def get_endpoint(scope: Scope, endpoint_id: UUID, *, project_id: UUID | None = None) -> EndpointView:
    """One endpoint, archived or not; NotFound for strangers, and outside `project_id` when that is given."""
    query = _shown(scope).where(Endpoint.id == endpoint_id)
    if project_id is not None:
        query = query.where(Endpoint.project_id == project_id)
    row = scope.session.execute(query).one_or_none()
    if row is None:
        raise NotFound("There is no such endpoint here.")
    scope.require(Permission.ENDPOINT_READ, project=row.project_id)
    return _view(row)


def list_endpoint_choices(scope: Scope, project_id: UUID) -> tuple[EndpointChoice, ...]:
    """The endpoints of a project to choose from, by name, at most 200."""
    address = func.coalesce(Model.base_url, Endpoint.url).label("url")
    query = (
        scope.select(Endpoint.id, Endpoint.name, address)
        .outerjoin(Model, _ITS_MODEL)
        .where(Endpoint.project_id == project_id, Endpoint.archived_at.is_(None))
    )
    rows = scope.session.execute(query.order_by(Endpoint.name).limit(200))
    return tuple(EndpointChoice(id=row.id, name=row.name, url=row.url) for row in rows)


def taken_names(scope: Scope, project_id: UUID, wanted: str) -> Collection[str]:
    """The live names of a project that begin with `wanted`, for proposing one that is free."""
    query = scope.select(Endpoint.name).where(
        Endpoint.project_id == project_id,
        Endpoint.archived_at.is_(None),
        Endpoint.name.startswith(wanted, autoescape=True),
    )
    return frozenset(scope.session.scalars(query))


def _of_projects(scope: Scope, query: Select[Any], project_id: UUID | None) -> Select[Any]:
    """Of one project, or of all whose endpoints the actor may read."""
    if project_id is not None:
        scope.require(Permission.ENDPOINT_READ, project=project_id)
        return query.where(Endpoint.project_id == project_id)
    if scope.may(Permission.ENDPOINT_READ):
        return query
    held = [
        project for project, granted in scope.actor.project_permissions.items() if Permission.ENDPOINT_READ in granted
    ]
    return query.where(Endpoint.project_id.in_(held))


def _shown(scope: Scope) -> Select[Any]:
    return scope.select(*_SHOWN).outerjoin(Model, _ITS_MODEL).outerjoin(EndpointThrottle, OF_ENDPOINT)


def _told_model(row: Any) -> ToldModel | None:
    if row.model_id is None:
        return None
    return ToldModel(
        id=row.model_id,
        name=row.model,
        model_name=row.model_name,
        is_archived=row.model_archived,
        prompt_version_id=row.prompt_version_id,
        role=row.prompt_role,
    )


def _view(row: Any) -> EndpointView:
    return EndpointView(
        id=row.id,
        project_id=row.project_id,
        name=row.name,
        kind=row.kind,
        model=_told_model(row),
        url=row.url if row.base_url is None else chat_call(row.wire, row.base_url).url,
        method=row.method,
        headers=row.headers,
        request_template=row.request_template,
        response_mapping=row.response_mapping,
        auth=AuthView(kind=row.auth_kind, header=row.auth_header),
        has_secret=row.has_secret,
        secret_origin=row.secret_origin,
        timeout_s=row.timeout_s,
        max_concurrency=row.max_concurrency,
        prices=PricesView(input_per_million=money(row.price_input), output_per_million=money(row.price_output)),
        throttle=throttle_view(row),
        created_at=row.created_at,
        updated_at=row.updated_at,
        archived_at=row.archived_at,
        etag=etag(row.id, row.updated_at),
    )
