"""What changes endpoints: making, changing, putting aside and bringing back."""

from dataclasses import replace
from typing import Final
from uuid import UUID

from sqlalchemy import func
from sqlalchemy.exc import IntegrityError

from rhesis_app.endpoints.actions.exchange import SECRET_FIELD
from rhesis_app.endpoints.actions.fields import Auth, EndpointChanges, NewEndpoint, Tools, check, with_changes
from rhesis_app.endpoints.actions.throttle import forget_trouble
from rhesis_app.endpoints.models import Endpoint, EndpointThrottle
from rhesis_app.endpoints.queries.endpoints import EndpointView, get_endpoint
from rhesis_app.endpoints.rules import origin_of
from rhesis_app.kernel.errors import Conflict, Invalid
from rhesis_app.kernel.etags import require_match
from rhesis_app.kernel.ids import new_id
from rhesis_app.kernel.permissions import Permission
from rhesis_app.kernel.scope import Scope
from rhesis_app.projects.queries import get_project

TAKEN: Final = "There is an endpoint of this name in the project already. Choose another."
CLEARED: Final = "The secret was cleared, because it had been entered for {before}. Enter it again for {after}; calls fail until then."

NOT_OF_HTTP: Final = "This endpoint is reached by a URL: it has no model and no prompt of its own."
OTHER_KIND: Final = "This endpoint is a model with a prompt: change its model_id, prompt_version_id, role or limits."


def create_endpoint(scope: Scope, tools: Tools, new: NewEndpoint) -> EndpointView:
    """Make an endpoint and its throttle. Raises Invalid at a field, NotFound for the project, Conflict for a taken name."""
    scope.require(Permission.ENDPOINT_WRITE, project=new.project_id)
    if new.auth.secret is not None:
        scope.require(Permission.ENDPOINT_SECRET, project=new.project_id)
    check(new, tools.door)
    row = Endpoint(id=new_id(), project_id=get_project(scope, new.project_id).id)
    _fill(row, new)
    _keep_secret(scope, tools, row, new.auth)
    try:
        with scope.atomic() as session:
            session.add(row)
            session.flush()
            session.add(EndpointThrottle(endpoint_id=row.id))
            session.flush()
            scope.record("endpoint.create", "endpoint", row.id, name=row.name, has_secret=row.secret is not None)
            return get_endpoint(scope, row.id)
    except IntegrityError as error:
        raise Conflict(TAKEN, errors={"name": [TAKEN]}) from error


def update_endpoint(
    scope: Scope, tools: Tools, endpoint_id: UUID, changes: EndpointChanges, *, if_match: str | None = None
) -> EndpointView:
    """Change an endpoint; another scheme, host or port clears the secret, and the view's `warnings` say so.

    Raises Invalid at a field, Forbidden (a secret needs `endpoint:secret`), Conflict, PreconditionFailed.
    """
    try:
        with scope.atomic() as session:
            row = _held(scope, endpoint_id, Permission.ENDPOINT_WRITE)
            require_match(if_match, row.id, row.updated_at)
            if row.kind != "http":
                raise Invalid.field("kind", OTHER_KIND)
            warnings = _change(scope, tools, row, with_changes(row, changes))
            session.flush()
            scope.record("endpoint.update", "endpoint", row.id, name=row.name, has_secret=row.secret is not None)
            return replace(get_endpoint(scope, row.id), warnings=warnings)
    except IntegrityError as error:
        raise Conflict(TAKEN, errors={"name": [TAKEN]}) from error


def archive_endpoint(scope: Scope, endpoint_id: UUID) -> EndpointView:
    """Put an endpoint aside; its runs stay. Doing it twice changes nothing."""
    with scope.atomic() as session:
        row = _held(scope, endpoint_id, Permission.ENDPOINT_DELETE)
        if row.archived_at is None:
            row.archived_at = func.now()
            session.flush()
            scope.record("endpoint.archive", "endpoint", row.id, name=row.name)
        return get_endpoint(scope, row.id)


def restore_endpoint(scope: Scope, endpoint_id: UUID) -> EndpointView:
    """Bring an archived endpoint back, with its secret. Raises Conflict when its name is taken by now."""
    try:
        with scope.atomic() as session:
            row = _held(scope, endpoint_id, Permission.ENDPOINT_DELETE)
            if row.archived_at is not None:
                row.archived_at = None
                session.flush()
                scope.record("endpoint.restore", "endpoint", row.id, name=row.name)
            return get_endpoint(scope, row.id)
    except IntegrityError as error:
        raise Conflict(TAKEN) from error


def _held(scope: Scope, endpoint_id: UUID, permission: Permission) -> Endpoint:
    """The row, locked until the transaction ends, when the actor may change it."""
    row = scope.get(Endpoint, endpoint_id, lock=True)
    scope.require(permission, project=row.project_id)
    return row


def _change(scope: Scope, tools: Tools, row: Endpoint, wanted: NewEndpoint) -> tuple[str, ...]:
    """Check and write; returns what the person should know."""
    if _touches_secret(row, wanted.auth):
        scope.require(Permission.ENDPOINT_SECRET, project=row.project_id)
    check(wanted, tools.door if wanted.url != row.url else None)
    if wanted.url != row.url:
        forget_trouble(scope, row.id)  # what was learned is of another address
    held = row.secret_origin if row.secret is not None else None
    _fill(row, wanted)
    if wanted.auth.secret is not None or wanted.auth.kind == "none":
        _keep_secret(scope, tools, row, wanted.auth)
    elif held is not None and held != origin_of(row.url):
        row.secret = row.secret_origin = None
        return (CLEARED.format(before=held, after=origin_of(row.url)),)
    return ()


def _touches_secret(row: Endpoint, auth: Auth) -> bool:
    """Whether a secret is given, or the stored one would travel in another header."""
    if auth.secret is not None:
        return True
    moved = (auth.kind, auth.header) != (row.auth_kind, row.auth_header)
    return row.secret is not None and auth.kind != "none" and moved


def _fill(row: Endpoint, wanted: NewEndpoint) -> None:
    row.name = wanted.name.strip()
    row.url = wanted.url
    row.method = wanted.method
    row.headers = dict(wanted.headers)
    row.request_template = wanted.request_template
    row.response_mapping = dict(wanted.response_mapping)
    row.auth_kind = wanted.auth.kind
    row.auth_header = wanted.auth.header if wanted.auth.kind == "header" else None
    row.timeout_s = wanted.timeout_s
    row.max_concurrency = wanted.max_concurrency
    row.price_input = wanted.prices.input_per_million
    row.price_output = wanted.prices.output_per_million


def _keep_secret(scope: Scope, tools: Tools, row: Endpoint, auth: Auth) -> None:
    """Seal a given secret for this row and bind it to the URL's origin; without one nothing is kept."""
    if auth.secret is None or auth.kind == "none":
        row.secret = row.secret_origin = None
        return
    row.secret = tools.secrets.seal(auth.secret, scope.organization_id, SECRET_FIELD, row.id)
    row.secret_origin = origin_of(row.url)
