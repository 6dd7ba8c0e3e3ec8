"""Comparisons and gates over the API."""

from typing import Any
from uuid import UUID

from flask import request
from flask.views import MethodView

from rhesis_app.insights.actions import decide
from rhesis_app.insights.actions import gates as actions
from rhesis_app.insights.actions.analyse import ask_for_analysis
from rhesis_app.insights.queries import gates as queries
from rhesis_app.insights.queries.analysis import AnalysisView, analysis_is_finished, view_analysis
from rhesis_app.insights.queries.compared_tests import (
    FLIPPED,
    ComparedFilter,
    ComparedTest,
    ComparisonWithTests,
    compare_with_tests,
    list_compared_tests,
)
from rhesis_app.insights.queries.comparison import runs_to_compare
from rhesis_app.insights.queries.gates import DecisionView, GateFilter, GateView
from rhesis_app.insights.queries.matching import Pair
from rhesis_app.insights.rules.changes import Change
from rhesis_app.insights.schemas import (
    AnalysisArguments,
    AskAnalysisArguments,
    ComparedTestArguments,
    ComparisonArguments,
    GateChangesArguments,
    GateListArguments,
    NewGateArguments,
)
from rhesis_app.kernel.paging import Page
from rhesis_app.kernel.permissions import Permission
from rhesis_app.web.access import needs
from rhesis_app.web.openapi import Answer, ApiBlueprint
from rhesis_app.web.paging import page_request
from rhesis_app.web.scope import current_scope
from rhesis_app.web.waiting import wait_until

blueprint = ApiBlueprint(
    "insights_api", __name__, url_prefix="/api/v1", description="What is concluded from runs: comparisons and gates"
)


@blueprint.route("/comparisons")
class Comparisons(MethodView):
    """Two runs side by side."""

    @needs(Permission.RUN_READ)
    @blueprint.arguments(ComparisonArguments, location="query")
    @blueprint.answers(200, ComparisonWithTests)
    def get(self, arguments: dict[str, Any]) -> ComparisonWithTests:
        """Compare two ended runs, matched by test. `tests` holds the first broken and fixed ones; /comparisons/tests has all."""
        scope = current_scope()
        baseline, candidate = runs_to_compare(scope, arguments["baseline"], arguments["candidate"])
        return compare_with_tests(scope, baseline, candidate)


@blueprint.route("/comparisons/tests")
class ComparedTests(MethodView):
    """The tests of a comparison."""

    @needs(Permission.RUN_READ)
    @blueprint.arguments(ComparedTestArguments, location="query")
    @blueprint.answers(200, ComparedTest, many=True)
    def get(self, arguments: dict[str, Any]) -> Page[ComparedTest]:
        """List the tests of a comparison with both answers, broken ones first."""
        scope = current_scope()
        baseline, candidate = runs_to_compare(scope, arguments.pop("baseline"), arguments.pop("candidate"))
        change = arguments.pop("change")
        chosen = ComparedFilter(pair=Pair.of(baseline, candidate), changes=(Change(change),) if change else FLIPPED)
        return list_compared_tests(scope, page_request(**arguments), chosen)


@blueprint.route("/gates")
class Gates(MethodView):
    """All gates."""

    @needs(Permission.RUN_READ)
    @blueprint.arguments(GateListArguments, location="query")
    @blueprint.answers(200, GateView, many=True)
    def get(self, arguments: dict[str, Any]) -> Page[GateView]:
        """List gates by name, of one project or of all you may read."""
        page = page_request(**{name: arguments.pop(name) for name in ("limit", "cursor", "count")})
        return queries.list_gates(current_scope(), page, GateFilter(**arguments))

    @needs(Permission.GATE_MANAGE)
    @blueprint.arguments(NewGateArguments)
    @blueprint.answers(201, GateView)
    def post(self, arguments: dict[str, Any]) -> Answer:
        """Make a gate. It decides every run that ends from now on, and the latest one at once."""
        view = actions.create_gate(current_scope(), actions.NewGate(**arguments))
        return Answer(view, {"Location": f"/api/v1/gates/{view.id}", "ETag": view.etag})


@blueprint.route("/gates/<uuid:gate_id>")
class Gate(MethodView):
    """One gate."""

    @needs(Permission.RUN_READ)
    @blueprint.answers(200, GateView)
    def get(self, gate_id: UUID) -> Answer:
        """Read a gate."""
        view = queries.get_gate(current_scope(), gate_id)
        return Answer(view, {"ETag": view.etag})

    @needs(Permission.GATE_MANAGE)
    @blueprint.arguments(GateChangesArguments)
    @blueprint.answers(200, GateView)
    def patch(self, arguments: dict[str, Any], gate_id: UUID) -> Answer:
        """Change only the fields sent; earlier decisions keep the rule they were made by."""
        view = actions.update_gate(current_scope(), gate_id, **arguments, if_match=request.headers.get("If-Match"))
        return Answer(view, {"ETag": view.etag})

    @needs(Permission.GATE_MANAGE)
    @blueprint.answers(200, GateView)
    def delete(self, gate_id: UUID) -> GateView:
        """Archive a gate: it decides no further run, and what it said stays."""
        return actions.archive_gate(current_scope(), gate_id)


@blueprint.route("/gates/<uuid:gate_id>/restore", methods=["POST"])
@needs(Permission.GATE_MANAGE)
@blueprint.answers(200, GateView)
def restore(gate_id: UUID) -> GateView:
    """Bring an archived gate back."""
    return actions.restore_gate(current_scope(), gate_id)


@blueprint.route("/test-runs/<uuid:run_id>/analysis")
class RunAnalysis(MethodView):
    """What the failures of a run have in common."""

    @needs(Permission.RUN_READ)
    @blueprint.arguments(AnalysisArguments, location="query")
    @blueprint.answers(200, AnalysisView)
    def get(self, arguments: dict[str, Any], run_id: UUID) -> AnalysisView:
        """Read the analysis of a run; with `wait` the answer comes when it is there, or after that many seconds."""
        view = view_analysis(current_scope(), run_id)
        if view.is_finished or not arguments["wait"]:
            return view
        wait_until(lambda: analysis_is_finished(current_scope(), run_id), arguments["wait"])
        return view_analysis(current_scope(), run_id)

    @needs(Permission.REPORT_CREATE)
    @blueprint.arguments(AskAnalysisArguments, required=False)
    @blueprint.answers(202, AnalysisView)
    def post(self, arguments: dict[str, Any], run_id: UUID) -> Answer:
        """Have an ended run analysed in the background: traits that failed tests share more often than chance explains."""
        ask_for_analysis(current_scope(), run_id, **arguments)
        return Answer(view_analysis(current_scope(), run_id), {"Location": f"/api/v1/test-runs/{run_id}/analysis"})


@blueprint.route("/test-runs/<uuid:run_id>/gates")
class RunGates(MethodView):
    """What the gates said of a run."""

    @needs(Permission.RUN_READ)
    @blueprint.answers(200, DecisionView, many=True)
    def get(self, run_id: UUID) -> tuple[DecisionView, ...]:
        """List the decisions of a run's gates, with the numbers they rest on."""
        return queries.view_decisions(current_scope(), run_id)

    @needs(Permission.GATE_MANAGE)
    @blueprint.answers(200, DecisionView, many=True)
    def post(self, run_id: UUID) -> tuple[DecisionView, ...]:
        """Let the project's gates decide an ended run again."""
        return decide.decide_again(current_scope(), run_id)
