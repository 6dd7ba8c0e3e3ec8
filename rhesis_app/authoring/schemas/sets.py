"""What the test sets API takes."""

from marshmallow import fields, validate

from rhesis_app.authoring.rules.names import MAX_DESCRIPTION, MAX_NAME
from rhesis_app.authoring.rules.tests import MAX_TESTS
from rhesis_app.authoring.schemas.tests import ContentArguments
from rhesis_app.web.openapi import Input, ListArguments

_MANY = validate.Length(max=MAX_TESTS)


class NewTestSetArguments(Input):
    """A test set to make; with tests, its version 1 is saved at once."""

    project_id = fields.UUID(required=True)
    name = fields.String(required=True, validate=validate.Length(1, MAX_NAME))
    description = fields.String(load_default="", validate=validate.Length(max=MAX_DESCRIPTION))
    tests = fields.List(fields.Nested(ContentArguments), load_default=list, validate=_MANY)
    metric_ids = fields.List(fields.UUID(), load_default=list, validate=validate.Length(max=200))


class TestSetChangesArguments(Input):
    """Only the fields that change; `metric_ids` replaces the metrics attached."""

    __test__ = False

    name = fields.String(validate=validate.Length(1, MAX_NAME))
    description = fields.String(validate=validate.Length(max=MAX_DESCRIPTION))
    metric_ids = fields.List(fields.UUID(), validate=validate.Length(max=200))


class TestSetListArguments(ListArguments):
    """A page of test sets."""

    __test__ = False

    project_id = fields.UUID(load_default=None)
    q = fields.String(load_default="", validate=validate.Length(max=200))
    archived = fields.Boolean(load_default=False)


class AddedTestsArguments(Input):
    """Tests to put at the end: new ones, and others of the project by id."""

    tests = fields.List(fields.Nested(ContentArguments), load_default=list, validate=_MANY)
    test_ids = fields.List(fields.UUID(), load_default=list, validate=_MANY)


class ArrangedTestsArguments(Input):
    """Exactly the tests that the set is to hold, in their order."""

    test_ids = fields.List(fields.UUID(), required=True, validate=_MANY)


class VersionListArguments(ListArguments):
    """A page of versions."""


class ExportArguments(Input):
    """How to write a test set down; without `version`, its working list."""

    format = fields.String(load_default="jsonl", validate=validate.OneOf(["jsonl", "csv"]))
    version = fields.Integer(load_default=None, allow_none=True, validate=validate.Range(min=1, max=2_147_483_647))
