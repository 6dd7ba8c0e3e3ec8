"""The list of endpoints, the ways to a new one, and the workbench."""

from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from flask import Blueprint, Response, request, url_for

from rhesis_app.endpoints.actions import calls, edit, throttle
from rhesis_app.endpoints.actions.fields import NewEndpoint, Tools
from rhesis_app.endpoints.forms import endpoints as forms
from rhesis_app.endpoints.forms.endpoints import EndpointForm
from rhesis_app.endpoints.pages.bench import LABELS, mapping_rows, report_on, with_path, with_suggestion
from rhesis_app.endpoints.queries import endpoints as queries
from rhesis_app.endpoints.queries.endpoints import EndpointView
from rhesis_app.endpoints.rules import (
    AUTH_KINDS,
    MAX_CONCURRENCY,
    METHODS,
    PRESETS,
    TIMEOUT_S,
    CurlProblem,
    endpoint_from_curl,
    parse_curl,
)
from rhesis_app.endpoints.rules.seen import SeenCall, chosen_path
from rhesis_app.kernel.errors import AppError, Conflict, Forbidden, Invalid, PreconditionFailed
from rhesis_app.kernel.permissions import Permission
from rhesis_app.projects.queries import ProjectView, project_by_slug
from rhesis_app.web.access import needs
from rhesis_app.web.htmx import go_to
from rhesis_app.web.pages import render_page, say
from rhesis_app.web.paging import page_links, page_request
from rhesis_app.web.scope import current_scope, release_connection, runtime
from rhesis_app.web.waiting import callout_slot

blueprint = Blueprint("endpoints", __name__)
_AUTH_WORDS = {
    "none": "None",
    "bearer": "Bearer token",
    "basic": "User name and password",
    "header": "A header of its own",
}
assert set(_AUTH_WORDS) == set(AUTH_KINDS)
_ABOUT_THE_FORM = (Invalid, Conflict, Forbidden, PreconditionFailed)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """A state of the workbench: the form, the call that was seen, and what stands above them."""

    form: EndpointForm
    view: EndpointView | None = None
    seen: SeenCall | None = None
    notes: tuple[str, ...] = ()
    error: AppError | None = field(default=None)


@blueprint.get("/p/<slug>/endpoints")
@needs(Permission.ENDPOINT_READ)
def index(slug: str) -> Response:
    """The endpoints of a project."""
    scope = current_scope()
    project = project_by_slug(scope, slug)
    archived = "archived" in request.args
    wanted = page_request(cursor=request.args.get("cursor"))
    page = queries.list_endpoints(scope, wanted, project_id=project.id, archived=archived)
    return _page("index", project, page=page, links=page_links(page), archived=archived)


@blueprint.get("/p/<slug>/endpoints/new")
@needs(Permission.ENDPOINT_WRITE)
def new(slug: str) -> Response:
    """Three ways to a new endpoint, or with `?preset=` the workbench filled by one of them."""
    project = _writable(slug)
    preset = next((preset for preset in PRESETS if preset.key == request.args.get("preset")), None)
    if preset is None:
        return _choice(project)
    return _workbench(project, Bench(form=forms.form_of_preset(preset)), url_example=preset.url_example)


@blueprint.post("/p/<slug>/endpoints/from-curl")
@needs(Permission.ENDPOINT_WRITE)
def read_curl(slug: str) -> Response:
    """Read a pasted command, fill the form, call at once, and suggest where the reply stands."""
    project, command = _writable(slug), request.form.get("curl", "")
    try:
        suggested = endpoint_from_curl(parse_curl(command))
    except CurlProblem as problem:
        return _choice(project, command, error=Invalid.field("curl", str(problem)))
    taken = queries.taken_names(current_scope(), project.id, forms.host_of(suggested.url))
    form, notes = forms.form_of_curl(suggested, taken), (suggested.chosen, *suggested.warnings)
    try:
        seen = _call(forms.trial_draft(form, project.id), form)
    except AppError as error:
        return _workbench(project, Bench(form=form, notes=notes, error=error))
    mapped = with_suggestion(form, seen)
    if "output" in mapped.mapping:
        notes = (*notes, f"The reply was found at {mapped.mapping['output']}. Save when it is the right one.")
    return _workbench(project, Bench(form=mapped, seen=seen, notes=notes))


@blueprint.post("/p/<slug>/endpoints")
@needs(Permission.ENDPOINT_WRITE)
def create(slug: str) -> Response:
    """Save a new endpoint and go on to a first check of it."""
    project, form = project_by_slug(current_scope(), slug), forms.form_from(request.form)
    try:
        view = edit.create_endpoint(current_scope(), _tools(), forms.new_endpoint(form, project.id))
    except _ABOUT_THE_FORM as error:
        return _workbench(project, Bench(form=form, seen=_seen(), error=error))
    say(f"“{view.name}” is connected. Give it a first check.")
    return go_to(f"/p/{slug}/quick-check?endpoint={view.id}")


@blueprint.get("/p/<slug>/endpoints/<uuid:endpoint_id>")
@needs(Permission.ENDPOINT_READ)
def show(slug: str, endpoint_id: UUID) -> Response:
    """The workbench of an endpoint."""
    project = project_by_slug(current_scope(), slug)
    view = _endpoint(project, endpoint_id)
    if view.model is not None:
        return go_to(url_for("model_endpoints.show", slug=slug, endpoint_id=endpoint_id))
    return _workbench(project, Bench(form=forms.form_of(view), view=view))


@blueprint.post("/p/<slug>/endpoints/<uuid:endpoint_id>")
@needs(Permission.ENDPOINT_WRITE)
def update(slug: str, endpoint_id: UUID) -> Response:
    """Save an endpoint."""
    scope = current_scope()
    project, form = project_by_slug(scope, slug), forms.form_from(request.form)
    view = _reached(project, endpoint_id)
    try:
        changes = forms.endpoint_changes(form, project.id)
        view = edit.update_endpoint(scope, _tools(), endpoint_id, changes, if_match=form.etag or None)
    except _ABOUT_THE_FORM as error:
        return _workbench(project, Bench(form=form, view=view, seen=_seen(), error=error))
    say(" ".join([f"“{view.name}” was saved.", *view.warnings]), kind="error" if view.warnings else "passed")
    return go_to(url_for("endpoints.show", slug=slug, endpoint_id=endpoint_id))


@blueprint.post("/p/<slug>/endpoints/try")
@blueprint.post("/p/<slug>/endpoints/<uuid:endpoint_id>/try")
@needs(Permission.ENDPOINT_INVOKE)
def try_call(slug: str, endpoint_id: UUID | None = None) -> Response:
    """Call with the form as it stands, saved or not."""
    project, form = project_by_slug(current_scope(), slug), forms.form_from(request.form)
    view = _reached(project, endpoint_id) if endpoint_id else None
    try:
        seen = _call(forms.trial_draft(form, project.id), form, endpoint_id)
    except _ABOUT_THE_FORM as error:
        return _workbench(project, Bench(form=form, view=view, seen=_seen(), error=error))
    return _workbench(project, Bench(form=with_suggestion(form, seen), view=view, seen=seen))


@blueprint.post("/p/<slug>/endpoints/map")
@blueprint.post("/p/<slug>/endpoints/<uuid:endpoint_id>/map")
@needs(Permission.ENDPOINT_WRITE)
def map_answer(slug: str, endpoint_id: UUID | None = None) -> Response:
    """Map what was clicked in the last answer, or check the paths as typed; nothing is called and nothing saved."""
    project, form = project_by_slug(current_scope(), slug), forms.form_from(request.form)
    view = _reached(project, endpoint_id) if endpoint_id else None
    if "use" in request.form:
        form = with_path(form, "output", request.form["use"])
    elif "map" in request.form:
        form = with_path(form, form.map_to, chosen_path(form.map_to, request.form["map"]))
    return _workbench(project, Bench(form=form, view=view, seen=_seen()))


@blueprint.post("/p/<slug>/endpoints/<uuid:endpoint_id>/archive")
@needs(Permission.ENDPOINT_DELETE)
def archive(slug: str, endpoint_id: UUID) -> Response:
    """Put an endpoint aside."""
    _endpoint(project_by_slug(current_scope(), slug), endpoint_id)
    view = edit.archive_endpoint(current_scope(), endpoint_id)
    undo = url_for("endpoints.restore", slug=slug, endpoint_id=endpoint_id)
    say(f"“{view.name}” was archived.", undo_url=undo)
    return go_to(url_for("endpoints.index", slug=slug))


@blueprint.post("/p/<slug>/endpoints/<uuid:endpoint_id>/restore")
@needs(Permission.ENDPOINT_DELETE)
def restore(slug: str, endpoint_id: UUID) -> Response:
    """Bring an endpoint back."""
    _endpoint(project_by_slug(current_scope(), slug), endpoint_id)
    here = url_for("endpoints.show", slug=slug, endpoint_id=endpoint_id)
    try:
        view = edit.restore_endpoint(current_scope(), endpoint_id)
    except (Conflict, Invalid) as error:
        say(error.detail, kind="failed")
        return go_to(here)
    say(f"“{view.name}” is back.")
    return go_to(here)


@blueprint.post("/p/<slug>/endpoints/<uuid:endpoint_id>/throttle/reset")
@needs(Permission.ENDPOINT_WRITE)
def reset_throttle(slug: str, endpoint_id: UUID) -> Response:
    """Ask an endpoint again that was left alone."""
    _endpoint(project_by_slug(current_scope(), slug), endpoint_id)
    view = throttle.reset_throttle(current_scope(), endpoint_id)
    say(f"“{view.name}” is asked again: its runs go on within ten seconds.")
    return go_to(url_for("endpoints.show", slug=slug, endpoint_id=endpoint_id))


def _call(draft: NewEndpoint, form: EndpointForm, endpoint_id: UUID | None = None) -> SeenCall:
    """One test call; the connection goes back to the pool before it."""
    with callout_slot():
        prepared = calls.prepare_trial(current_scope(), _tools(), draft, endpoint_id=endpoint_id)
        release_connection()
        return calls.try_call(runtime().door, prepared, form.sample)


def _tools() -> Tools:
    return Tools(door=runtime().door, secrets=runtime().secrets)


def _seen() -> SeenCall | None:
    return SeenCall.from_text(request.form.get("seen", ""))


def _writable(slug: str) -> ProjectView:
    scope = current_scope()
    project = project_by_slug(scope, slug)
    scope.require(Permission.ENDPOINT_WRITE, project=project.id)
    return project


def _endpoint(project: ProjectView, endpoint_id: UUID) -> EndpointView:
    return queries.get_endpoint(current_scope(), endpoint_id, project_id=project.id)


def _reached(project: ProjectView, endpoint_id: UUID) -> EndpointView:
    """An endpoint with a URL: a model with a prompt has a page of its own."""
    view = _endpoint(project, endpoint_id)
    if view.model is not None:
        raise Conflict(edit.OTHER_KIND)
    return view


def _choice(project: ProjectView, command: str = "", *, error: AppError | None = None) -> Response:
    return _page(
        "choose", project, status=error.status if error else 200, command=command, presets=PRESETS, error=error
    )


def _workbench(project: ProjectView, bench: Bench, *, url_example: str = "") -> Response:
    error, form = bench.error, bench.form
    return _page(
        "workbench",
        project,
        status=422 if error else 200,
        endpoint=bench.view,
        form=form,
        notes=bench.notes,
        report=report_on(bench.seen, form),
        rows=mapping_rows(form, bench.seen),
        map_choices=[(key, label) for key, label in LABELS.items() if key != "session"],
        methods=[(method, method) for method in METHODS],
        bounds={"timeout_s": TIMEOUT_S, "max_concurrency": MAX_CONCURRENCY},
        auth_kinds=list(_AUTH_WORDS.items()),
        secret_hint=_secret_hint(bench.view),
        url_example=url_example,
        errors=error.errors if error else {},
        message=error.detail if error and not error.errors else "",
    )


def _secret_hint(view: EndpointView | None) -> str:
    """What happens to a secret; without the permission to keep one, a typed one serves the test call alone."""
    if view is not None and view.secret_origin is not None:
        return f"Kept encrypted, and sent only to {view.secret_origin}. Another scheme, host or port clears it."
    return "Kept encrypted, and sent only to this URL's scheme, host and port. For a user name and password: user:password."


def _page(name: str, project: ProjectView, *, status: int = 200, **views: Any) -> Response:
    scope = current_scope()
    return render_page(
        f"endpoints/{name}.html",
        section="endpoints",
        project=project,
        status=status,
        can_write=scope.may(Permission.ENDPOINT_WRITE, project=project.id),
        can_archive=scope.may(Permission.ENDPOINT_DELETE, project=project.id),
        can_invoke=scope.may(Permission.ENDPOINT_INVOKE, project=project.id),
        can_keep_secret=scope.may(Permission.ENDPOINT_SECRET, project=project.id),
        now=scope.now,
        **views,
    )
