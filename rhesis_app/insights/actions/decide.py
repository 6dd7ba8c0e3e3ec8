"""Deciding gates: when a run ends, when people's reviews change its numbers, and when a gate changes."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from uuid import UUID

from sqlalchemy import func, or_
from sqlalchemy.dialects.postgresql import insert

from rhesis_app.authoring.models import TestVersion
from rhesis_app.insights.models import Gate, GateDecision
from rhesis_app.insights.queries.comparison import changes_between, metrics_differ
from rhesis_app.insights.queries.gates import DecisionView, decisions_of, live_gates, previous_run
from rhesis_app.insights.queries.matching import trials_differ, trials_sentence
from rhesis_app.insights.rules.changes import changes_of
from rhesis_app.insights.rules.gates import PREVIOUS, Decided, Evidence, Kind, Tagged, decide
from rhesis_app.insights.rules.sentences import chosen_words
from rhesis_app.kernel.errors import Conflict
from rhesis_app.kernel.permissions import Permission
from rhesis_app.kernel.scope import Scope
from rhesis_app.runs.models import EffectiveResult, EffectiveTest, TestRun
from rhesis_app.runs.queries.runs import is_counted, view_runs
from rhesis_app.sdk import Totals


def decide_run(scope: Scope, run_id: UUID) -> None:
    """Let every live gate of the project decide this ended run; earlier decisions of it are replaced."""
    run = scope.session.scalars(scope.select(TestRun).where(TestRun.id == run_id)).one_or_none()
    if run is None or run.finished_at is None:
        return
    scope.session.refresh(run)
    found = [(gate, _decide(scope, gate, run)) for gate in live_gates(scope, run.project_id)]
    if found:
        _keep(scope, run, found)


def decide_again(scope: Scope, run_id: UUID) -> tuple[DecisionView, ...]:
    """The same, asked for by a person who may manage gates. Raises Conflict while the run goes on."""
    with scope.atomic():
        run = scope.get(TestRun, run_id, lock=True)
        scope.require(Permission.RUN_READ, project=run.project_id)
        scope.require(Permission.GATE_MANAGE, project=run.project_id)
        if run.finished_at is None:
            raise Conflict("The run is still going on: its gates decide when it has ended.")
        decide_run(scope, run_id)
        scope.record("gate.decide", "test_run", run_id, number=run.number)
    return decisions_of(scope, (run_id,)).get(run_id, ())


def decide_latest(scope: Scope, project_id: UUID) -> None:
    """Let the gates decide the latest ended run of a whole test set, so that a new gate has something to show."""
    query = (
        scope.select(TestRun.id)
        .where(TestRun.project_id == project_id, TestRun.finished_at.is_not(None), is_counted())
        .order_by(TestRun.number.desc())
        .limit(1)
    )
    latest = scope.session.scalar(query)
    if latest is not None:
        decide_run(scope, latest)


def _decide(scope: Scope, gate: Gate, run: TestRun) -> Decided:
    kind, evidence = Kind(gate.rule["kind"]), Evidence(totals=_totals(run), chosen=_chosen(run))
    if kind is Kind.NO_FAILED_TAG:
        evidence = replace(evidence, tagged=_tagged(scope, run, gate.rule["tag"]))
    elif kind is Kind.NO_REGRESSION and not evidence.chosen:
        evidence = _against_baseline(scope, gate.rule, run, evidence.totals)
    return decide(gate.rule, evidence)


def _totals(run: TestRun) -> Totals:
    """Its tests by outcome: where these have several trials, by what the trials came to."""
    return Totals(**(run.totals if run.test_count is None else run.reduced["tests"]))


def _chosen(run: TestRun) -> str:
    """Why a run says nothing of its whole test set; empty where it does."""
    if run.chosen_by is None:
        return ""
    return f"#{run.number} asked only {chosen_words(run.chosen_by, run.config.get('chosen_from'))}: that says nothing of all of them."


def _against_baseline(scope: Scope, rule: Mapping[str, Any], run: TestRun, totals: Totals) -> Evidence:
    chosen = rule["baseline"]
    baseline_id = previous_run(scope, run) if chosen == PREVIOUS else UUID(chosen)
    if baseline_id is None or baseline_id == run.id:
        return Evidence(totals=totals)
    found = view_runs(scope, (baseline_id, run.id))
    if baseline_id not in found:
        return Evidence(totals=totals)
    baseline = found[baseline_id]
    if baseline.chosen_by is not None:
        only = chosen_words(baseline.chosen_by, baseline.chosen_from)
        sentence = f"#{baseline.number} asked only {only}, so it is no baseline for this run."
        return Evidence(totals=totals, baseline_number=baseline.number, changes=changes_of({}), incomparable=sentence)
    if any(metrics_differ(baseline, found[run.id])):
        sentence = f"#{baseline.number} was judged by different metrics, so it is no baseline for this run."
        return Evidence(totals=totals, baseline_number=baseline.number, changes=changes_of({}), incomparable=sentence)
    if trials_differ(baseline, found[run.id]):
        sentence = f"{trials_sentence(baseline, found[run.id])} So it is no baseline for this run."
        return Evidence(totals=totals, baseline_number=baseline.number, changes=changes_of({}), incomparable=sentence)
    changes = changes_between(scope, baseline, found[run.id])
    return Evidence(totals=totals, baseline_number=baseline.number, changes=changes)


def _tagged(scope: Scope, run: TestRun, tag: str) -> Tagged:
    """The run's tests that carry the tag, in their metadata as `tags` (a list) or as `tag`."""
    result: Any = EffectiveResult if run.test_count is None else EffectiveTest
    version = TestVersion
    carries = or_(version.facts["tags"].has_key(tag), version.facts["tag"].astext == tag)
    query = (
        scope.select(result.outcome, func.count())
        .join(
            version,
            (version.organization_id == result.organization_id) & (version.id == result.test_version_id),
        )
        .where(result.run_id == run.id, carries)
        .group_by(result.outcome)
    )
    counts = dict(tuple(row) for row in scope.session.execute(query))
    left_out = sum(count for outcome, count in counts.items() if outcome not in ("passed", "failed"))
    return Tagged(passed=counts.get("passed", 0), failed=counts.get("failed", 0), left_out=left_out)


def _keep(scope: Scope, run: TestRun, found: list[tuple[Gate, Decided]]) -> None:
    rows = [
        {
            "organization_id": scope.organization_id,
            "run_id": run.id,
            "gate_id": gate.id,
            "name": gate.name,
            "rule": gate.rule,
            "decision": str(decided.decision),
            "numbers": decided.numbers | {"sentence": decided.sentence},
        }
        for gate, decided in found
    ]
    statement = insert(GateDecision).values(rows)
    fresh = {name: statement.excluded[name] for name in ("name", "rule", "decision", "numbers")}
    scope.session.execute(
        statement.on_conflict_do_update(
            index_elements=[GateDecision.run_id, GateDecision.gate_id], set_=fresh | {"decided_at": func.now()}
        )
    )
