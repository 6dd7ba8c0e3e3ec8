"""What the reports API takes."""

from marshmallow import fields, validate

from rhesis_app.web.openapi import Input


class ExportArguments(Input):
    """A format, such as `junit.xml`; each plugin brings its own."""

    format = fields.String(required=True, validate=validate.Length(1, 80))
