"""What the attack suite's API takes."""

from marshmallow import fields, validate

from rhesis_app.web.openapi import Input
from rhesis_app.web.waiting import MAX_WAIT_S


class BadAnswerArguments(Input):
    """An answer that the metric ought to fail, with what it answers."""

    output = fields.String(required=True)
    prompt = fields.String(load_default="")
    expected = fields.String(load_default=None, allow_none=True)
    context = fields.List(fields.String(), load_default=list, validate=validate.Length(max=200))


class NewAttackArguments(Input):
    """A suite to run; without a `sample` it brings its own bad answer."""

    sample = fields.Nested(BadAnswerArguments, load_default=None, allow_none=True)


class AttackArguments(Input):
    """Reading a suite: `wait` is how many seconds to wait for its end."""

    wait = fields.Integer(load_default=0, validate=validate.Range(0, MAX_WAIT_S))
