"""What the metrics API takes."""

from typing import Any

from marshmallow import ValidationError, fields, validate, validates_schema

from rhesis_app.authoring.rules.names import MAX_DESCRIPTION, MAX_NAME
from rhesis_app.web.openapi import Input, ListArguments

_KEY = validate.Regexp(r"[a-z0-9_.]*\Z", error="Give an evaluator's key, such as text.contains.")
_JUDGE = {"description": "the model that judges; null for the project's default. Only for evaluators that need a judge"}

_CRITERIA = {
    "description": "a prompt's version, without variables, whose text becomes `params.criteria`; null for criteria of one's own."
    " Only for evaluators that need a judge and have criteria"
}


class RecipeArguments(Input):
    """An evaluator and its settings; a rule of null takes the evaluator's default."""

    project_id = fields.UUID(required=True)
    evaluator = fields.String(required=True, validate=validate.Length(1, 200))
    params = fields.Dict(keys=fields.String(), load_default=dict)
    rule = fields.Dict(keys=fields.String(), load_default=None, allow_none=True)
    model_id = fields.UUID(load_default=None, allow_none=True, metadata=_JUDGE)
    prompt_version_id = fields.UUID(load_default=None, allow_none=True, metadata=_CRITERIA)


class NewMetricArguments(RecipeArguments):
    """A metric to make."""

    name = fields.String(required=True, validate=validate.Length(1, MAX_NAME))
    required = fields.Boolean(load_default=True)
    description = fields.String(load_default="", validate=validate.Length(max=MAX_DESCRIPTION))


class MetricChangesArguments(Input):
    """Only the fields that change; `params` replaces all settings. Other criteria than a prompt's are of that prompt no more."""

    name = fields.String(validate=validate.Length(1, MAX_NAME))
    evaluator = fields.String(validate=validate.Length(1, 200))
    params = fields.Dict(keys=fields.String())
    rule = fields.Dict(keys=fields.String(), allow_none=True)
    model_id = fields.UUID(allow_none=True, metadata=_JUDGE)
    prompt_version_id = fields.UUID(allow_none=True, metadata=_CRITERIA)
    required = fields.Boolean()
    description = fields.String(validate=validate.Length(max=MAX_DESCRIPTION))


class MetricListArguments(ListArguments):
    """A page of metrics."""

    project_id = fields.UUID(load_default=None)
    evaluator = fields.String(load_default="", validate=_KEY)
    q = fields.String(load_default="", validate=validate.Length(max=200))
    archived = fields.Boolean(load_default=False)


class SampleArguments(Input):
    """The exchange to score: what was said, or the id of a stored result."""

    output = fields.String(load_default=None)
    prompt = fields.String(load_default="")
    expected = fields.String(load_default=None, allow_none=True)
    context = fields.List(fields.String(), load_default=list, validate=validate.Length(max=200))
    latency_ms = fields.Float(load_default=None, allow_none=True, validate=validate.Range(0, 86_400_000))
    result_id = fields.UUID(
        load_default=None, allow_none=True, metadata={"description": "a stored result, instead of texts"}
    )

    @validates_schema
    def _one_of_both(self, given: dict[str, Any], **_more: Any) -> None:
        if (given["output"] is None) == (given["result_id"] is None):
            raise ValidationError("Send what was answered, or the id of a stored result, and not both.", "output")


class TrialArguments(RecipeArguments):
    """A recipe to try on one exchange before it is saved."""

    sample = fields.Nested(SampleArguments, required=True)
