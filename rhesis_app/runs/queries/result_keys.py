"""Which results of a run a list shows, and in which order, found by its indexes however many there are.

An effective outcome is the stored one but for the few results that somebody reviewed or a retry answered. So the stored ones are
read outcome by outcome, each in the order of an index and no further than a page goes, and only the few are decided and sorted.
Where a metric or a text leaves only few, these are looked up and sorted.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Select, and_, case, func, literal_column, select, union_all

from rhesis_app.authoring.queries.narrowing import total_of
from rhesis_app.kernel.paging import By, PageRequest, keyset
from rhesis_app.kernel.scope import Scope
from rhesis_app.runs.models import EffectiveResult, EffectiveTest, TestResult, TestRun
from rhesis_app.runs.queries.outcomes import changed_ids, is_changed
from rhesis_app.runs.queries.result_matches import (
    Matches,
    failed_ids,
    failed_on,
    find_matches,
    is_one_of,
    mentioning_ids,
    mentions,
)

RANKS = {"failed": 0, "error": 1, "unscored": 2, "passed": 3}


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultFilter:
    """Which results of a run: `metric_id` those that failed on that metric, `q` in prompt, expected or answer; `is_flaky`
    those of tests whose trials disagree.

    `newest_first` replaces the usual order (failed, error, unscored, passed, then by position). With `clip` long texts
    are cut to that many characters.
    """

    outcome: str = ""
    requirement_id: UUID | None = None
    metric_id: UUID | None = None
    q: str = ""
    is_flaky: bool = False
    newest_first: bool = False
    clip: int | None = None

    @property
    def is_narrowing(self) -> bool:
        """Whether anything is left out."""
        return bool(self.outcome or self.requirement_id or self.metric_id or self.q or self.is_flaky)


def page_keys(scope: Scope, run_id: UUID, chosen: ResultFilter, request: PageRequest, matches: Matches) -> Select[Any]:
    """(result_id, rank, position, trial) of a page's results, and of one more that says whether it goes on, in their order.

    `matches` are what `matches_of` found for `chosen`.
    """
    if chosen.newest_first:
        return keyset(_effective(scope, run_id, chosen), [By(EffectiveResult.id, descending=True)], request)
    parts = [part.subquery() for part in _parts(scope, run_id, chosen, request, matches)]
    found = union_all(*(select(part) for part in parts)).subquery("found")
    places = (found.c.rank, found.c.position, found.c.trial)
    ordered = (place.desc() if request.backward else place.asc() for place in places)
    return select(found).order_by(*ordered).limit(request.limit + 1)


def matches_of(scope: Scope, run_id: UUID, chosen: ResultFilter) -> Matches:
    """Which results are those with the metric and the text asked for, where they are few: one statement for each of both."""
    return find_matches(scope, run_id, chosen.metric_id, chosen.q)


def key_of(row: Any, chosen: ResultFilter) -> tuple[Any, ...]:
    """Where a result stands in the order of a list, for a cursor."""
    if chosen.newest_first:
        return (row.id,)
    return (RANKS.get(row.outcome, 4), row.position, row.trial)


def count_results(scope: Scope, run_id: UUID, chosen: ResultFilter, matches: Matches) -> int:
    """How many results `chosen` lets through. A run that has ended keeps these counts unless a metric or a text is asked for."""
    if (
        not (chosen.metric_id or chosen.q or chosen.is_flaky)
        and (kept := _kept_counts(scope, run_id, chosen.requirement_id)) is not None
    ):
        return sum(kept.get(outcome, 0) for outcome in ([chosen.outcome] if chosen.outcome else RANKS))
    parts = (_all_stored(scope, run_id, chosen, matches), _few(scope, run_id, chosen))
    counted = union_all(*(total_of(part) for part in parts)).subquery("counted")
    return int(scope.session.scalar(select(func.sum(counted.c[0]))) or 0)


def _kept_counts(scope: Scope, run_id: UUID, requirement_id: UUID | None) -> dict[str, int] | None:
    """Results by outcome as they stand on an ended run; None where they have to be counted."""
    row = scope.session.execute(
        scope.select(TestRun.totals, TestRun.parts, TestRun.test_count).where(TestRun.id == run_id)
    ).one_or_none()
    if row is not None and row.test_count is not None and requirement_id is not None:
        return None  # its requirements are counted by tests, and these are results
    if row is None or row.totals is None or row.parts is None:
        return None
    if requirement_id is None:
        return dict(row.totals)
    return next((one for one in row.parts["requirements"] if one["id"] == str(requirement_id)), {})


def _parts(
    scope: Scope, run_id: UUID, chosen: ResultFilter, request: PageRequest, found: Matches
) -> Iterator[Select[Any]]:
    """The page's candidates: as many of each outcome as a page has, and as many of those that may be another one by now."""
    if found.are_few:
        yield keyset(_stored(scope, run_id, chosen, found), _in_order(TestResult), request)
    else:
        for outcome, rank in RANKS.items():
            after = _within(rank, request)
            if after is None or (chosen.outcome and chosen.outcome != outcome):
                continue
            query = _stored(scope, run_id, chosen, found, outcome)
            yield keyset(query, [By(TestResult.position), By(TestResult.trial)], after)
    yield keyset(_few(scope, run_id, chosen), _in_order(EffectiveResult), request)


def _in_order(result: Any) -> list[By]:
    return [By(_rank(result)), By(result.position), By(result.trial)]


def _rank(result: Any) -> Any:
    return case(RANKS, value=result.outcome, else_=4)


def _unchanged(scope: Scope, run_id: UUID, chosen: ResultFilter, outcome: str = "") -> Select[Any]:
    """The results of which what was stored holds, of one outcome or of all, whatever metric or text is asked for."""
    return _matching(scope, run_id, chosen, TestResult, outcome).where(
        TestResult.id.not_in(changed_ids(scope, [run_id]))
    )


def _stored(scope: Scope, run_id: UUID, chosen: ResultFilter, found: Matches, outcome: str = "") -> Select[Any]:
    """Those that `chosen` lets through, to be read no further than to the end of a page."""
    query, result = _unchanged(scope, run_id, chosen, outcome), TestResult
    if chosen.metric_id:
        in_turn = failed_on(run_id, chosen.metric_id, result, outcome)
        query = query.where(in_turn if found.failed is None else is_one_of(result.id, found.failed))
    if chosen.q:
        in_turn = mentions(chosen.q, result)
        query = query.where(in_turn if found.mentioning is None else is_one_of(result.id, found.mentioning))
    return query


def _all_stored(scope: Scope, run_id: UUID, chosen: ResultFilter, found: Matches) -> Select[Any]:
    """The same to be read to their end."""
    query, result = _unchanged(scope, run_id, chosen), TestResult.id
    if chosen.metric_id:
        every = result.in_(failed_ids(scope, run_id, chosen.metric_id))
        query = query.where(every if found.failed is None else is_one_of(result, found.failed))
    if chosen.q:
        every = result.in_(mentioning_ids(scope, run_id, chosen.q))
        query = query.where(every if found.mentioning is None else is_one_of(result, found.mentioning))
    return query


def _few(scope: Scope, run_id: UUID, chosen: ResultFilter) -> Select[Any]:
    """The others, decided anew."""
    return _effective(scope, run_id, chosen).where(is_changed(scope, [run_id], EffectiveResult))


def _effective(scope: Scope, run_id: UUID, chosen: ResultFilter) -> Select[Any]:
    query = _matching(scope, run_id, chosen, EffectiveResult)
    if chosen.metric_id:
        query = query.where(failed_on(run_id, chosen.metric_id))
    return query.where(mentions(chosen.q)) if chosen.q else query


def _within(rank: int, request: PageRequest) -> PageRequest | None:
    """The request as it is among the results of one rank; None where all of them are on other pages."""
    if not request.after:
        return request
    first, *rest = request.after
    if rank == first:
        return PageRequest(limit=request.limit, after=tuple(rest), backward=request.backward)
    is_before = rank < first
    return PageRequest(limit=request.limit, backward=request.backward) if is_before == request.backward else None


def _matching(scope: Scope, run_id: UUID, chosen: ResultFilter, result: Any, stored: str = "") -> Select[Any]:
    """Keys of the results that `chosen` lets through but for metric and text: only what sorting needs, so that no text is read for nothing.

    `stored` is the one stored outcome that is meant, with TestResult as `result`.
    """
    rank = literal_column(str(RANKS[stored])) if stored else _rank(result)
    query = (
        scope.select(TestRun.id, result.id.label("result_id"), rank.label("rank"), result.position, result.trial)
        .join(result, and_(result.organization_id == TestRun.organization_id, result.run_id == TestRun.id))
        .where(TestRun.id == run_id, result.run_id == run_id)
    )
    if stored or chosen.outcome:
        query = query.where(result.outcome == (stored or chosen.outcome))
    if chosen.requirement_id:
        query = query.where(result.requirement_id == chosen.requirement_id)
    if chosen.is_flaky:
        flaky = scope.select(EffectiveTest.test_version_id).where(
            EffectiveTest.run_id == run_id, EffectiveTest.is_flaky
        )
        once = flaky.cte().prefix_with("MATERIALIZED")
        query = query.where(result.test_version_id.in_(select(once.c.test_version_id)))
    return query
