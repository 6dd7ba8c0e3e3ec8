"""Test sets over the API."""

from typing import Any
from uuid import UUID

from flask import Response, request
from flask.views import MethodView

from rhesis_app.authoring.actions import set_items as items
from rhesis_app.authoring.actions import sets as actions
from rhesis_app.authoring.queries import sets as queries
from rhesis_app.authoring.queries.exports import open_export
from rhesis_app.authoring.queries.sets import TestSetFilter, TestSetVersionView, TestSetView
from rhesis_app.authoring.schemas.sets import (
    AddedTestsArguments,
    ArrangedTestsArguments,
    ExportArguments,
    NewTestSetArguments,
    TestSetChangesArguments,
    TestSetListArguments,
    VersionListArguments,
)
from rhesis_app.authoring.schemas.tests import changes_of, content_of
from rhesis_app.kernel.paging import Page
from rhesis_app.kernel.permissions import Permission
from rhesis_app.web.access import needs
from rhesis_app.web.downloads import download
from rhesis_app.web.openapi import Answer, ApiBlueprint
from rhesis_app.web.paging import page_request
from rhesis_app.web.scope import current_scope

blueprint = ApiBlueprint(
    "test_sets_api", __name__, url_prefix="/api/v1/test-sets", description="Ordered groups of tests with their versions"
)


@blueprint.route("")
class TestSets(MethodView):
    """All test sets."""

    __test__ = False

    @needs(Permission.TEST_SET_READ)
    @blueprint.arguments(TestSetListArguments, location="query")
    @blueprint.answers(200, TestSetView, many=True)
    def get(self, arguments: dict[str, Any]) -> Page[TestSetView]:
        """List test sets by name, of one project or of all you may read."""
        page = page_request(**{name: arguments.pop(name) for name in ("limit", "cursor", "count")})
        return queries.list_test_sets(current_scope(), page, TestSetFilter(**arguments))

    @needs(Permission.TEST_SET_WRITE)
    @blueprint.arguments(NewTestSetArguments)
    @blueprint.answers(201, TestSetView)
    def post(self, arguments: dict[str, Any]) -> Answer:
        """Make a test set; with tests, version 1 is saved at once."""
        tests = tuple(content_of(test) for test in arguments.pop("tests"))
        new = actions.NewTestSet(**changes_of(arguments), tests=tests)
        view = actions.create_test_set(current_scope(), new)
        return Answer(view, {"Location": f"/api/v1/test-sets/{view.id}", "ETag": view.etag})


@blueprint.route("/<uuid:test_set_id>")
class TestSet(MethodView):
    """One test set."""

    __test__ = False

    @needs(Permission.TEST_SET_READ)
    @blueprint.answers(200, TestSetView)
    def get(self, test_set_id: UUID) -> Answer:
        """Read a test set; `GET /api/v1/tests?test_set_id=` lists its tests."""
        view = queries.get_test_set(current_scope(), test_set_id)
        return Answer(view, {"ETag": view.etag})

    @needs(Permission.TEST_SET_WRITE)
    @blueprint.arguments(TestSetChangesArguments)
    @blueprint.answers(200, TestSetView)
    def patch(self, arguments: dict[str, Any], test_set_id: UUID) -> Answer:
        """Change only the fields sent; `If-Match` refuses a change of something newer."""
        changes = actions.TestSetChanges(**changes_of(arguments))
        if_match = request.headers.get("If-Match")
        view = actions.update_test_set(current_scope(), test_set_id, changes, if_match=if_match)
        return Answer(view, {"ETag": view.etag})

    @needs(Permission.TEST_SET_DELETE)
    @blueprint.answers(200, TestSetView)
    def delete(self, test_set_id: UUID) -> TestSetView:
        """Archive a test set; its tests, versions and runs stay."""
        return actions.archive_test_set(current_scope(), test_set_id)


@blueprint.route("/<uuid:test_set_id>/restore", methods=["POST"])
@needs(Permission.TEST_SET_DELETE)
@blueprint.answers(200, TestSetView)
def restore(test_set_id: UUID) -> TestSetView:
    """Bring an archived test set back."""
    return actions.restore_test_set(current_scope(), test_set_id)


@blueprint.route("/<uuid:test_set_id>/tests")
class TestSetTests(MethodView):
    """What is in a test set."""

    __test__ = False

    @needs(Permission.TEST_SET_WRITE)
    @blueprint.arguments(AddedTestsArguments)
    @blueprint.answers(200, TestSetView)
    def post(self, arguments: dict[str, Any], test_set_id: UUID) -> TestSetView:
        """Put tests at the end: new ones, and others of the project by id."""
        tests = tuple(content_of(test) for test in arguments["tests"])
        added = items.AddedTests(tests=tests, test_ids=tuple(arguments["test_ids"]))
        return items.add_tests(current_scope(), test_set_id, added)

    @needs(Permission.TEST_SET_WRITE)
    @blueprint.arguments(ArrangedTestsArguments)
    @blueprint.answers(200, TestSetView)
    def put(self, arguments: dict[str, Any], test_set_id: UUID) -> TestSetView:
        """Make exactly these tests the working list, in this order."""
        return items.arrange_tests(current_scope(), test_set_id, arguments["test_ids"])


@blueprint.route("/<uuid:test_set_id>/tests/<uuid:test_id>", methods=["DELETE"])
@needs(Permission.TEST_SET_WRITE)
@blueprint.answers(200, TestSetView)
def remove_test(test_set_id: UUID, test_id: UUID) -> TestSetView:
    """Take a test out of the working list; the test itself and saved versions stay."""
    return items.remove_tests(current_scope(), test_set_id, [test_id])


@blueprint.route("/<uuid:test_set_id>/versions")
class TestSetVersions(MethodView):
    """The versions of a test set."""

    __test__ = False

    @needs(Permission.TEST_SET_READ)
    @blueprint.arguments(VersionListArguments, location="query")
    @blueprint.answers(200, TestSetVersionView, many=True)
    def get(self, arguments: dict[str, Any], test_set_id: UUID) -> Page[TestSetVersionView]:
        """List the versions, newest first."""
        return queries.list_versions(current_scope(), test_set_id, page_request(**arguments))

    @needs(Permission.TEST_SET_WRITE)
    @blueprint.answers(201, TestSetVersionView)
    def post(self, test_set_id: UUID) -> TestSetVersionView:
        """Save the tests as they are now; unchanged content answers the version that holds it already."""
        return actions.save_version(current_scope(), test_set_id)


@blueprint.route("/<uuid:test_set_id>/export")
@needs(Permission.TEST_SET_READ)
@blueprint.arguments(ExportArguments, location="query")
@blueprint.answers(200, description="The tests as JSON Lines or CSV; importing the file gives the same tests")
def export(arguments: dict[str, Any], test_set_id: UUID) -> Response:
    """Write the tests down as a file."""
    found = open_export(current_scope(), test_set_id, arguments["format"], version=arguments["version"])
    return download(found.write, name=found.file_name, media_type=found.media_type)
