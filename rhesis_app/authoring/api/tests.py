"""Tests over the API."""

from typing import Any
from uuid import UUID

from flask import request
from flask.views import MethodView

from rhesis_app.authoring.actions import tests as actions
from rhesis_app.authoring.queries import tests as queries
from rhesis_app.authoring.queries.tests import TestFilter, TestView
from rhesis_app.authoring.schemas.tests import (
    NewTestArguments,
    TestChangesArguments,
    TestListArguments,
    changes_of,
    content_of,
)
from rhesis_app.kernel.paging import Page
from rhesis_app.kernel.permissions import Permission
from rhesis_app.web.access import needs
from rhesis_app.web.openapi import Answer, ApiBlueprint
from rhesis_app.web.paging import page_request
from rhesis_app.web.scope import current_scope

blueprint = ApiBlueprint(
    "tests_api", __name__, url_prefix="/api/v1/tests", description="One prompt and what is expected of the answer"
)


@blueprint.route("")
class Tests(MethodView):
    """All tests."""

    @needs(Permission.TEST_READ)
    @blueprint.arguments(TestListArguments, location="query")
    @blueprint.answers(200, TestView, many=True)
    def get(self, arguments: dict[str, Any]) -> Page[TestView]:
        """List tests, newest first, or those of one test set in its order."""
        page = page_request(**{name: arguments.pop(name) for name in ("limit", "cursor", "count")})
        return queries.list_tests(current_scope(), page, TestFilter(**arguments))

    @needs(Permission.TEST_WRITE)
    @blueprint.arguments(NewTestArguments)
    @blueprint.answers(201, TestView)
    def post(self, arguments: dict[str, Any]) -> Answer:
        """Make a test; a requirement of an unknown name is made as well."""
        project_id = arguments.pop("project_id")
        view = actions.create_test(current_scope(), project_id, content_of(arguments))
        return Answer(view, {"Location": f"/api/v1/tests/{view.id}", "ETag": view.etag})


@blueprint.route("/<uuid:test_id>")
class Test(MethodView):
    """One test."""

    @needs(Permission.TEST_READ)
    @blueprint.answers(200, TestView)
    def get(self, test_id: UUID) -> Answer:
        """Read a test."""
        view = queries.get_test(current_scope(), test_id)
        return Answer(view, {"ETag": view.etag})

    @needs(Permission.TEST_WRITE)
    @blueprint.arguments(TestChangesArguments)
    @blueprint.answers(200, TestView)
    def patch(self, arguments: dict[str, Any], test_id: UUID) -> Answer:
        """Change only the fields sent; runs that froze the test keep it as it was."""
        if_match = request.headers.get("If-Match")
        view = actions.update_test(current_scope(), test_id, changes_of(arguments), if_match=if_match)
        return Answer(view, {"ETag": view.etag})

    @needs(Permission.TEST_DELETE)
    @blueprint.answers(200, TestView)
    def delete(self, test_id: UUID) -> TestView:
        """Archive a test; new versions of its test sets leave it out."""
        return actions.archive_test(current_scope(), test_id)


@blueprint.route("/<uuid:test_id>/restore", methods=["POST"])
@needs(Permission.TEST_DELETE)
@blueprint.answers(200, TestView)
def restore(test_id: UUID) -> TestView:
    """Bring an archived test back."""
    return actions.restore_test(current_scope(), test_id)
