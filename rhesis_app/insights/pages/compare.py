"""The page of a comparison."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, Response, request

from rhesis_app.insights.forms import TABS
from rhesis_app.insights.queries.compared_tests import ComparedFilter, ComparedTest, list_compared_tests
from rhesis_app.insights.queries.comparison import Comparison, compare_runs, compare_with_previous
from rhesis_app.insights.queries.matching import Pair
from rhesis_app.kernel.diff import SideBySide, word_diff
from rhesis_app.kernel.errors import AppError
from rhesis_app.kernel.paging import Page, PageRequest
from rhesis_app.kernel.permissions import Permission
from rhesis_app.projects.queries import ProjectView, project_by_slug
from rhesis_app.runs.queries.runs import RunFilter, list_runs, view_run_by_number
from rhesis_app.runs.queries.views import RunView
from rhesis_app.runs.rules import FINAL
from rhesis_app.web.access import needs
from rhesis_app.web.pages import render_fragment, render_page
from rhesis_app.web.paging import page_links, page_request
from rhesis_app.web.scope import current_scope

blueprint = Blueprint("comparisons", __name__)
_OFFERED = 40
_PER_PAGE = 25


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """The test that is shown with both answers."""

    test: ComparedTest
    diff: SideBySide


@blueprint.get("/p/<slug>/compare")
@needs(Permission.RUN_READ)
def show(slug: str) -> Response:
    """Two runs side by side: `baseline` and `candidate` are run numbers; without them the latest two of a test set."""
    scope = current_scope()
    project = project_by_slug(scope, slug)
    chosen = RunFilter(project_id=project.id, statuses=tuple(str(status) for status in FINAL))
    offered = list_runs(scope, PageRequest(limit=_OFFERED), chosen).items
    baseline, candidate = _chosen(project, offered)
    views: dict[str, Any] = {
        "offered": _with(offered, baseline, candidate),
        "baseline": baseline,
        "candidate": candidate,
    }
    if baseline is None or candidate is None:
        return _page(project, views, found=None, message="")
    try:
        found = compare_runs(scope, baseline, candidate)
    except AppError as error:
        said = " ".join(text for texts in error.errors.values() for text in texts)
        return _page(project, views, found=None, message=said or error.detail, status=error.status)
    return _page(project, views | _tests(found, baseline, candidate), found=found, message="")


@blueprint.get("/p/<slug>/runs/<int:number>/against")
@needs(Permission.RUN_READ)
def against(slug: str, number: int) -> Response:
    """What became of a run's tests since the run before, as a sentence; the run's page fetches it."""
    scope = current_scope()
    run = view_run_by_number(scope, project_by_slug(scope, slug).id, number)
    return render_fragment("insights/_against.html", slug=slug, run=run, found=compare_with_previous(scope, run))


def _tests(found: Comparison, baseline: RunView, candidate: RunView) -> dict[str, Any]:
    """The tab's tests, and the one that is opened: that of the address, else the first."""
    counts = {
        "broken": found.broken,
        "fixed": found.fixed,
        "still_failed": found.still_failed,
        "still_passed": found.still_passed,
        "left_out": found.comparable.undecided + found.comparable.edited,
        "only": found.comparable.only_baseline + found.comparable.only_candidate,
    }
    fallback = next((name for name, count in counts.items() if count), "broken")
    tab = request.args.get("show", "")
    tab = tab if tab in TABS else fallback
    chosen = ComparedFilter(pair=Pair.of(baseline, candidate), changes=TABS[tab][1])
    cursor = request.args.get("cursor")
    page = list_compared_tests(current_scope(), page_request(limit=_PER_PAGE, cursor=cursor), chosen)
    return {
        "tab": tab,
        "tabs": TABS,
        "counts": counts,
        "page": page,
        "links": page_links(page),
        "opened": _opened(page),
        "cursor": {"cursor": cursor} if cursor else {},
    }


def _opened(page: Page[ComparedTest]) -> Opened | None:
    wanted = request.args.get("test", "")
    found = next((one for one in page.items if f"{one.test_id}-{one.trial}" == wanted), None)
    test = found or (page.items[0] if page.items else None)
    if test is None:
        return None
    return Opened(test=test, diff=word_diff(test.baseline_output or "", test.candidate_output or ""))


def _chosen(project: ProjectView, offered: Sequence[RunView]) -> tuple[RunView | None, RunView | None]:
    """The runs of the address; without them the newest one and the newest before it of the same test set."""
    whole = [run for run in offered if run.is_counted]
    candidate = _numbered(project, offered, "candidate") or _newest_with_a_past(whole)
    baseline = _numbered(project, offered, "baseline")
    if baseline is None and candidate is not None:
        past = (run for run in whole if run.number < candidate.number)
        baseline = next((run for run in past if run.test_set.id == candidate.test_set.id), None)
    return baseline, candidate


def _numbered(project: ProjectView, offered: Sequence[RunView], name: str) -> RunView | None:
    number = request.args.get(name, "")
    if not number.isdecimal():
        return None
    known = next((run for run in offered if run.number == int(number)), None)
    return known or view_run_by_number(current_scope(), project.id, min(int(number), 2**31 - 1))


def _newest_with_a_past(offered: Sequence[RunView]) -> RunView | None:
    sets = [run.test_set.id for run in offered]
    return next((run for place, run in enumerate(offered) if run.test_set.id in sets[place + 1 :]), None)


def _with(offered: Sequence[RunView], *chosen: RunView | None) -> list[RunView]:
    """What can be chosen: the newest runs, and those that are chosen already."""
    by_number = {run.number: run for run in (*offered, *(run for run in chosen if run is not None))}
    return [by_number[number] for number in sorted(by_number, reverse=True)]


def _page(project: ProjectView, views: dict[str, Any], *, status: int = 200, **more: Any) -> Response:
    return render_page(
        "insights/compare.html",
        section="compare",
        project=project,
        status=status,
        now=current_scope().now,
        **views,
        **more,
    )
