"""Putting a project aside from a page; the recycle bin brings it back."""

from flask import Blueprint, Response, url_for

from rhesis_app.kernel.permissions import Permission
from rhesis_app.projects.actions import archive_project
from rhesis_app.projects.queries import project_by_slug
from rhesis_app.web.access import needs
from rhesis_app.web.htmx import go_to
from rhesis_app.web.pages import say
from rhesis_app.web.scope import current_scope

blueprint = Blueprint("project_archive", __name__)


@blueprint.post("/p/<slug>/archive")
@needs(Permission.PROJECT_DELETE)
def archive(slug: str) -> Response:
    """Put a project aside with all that is in it."""
    scope = current_scope()
    view = archive_project(scope, project_by_slug(scope, slug).id)
    say(f"“{view.name}” was archived.", undo_url=url_for("recycle.restore", asset_kind="project", asset_id=view.id))
    return go_to(url_for("projects.index"))
