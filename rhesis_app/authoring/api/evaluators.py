"""Evaluators over the API."""

from rhesis_app.authoring.queries import evaluators as queries
from rhesis_app.authoring.queries.evaluators import EvaluatorView
from rhesis_app.kernel.permissions import Permission
from rhesis_app.web.access import needs
from rhesis_app.web.openapi import ApiBlueprint
from rhesis_app.web.scope import runtime

blueprint = ApiBlueprint(
    "evaluators_api", __name__, url_prefix="/api/v1/evaluators", description="What the installed plugins can score"
)


@blueprint.route("")
@needs(Permission.METRIC_READ)
@blueprint.answers(200, EvaluatorView, many=True)
def index() -> tuple[EvaluatorView, ...]:
    """List every evaluator on offer with the settings it takes."""
    return queries.list_evaluators(runtime().registry)
