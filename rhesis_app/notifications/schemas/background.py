"""What the jobs API takes."""

from marshmallow import fields, validate

from rhesis_app.notifications.rules.jobs import JobStatus
from rhesis_app.web.openapi import Input, ListArguments
from rhesis_app.web.waiting import MAX_WAIT_S


class JobListArguments(ListArguments):
    """A page of jobs."""

    status = fields.String(load_default=None, validate=validate.OneOf([str(status) for status in JobStatus]))
    kind = fields.String(load_default=None, validate=validate.Length(1, 80))
    project_id = fields.UUID(load_default=None)


class JobArguments(Input):
    """Reading a job: `wait` is how many seconds to wait for its end."""

    wait = fields.Integer(load_default=0, validate=validate.Range(0, MAX_WAIT_S))
