"""What is asked of models. No query loads a key; `has_key` and its origin are all that is told of it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Select, func, select

from rhesis_app.endpoints.models import Model, ModelThrottle
from rhesis_app.endpoints.queries.throttles import OF_MODEL, ThrottleView, throttle_view, throttled
from rhesis_app.endpoints.rules.models import money
from rhesis_app.kernel.errors import NotFound
from rhesis_app.kernel.etags import etag
from rhesis_app.kernel.paging import By, Page, PageRequest, keyset, page_of
from rhesis_app.kernel.permissions import Permission
from rhesis_app.kernel.scope import Scope

_SHOWN = (
    *(Model.id, Model.project_id, Model.name, Model.wire, Model.base_url, Model.model_name, Model.params),
    *(Model.price_input, Model.price_output, Model.key.is_not(None).label("has_key"), Model.key_origin),
    *(Model.timeout_s, Model.max_concurrency, Model.is_default),
    *(Model.created_at, Model.updated_at, Model.archived_at),
    *throttled(ModelThrottle),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PricesView:
    """Prices for a million tokens as decimal texts; null where nobody has said."""

    input_per_million: str | None
    output_per_million: str | None
    currency: str = "USD"


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelView:
    """A model as pages and the API show it. `key_origin` is the only origin its key is sent to.

    `is_default` says whether it judges for metrics that choose no model. `warnings` says what a change did besides what
    was asked, such as clearing the key; empty when read.
    """

    id: UUID
    project_id: UUID
    name: str
    wire: str
    base_url: str
    model_name: str
    params: dict[str, Any]
    prices: PricesView
    has_key: bool
    key_origin: str | None
    timeout_s: int
    max_concurrency: int
    is_default: bool
    created_at: datetime
    updated_at: datetime
    archived_at: datetime | None
    etag: str
    throttle: ThrottleView
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelChoice:
    """A model to choose in a form."""

    id: UUID
    name: str
    model_name: str
    is_default: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelFilter:
    """Which models to list: of one project or of all the actor may read, live or archived ones."""

    project_id: UUID | None = None
    archived: bool = False


def list_models(scope: Scope, request: PageRequest, chosen: ModelFilter) -> Page[ModelView]:
    """The models the actor may read, newest first."""
    query = _shown(scope).where(Model.archived_at.is_not(None) if chosen.archived else Model.archived_at.is_(None))
    query = _of_projects(scope, query, chosen.project_id)
    total = scope.session.scalar(select(func.count()).select_from(query.subquery())) if request.count else None
    rows = scope.session.execute(keyset(query, [By(Model.id, descending=True)], request)).all()
    return page_of(rows, request, key=lambda row: (row.id,), view=_view, total=total)


def get_model(scope: Scope, model_id: UUID, *, project_id: UUID | None = None) -> ModelView:
    """One model, archived or not; NotFound for strangers, and outside `project_id` when that is given."""
    query = _shown(scope).where(Model.id == model_id)
    if project_id is not None:
        query = query.where(Model.project_id == project_id)
    row = scope.session.execute(query).one_or_none()
    if row is None:
        raise NotFound("There is no such model here.")
    scope.require(Permission.MODEL_READ, project=row.project_id)
    return _view(row)


def list_model_choices(scope: Scope, project_id: UUID) -> tuple[ModelChoice, ...]:
    """The live models of a project to choose from, by name, at most 200."""
    query = (
        scope.select(Model.id, Model.name, Model.model_name, Model.is_default)
        .where(Model.project_id == project_id, Model.archived_at.is_(None))
        .order_by(Model.name)
        .limit(200)
    )
    return tuple(ModelChoice(**row) for row in scope.session.execute(query).mappings())


def _of_projects(scope: Scope, query: Select[Any], project_id: UUID | None) -> Select[Any]:
    """Of one project, or of all whose models the actor may read."""
    if project_id is not None:
        scope.require(Permission.MODEL_READ, project=project_id)
        return query.where(Model.project_id == project_id)
    if scope.may(Permission.MODEL_READ):
        return query
    held = [project for project, granted in scope.actor.project_permissions.items() if Permission.MODEL_READ in granted]
    return query.where(Model.project_id.in_(held))


def _shown(scope: Scope) -> Select[Any]:
    return scope.select(*_SHOWN).outerjoin(ModelThrottle, OF_MODEL)


def _view(row: Any) -> ModelView:
    found = row._asdict()
    throttle = throttle_view(row)
    for name in ("cur_limit", "lowered_for", "paused_s", "open_s"):
        del found[name]
    prices = PricesView(
        input_per_million=money(found.pop("price_input")), output_per_million=money(found.pop("price_output"))
    )
    return ModelView(prices=prices, etag=etag(row.id, row.updated_at), throttle=throttle, **found)
