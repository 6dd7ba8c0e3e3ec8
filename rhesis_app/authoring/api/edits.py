"""Changes to many tests over the API."""

from typing import Any
from uuid import UUID

from flask.views import MethodView

from rhesis_app.authoring.actions.edit_many import NewEdit, edit_tests
from rhesis_app.authoring.queries.edits import TestEditView, edit_is_finished, view_edit
from rhesis_app.authoring.queries.tests import TestFilter
from rhesis_app.authoring.rules.edits import TestChanges
from rhesis_app.authoring.schemas.tests import NewTestEditArguments, TestEditArguments, TestEditHeaders
from rhesis_app.kernel.errors import Invalid
from rhesis_app.kernel.permissions import Permission
from rhesis_app.web.access import needs
from rhesis_app.web.openapi import Answer, ApiBlueprint
from rhesis_app.web.scope import current_scope
from rhesis_app.web.waiting import wait_until

blueprint = ApiBlueprint(
    "test_edits_api", __name__, url_prefix="/api/v1/test-edits", description="One change to many tests"
)


@blueprint.route("", methods=["POST"])
@needs(Permission.TEST_WRITE)
@blueprint.arguments(TestEditHeaders, location="headers")
@blueprint.arguments(NewTestEditArguments)
@blueprint.answers(202, TestEditView)
def edit(headers: dict[str, Any], arguments: dict[str, Any]) -> Answer:
    """Change the requirement, tags or metadata of many tests, or archive them: up to 500 at once, more by a worker; all or none."""
    view = edit_tests(current_scope(), _new_edit(arguments, headers["idempotency_key"]))
    return Answer(view, {"Location": f"/api/v1/test-edits/{view.id}"})


@blueprint.route("/<uuid:edit_id>")
class TestEdit(MethodView):
    """One change to many tests."""

    @needs(Permission.TEST_READ)
    @blueprint.arguments(TestEditArguments, location="query")
    @blueprint.answers(200, TestEditView)
    def get(self, arguments: dict[str, Any], edit_id: UUID) -> TestEditView:
        """Read a change; with `wait` the answer comes when it is made, or after that many seconds."""
        view = view_edit(current_scope(), edit_id)
        if view.is_finished or not arguments["wait"]:
            return view
        wait_until(lambda: edit_is_finished(current_scope(), edit_id), arguments["wait"])
        return view_edit(current_scope(), edit_id)


def _new_edit(arguments: dict[str, Any], key: str | None) -> NewEdit:
    test_ids, narrowed, sent = arguments["test_ids"], arguments["filter"], arguments["changes"]
    if (test_ids is None) == (narrowed is None):
        raise Invalid.field("test_ids", "Give either test_ids or a filter; an empty filter means every test.")
    changes = TestChanges(
        sets_requirement="requirement" in sent,
        requirement=sent.get("requirement"),
        add_tags=tuple(sent["add_tags"]),
        remove_tags=tuple(sent["remove_tags"]),
        metadata=sent["metadata"],
        archive=sent["archive"],
    )
    return NewEdit(
        project_id=arguments["project_id"],
        changes=changes,
        test_ids=tuple(test_ids) if test_ids is not None else None,
        chosen=TestFilter(project_id=arguments["project_id"], **(narrowed or {})),
        idempotency_key=key,
    )
