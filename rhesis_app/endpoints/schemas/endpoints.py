"""What the endpoints API takes."""

from typing import Any

from marshmallow import ValidationError, fields, validate, validates_schema

from rhesis_app.endpoints.rules import AUTH_KINDS, MAX_CONCURRENCY, METHODS, TIMEOUT_S
from rhesis_app.endpoints.rules.chats import ROLES
from rhesis_app.endpoints.schemas.models import PricesArguments
from rhesis_app.web.openapi import Input, ListArguments


class AuthArguments(Input):
    """How calls authenticate. Without `secret` the stored one is kept."""

    kind = fields.String(required=True, validate=validate.OneOf(AUTH_KINDS))
    header = fields.String(load_default=None, allow_none=True, validate=validate.Length(max=200))
    secret = fields.String(load_default=None, allow_none=True, validate=validate.Length(1, 8000))


OF_HTTP = ("url", "method", "headers", "request_template", "response_mapping", "auth", "prices")
OF_MODEL = ("model_id", "prompt_version_id", "role")


class EndpointChangesArguments(Input):
    """Only the fields that change: those of its kind."""

    model_id = fields.UUID()
    prompt_version_id = fields.UUID()
    role = fields.String(validate=validate.OneOf(ROLES))

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
    prices = fields.Nested(
        PricesArguments, metadata={"description": "of kind `http`; a model with a prompt has its model's"}
    )


class NewEndpointArguments(EndpointChangesArguments):
    """An endpoint to make: of kind `http` with url, request_template and response_mapping, or of kind `model` with
    model_id and prompt_version_id, which is told as `role` (system unless said otherwise).
    """

    project_id = fields.UUID(required=True)
    kind = fields.String(load_default="http", validate=validate.OneOf(["http", "model"]))
    name = fields.String(required=True, validate=validate.Length(1, 120))

    @validates_schema
    def of_one_kind(self, arguments: dict[str, Any], **_options: Any) -> None:
        """Everything that the kind needs, and nothing of the other."""
        is_model = arguments.get("kind") == "model"
        needed = OF_MODEL[:2] if is_model else ("url", "request_template", "response_mapping")
        other, others = ("http", OF_HTTP) if is_model else ("model", OF_MODEL)
        errors = {name: ["Missing data for required field."] for name in needed if name not in arguments}
        errors |= {name: [f"This is for endpoints of kind {other}."] for name in others if name in arguments}
        if errors:
            raise ValidationError(errors)


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
