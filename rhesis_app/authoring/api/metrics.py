"""Metrics over the API."""

from contextlib import nullcontext
from typing import Any
from uuid import UUID

from flask import request
from flask.views import MethodView

from rhesis_app.authoring.actions import metrics as actions
from rhesis_app.authoring.queries import metrics as queries
from rhesis_app.authoring.queries.metric_trials import (
    MetricDraft,
    TrialView,
    TriedExchange,
    prepare_trial,
    score_trial,
)
from rhesis_app.authoring.queries.metrics import MetricFilter, MetricView
from rhesis_app.authoring.schemas.metrics import (
    MetricChangesArguments,
    MetricListArguments,
    NewMetricArguments,
    TrialArguments,
)
from rhesis_app.kernel.paging import Page
from rhesis_app.kernel.permissions import Permission
from rhesis_app.runs.queries.stored_samples import stored_sample
from rhesis_app.web.access import needs
from rhesis_app.web.openapi import Answer, ApiBlueprint
from rhesis_app.web.paging import page_request
from rhesis_app.web.scope import current_scope, release_connection, runtime
from rhesis_app.web.waiting import callout_slot

blueprint = ApiBlueprint(
    "metrics_api",
    __name__,
    url_prefix="/api/v1/metrics",
    description="An evaluator with its settings and the rule that turns a score into passed or failed",
)


@blueprint.route("")
class Metrics(MethodView):
    """All metrics."""

    @needs(Permission.METRIC_READ)
    @blueprint.arguments(MetricListArguments, location="query")
    @blueprint.answers(200, MetricView, many=True)
    def get(self, arguments: dict[str, Any]) -> Page[MetricView]:
        """List metrics by evaluator and name, of one project or of all you may read."""
        page = page_request(**{name: arguments.pop(name) for name in ("limit", "cursor", "count")})
        return queries.list_metrics(current_scope(), runtime().registry, page, MetricFilter(**arguments))

    @needs(Permission.METRIC_WRITE)
    @blueprint.arguments(NewMetricArguments)
    @blueprint.answers(201, MetricView)
    def post(self, arguments: dict[str, Any]) -> Answer:
        """Make a metric; `GET /api/v1/evaluators` says which evaluators there are and what they take."""
        view = actions.create_metric(current_scope(), runtime().registry, actions.NewMetric(**arguments))
        return Answer(view, {"Location": f"/api/v1/metrics/{view.id}", "ETag": view.etag})


@blueprint.route("/try", methods=["POST"])
@needs(Permission.METRIC_WRITE)
@blueprint.arguments(TrialArguments)
@blueprint.answers(200, TrialView)
def try_it(arguments: dict[str, Any]) -> TrialView:
    """Score one exchange, sent or stored, with settings that need not be saved. A judge is really asked; nothing is stored."""
    exchange = _exchange(arguments.pop("sample"), arguments["project_id"])
    trial = prepare_trial(current_scope(), runtime().registry, runtime().judges, MetricDraft(**arguments), exchange)
    release_connection()  # a plugin may take its time, and a model takes it
    with callout_slot() if trial.asks_a_model else nullcontext():
        return score_trial(trial)


def _exchange(sample: dict[str, Any], project_id: UUID) -> TriedExchange:
    """The exchange that was sent; with a `result_id` the stored one."""
    result_id = sample.pop("result_id")
    if result_id is not None:
        return TriedExchange.of(stored_sample(current_scope(), result_id, project_id=project_id))
    return TriedExchange(**{**sample, "context": tuple(sample["context"])})


@blueprint.route("/<uuid:metric_id>")
class Metric(MethodView):
    """One metric."""

    @needs(Permission.METRIC_READ)
    @blueprint.answers(200, MetricView)
    def get(self, metric_id: UUID) -> Answer:
        """Read a metric."""
        view = queries.get_metric(current_scope(), runtime().registry, metric_id)
        return Answer(view, {"ETag": view.etag})

    @needs(Permission.METRIC_WRITE)
    @blueprint.arguments(MetricChangesArguments)
    @blueprint.answers(200, MetricView)
    def patch(self, arguments: dict[str, Any], metric_id: UUID) -> Answer:
        """Change only the fields sent; past runs keep the metric as it was."""
        changes = actions.MetricChanges(**arguments)
        if_match = request.headers.get("If-Match")
        view = actions.update_metric(current_scope(), runtime().registry, metric_id, changes, if_match=if_match)
        return Answer(view, {"ETag": view.etag})

    @needs(Permission.METRIC_DELETE)
    @blueprint.answers(200, MetricView)
    def delete(self, metric_id: UUID) -> MetricView:
        """Archive a metric; past runs keep it."""
        return actions.archive_metric(current_scope(), runtime().registry, metric_id)


@blueprint.route("/<uuid:metric_id>/restore", methods=["POST"])
@needs(Permission.METRIC_DELETE)
@blueprint.answers(200, MetricView)
def restore(metric_id: UUID) -> MetricView:
    """Bring an archived metric back."""
    return actions.restore_metric(current_scope(), runtime().registry, metric_id)
