"""What the insights API takes."""

from marshmallow import fields, validate

from rhesis_app.authoring.rules.names import MAX_NAME
from rhesis_app.insights.rules.changes import Change
from rhesis_app.web.openapi import Input, ListArguments
from rhesis_app.web.waiting import MAX_WAIT_S


class ComparisonArguments(Input):
    """The two runs to compare."""

    baseline = fields.UUID(required=True)
    candidate = fields.UUID(required=True)


class ComparedTestArguments(ListArguments):
    """A page of a comparison's tests; `change` gives one kind, else broken and fixed ones."""

    baseline = fields.UUID(required=True)
    candidate = fields.UUID(required=True)
    change = fields.String(load_default=None, validate=validate.OneOf([str(change) for change in Change]))


class AnalysisArguments(Input):
    """Reading an analysis: `wait` is how many seconds to wait for it."""

    wait = fields.Integer(load_default=0, validate=validate.Range(0, MAX_WAIT_S))


class AskAnalysisArguments(Input):
    """Asking for an analysis: `with_model` has the model that judges for the project name each group, in one call."""

    with_model = fields.Boolean(load_default=False)


class NewGateArguments(Input):
    """A gate to make. `rule` is an object with a `kind` and that kind's fields."""

    project_id = fields.UUID(required=True)
    name = fields.String(required=True, validate=validate.Length(1, MAX_NAME))
    rule = fields.Dict(keys=fields.String(), required=True)


class GateChangesArguments(Input):
    """Only the fields that change."""

    name = fields.String(validate=validate.Length(1, MAX_NAME))
    rule = fields.Dict(keys=fields.String())


class GateListArguments(ListArguments):
    """A page of gates."""

    project_id = fields.UUID(load_default=None)
    archived = fields.Boolean(load_default=False)
