"""What the API of retention takes."""

from typing import get_args

from marshmallow import fields, validate

from rhesis_app.retention.rules.assets import Kind
from rhesis_app.retention.rules.keeping import DAYS
from rhesis_app.web.openapi import Input, ListArguments
from rhesis_app.web.waiting import MAX_WAIT_S

_DAYS = validate.Range(*DAYS)


class RecycleListArguments(ListArguments):
    """A page of what was put aside."""

    kind = fields.String(load_default=None, validate=validate.OneOf(sorted(get_args(Kind))))
    project_id = fields.UUID(load_default=None)


class ArchiveListArguments(ListArguments):
    """A page of archives."""


class ArchiveArguments(Input):
    """How long to wait for an archive, in seconds."""

    wait = fields.Integer(load_default=0, validate=validate.Range(0, MAX_WAIT_S))


class RetentionArguments(Input):
    """Days to try: how many runs would go by that."""

    result_days = fields.Integer(load_default=None, validate=_DAYS)


class RetentionChanges(Input):
    """Only what changes; null keeps for good."""

    result_days = fields.Integer(strict=True, allow_none=True, validate=_DAYS)
    audit_days = fields.Integer(strict=True, allow_none=True, validate=_DAYS)
