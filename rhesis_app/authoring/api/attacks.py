"""Attack suites over the API."""

from typing import Any
from uuid import UUID

from flask.views import MethodView

from rhesis_app.authoring.actions.attacks import BadAnswer, ask_for_attacks
from rhesis_app.authoring.queries.attacks import (
    AttackedMetric,
    AttackPlan,
    AttackSuiteView,
    attack_is_finished,
    list_attack_suites,
    plan_attacks,
    view_attack_suite,
)
from rhesis_app.authoring.queries.metrics import get_metric
from rhesis_app.authoring.schemas.attacks import AttackArguments, NewAttackArguments
from rhesis_app.kernel.paging import Page
from rhesis_app.kernel.permissions import Permission
from rhesis_app.web.access import needs
from rhesis_app.web.openapi import Answer, ApiBlueprint, ListArguments
from rhesis_app.web.paging import page_request
from rhesis_app.web.scope import current_scope, runtime
from rhesis_app.web.waiting import wait_until

blueprint = ApiBlueprint(
    "attacks_api",
    __name__,
    url_prefix="/api/v1/metrics",
    description="Attempts to talk a metric's judge into a better verdict",
)


@blueprint.route("/<uuid:metric_id>/attacks")
class Attacks(MethodView):
    """The suites of a metric."""

    @needs(Permission.METRIC_READ)
    @blueprint.arguments(ListArguments, location="query")
    @blueprint.answers(200, AttackSuiteView, many=True)
    def get(self, arguments: dict[str, Any], metric_id: UUID) -> Page[AttackSuiteView]:
        """List how a metric's judge stood up to attacks, newest suite first."""
        return list_attack_suites(current_scope(), metric_id, page_request(**arguments))

    @needs(Permission.METRIC_WRITE)
    @blueprint.arguments(NewAttackArguments)
    @blueprint.answers(202, AttackedMetric)
    def post(self, arguments: dict[str, Any], metric_id: UUID) -> Answer:
        """Attack a metric's judge in the background; `calls` says how many calls of its model that takes."""
        sample = arguments["sample"]
        answer = BadAnswer(**{**sample, "context": tuple(sample["context"])}) if sample is not None else None
        suite_id = ask_for_attacks(current_scope(), runtime().registry, metric_id, answer)
        view = view_attack_suite(current_scope(), metric_id, suite_id)
        return Answer(view, {"Location": f"/api/v1/metrics/{metric_id}/attacks/{suite_id}"})


@blueprint.route("/<uuid:metric_id>/attacks/plan")
@needs(Permission.METRIC_READ)
@blueprint.answers(200, AttackPlan)
def plan(metric_id: UUID) -> AttackPlan:
    """How many attacks have a way into the metric's prompts, and how many calls of its model a suite takes."""
    registry = runtime().registry
    return plan_attacks(registry, get_metric(current_scope(), registry, metric_id))


@blueprint.route("/<uuid:metric_id>/attacks/<uuid:suite_id>")
class Attack(MethodView):
    """One suite."""

    @needs(Permission.METRIC_READ)
    @blueprint.arguments(AttackArguments, location="query")
    @blueprint.answers(200, AttackedMetric)
    def get(self, arguments: dict[str, Any], metric_id: UUID, suite_id: UUID) -> AttackedMetric:
        """Read a suite with every attack; with `wait` the answer comes when it has ended, or after that many seconds."""
        view = view_attack_suite(current_scope(), metric_id, suite_id)
        if view.is_finished or not arguments["wait"]:
            return view
        wait_until(lambda: attack_is_finished(current_scope(), suite_id), arguments["wait"])
        return view_attack_suite(current_scope(), metric_id, suite_id)
