"""The tests of a comparison, broken ones first, in keyset pages."""

from collections.abc import Collection
from dataclasses import dataclass, fields
from typing import Any
from uuid import UUID

from sqlalchemy import Select, Subquery, and_, case, func, select
from sqlalchemy.orm import aliased

from rhesis_app.authoring.models import Requirement, TestVersion
from rhesis_app.insights.queries.comparison import Comparison, compare_runs
from rhesis_app.insights.queries.matching import Pair, matched_results
from rhesis_app.insights.rules.changes import Change
from rhesis_app.kernel.paging import MAX_LIMIT, By, Page, PageRequest, keyset, page_of
from rhesis_app.kernel.scope import Scope
from rhesis_app.runs.models import EffectiveResult
from rhesis_app.runs.queries.views import RunView

_RANKS = {str(change): rank for rank, change in enumerate(Change)}
_PLACE = ("rank", "position", "trial", "test_id")
FLIPPED = (Change.BROKEN, Change.FIXED)


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparedTest:
    """A test in both runs; what is missing in one of them is null. `position` and `trial` are the candidate's where it has them.

    Of a test with several trials the outcome is what these came to, and the answer that of the first trial that came out so.
    """

    test_id: UUID
    trial: int
    position: int
    change: str
    prompt: str
    requirement: str | None
    baseline_result_id: UUID | None
    baseline_outcome: str | None
    baseline_output: str | None
    baseline_latency_ms: float | None
    candidate_result_id: UUID | None
    candidate_outcome: str | None
    candidate_output: str | None
    candidate_latency_ms: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparedFilter:
    """Which tests of which comparison; with `clip` answers are cut to that many characters."""

    pair: Pair
    changes: Collection[Change] = FLIPPED
    clip: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparisonWithTests(Comparison):
    """A comparison with its first broken and fixed tests; `tests_complete` says whether these are all of them."""

    tests: tuple[ComparedTest, ...]
    tests_complete: bool


def compare_with_tests(scope: Scope, baseline: RunView, candidate: RunView) -> ComparisonWithTests:
    """A comparison as the API tells it: with at most 200 tests that changed. Invalid where the two cannot be compared."""
    found = compare_runs(scope, baseline, candidate)
    chosen = ComparedFilter(pair=Pair.of(baseline, candidate))
    page = list_compared_tests(scope, PageRequest(limit=MAX_LIMIT), chosen)
    return ComparisonWithTests(
        **{field.name: getattr(found, field.name) for field in fields(Comparison)},
        tests=page.items,
        tests_complete=page.next_after is None,
    )


def list_compared_tests(scope: Scope, request: PageRequest, chosen: ComparedFilter) -> Page[ComparedTest]:
    """A page of tests with their answers, in one statement. The caller has made sure that both runs may be read."""
    ranked = _ranked(scope, chosen)
    wanted = select(ranked).where(ranked.c.change.in_([str(change) for change in chosen.changes]))
    order = [By(ranked.c[name]) for name in _PLACE]
    keys = keyset(wanted, order, request).subquery("keys")
    rows = scope.session.execute(_rows(scope, keys, chosen, request)).all()
    return page_of(rows, request, key=lambda row: tuple(getattr(row, name) for name in _PLACE), view=_view)


def _ranked(scope: Scope, chosen: ComparedFilter) -> Subquery:
    a, b, joined, change = matched_results(scope, chosen.pair)
    matched = (
        select(
            func.coalesce(b.c.test_id, a.c.test_id).label("test_id"),
            func.coalesce(b.c.trial, a.c.trial).label("trial"),
            func.coalesce(b.c.position, a.c.position).label("position"),
            func.coalesce(b.c.test_version_id, a.c.test_version_id).label("test_version_id"),
            func.coalesce(b.c.requirement_id, a.c.requirement_id).label("requirement_id"),
            *(a.c.id.label("baseline_result_id"), a.c.outcome.label("baseline_outcome")),
            *(b.c.id.label("candidate_result_id"), b.c.outcome.label("candidate_outcome")),
            change.label("change"),
        )
        .select_from(a.join(b, joined, full=True))
        .subquery("matched")
    )
    rank = case(_RANKS, value=matched.c.change, else_=len(_RANKS))
    return select(matched, rank.label("rank")).subquery("ranked")


def _rows(scope: Scope, keys: Any, chosen: ComparedFilter, request: PageRequest) -> Select[Any]:
    before, after = aliased(EffectiveResult, name="before"), aliased(EffectiveResult, name="after")
    organization = scope.organization_id

    def said(answer: Any) -> Any:
        return func.left(answer.output, chosen.clip) if chosen.clip else answer.output

    query = (
        select(
            keys,
            TestVersion.prompt,
            Requirement.name.label("requirement"),
            *(said(before).label("baseline_output"), before.latency_ms.label("baseline_latency_ms")),
            *(said(after).label("candidate_output"), after.latency_ms.label("candidate_latency_ms")),
        )
        .select_from(keys)
        .join(TestVersion, and_(TestVersion.organization_id == organization, TestVersion.id == keys.c.test_version_id))
        .outerjoin(before, and_(before.organization_id == organization, before.id == keys.c.baseline_result_id))
        .outerjoin(after, and_(after.organization_id == organization, after.id == keys.c.candidate_result_id))
        .outerjoin(
            Requirement, and_(Requirement.organization_id == organization, Requirement.id == keys.c.requirement_id)
        )
    )
    places = [keys.c[name] for name in _PLACE]
    return query.order_by(*(place.desc() if request.backward else place.asc() for place in places))


def _view(row: Any) -> ComparedTest:
    return ComparedTest(**{name: getattr(row, name) for name in ComparedTest.__dataclass_fields__})
