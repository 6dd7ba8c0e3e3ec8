"""The page of how a metric's judge stands up to attacks."""

from typing import Any
from uuid import UUID

from flask import Blueprint, Response, request, url_for

from rhesis_app.authoring.actions.attacks import ask_for_attacks
from rhesis_app.authoring.queries import attacks as queries
from rhesis_app.authoring.queries.metrics import MetricView, get_metric
from rhesis_app.kernel.errors import Conflict, Invalid, NotFound
from rhesis_app.kernel.permissions import Permission
from rhesis_app.projects.queries import ProjectView, project_by_slug
from rhesis_app.web.access import needs
from rhesis_app.web.htmx import go_to, nothing_new
from rhesis_app.web.pages import render_fragment, render_page, say
from rhesis_app.web.scope import current_scope, runtime

blueprint = Blueprint("attacks", __name__)


@blueprint.get("/p/<slug>/metrics/<uuid:metric_id>/attacks")
@needs(Permission.METRIC_READ)
def show(slug: str, metric_id: UUID) -> Response:
    """The latest suite, and what another one would take."""
    scope = current_scope()
    project, metric = _metric(slug, metric_id)
    can_ask = scope.may(Permission.METRIC_WRITE, project=project.id) and metric.archived_at is None
    plan = queries.plan_attacks(runtime().registry, metric)
    return render_page(
        "metrics/attacks.html", section="metrics", project=project, can_ask=can_ask, plan=plan, **_views(metric)
    )


@blueprint.get("/p/<slug>/metrics/<uuid:metric_id>/attacks/progress")
@needs(Permission.METRIC_READ)
def progress(slug: str, metric_id: UUID) -> Response:
    """The same as a fragment, for the page that waits for it; nothing while nothing has changed."""
    project, metric = _metric(slug, metric_id)
    views = _views(metric)
    if views["found"] is None or request.args.get("seen") == views["seen"]:
        return nothing_new()
    return render_fragment("metrics/_attacks.html", project=project, **views)


@blueprint.post("/p/<slug>/metrics/<uuid:metric_id>/attacks")
@needs(Permission.METRIC_WRITE)
def ask(slug: str, metric_id: UUID) -> Response:
    """Have the metric attacked."""
    _metric(slug, metric_id)
    try:
        ask_for_attacks(current_scope(), runtime().registry, metric_id)
    except (Conflict, Invalid) as error:
        say(error.detail, kind="failed")
    return go_to(url_for("attacks.show", slug=slug, metric_id=metric_id))


def _metric(slug: str, metric_id: UUID) -> tuple[ProjectView, MetricView]:
    scope = current_scope()
    project = project_by_slug(scope, slug)
    metric = get_metric(scope, runtime().registry, metric_id)
    if metric.project_id != project.id:
        raise NotFound("There is no such metric in this project.")
    return project, metric


def _views(metric: MetricView) -> dict[str, Any]:
    scope = current_scope()
    latest = queries.latest_attack_suite(scope, metric.id)
    found = queries.view_attack_suite(scope, metric.id, latest.id) if latest is not None else None
    seen = f"{found.id}-{found.status}-{found.progress}" if found is not None else ""
    return {"metric": metric, "found": found, "seen": seen, "now": scope.now}
