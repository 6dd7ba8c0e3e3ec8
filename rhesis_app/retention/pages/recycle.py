"""The page of what was put aside."""

from uuid import UUID

from flask import Blueprint, Response, request, url_for

from rhesis_app.kernel.errors import Conflict
from rhesis_app.kernel.permissions import Permission
from rhesis_app.projects.queries import list_project_choices
from rhesis_app.retention.actions.recycle import restore_asset
from rhesis_app.retention.forms import recycle_filter
from rhesis_app.retention.queries.recycle import list_archived, readable_kinds
from rhesis_app.retention.rules.assets import KINDS
from rhesis_app.web.access import needs
from rhesis_app.web.htmx import go_to
from rhesis_app.web.pages import render_page, safe_next, say
from rhesis_app.web.paging import page_links, page_request
from rhesis_app.web.scope import current_scope, runtime

blueprint = Blueprint("recycle", __name__)


@blueprint.get("/settings/recycle-bin")
@needs(Permission.PROJECT_READ)
def index() -> Response:
    """What was put aside, the latest first."""
    scope = current_scope()
    projects = list_project_choices(scope)
    chosen = recycle_filter(request.args, {one.id for one in projects})
    page = list_archived(scope, page_request(cursor=request.args.get("cursor")), chosen)
    return render_page(
        "retention/recycle.html",
        section="recycle",
        page=page,
        links=page_links(page),
        chosen=chosen,
        kinds=[(key, KINDS[key].title) for key in readable_kinds(scope)],
        projects=[(one.id, one.name) for one in projects],
        now=scope.now,
    )


@blueprint.post("/settings/recycle-bin/<asset_kind>/<uuid:asset_id>/restore")
@needs(Permission.PROJECT_READ)
def restore(asset_kind: str, asset_id: UUID) -> Response:
    """Bring something back."""
    try:
        restored = restore_asset(current_scope(), runtime().registry, asset_kind, asset_id)
    except Conflict as error:
        say(error.detail, kind="failed")
    else:
        say(f"The {KINDS[restored.kind].title.lower()} is back.")
    home = "projects.index" if asset_kind == "project" else "recycle.index"
    return go_to(safe_next(request.form.get("next"), url_for(home)))
