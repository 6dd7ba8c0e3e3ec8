"""Runs and their results over the API."""

from typing import Any
from uuid import UUID

from flask.views import MethodView

from rhesis_app.insights.queries.decided_run import DecidedRun, view_decided_run
from rhesis_app.kernel.paging import Page
from rhesis_app.kernel.permissions import Permission
from rhesis_app.notifications.queries.background import JobView, view_job
from rhesis_app.runs.actions.again import Rerun, Rescore, rerun_tests, rescore_answers
from rhesis_app.runs.actions.again_many import RescoreMany, ask_for_rescores
from rhesis_app.runs.actions.cancel import cancel_run
from rhesis_app.runs.actions.check import Callout, Ways, check_run
from rhesis_app.runs.actions.pause import pause_run, resume_run
from rhesis_app.runs.actions.retry_errors import RetryErrors, retry_errors
from rhesis_app.runs.actions.review import NewReview, review_result, withdraw_review
from rhesis_app.runs.actions.start import NewRun, start_run
from rhesis_app.runs.queries.breakdown import BreakdownView, view_breakdown
from rhesis_app.runs.queries.checks import CheckedRun, WantedRun
from rhesis_app.runs.queries.result import ResultView, view_result
from rhesis_app.runs.queries.result_keys import ResultFilter
from rhesis_app.runs.queries.results import ResultRow, list_results
from rhesis_app.runs.queries.reviews import ReviewView, list_reviews
from rhesis_app.runs.queries.run_tests import RunTestFilter, RunTestRow, list_run_tests
from rhesis_app.runs.queries.runs import RunFilter, list_runs, run_is_finished, view_run
from rhesis_app.runs.queries.views import RunView
from rhesis_app.runs.rules.trials import reducer_of
from rhesis_app.runs.schemas import (
    NewReviewArguments,
    NewRunArguments,
    PreflightArguments,
    RerunArguments,
    RescoreArguments,
    RescoreManyArguments,
    ResultListArguments,
    RunArguments,
    RunHeaders,
    RunListArguments,
)
from rhesis_app.web.access import needs
from rhesis_app.web.openapi import Answer, ApiBlueprint
from rhesis_app.web.paging import page_request
from rhesis_app.web.scope import current_scope, release_connection, runtime
from rhesis_app.web.waiting import callout_slot, wait_until

blueprint = ApiBlueprint("runs_api", __name__, url_prefix="/api/v1", description="Test runs and their results")


@blueprint.route("/test-sets/<uuid:test_set_id>/runs", methods=["POST"])
@needs(Permission.RUN_EXECUTE)
@blueprint.arguments(RunHeaders, location="headers")
@blueprint.arguments(NewRunArguments)
@blueprint.answers(202, RunView)
def start(headers: dict[str, Any], arguments: dict[str, Any], test_set_id: UUID) -> Answer:
    """Start a run of a test set against an endpoint. Send `Idempotency-Key` so that a repeated request starts nothing.

    With `cost_cap` it stops when its known cost has reached so many US dollars: what is in flight is kept, the rest becomes
    errors `cost_cap`. Refused where neither the endpoint's answers nor its judges have a known cost.
    """
    new = NewRun(
        test_set_id=test_set_id,
        endpoint_id=arguments["endpoint_id"],
        metric_ids=tuple(arguments["metric_ids"]),
        trials=arguments["trials"],
        reducer=reducer_of(arguments["reducer"]),
        cost_cap=arguments["cost_cap"],
        idempotency_key=headers["idempotency_key"],
        source=arguments["source"],
        recording_run_id=arguments["recording_run_id"],
    )
    return _accepted(start_run(current_scope(), runtime().registry, new))


@blueprint.route("/preflights", methods=["POST"])
@needs(Permission.RUN_EXECUTE)
@blueprint.arguments(PreflightArguments)
@blueprint.answers(200, CheckedRun)
def preflight(arguments: dict[str, Any]) -> CheckedRun:
    """Check a run before it is started: tests, metrics, what they need, the endpoint with one real call; and what it would take."""
    host, is_called = runtime(), arguments.pop("call")
    wanted = WantedRun(**{**arguments, "metric_ids": tuple(arguments["metric_ids"])})
    ways = Ways(door=host.door, secrets=host.secrets, judges=host.judges)
    callout = Callout(callout_slot, release_connection) if is_called else None
    return check_run(current_scope(), host.registry, ways, wanted, callout)


@blueprint.route("/test-runs")
class Runs(MethodView):
    """All runs."""

    @needs(Permission.RUN_READ)
    @blueprint.arguments(RunListArguments, location="query")
    @blueprint.answers(200, RunView, many=True)
    def get(self, arguments: dict[str, Any]) -> Page[RunView]:
        """List runs, newest first."""
        status = arguments.pop("status")
        names = ("project_id", "test_set_id", "endpoint_id", "parent_run_id", "schedule_id", "number")
        chosen = RunFilter(statuses=(status,) if status else (), **{name: arguments.pop(name) for name in names})
        return list_runs(current_scope(), page_request(**arguments), chosen)


@blueprint.route("/test-runs/<uuid:run_id>")
class Run(MethodView):
    """One run."""

    @needs(Permission.RUN_READ)
    @blueprint.arguments(RunArguments, location="query")
    @blueprint.answers(200, DecidedRun)
    def get(self, arguments: dict[str, Any], run_id: UUID) -> DecidedRun:
        """Read a run with what its gates said; with `wait` the answer comes when it has ended, or after that many seconds."""
        view = view_decided_run(current_scope(), run_id)
        if view.is_finished or not arguments["wait"]:
            return view
        wait_until(lambda: run_is_finished(current_scope(), run_id), arguments["wait"])
        return view_decided_run(current_scope(), run_id)


@blueprint.route("/test-runs/<uuid:run_id>/cancel", methods=["POST"])
@needs(Permission.RUN_CANCEL)
@blueprint.answers(200, RunView)
def cancel(run_id: UUID) -> RunView:
    """Cancel a run: nothing new is asked, answers on the way are kept. Of an ended run nothing changes."""
    cancel_run(current_scope(), run_id)
    return view_run(current_scope(), run_id)


@blueprint.route("/test-runs/<uuid:run_id>/pause", methods=["POST"])
@needs(Permission.RUN_CANCEL)
@blueprint.answers(200, RunView)
def pause(run_id: UUID) -> RunView:
    """Pause a run: nothing new is asked from within a second on, answers on the way are kept, its deadline stands still."""
    pause_run(current_scope(), run_id)
    return view_run(current_scope(), run_id)


@blueprint.route("/test-runs/<uuid:run_id>/resume", methods=["POST"])
@needs(Permission.RUN_CANCEL)
@blueprint.answers(200, RunView)
def resume(run_id: UUID) -> RunView:
    """Let a paused run go on, at once."""
    resume_run(current_scope(), run_id)
    return view_run(current_scope(), run_id)


@blueprint.route("/test-runs/<uuid:run_id>/retry-errors", methods=["POST"])
@needs(Permission.RUN_EXECUTE)
@blueprint.arguments(RunHeaders, location="headers")
@blueprint.answers(202, RunView)
def retry(headers: dict[str, Any], run_id: UUID) -> Answer:
    """Ask an ended run's errors again, as it asked them. An error stays what is shown until its answer is there, which then takes its place."""
    return _accepted(
        retry_errors(current_scope(), RetryErrors(run_id=run_id, idempotency_key=headers["idempotency_key"]))
    )


@blueprint.route("/test-runs/<uuid:run_id>/rerun", methods=["POST"])
@needs(Permission.RUN_EXECUTE)
@blueprint.arguments(RunHeaders, location="headers")
@blueprint.arguments(RerunArguments)
@blueprint.answers(202, RunView)
def rerun(headers: dict[str, Any], arguments: dict[str, Any], run_id: UUID) -> Answer:
    """Ask an ended run's tests again, as they were then, against the endpoint as it is now."""
    new = Rerun(run_id=run_id, only=arguments["chosen"], idempotency_key=headers["idempotency_key"])
    return _accepted(rerun_tests(current_scope(), runtime().registry, new))


@blueprint.route("/test-runs/<uuid:run_id>/rescore", methods=["POST"])
@needs(Permission.RUN_EXECUTE)
@blueprint.arguments(RunHeaders, location="headers")
@blueprint.arguments(RescoreArguments)
@blueprint.answers(202, RunView)
def rescore(headers: dict[str, Any], arguments: dict[str, Any], run_id: UUID) -> Answer:
    """Score the answers of an ended run by other metrics, or by newer versions of its own; the endpoint is not called."""
    new = Rescore(run_id=run_id, metric_ids=tuple(arguments["metric_ids"]), idempotency_key=headers["idempotency_key"])
    return _accepted(rescore_answers(current_scope(), runtime().registry, new))


@blueprint.route("/rescores", methods=["POST"])
@needs(Permission.RUN_EXECUTE)
@blueprint.arguments(RunHeaders, location="headers")
@blueprint.arguments(RescoreManyArguments)
@blueprint.answers(202, JobView)
def rescore_many(headers: dict[str, Any], arguments: dict[str, Any]) -> Answer:
    """Have a worker score the answers of many ended runs again, as a run of its own each: all of them are started, or none."""
    new = RescoreMany(
        run_ids=tuple(arguments["run_ids"]),
        metric_ids=tuple(arguments["metric_ids"]),
        idempotency_key=headers["idempotency_key"],
    )
    job_id = ask_for_rescores(current_scope(), new)
    return Answer(view_job(current_scope(), runtime().jobs, job_id), {"Location": f"/api/v1/jobs/{job_id}"})


@blueprint.route("/test-runs/<uuid:run_id>/results")
class Results(MethodView):
    """The results of a run."""

    @needs(Permission.RUN_READ)
    @blueprint.arguments(ResultListArguments, location="query")
    @blueprint.answers(200, ResultRow, many=True)
    def get(self, arguments: dict[str, Any], run_id: UUID) -> Page[ResultRow]:
        """List results: failed ones first, then errors, unscored and passed ones, each by position."""
        names = ("outcome", "requirement_id", "metric_id", "q", "is_flaky")
        chosen = ResultFilter(**{name: arguments.pop(name) for name in names})
        return list_results(current_scope(), run_id, page_request(**arguments), chosen)


@blueprint.route("/test-runs/<uuid:run_id>/tests")
class RunTests(MethodView):
    """The tests of a run, each with its trials."""

    @needs(Permission.RUN_READ)
    @blueprint.arguments(ResultListArguments, location="query")
    @blueprint.answers(200, RunTestRow, many=True)
    def get(self, arguments: dict[str, Any], run_id: UUID) -> Page[RunTestRow]:
        """List tests by position, one row each, with the outcomes of their trials and what these come to."""
        names = ("outcome", "requirement_id", "metric_id", "q", "is_flaky")
        chosen = RunTestFilter(**{name: arguments.pop(name) for name in names})
        return list_run_tests(current_scope(), run_id, page_request(**arguments), chosen)


@blueprint.route("/test-runs/<uuid:run_id>/breakdown")
@needs(Permission.RUN_READ)
@blueprint.answers(200, BreakdownView)
def breakdown(run_id: UUID) -> BreakdownView:
    """Rates by requirement and by metric, worst first."""
    return view_breakdown(current_scope(), run_id)


@blueprint.route("/test-results/<uuid:result_id>")
@needs(Permission.RUN_READ)
@blueprint.answers(200, ResultView)
def result(result_id: UUID) -> ResultView:
    """Read a result with everything kept of it: the request, the raw answer, each evaluation with its evidence."""
    return view_result(current_scope(), runtime().registry, result_id)


@blueprint.route("/test-results/<uuid:result_id>/reviews")
class Reviews(MethodView):
    """What people said of a result."""

    @needs(Permission.RUN_READ)
    @blueprint.answers(200, ReviewView, many=True)
    def get(self, result_id: UUID) -> tuple[ReviewView, ...]:
        """List the reviews of a result, newest first; superseded ones too."""
        return list_reviews(current_scope(), result_id)

    @needs(Permission.REVIEW_WRITE)
    @blueprint.arguments(NewReviewArguments)
    @blueprint.answers(201, ResultView)
    def post(self, arguments: dict[str, Any], result_id: UUID) -> ResultView:
        """Review a result, or with `evaluation_id` one evaluation: the run's numbers follow at once, nothing is overwritten."""
        review_result(current_scope(), result_id, NewReview(**arguments))
        return view_result(current_scope(), runtime().registry, result_id)


@blueprint.route("/reviews/<uuid:review_id>", methods=["DELETE"])
@needs(Permission.REVIEW_WRITE)
@blueprint.answers(200, ResultView)
def withdraw(review_id: UUID) -> ResultView:
    """Withdraw a review: what the metrics found stands again."""
    return view_result(current_scope(), runtime().registry, withdraw_review(current_scope(), review_id))


def _accepted(run_id: UUID) -> Answer:
    return Answer(view_run(current_scope(), run_id), {"Location": f"/api/v1/test-runs/{run_id}"})
