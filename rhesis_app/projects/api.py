"""Projects over the API."""

from typing import Any
from uuid import UUID

from flask import request
from flask.views import MethodView

from rhesis_app.kernel.paging import Page
from rhesis_app.kernel.permissions import Permission
from rhesis_app.projects import actions, queries
from rhesis_app.projects.queries import ProjectMemberView, ProjectView
from rhesis_app.projects.schemas import (
    NewProjectArguments,
    NewProjectMemberArguments,
    ProjectChanges,
    ProjectListArguments,
    ProjectMemberChanges,
    ProjectMemberListArguments,
)
from rhesis_app.web.access import needs
from rhesis_app.web.openapi import Answer, ApiBlueprint
from rhesis_app.web.paging import page_request
from rhesis_app.web.scope import current_scope

blueprint = ApiBlueprint("projects_api", __name__, url_prefix="/api/v1/projects", description="What one team tests")


@blueprint.route("")
class Projects(MethodView):
    """All projects."""

    @needs(Permission.PROJECT_READ)
    @blueprint.arguments(ProjectListArguments, location="query")
    @blueprint.answers(200, ProjectView, many=True)
    def get(self, arguments: dict[str, Any]) -> Page[ProjectView]:
        """List projects, newest first."""
        return queries.list_projects(current_scope(), page_request(**arguments))

    @needs(Permission.PROJECT_WRITE)
    @blueprint.arguments(NewProjectArguments)
    @blueprint.answers(201, ProjectView)
    def post(self, arguments: dict[str, Any]) -> Answer:
        """Make a project."""
        view = actions.create_project(current_scope(), **arguments)
        return Answer(view, {"Location": f"/api/v1/projects/{view.id}", "ETag": view.etag})


@blueprint.route("/<uuid:project_id>")
class Project(MethodView):
    """One project."""

    @needs(Permission.PROJECT_READ)
    @blueprint.answers(200, ProjectView)
    def get(self, project_id: UUID) -> Answer:
        """Read a project."""
        view = queries.get_project(current_scope(), project_id)
        return Answer(view, {"ETag": view.etag})

    @needs(Permission.PROJECT_WRITE)
    @blueprint.arguments(ProjectChanges)
    @blueprint.answers(200, ProjectView)
    def patch(self, arguments: dict[str, Any], project_id: UUID) -> Answer:
        """Change only the fields sent; `If-Match` refuses a change of something newer."""
        view = actions.update_project(
            current_scope(), project_id, if_match=request.headers.get("If-Match"), **arguments
        )
        return Answer(view, {"ETag": view.etag})

    @needs(Permission.PROJECT_DELETE)
    @blueprint.answers(200, ProjectView)
    def delete(self, project_id: UUID) -> ProjectView:
        """Archive a project; its runs and results stay."""
        return actions.archive_project(current_scope(), project_id)


@blueprint.route("/<uuid:project_id>/restore", methods=["POST"])
@needs(Permission.PROJECT_DELETE)
@blueprint.answers(200, ProjectView)
def restore(project_id: UUID) -> ProjectView:
    """Bring an archived project back."""
    return actions.restore_project(current_scope(), project_id)


@blueprint.route("/<uuid:project_id>/members")
class ProjectMembers(MethodView):
    """Who has a role in a project."""

    @needs(Permission.MEMBER_READ)
    @blueprint.arguments(ProjectMemberListArguments, location="query")
    @blueprint.answers(200, ProjectMemberView, many=True)
    def get(self, arguments: dict[str, Any], project_id: UUID) -> Page[ProjectMemberView]:
        """List who has a role in the project, by name; roles in the organization hold besides."""
        return queries.list_project_members(current_scope(), project_id, page_request(**arguments))

    @needs(Permission.MEMBER_MANAGE)
    @blueprint.arguments(NewProjectMemberArguments)
    @blueprint.answers(201, ProjectMemberView)
    def post(self, arguments: dict[str, Any], project_id: UUID) -> Answer:
        """Give a member of the organization a role in the project, never one above your own there."""
        view = actions.add_member(current_scope(), project_id, arguments["user_id"], arguments["role"])
        return Answer(view, {"Location": f"/api/v1/projects/{project_id}/members/{view.user_id}"})


@blueprint.route("/<uuid:project_id>/members/<uuid:user_id>")
class ProjectMember(MethodView):
    """One of them."""

    @needs(Permission.MEMBER_READ)
    @blueprint.answers(200, ProjectMemberView)
    def get(self, project_id: UUID, user_id: UUID) -> ProjectMemberView:
        """Read somebody's role in the project."""
        return queries.view_project_member(current_scope(), project_id, user_id)

    @needs(Permission.MEMBER_MANAGE)
    @blueprint.arguments(ProjectMemberChanges)
    @blueprint.answers(200, ProjectMemberView)
    def patch(self, arguments: dict[str, Any], project_id: UUID, user_id: UUID) -> ProjectMemberView:
        """Give somebody another role in the project."""
        return actions.change_member(current_scope(), project_id, user_id, arguments["role"])

    @needs(Permission.MEMBER_MANAGE)
    @blueprint.answers(204)
    def delete(self, project_id: UUID, user_id: UUID) -> None:
        """Take somebody's role in the project away; what their role in the organization allows stays."""
        actions.remove_member(current_scope(), project_id, user_id)
