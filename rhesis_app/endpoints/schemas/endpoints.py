"""What the endpoints API takes."""

from marshmallow import fields, validate

from rhesis_app.endpoints.rules import AUTH_KINDS, MAX_CONCURRENCY, METHODS, TIMEOUT_S
from rhesis_app.web.openapi import Input, ListArguments


class AuthArguments(Input):
    """How calls authenticate. Without `secret` the stored one is kept."""

    kind = fields.String(required=True, validate=validate.OneOf(AUTH_KINDS))
    header = fields.String(load_default=None, allow_none=True, validate=validate.Length(max=200))
    secret = fields.String(load_default=None, allow_none=True, validate=validate.Length(1, 8000))


class EndpointChangesArguments(Input):
    """Only the fields that change."""

    name = fields.String(validate=validate.Length(1, 120))
    url = fields.String(validate=validate.Length(1, 2048))
    method = fields.String(validate=validate.OneOf(METHODS))
    headers = fields.Dict(keys=fields.String(), values=fields.String())
    request_template = fields.Raw(metadata={"description": "a JSON value with {{ input }} and friends in its texts"})
    response_mapping = fields.Dict(
        keys=fields.String(), values=fields.String(), metadata={"description": "name → JSONPath; `output` is required"}
    )
    auth = fields.Nested(AuthArguments)
    timeout_s = fields.Integer(strict=True, validate=validate.Range(*TIMEOUT_S))
    max_concurrency = fields.Integer(strict=True, validate=validate.Range(*MAX_CONCURRENCY))


class NewEndpointArguments(EndpointChangesArguments):
    """An endpoint to make."""

    project_id = fields.UUID(required=True)
    name = fields.String(required=True, validate=validate.Length(1, 120))
    url = fields.String(required=True, validate=validate.Length(1, 2048))
    request_template = fields.Raw(
        required=True, metadata={"description": "a JSON value with {{ input }} and friends in its texts"}
    )
    response_mapping = fields.Dict(
        keys=fields.String(),
        values=fields.String(),
        required=True,
        metadata={"description": "name → JSONPath; `output` is required"},
    )


class EndpointListArguments(ListArguments):
    """A page of endpoints."""

    project_id = fields.UUID(load_default=None)
    archived = fields.Boolean(load_default=False)


class InvocationArguments(Input):
    """One test call. Only `input` is needed; the others stand for what a test would carry."""

    input = fields.String(required=True, validate=validate.Length(1, 100_000))
    messages = fields.List(fields.Dict(keys=fields.String()), load_default=list, validate=validate.Length(max=200))
    context = fields.List(fields.String(), load_default=list, validate=validate.Length(max=200))
    metadata = fields.Dict(keys=fields.String(), load_default=dict)
