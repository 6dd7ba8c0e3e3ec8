"""Two runs side by side: matched by test, with what its trials came to; counted in the database, tests in keyset pages."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Select, and_, case, func, or_, select

from rhesis_app.authoring.models import MetricVersion, Requirement
from rhesis_app.insights.queries.gates import previous_run
from rhesis_app.insights.queries.matching import DECIDED, Pair, judged, matched_results, trials_differ, trials_sentence
from rhesis_app.insights.rules.changes import Change, Changes, Direction, changes_of, direction_of
from rhesis_app.insights.rules.sentences import chosen_words, left_out_sentence, part_sentence, sentence_of
from rhesis_app.kernel.errors import Invalid, NotFound
from rhesis_app.kernel.scope import Scope
from rhesis_app.runs.models import TestRun
from rhesis_app.runs.queries.runs import view_runs
from rhesis_app.runs.queries.views import PassRate, RunView
from rhesis_app.runs.rules import RunKind
from rhesis_app.scoring.stats import holm


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """Candidate minus baseline as shares of 1, with a 95 % interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparedRun:
    """One of the two runs, with its own rate over all its tests."""

    id: UUID
    number: int
    test_set: str
    test_set_version: int
    endpoint: str
    source: str
    recording_number: int | None
    pass_rate: PassRate


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparability:
    """Whether like is compared. With `ok` false the outcomes stand under different metrics and are not compared.

    Nor are they with `chosen_tests`: then an earlier outcome chose the tests of one of the runs; nor without `same_trials`:
    then a test was not asked as often in both, or passed by another reducer.
    """

    ok: bool
    chosen_tests: bool
    same_trials: bool
    same_test_set_version: bool
    same_endpoint: bool
    metrics_only_in_baseline: tuple[str, ...]
    metrics_only_in_candidate: tuple[str, ...]
    undecided: int
    edited: int
    only_baseline: int
    only_candidate: int
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PartDifference:
    """The difference in one requirement or by one metric; `p_value` is adjusted over all parts (Holm).

    `sentence` is empty unless chance is a poor explanation.
    """

    id: UUID | None
    name: str | None
    matched: int
    fixed: int
    broken: int
    difference: Difference | None
    p_value: float | None
    direction: str
    sentence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Two runs of one project. `difference` and `p_value` are null where there is nothing to compare or to test.

    `standouts` are sentences on requirements that changed beyond chance, whatever the whole did. `replayed` says, in a
    sentence, what follows where answers are recorded ones; empty where both runs asked.
    """

    baseline: ComparedRun
    candidate: ComparedRun
    sentence: str
    standouts: tuple[str, ...]
    left_out: str
    replayed: str
    direction: str
    matched: int
    fixed: int
    broken: int
    still_passed: int
    still_failed: int
    difference: Difference | None
    p_value: float | None
    comparable: Comparability
    by_requirement: tuple[PartDifference, ...]
    by_metric: tuple[PartDifference, ...]


def runs_to_compare(scope: Scope, baseline_id: UUID, candidate_id: UUID) -> tuple[RunView, RunView]:
    """The two runs; NotFound for strangers."""
    found = view_runs(scope, (baseline_id, candidate_id))
    for name, run_id in (("baseline", baseline_id), ("candidate", candidate_id)):
        if run_id not in found:
            raise NotFound(f"There is no such run here ({name}).")
    return found[baseline_id], found[candidate_id]


def compare_runs(scope: Scope, baseline: RunView, candidate: RunView) -> Comparison:
    """The comparison of two ended runs of one project. Invalid at the field where the two cannot be compared."""
    _refuse_unlike(baseline, candidate)
    pair = Pair.of(baseline, candidate)
    counted = _counts(scope, pair)
    changes = changes_of(_sum(counts for _, _, counts in counted))
    comparable = _comparability(baseline, candidate, changes)
    names = f"#{baseline.number}", f"#{candidate.number}"
    found = changes.statistics if comparable.ok else None
    p_value = found.p_value if found else None
    by_requirement = _parts(counted) if comparable.ok else ()
    return Comparison(
        baseline=_run(baseline),
        candidate=_run(candidate),
        sentence=sentence_of(changes, *names) if comparable.ok else comparable.note,
        standouts=tuple(part.sentence for part in by_requirement if part.sentence),
        left_out=left_out_sentence(changes),
        replayed=_replayed(baseline, candidate),
        direction=str(direction_of(changes, p_value) if comparable.ok else Direction.UNCLEAR),
        broken=changes.broken,
        fixed=changes.fixed,
        still_failed=changes.still_failed,
        still_passed=changes.still_passed,
        matched=changes.matched,
        difference=_difference(changes) if comparable.ok else None,
        p_value=p_value,
        comparable=comparable,
        by_requirement=by_requirement,
        by_metric=() if comparable.chosen_tests or not comparable.same_trials else _parts(_metric_counts(scope, pair)),
    )


def compare_with_previous(scope: Scope, run: RunView) -> Comparison | None:
    """An ended run beside the run of its test set before it; None where there is none, the run goes on, or it is a retry.

    A re-score and a run of chosen tests stand beside the run that they came of.
    """
    if not run.is_finished or run.kind == RunKind.RETRY:  # what a retry answered stands in the run that it came of
        return None
    is_child = run.parent is not None and not run.is_counted
    baseline_id = run.parent.id if is_child and run.parent else previous_run(scope, scope.get(TestRun, run.id))
    if baseline_id is None:
        return None
    return compare_runs(scope, *runs_to_compare(scope, baseline_id, run.id))


def changes_between(scope: Scope, baseline: RunView, candidate: RunView) -> Changes:
    """Tests by what became of them from one run to the other."""
    return changes_of(_sum(counts for _, _, counts in _counts(scope, Pair.of(baseline, candidate))))


def metrics_differ(baseline: RunView, candidate: RunView) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Names of the metrics that only one of the runs was judged by, in that version."""
    first = {metric.version_id: metric.name for metric in baseline.metrics}
    second = {metric.version_id: metric.name for metric in candidate.metrics}
    return (
        tuple(sorted(name for key, name in first.items() if key not in second)),
        tuple(sorted(name for key, name in second.items() if key not in first)),
    )


Counted = Sequence[tuple[UUID | None, str | None, Mapping[str, int]]]


def _counts(scope: Scope, pair: Pair) -> Counted:
    """Per requirement the tests by what became of them, in one statement."""
    a, b, joined, change = matched_results(scope, pair)
    requirement = func.coalesce(b.c.requirement_id, a.c.requirement_id)
    counted = (
        select(requirement.label("part"), change.label("change"), func.count().label("count"))
        .select_from(a.join(b, joined, full=True))
        .group_by(requirement, change)
        .subquery("counted")
    )
    named = scope.select(Requirement.id, Requirement.name).subquery("named")
    query: Select[Any] = select(counted.c.part, named.c.name, counted.c.change, counted.c.count).select_from(
        counted.outerjoin(named, named.c.id == counted.c.part)
    )
    return _grouped(scope.session.execute(query).all())


def _metric_counts(scope: Scope, pair: Pair) -> Counted:
    """Per metric version that both runs were judged by, the tests by what became of its verdict."""
    sides = ((pair.baseline_id, "was_judged"), (pair.candidate_id, "is_judged"))
    a, b = (judged(scope, run_id, name, pair) for run_id, name in sides)
    passed = a.c.verdict == "passed"
    change = case(
        (or_(a.c.verdict.not_in(DECIDED), b.c.verdict.not_in(DECIDED)), Change.UNDECIDED),
        (and_(passed, b.c.verdict == "failed"), Change.BROKEN),
        (and_(~passed, b.c.verdict == "passed"), Change.FIXED),
        (passed, Change.STILL_PASSED),
        else_=Change.STILL_FAILED,
    )
    same = and_(
        a.c.metric_version_id == b.c.metric_version_id,
        a.c.test_version_id == b.c.test_version_id,
        a.c.trial == b.c.trial,
    )
    counted = (
        select(a.c.metric_version_id.label("part"), change.label("change"), func.count().label("count"))
        .select_from(a.join(b, same))
        .group_by(a.c.metric_version_id, change)
        .subquery("counted")
    )
    named = scope.select(MetricVersion.id, MetricVersion.metric_id, MetricVersion.name).subquery("named")
    query: Select[Any] = select(named.c.metric_id, named.c.name, counted.c.change, counted.c.count).select_from(
        counted.join(named, named.c.id == counted.c.part)
    )
    return _grouped(scope.session.execute(query).all())


def _grouped(rows: Iterable[Any]) -> Counted:
    found: dict[tuple[UUID | None, str | None], dict[str, int]] = {}
    for part, name, change, count in rows:
        found.setdefault((part, name), {})[change] = count
    return [(part, name, counts) for (part, name), counts in found.items()]


def _sum(parts: Iterable[Mapping[str, int]]) -> dict[str, int]:
    total: dict[str, int] = {}
    for counts in parts:
        for change, count in counts.items():
            total[change] = total.get(change, 0) + count
    return total


def _parts(counted: Counted) -> tuple[PartDifference, ...]:
    """Parts with matched tests, the worst first; p-values held together by Holm's method."""
    parts = [(part, name, changes_of(counts)) for part, name, counts in counted]
    parts = [one for one in parts if one[2].matched]
    tested = [changes.statistics for _, _, changes in parts]
    raw = [found.p_value for found in tested if found and found.p_value is not None]
    adjusted = iter(holm(raw))
    views = []
    for (part, name, changes), found in zip(parts, tested, strict=True):
        p_value = next(adjusted) if found and found.p_value is not None else None
        views.append(
            PartDifference(
                id=part,
                name=name,
                matched=changes.matched,
                fixed=changes.fixed,
                broken=changes.broken,
                difference=_difference(changes),
                p_value=p_value,
                direction=str(direction_of(changes, p_value)),
                sentence=part_sentence(name or "Without a requirement", changes, p_value),
            )
        )
    return tuple(sorted(views, key=lambda one: (one.difference.value if one.difference else 0.0, one.name or "~")))


def _difference(changes: Changes) -> Difference | None:
    found = changes.statistics
    return Difference(value=found.difference, low=found.low, high=found.high) if found else None


def _refuse_unlike(baseline: RunView, candidate: RunView) -> None:
    if baseline.id == candidate.id:
        raise Invalid.field("candidate", "Choose another run than the baseline.")
    if baseline.project_id != candidate.project_id:
        raise Invalid.field("candidate", "The two runs belong to different projects: choose two of one project.")
    for name, run in (("baseline", baseline), ("candidate", candidate)):
        if not run.is_finished:
            raise Invalid.field(name, f"Run #{run.number} is still going on: compare when it has ended.")


def _comparability(baseline: RunView, candidate: RunView, changes: Changes) -> Comparability:
    first, second = metrics_differ(baseline, candidate)
    chosen = next((run for run in (candidate, baseline) if run.chosen_by is not None), None)
    is_chosen = (baseline.chosen_by, baseline.chosen_from) != (candidate.chosen_by, candidate.chosen_from)
    same_trials = not trials_differ(baseline, candidate)
    is_like = not first and not second and not is_chosen and same_trials
    note = "" if is_like else _unlike(baseline, candidate, first, second)
    return Comparability(
        ok=is_like,
        chosen_tests=is_chosen,
        same_trials=same_trials,
        same_test_set_version=(baseline.test_set.id, baseline.test_set.version)
        == (candidate.test_set.id, candidate.test_set.version),
        same_endpoint=baseline.endpoint.id == candidate.endpoint.id,
        metrics_only_in_baseline=first,
        metrics_only_in_candidate=second,
        **{name: getattr(changes, name) for name in ("undecided", "edited", "only_baseline", "only_candidate")},
        note=_chosen_note(chosen, changes) if is_chosen and chosen is not None else note,
    )


def _unlike(baseline: RunView, candidate: RunView, first: Sequence[str], second: Sequence[str]) -> str:
    if trials_differ(baseline, candidate):
        return f"{trials_sentence(baseline, candidate)} What a test came to is not compared."
    names = ", ".join(dict.fromkeys([*first, *second]))
    return (
        f"#{baseline.number} and #{candidate.number} were judged by different metrics ({names}),"
        " so their outcomes are not compared. Score one of them again with the other's metrics, or read the metrics"
        " that both share below."
    )


def _chosen_note(run: RunView, changes: Changes) -> str:
    return (
        f"#{run.number} asked only {chosen_words(run.chosen_by or '', run.chosen_from)}. Of {changes.matched} with a verdict"
        f" in both runs {changes.fixed} were fixed and {changes.broken} broke. Tests that an earlier outcome chose change by"
        " chance alone, so no difference is tested."
    )


def _replayed(baseline: RunView, candidate: RunView) -> str:
    replays = [run for run in (baseline, candidate) if run.recording_number is not None]
    if not replays:
        return ""
    shown = " and ".join(f"#{run.number} was replayed from #{run.recording_number}" for run in replays)
    numbers = {run.recording_number or run.number for run in (baseline, candidate)}
    if len(numbers) == 1:
        return f"{shown}: the recorded answers are the same in both, so they differ in metrics, mapping or tests alone."
    return f"{shown}: its answers are as old as the recording." if len(replays) == 1 else f"{shown}."


def _run(run: RunView) -> ComparedRun:
    return ComparedRun(
        id=run.id,
        number=run.number,
        test_set=run.test_set.name,
        test_set_version=run.test_set.version,
        endpoint=run.endpoint.name,
        source=run.source,
        recording_number=run.recording_number,
        pass_rate=run.pass_rate,
    )
