"""What changes endpoints that are a model with a prompt, and a first call of one that may not be saved yet."""

from dataclasses import dataclass
from typing import Final
from uuid import UUID

from sqlalchemy.exc import IntegrityError

from rhesis_app.endpoints.actions.calls import LONGEST_CALL_S
from rhesis_app.endpoints.actions.chats import SaidPrompt
from rhesis_app.endpoints.actions.edit import NOT_OF_HTTP, TAKEN
from rhesis_app.endpoints.actions.exchange import PreparedEndpoint, opened, prepare, snapshot_of_chat
from rhesis_app.endpoints.actions.fields import LONGEST_NAME, Problems, Tools
from rhesis_app.endpoints.actions.judging import KEY_FIELD
from rhesis_app.endpoints.models import Endpoint, EndpointThrottle, Model
from rhesis_app.endpoints.queries.endpoints import EndpointView, get_endpoint
from rhesis_app.endpoints.rules import MAX_CONCURRENCY, TIMEOUT_S, TemplateProblem, bounds_problem
from rhesis_app.endpoints.rules.chats import ROLES, compile_chat
from rhesis_app.kernel.errors import Conflict, Invalid
from rhesis_app.kernel.etags import require_match
from rhesis_app.kernel.ids import new_id
from rhesis_app.kernel.permissions import Permission
from rhesis_app.kernel.scope import Scope
from rhesis_app.projects.queries import get_project
from rhesis_app.sdk.params import is_storable

NO_MODEL: Final = "Choose a model of this project that is not archived."


@dataclass(frozen=True, slots=True, kw_only=True)
class ChosenPrompt:
    """A prompt's version with its text, as its owner gave them."""

    version_id: UUID
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NewModelEndpoint:
    """A model with a prompt to be tested; limits of None are the model's own."""

    project_id: UUID
    name: str
    model_id: UUID
    prompt: ChosenPrompt
    role: str = "system"
    timeout_s: int | None = None
    max_concurrency: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelEndpointChanges:
    """What changes of one; None leaves it as it is."""

    name: str | None = None
    model_id: UUID | None = None
    prompt: ChosenPrompt | None = None
    role: str | None = None
    timeout_s: int | None = None
    max_concurrency: int | None = None


def create_model_endpoint(scope: Scope, new: NewModelEndpoint) -> EndpointView:
    """Make one with its throttle. Raises Invalid at a field, NotFound for the project, Conflict for a taken name."""
    scope.require(Permission.ENDPOINT_WRITE, project=new.project_id)
    row = Endpoint(
        id=new_id(), project_id=get_project(scope, new.project_id).id, kind="model", url="", response_mapping={}
    )
    _fill(row, new, _checked(scope, new))
    try:
        with scope.atomic() as session:
            session.add(row)
            session.flush()
            session.add(EndpointThrottle(endpoint_id=row.id))
            session.flush()
            scope.record("endpoint.create", "endpoint", row.id, name=row.name, model_id=str(row.model_id))
            return get_endpoint(scope, row.id)
    except IntegrityError as error:
        raise Conflict(TAKEN, errors={"name": [TAKEN]}) from error


def update_model_endpoint(
    scope: Scope, endpoint_id: UUID, changes: ModelEndpointChanges, *, if_match: str | None = None
) -> EndpointView:
    """Change one; past runs keep theirs. Raises Invalid at a field, NotFound, Conflict, PreconditionFailed."""
    try:
        with scope.atomic() as session:
            row = scope.get(Endpoint, endpoint_id, lock=True)
            scope.require(Permission.ENDPOINT_WRITE, project=row.project_id)
            require_match(if_match, row.id, row.updated_at)
            wanted = _with_changes(row, changes)
            _fill(row, wanted, _checked(scope, wanted))
            session.flush()
            scope.record("endpoint.update", "endpoint", row.id, name=row.name, model_id=str(row.model_id))
            return get_endpoint(scope, row.id)
    except IntegrityError as error:
        raise Conflict(TAKEN, errors={"name": [TAKEN]}) from error


def prepare_model_trial(scope: Scope, tools: Tools, draft: NewModelEndpoint) -> PreparedEndpoint:
    """A model with a prompt that may not be saved yet, ready to be asked; the commit gives the connection back.

    Raises Invalid at a field, NotFound, Forbidden.
    """
    with scope.atomic():
        scope.require(Permission.ENDPOINT_INVOKE, project=draft.project_id)
        model = _checked(scope, draft)
        place = (KEY_FIELD, model.id)
        secret = opened(scope, tools.secrets, (model.key, model.key_origin), place)
        said = SaidPrompt(text=draft.prompt.text, role=draft.role, version_id=str(draft.prompt.version_id))
        timeout_s = min(draft.timeout_s or model.timeout_s, LONGEST_CALL_S)
        limits = {"timeout_s": timeout_s, "max_concurrency": draft.max_concurrency or model.max_concurrency}
        snapshot = snapshot_of_chat(model, said, endpoint_id=new_id(), name=draft.name, **limits)
        scope.record("endpoint.try", "model", model.id)
    return prepare(snapshot, secret)


def _with_changes(row: Endpoint, changes: ModelEndpointChanges) -> NewModelEndpoint:
    if row.model_id is None or row.prompt_version_id is None:
        raise Invalid.field("kind", NOT_OF_HTTP)
    return NewModelEndpoint(
        project_id=row.project_id,
        name=row.name if changes.name is None else changes.name,
        model_id=changes.model_id or row.model_id,
        prompt=changes.prompt or ChosenPrompt(version_id=row.prompt_version_id, text=row.request_template),
        role=changes.role or row.prompt_role or ROLES[0],
        timeout_s=changes.timeout_s or row.timeout_s,
        max_concurrency=changes.max_concurrency or row.max_concurrency,
    )


def _checked(scope: Scope, wanted: NewModelEndpoint) -> Model:
    """The model, when everything about the endpoint is right. Raises Invalid with every problem."""
    query = scope.select(Model).where(
        Model.id == wanted.model_id, Model.project_id == wanted.project_id, Model.archived_at.is_(None)
    )
    model: Model | None = scope.session.scalars(query).one_or_none()
    found = _problems(wanted)
    if model is None:
        found["model_id"] = [NO_MODEL]
    if model is None or found:
        first = next(iter(found.values()))[0]
        raise Invalid(first if len(found) == 1 else "Some fields of the endpoint need a look.", errors=found)
    return model


def _problems(wanted: NewModelEndpoint) -> Problems:
    found: Problems = {}
    if not is_storable(wanted.name) or not 0 < len(wanted.name.strip()) <= LONGEST_NAME:
        found["name"] = [f"Give the endpoint a name of at most {LONGEST_NAME} characters."]
    if wanted.role not in ROLES:
        found["role"] = [f"Choose one of {', '.join(ROLES)}."]
    else:
        try:
            compile_chat(wanted.role, wanted.prompt.text)
        except TemplateProblem as problem:
            found["prompt_version_id"] = [f"{problem.message} An endpoint fills its prompt in from each test."]
    for name, given, bounds in (
        ("timeout_s", wanted.timeout_s, TIMEOUT_S),
        ("max_concurrency", wanted.max_concurrency, MAX_CONCURRENCY),
    ):
        if given is not None and (problem_of := bounds_problem(given, bounds)) is not None:
            found[name] = [problem_of]
    return found


def _fill(row: Endpoint, wanted: NewModelEndpoint, model: Model) -> None:
    row.name = wanted.name.strip()
    row.model_id = model.id
    row.prompt_version_id = wanted.prompt.version_id
    row.prompt_role = wanted.role
    row.request_template = wanted.prompt.text
    row.timeout_s = wanted.timeout_s or model.timeout_s
    row.max_concurrency = wanted.max_concurrency or model.max_concurrency
