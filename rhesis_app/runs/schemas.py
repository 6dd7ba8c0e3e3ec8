"""What the runs API takes."""

from marshmallow import EXCLUDE, fields, validate

from rhesis_app.authoring.rules.names import MAX_NAME
from rhesis_app.authoring.rules.tests import MAX_TRIALS
from rhesis_app.runs.actions.again import ONLY
from rhesis_app.runs.actions.again_many import MOST_RUNS
from rhesis_app.runs.actions.review import MAX_COMMENT, VERDICTS
from rhesis_app.runs.queries.breakdown import OUTCOMES
from rhesis_app.runs.rules import RunStatus
from rhesis_app.runs.rules.recordings import Source
from rhesis_app.runs.rules.schedules import MAX_CRON
from rhesis_app.scoring.reducers import ReducerName
from rhesis_app.web.openapi import Input, ListArguments
from rhesis_app.web.waiting import MAX_WAIT_S

_CAP = {
    "description": "US dollars above 0, best as a text such as 5.00: the run stops when its known cost has reached them",
    "type": ["string", "number"],
}


class ReducerArguments(Input):
    """What makes one outcome of a test's trials; `k` belongs to at_least."""

    name = fields.String(required=True, validate=validate.OneOf([str(name) for name in ReducerName]))
    k = fields.Integer(strict=True, load_default=None, allow_none=True, validate=validate.Range(1, MAX_TRIALS))


class NewRunArguments(Input):
    """A run to start; without `metric_ids` the test set's metrics judge, else those of its tests' requirements.

    Each test is asked `trials` times, unless the test says itself how often; a test passes as `reducer` says, by default
    when more than half of its trials do.
    `source`: ask the endpoint (`live`), ask it and `record` every answer, `replay` recorded answers and ask for those that are
    missing, or `replay-or-fail`: never ask. `recording_run_id` is the run whose recording is replayed; without it the latest ended
    one of this test set and endpoint.
    """

    endpoint_id = fields.UUID(required=True)
    metric_ids = fields.List(fields.UUID(), load_default=list, validate=validate.Length(max=50))
    trials = fields.Integer(strict=True, load_default=1, validate=validate.Range(1, MAX_TRIALS))
    reducer = fields.Nested(ReducerArguments, load_default=None, allow_none=True)
    cost_cap = fields.Decimal(load_default=None, allow_none=True, metadata=_CAP)
    source = fields.String(load_default=str(Source.LIVE), validate=validate.OneOf([str(one) for one in Source]))
    recording_run_id = fields.UUID(load_default=None, allow_none=True)


class PreflightArguments(Input):
    """A run that may be started; with `call` the set's first test is sent to the endpoint once."""

    test_set_id = fields.UUID(required=True)
    endpoint_id = fields.UUID(required=True)
    metric_ids = fields.List(fields.UUID(), load_default=list, validate=validate.Length(max=50))
    trials = fields.Integer(strict=True, load_default=1, validate=validate.Range(1, MAX_TRIALS))
    cost_cap = fields.Decimal(load_default=None, allow_none=True, metadata=_CAP)
    call = fields.Boolean(load_default=True)


class RerunArguments(Input):
    """Which tests to run again: those that `failed`, gave an `error`, were `flaky` (their trials disagree), or with null all."""

    chosen = fields.String(data_key="only", load_default=None, allow_none=True, validate=validate.OneOf(ONLY))


class RescoreArguments(Input):
    """What to score the answers by; without `metric_ids` by the run's own metrics as they are now."""

    metric_ids = fields.List(fields.UUID(), load_default=list, validate=validate.Length(max=50))


class RescoreManyArguments(RescoreArguments):
    """Several runs of one project to score again."""

    run_ids = fields.List(fields.UUID(), required=True, validate=validate.Length(1, MOST_RUNS))


class RunHeaders(Input):
    """Headers of a start: the same key gives the same run."""

    class Meta:
        """Other headers are none of this operation's business."""

        unknown = EXCLUDE

    idempotency_key = fields.String(
        data_key="Idempotency-Key", load_default=None, validate=validate.Length(min=1, max=200)
    )


class RunListArguments(ListArguments):
    """A page of runs."""

    project_id = fields.UUID(load_default=None)
    status = fields.String(load_default=None, validate=validate.OneOf([str(status) for status in RunStatus]))
    test_set_id = fields.UUID(load_default=None)
    endpoint_id = fields.UUID(load_default=None)
    parent_run_id = fields.UUID(load_default=None)
    schedule_id = fields.UUID(load_default=None)
    number = fields.Integer(load_default=None, validate=validate.Range(1, 2**31 - 1))


class RunArguments(Input):
    """Reading a run: `wait` is how many seconds to wait for its end."""

    wait = fields.Integer(load_default=0, validate=validate.Range(0, MAX_WAIT_S))


class ResultListArguments(ListArguments):
    """A page of results; `metric_id` gives those that failed on that metric, `flaky` those of tests whose trials disagree."""

    outcome = fields.String(load_default=None, validate=validate.OneOf(OUTCOMES))
    requirement_id = fields.UUID(load_default=None)
    metric_id = fields.UUID(load_default=None)
    q = fields.String(load_default="", validate=validate.Length(max=200))
    is_flaky = fields.Boolean(data_key="flaky", load_default=False)


class NewReviewArguments(Input):
    """A verdict on a result; with `evaluation_id` on what one metric said of it."""

    verdict = fields.String(required=True, validate=validate.OneOf(VERDICTS))
    evaluation_id = fields.UUID(load_default=None, allow_none=True)
    comment = fields.String(load_default="", validate=validate.Length(max=MAX_COMMENT))


class NewScheduleArguments(Input):
    """A schedule to make: five cron fields read by the clocks of an IANA time zone. Without a name it is called after its parts."""

    test_set_id = fields.UUID(required=True)
    endpoint_id = fields.UUID(required=True)
    metric_ids = fields.List(fields.UUID(), load_default=list, validate=validate.Length(max=50))
    cron = fields.String(required=True, validate=validate.Length(max=MAX_CRON), metadata={"example": "0 6 * * 1-5"})
    time_zone = fields.String(
        required=True, validate=validate.Length(max=MAX_NAME), metadata={"example": "Europe/Berlin"}
    )
    name = fields.String(load_default="", validate=validate.Length(max=MAX_NAME))


class ScheduleChangesArguments(Input):
    """Only the fields that change."""

    test_set_id = fields.UUID()
    endpoint_id = fields.UUID()
    metric_ids = fields.List(fields.UUID(), validate=validate.Length(max=50))
    cron = fields.String(validate=validate.Length(max=MAX_CRON))
    time_zone = fields.String(validate=validate.Length(max=MAX_NAME))
    name = fields.String(validate=validate.Length(1, MAX_NAME))


class ScheduleListArguments(ListArguments):
    """A page of schedules."""

    project_id = fields.UUID(load_default=None)
    test_set_id = fields.UUID(load_default=None)
    archived = fields.Boolean(load_default=False)


class FirePreviewArguments(Input):
    """An expression and a zone to try."""

    cron = fields.String(required=True, validate=validate.Length(max=MAX_CRON), metadata={"example": "0 6 * * 1-5"})
    time_zone = fields.String(
        required=True, validate=validate.Length(max=MAX_NAME), metadata={"example": "Europe/Berlin"}
    )
