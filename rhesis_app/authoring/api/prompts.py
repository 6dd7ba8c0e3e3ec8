"""Prompts over the API."""

from typing import Any
from uuid import UUID

from flask import request
from flask.views import MethodView

from rhesis_app.authoring.actions import prompts as actions
from rhesis_app.authoring.actions.newest_prompts import MovedTests, use_newest_version
from rhesis_app.authoring.queries import prompts as queries
from rhesis_app.authoring.queries.prompts import PromptDiff, PromptFilter, PromptPreview, PromptVersionView, PromptView
from rhesis_app.authoring.schemas.prompts import (
    NewPromptArguments,
    NewPromptVersionArguments,
    PromptChangesArguments,
    PromptDiffArguments,
    PromptListArguments,
    PromptPreviewArguments,
    PromptVersionListArguments,
)
from rhesis_app.kernel.paging import Page
from rhesis_app.kernel.permissions import Permission
from rhesis_app.web.access import needs
from rhesis_app.web.openapi import Answer, ApiBlueprint
from rhesis_app.web.paging import page_request
from rhesis_app.web.schema_of import schema_of
from rhesis_app.web.scope import current_scope, runtime

blueprint = ApiBlueprint(
    "prompts_api", __name__, url_prefix="/api/v1/prompts", description="Reusable texts with variables, in versions"
)


@blueprint.route("")
class Prompts(MethodView):
    """All prompts."""

    @needs(Permission.PROMPT_READ)
    @blueprint.arguments(PromptListArguments, location="query")
    @blueprint.answers(200, PromptView, many=True)
    def get(self, arguments: dict[str, Any]) -> Page[PromptView]:
        """List prompts by name, of one project or of all you may read."""
        page = page_request(**{name: arguments.pop(name) for name in ("limit", "cursor", "count")})
        return queries.list_prompts(current_scope(), page, PromptFilter(**arguments))

    @needs(Permission.PROMPT_WRITE)
    @blueprint.arguments(NewPromptArguments)
    @blueprint.answers(201, PromptView)
    def post(self, arguments: dict[str, Any]) -> Answer:
        """Make a prompt; its template is version 1. `{{ name }}` in it is a variable."""
        view = actions.create_prompt(current_scope(), actions.NewPrompt(**arguments))
        return Answer(view, {"Location": f"/api/v1/prompts/{view.id}", "ETag": view.etag})


@blueprint.route("/<uuid:prompt_id>")
class Prompt(MethodView):
    """One prompt."""

    @needs(Permission.PROMPT_READ)
    @blueprint.answers(200, PromptView)
    def get(self, prompt_id: UUID) -> Answer:
        """Read a prompt with its newest version."""
        view = queries.get_prompt(current_scope(), prompt_id)
        return Answer(view, {"ETag": view.etag})

    @needs(Permission.PROMPT_WRITE)
    @blueprint.arguments(PromptChangesArguments)
    @blueprint.answers(200, PromptView)
    def patch(self, arguments: dict[str, Any], prompt_id: UUID) -> Answer:
        """Give a prompt another name; its texts change by new versions alone."""
        if_match = request.headers.get("If-Match")
        view = actions.rename_prompt(current_scope(), prompt_id, arguments["name"], if_match=if_match)
        return Answer(view, {"ETag": view.etag})

    @needs(Permission.PROMPT_DELETE)
    @blueprint.answers(200, PromptView)
    def delete(self, prompt_id: UUID) -> PromptView:
        """Archive a prompt; tests and runs keep what they took from it."""
        return actions.archive_prompt(current_scope(), prompt_id)


@blueprint.route("/<uuid:prompt_id>/restore", methods=["POST"])
@needs(Permission.PROMPT_DELETE)
@blueprint.answers(200, PromptView)
def restore(prompt_id: UUID) -> PromptView:
    """Bring an archived prompt back."""
    return actions.restore_prompt(current_scope(), prompt_id)


@blueprint.route("/<uuid:prompt_id>/versions")
class PromptVersions(MethodView):
    """The versions of a prompt."""

    @needs(Permission.PROMPT_READ)
    @blueprint.arguments(PromptVersionListArguments, location="query")
    @blueprint.answers(200, PromptVersionView, many=True)
    def get(self, arguments: dict[str, Any], prompt_id: UUID) -> Page[PromptVersionView]:
        """List the versions, newest first."""
        return queries.list_versions(current_scope(), prompt_id, page_request(**arguments))

    @needs(Permission.PROMPT_WRITE)
    @blueprint.arguments(NewPromptVersionArguments)
    @blueprint.alt_response(200, schema=schema_of(actions.SavedPromptVersion), description="The newest version's text")
    @blueprint.answers(201, actions.SavedPromptVersion)
    def post(self, arguments: dict[str, Any], prompt_id: UUID) -> Answer:
        """Save a text as the next version; the newest version's own text answers that version, 200 and `"is_new": false`."""
        new = actions.NewPromptVersion(**arguments)
        made = actions.save_prompt_version(current_scope(), prompt_id, new, if_match=request.headers.get("If-Match"))
        location = f"/api/v1/prompts/{prompt_id}/versions/{made.version}"
        return Answer(made, {"Location": location}, status=201 if made.is_new else 200)


@blueprint.route("/<uuid:prompt_id>/versions/<int:number>")
@needs(Permission.PROMPT_READ)
@blueprint.answers(200, PromptVersionView)
def version(prompt_id: UUID, number: int) -> PromptVersionView:
    """Read one version."""
    return queries.get_version(current_scope(), prompt_id, number)


@blueprint.route("/<uuid:prompt_id>/use-newest", methods=["POST"])
@needs(Permission.TEST_WRITE)
@blueprint.answers(200, MovedTests)
def use_newest(prompt_id: UUID) -> MovedTests:
    """Take the newest version into all tests that use an older one, with the values they have; those that lack one stay.

    Metrics that take their criteria from the prompt come along, unless the newest version has variables.
    """
    return use_newest_version(current_scope(), runtime().registry, prompt_id)


@blueprint.route("/<uuid:prompt_id>/diff")
@needs(Permission.PROMPT_READ)
@blueprint.arguments(PromptDiffArguments, location="query")
@blueprint.answers(200, PromptDiff)
def diff(arguments: dict[str, Any], prompt_id: UUID) -> PromptDiff:
    """Compare two versions word by word."""
    return queries.diff_versions(current_scope(), prompt_id, arguments["before"], arguments["after"])


@blueprint.route("/<uuid:prompt_id>/preview", methods=["POST"])
@needs(Permission.PROMPT_READ)
@blueprint.arguments(PromptPreviewArguments)
@blueprint.answers(200, PromptPreview)
def preview(arguments: dict[str, Any], prompt_id: UUID) -> PromptPreview:
    """Fill a version in with values; nothing is saved. A value that is missing is 422 at `values.<name>`."""
    values, number, template = arguments["values"], arguments["version"], arguments["template"]
    return queries.preview_prompt(current_scope(), prompt_id, values, number=number, template=template)
