"""What changes models: making, changing, choosing the default for judging, putting aside and bringing back."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final
from uuid import UUID

from sqlalchemy import func, update
from sqlalchemy.exc import IntegrityError

from rhesis_app.endpoints.actions.fields import LONGEST_NAME, Problems, Tools
from rhesis_app.endpoints.actions.judging import KEY_FIELD
from rhesis_app.endpoints.models import Model
from rhesis_app.endpoints.queries.models import ModelView, get_model
from rhesis_app.endpoints.rules import MAX_CONCURRENCY, TIMEOUT_S, bounds_problem, origin_of
from rhesis_app.endpoints.rules.models import (
    base_url_problem,
    key_problem,
    model_name_problem,
    params_problem,
    price_problems,
)
from rhesis_app.kernel.errors import Conflict, Invalid
from rhesis_app.kernel.etags import require_match
from rhesis_app.kernel.ids import new_id
from rhesis_app.kernel.permissions import Permission
from rhesis_app.kernel.ports import WIRES, HttpDoor, OutboundFailure, Prices
from rhesis_app.kernel.scope import Scope
from rhesis_app.projects.models import Project
from rhesis_app.sdk.params import is_storable

TAKEN: Final = "There is a model of this name in the project already. Choose another."
CLEARED: Final = "The key was cleared, because it had been entered for {before}. Enter it again for {after}; calls go without it until then."
_ARCHIVED: Final = "This model is archived. Restore it first."


@dataclass(frozen=True, slots=True, kw_only=True)
class NewModel:
    """A model to make, from a body or a form."""

    project_id: UUID
    name: str
    wire: str
    base_url: str
    model_name: str
    params: Mapping[str, Any] = field(default_factory=dict)
    prices: Prices = field(default_factory=Prices)
    key: str | None = field(default=None, repr=False)
    timeout_s: int = 60
    max_concurrency: int = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelChanges:
    """What changes of a model; None leaves it as it is. `forgets_key` removes the stored key."""

    name: str | None = None
    wire: str | None = None
    base_url: str | None = None
    model_name: str | None = None
    params: Mapping[str, Any] | None = None
    prices: Prices | None = None
    key: str | None = field(default=None, repr=False)
    forgets_key: bool = False
    timeout_s: int | None = None
    max_concurrency: int | None = None
    is_default: bool | None = None


def create_model(scope: Scope, tools: Tools, new: NewModel) -> ModelView:
    """Make a model; a project's first one judges by default. Raises Invalid at a field, NotFound, Conflict for a taken name."""
    scope.require(Permission.MODEL_WRITE, project=new.project_id)
    if new.key is not None:
        scope.require(Permission.MODEL_SECRET, project=new.project_id)
    check(new, tools.door)
    try:
        with scope.atomic() as session:
            scope.get(Project, new.project_id, lock=True)
            row = Model(id=new_id(), project_id=new.project_id, is_default=not _has_default(scope, new.project_id))
            _fill(row, new)
            _keep_key(scope, tools, row, new.key)
            session.add(row)
            session.flush()
            scope.record("model.create", "model", row.id, name=row.name, has_key=row.key is not None)
            return get_model(scope, row.id)
    except IntegrityError as error:
        raise Conflict(TAKEN, errors={"name": [TAKEN]}) from error


def update_model(
    scope: Scope, tools: Tools, model_id: UUID, changes: ModelChanges, *, if_match: str | None = None
) -> ModelView:
    """Change a model; another scheme, host or port clears the key, and the view's `warnings` say so. Past runs keep theirs.

    Raises Invalid at a field, Forbidden (a key needs `model:secret`), Conflict, PreconditionFailed.
    """
    try:
        with scope.atomic() as session:
            row = _held(scope, model_id, Permission.MODEL_WRITE)
            require_match(if_match, row.id, row.updated_at)
            warnings = _change(scope, tools, row, changes)
            session.flush()
            scope.record("model.update", "model", row.id, name=row.name, has_key=row.key is not None)
            return replace(get_model(scope, row.id), warnings=warnings)
    except IntegrityError as error:
        raise Conflict(TAKEN, errors={"name": [TAKEN]}) from error


def archive_model(scope: Scope, model_id: UUID) -> ModelView:
    """Put a model aside; it judges by default no more, and past runs keep it. Doing it twice changes nothing."""
    with scope.atomic() as session:
        row = _held(scope, model_id, Permission.MODEL_DELETE)
        if row.archived_at is None:
            row.archived_at, row.is_default = func.now(), False
            session.flush()
            scope.record("model.archive", "model", row.id, name=row.name)
        return get_model(scope, row.id)


def restore_model(scope: Scope, model_id: UUID) -> ModelView:
    """Bring an archived model back, with its key. Raises Conflict when its name is taken by now."""
    try:
        with scope.atomic() as session:
            row = _held(scope, model_id, Permission.MODEL_DELETE)
            if row.archived_at is not None:
                row.archived_at = None
                session.flush()
                scope.record("model.restore", "model", row.id, name=row.name)
            return get_model(scope, row.id)
    except IntegrityError as error:
        raise Conflict(TAKEN) from error


def check(model: NewModel, door: HttpDoor | None) -> None:
    """Raise Invalid with every problem. With a `door` also an address that it would refuse unseen is one."""
    found = problems_of(model)
    if door is not None and "base_url" not in found:
        try:
            door.check(model.base_url)
        except OutboundFailure as failure:
            found["base_url"] = [failure.message]
    if found:
        first = next(iter(found.values()))[0]
        raise Invalid(first if len(found) == 1 else "Some fields of the model need a look.", errors=found)


def problems_of(model: NewModel) -> Problems:
    """Field → sentences; empty when the model can be kept."""
    problems = {
        "name": _name_problem(model.name),
        "wire": None if model.wire in WIRES else f"Choose one of {', '.join(WIRES)}.",
        "base_url": base_url_problem(model.base_url),
        "model_name": model_name_problem(model.model_name),
        "params": params_problem(model.params),
        "key": key_problem(model.key),
        "timeout_s": bounds_problem(model.timeout_s, TIMEOUT_S),
        "max_concurrency": bounds_problem(model.max_concurrency, MAX_CONCURRENCY),
        **price_problems(model.prices),
    }
    return {name: [problem] for name, problem in problems.items() if problem is not None}


def _name_problem(name: str) -> str | None:
    if not is_storable(name):
        return "The name holds a character that cannot be stored."
    return (
        None
        if 0 < len(name.strip()) <= LONGEST_NAME
        else f"Give the model a name of at most {LONGEST_NAME} characters."
    )


def _held(scope: Scope, model_id: UUID, permission: Permission) -> Model:
    """The row, locked until the transaction ends, when the actor may change it; its project first, always in this order."""
    project_id = scope.get(Model, model_id).project_id
    scope.require(permission, project=project_id)
    scope.get(Project, project_id, lock=True)
    return scope.get(Model, model_id, lock=True)


def _change(scope: Scope, tools: Tools, row: Model, changes: ModelChanges) -> tuple[str, ...]:
    """Check and write; returns what the person should know."""
    wanted = _with_changes(row, changes)
    if wanted.key is not None or changes.forgets_key:
        scope.require(Permission.MODEL_SECRET, project=row.project_id)
    check(wanted, tools.door if wanted.base_url != row.base_url else None)
    before = row.key_origin if row.key is not None else None
    _fill(row, wanted)
    _choose_default(scope, row, changes.is_default)
    after = origin_of(row.base_url)
    if wanted.key is not None or changes.forgets_key:
        _keep_key(scope, tools, row, wanted.key)
    elif before is not None and before != after:
        row.key = row.key_origin = None
        return (CLEARED.format(before=before, after=after),)
    return ()


def _with_changes(row: Model, changes: ModelChanges) -> NewModel:
    """The model as it will be; its key is None unless the changes bring one."""
    names = ("name", "wire", "base_url", "model_name", "params", "timeout_s", "max_concurrency")
    wanted = {name: getattr(row if getattr(changes, name) is None else changes, name) for name in names}
    kept = Prices(input_per_million=row.price_input, output_per_million=row.price_output)
    return NewModel(project_id=row.project_id, prices=changes.prices or kept, key=changes.key, **wanted)


def _choose_default(scope: Scope, row: Model, wanted: bool | None) -> None:  # noqa: FBT001 - a column's new value
    """At most one model of a project judges by default; the project's lock keeps two choices apart."""
    if wanted is None or wanted == row.is_default:
        return
    if row.archived_at is not None:
        raise Invalid.field("is_default", _ARCHIVED)
    scope.session.execute(
        update(Model)
        .where(Model.organization_id == scope.organization_id, Model.project_id == row.project_id, Model.is_default)
        .values(is_default=False)
    )
    row.is_default = wanted


def _has_default(scope: Scope, project_id: UUID) -> bool:
    query = scope.select(Model.id).where(Model.project_id == project_id, Model.is_default)
    return scope.session.scalar(query) is not None


def _fill(row: Model, wanted: NewModel) -> None:
    row.name = wanted.name.strip()
    row.wire = wanted.wire
    row.base_url = wanted.base_url
    row.model_name = wanted.model_name.strip()
    row.params = dict(wanted.params)
    row.price_input = wanted.prices.input_per_million
    row.price_output = wanted.prices.output_per_million
    row.timeout_s = wanted.timeout_s
    row.max_concurrency = wanted.max_concurrency


def _keep_key(scope: Scope, tools: Tools, row: Model, key: str | None) -> None:
    """Seal a key for this row and bind it to the base URL's origin; without one nothing is kept."""
    if key is None:
        row.key = row.key_origin = None
        return
    row.key = tools.secrets.seal(key, scope.organization_id, KEY_FIELD, row.id)
    row.key_origin = origin_of(row.base_url)
