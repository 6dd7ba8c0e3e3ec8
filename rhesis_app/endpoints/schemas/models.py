"""What the models API takes."""

from marshmallow import fields, validate

from rhesis_app.endpoints.rules import MAX_CONCURRENCY, TIMEOUT_S
from rhesis_app.kernel.ports import WIRES
from rhesis_app.web.openapi import Input, ListArguments

_PER_MILLION = {
    "description": "US dollars for a million tokens, best as a text such as 0.15; null when it is not known",
    "type": ["string", "number"],
}


class PricesArguments(Input):
    """Prices in US dollars for a million tokens; null for a price that is not known."""

    input_per_million = fields.Decimal(load_default=None, allow_none=True, metadata=_PER_MILLION)
    output_per_million = fields.Decimal(load_default=None, allow_none=True, metadata=_PER_MILLION)
    currency = fields.String(load_default="USD", validate=validate.Equal("USD"))


class ModelFields(Input):
    """What both a new model and changes may say."""

    name = fields.String(validate=validate.Length(1, 120))
    wire = fields.String(validate=validate.OneOf(WIRES))
    base_url = fields.String(validate=validate.Length(1, 2048))
    model_name = fields.String(validate=validate.Length(1, 200))
    params = fields.Dict(
        keys=fields.String(), metadata={"description": "members added to every call, such as a temperature"}
    )
    prices = fields.Nested(PricesArguments)
    key = fields.String(
        allow_none=True,
        validate=validate.Length(1, 8000),
        metadata={"description": "kept encrypted, never told; null removes it"},
    )
    timeout_s = fields.Integer(strict=True, validate=validate.Range(*TIMEOUT_S))
    max_concurrency = fields.Integer(strict=True, validate=validate.Range(*MAX_CONCURRENCY))


class ModelChangesArguments(ModelFields):
    """Only the fields that change; `prices` replaces both."""

    is_default = fields.Boolean(metadata={"description": "whether it judges for metrics that choose no model"})


class NewModelArguments(ModelFields):
    """A model to make."""

    project_id = fields.UUID(required=True)
    name = fields.String(required=True, validate=validate.Length(1, 120))
    wire = fields.String(required=True, validate=validate.OneOf(WIRES))
    base_url = fields.String(required=True, validate=validate.Length(1, 2048))
    model_name = fields.String(required=True, validate=validate.Length(1, 200))


class ModelListArguments(ListArguments):
    """A page of models."""

    project_id = fields.UUID(load_default=None)
    archived = fields.Boolean(load_default=False)
