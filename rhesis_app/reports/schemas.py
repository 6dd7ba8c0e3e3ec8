"""What the reports API takes."""

from marshmallow import fields, validate

from rhesis_app.web.openapi import Input, ListArguments
from rhesis_app.web.waiting import MAX_WAIT_S


class ExportArguments(Input):
    """A format, such as `junit.xml`; each plugin brings its own."""

    format = fields.String(required=True, validate=validate.Length(1, 80))


class ComparedRunsArguments(Input):
    """Two runs of one project."""

    baseline = fields.UUID(required=True)
    candidate = fields.UUID(required=True)


class NewReportArguments(Input):
    """A report of `run_id`, or of a `comparison`; one of the two."""

    run_id = fields.UUID(load_default=None)
    comparison = fields.Nested(ComparedRunsArguments, load_default=None)
    exporter = fields.String(required=True, validate=validate.Length(1, 80))


class ReportListArguments(ListArguments):
    """A page of reports."""

    project_id = fields.UUID(load_default=None)
    run_id = fields.UUID(load_default=None)


class ReportArguments(Input):
    """Reading a report: `wait` is how many seconds to wait for its file."""

    wait = fields.Integer(load_default=0, validate=validate.Range(0, MAX_WAIT_S))
