"""How many rows a page reads: no more for a large run than for a small one. Rows are counted by PostgreSQL, nothing is timed."""

import json
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest
from sqlalchemy import Engine, event, text

from rhesis_app.authoring.queries.narrowing import COUNTED_TO
from rhesis_app.authoring.queries.tests import TestFilter, list_test_lines
from rhesis_app.kernel.paging import PageRequest
from rhesis_app.kernel.scope import Scope
from rhesis_app.projects.actions import create_project
from rhesis_app.projects.queries import ProjectView
from rhesis_app.runs.actions.review import NewReview, review_result
from rhesis_app.runs.models import TestRun
from rhesis_app.runs.queries.overview import project_state
from rhesis_app.runs.queries.result_keys import ResultFilter, count_results, matches_of, page_keys
from rhesis_app.runs.queries.result_matches import Matches
from tests.factories import Given, MadeRun, RunPlan, make_run
from tests.people import Person

METRICS = ("a", "b")
PAGE, LARGE = 10, 1200


def many(count: int) -> list[Given]:
    outcomes = ("passed",) * 17 + ("failed", "failed", "error")
    return [
        Given(prompt=f"p{n}", requirement=f"R{n % 5}", outcome=outcomes[n % 20], verdicts=_verdicts(outcomes[n % 20]))
        for n in range(count)
    ]


def _verdicts(outcome: str) -> dict[str, str]:
    return {} if outcome == "error" else {"a": outcome, "b": "passed"}


@pytest.fixture
def runs(alice: Person, project: ProjectView, superuser: Engine) -> tuple[MadeRun, MadeRun]:
    """A small one and a large one, with what the planner knows of them; the large one is reviewed twice."""
    with alice.scope() as scope:
        made = [make_run(scope, RunPlan(project_id=project.id, metrics=METRICS), many(count)) for count in (100, LARGE)]
        for place in (0, 100):
            review_result(scope, made[1].result_ids[place], NewReview(verdict="failed", comment="No."))
    with superuser.connect() as connection:
        connection.execute(text("ANALYZE"))
    return made[0], made[1]


def rows_read(scope: Scope, ask: Callable[[], object]) -> int:
    """What the scans of the statements that `ask` sends come upon, rows that a filter threw away among them."""
    sent: list[tuple[str, Any]] = []

    def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_rest: Any) -> None:
        sent.append((statement, parameters))

    engine = scope.session.get_bind()
    event.listen(engine, "before_cursor_execute", note)
    try:
        ask()
    finally:
        event.remove(engine, "before_cursor_execute", note)
    connection = scope.session.connection()
    read = 0
    for statement, parameters in sent:
        if statement.lstrip().startswith(("SELECT", "WITH")) and "set_config" not in statement:
            cursor = connection.connection.cursor()
            cursor.execute(f"EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) {statement}", parameters)
            (found,) = cursor.fetchone()
            plan = json.loads(found) if isinstance(found, str) else found
            read += sum(_of_scan(node) for node in _nodes(plan[0]["Plan"]))
    assert read
    return read


def _nodes(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield node
    for child in node.get("Plans", ()):
        yield from _nodes(child)


def _of_scan(node: dict[str, Any]) -> int:
    if "Relation Name" not in node:
        return 0
    thrown_away = node.get("Rows Removed by Filter", 0) + node.get("Rows Removed by Index Recheck", 0)
    return int((node["Actual Rows"] + thrown_away) * node["Actual Loops"])


def chosen_filters(run: MadeRun) -> list[ResultFilter]:
    return [
        ResultFilter(),
        ResultFilter(outcome="failed"),
        ResultFilter(outcome="unscored"),
        ResultFilter(metric_id=run.metric_ids["a"]),
        ResultFilter(metric_id=run.metric_ids["a"], outcome="failed"),
    ]


@pytest.mark.parametrize("few", [1000, 20])
def test_a_page_of_results_reads_few_rows_of_a_large_run(
    alice: Person, runs: tuple[MadeRun, MadeRun], monkeypatch: pytest.MonkeyPatch, few: int
) -> None:
    monkeypatch.setattr("rhesis_app.runs.queries.result_matches.FEW", few)
    large = runs[1]
    pages = [
        PageRequest(limit=PAGE),
        *(PageRequest(limit=PAGE, after=(3, 600, 1), backward=way) for way in (True, False)),
    ]
    with alice.scope() as scope:
        for chosen in chosen_filters(large):
            for request in pages:
                # at this size the planner may still prefer to read every verdict of a metric; the benchmark has a million
                most = 2 * LARGE if chosen.metric_id else LARGE // 3
                read = rows_read(scope, partial(read_page, scope, large, chosen, request))
                assert read < most, (chosen, request)


def read_page(scope: Scope, run: MadeRun, chosen: ResultFilter, request: PageRequest) -> None:
    matches = matches_of(scope, run.id, chosen)
    scope.session.execute(page_keys(scope, run.id, chosen, request, matches)).all()


def test_a_search_for_what_is_everywhere_stops_at_the_end_of_the_page(
    alice: Person, runs: tuple[MadeRun, MadeRun], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rhesis_app.runs.queries.result_matches.FEW", 20)
    with alice.scope() as scope:
        chosen = ResultFilter(q="on its")
        assert rows_read(scope, partial(read_page, scope, runs[1], chosen, PageRequest(limit=PAGE))) < LARGE // 3


def test_a_search_reads_the_texts_of_a_run_once(alice: Person, runs: tuple[MadeRun, MadeRun]) -> None:
    with alice.scope() as scope:
        for words in ("p1199", "nowhere"):
            chosen = ResultFilter(q=words)
            read = rows_read(scope, partial(read_page, scope, runs[1], chosen, PageRequest(limit=PAGE)))
            assert read < 4 * LARGE


def test_an_ended_run_is_not_counted_again(alice: Person, runs: tuple[MadeRun, MadeRun]) -> None:
    large = runs[1]
    requirement_id = large.requirement_ids["R1"]
    with alice.scope() as scope:
        for chosen, count in (
            (ResultFilter(), LARGE),
            (ResultFilter(outcome="error"), LARGE // 20),
            (ResultFilter(requirement_id=requirement_id), LARGE // 5),
        ):
            assert count_results(scope, large.id, chosen, Matches()) == count
            assert rows_read(scope, lambda chosen=chosen: count_results(scope, large.id, chosen, Matches())) <= 2


def test_the_tests_of_a_set_are_counted_once_however_often_it_ran(
    alice: Person, project: ProjectView, superuser: Engine
) -> None:
    with alice.scope() as scope:
        made = make_run(scope, RunPlan(project_id=project.id, metrics=METRICS), many(60))
        (read,) = (_reads_of_state(scope, project),)
        row = scope.get(TestRun, made.id)
        columns = {column.key: getattr(row, column.key) for column in TestRun.__mapper__.column_attrs}
        with scope.atomic() as session:
            for number in range(2, 62):
                session.add(TestRun(**columns | {"id": type(row.id)(int=number), "number": number}))
        with superuser.connect() as connection:
            connection.execute(text("ANALYZE"))
        assert project_state(scope, project.id).never_run == 0
        assert _reads_of_state(scope, project) < read + 5 * 61


def test_the_state_of_a_project_reads_its_own_tests_in_a_large_organization(
    alice: Person, project: ProjectView, superuser: Engine
) -> None:
    with alice.scope() as scope:
        make_run(scope, RunPlan(project_id=project.id, metrics=METRICS), many(100))
        with superuser.connect() as connection:
            connection.execute(text("ANALYZE"))
        read = _reads_of_state(scope, project)
        other = create_project(scope, "Another one, large")
        make_run(scope, RunPlan(project_id=other.id, metrics=METRICS), many(LARGE))
        with superuser.connect() as connection:
            connection.execute(text("ANALYZE"))
        assert _reads_of_state(scope, project) < 2 * read
        assert read < 20 * 100


def _reads_of_state(scope: Scope, project: ProjectView) -> int:
    return rows_read(scope, lambda: project_state(scope, project.id))


def test_a_page_counts_its_tests_to_an_end(
    alice: Person, project: ProjectView, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert COUNTED_TO == 10_000
    with alice.scope() as scope:
        make_run(scope, RunPlan(project_id=project.id, metrics=METRICS), many(60))
    monkeypatch.setattr("rhesis_app.authoring.queries.narrowing.COUNTED_TO", 30)
    monkeypatch.setattr("rhesis_app.authoring.pages.tests.COUNTED_TO", 30)
    with alice.scope() as scope:
        page = list_test_lines(scope, PageRequest(limit=5, count=True), TestFilter(project_id=project.id))
    assert page.total == 31
    assert "more than 30 tests" in alice.web.get("/p/support-copilot/tests").text
