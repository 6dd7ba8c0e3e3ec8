"""Tests that are asked several times: every trial a result, every test one outcome, and both told apart everywhere."""

from collections.abc import Sequence
from itertools import product
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from rhesis_app.kernel.errors import Conflict, Invalid
from rhesis_app.runs.actions.again import Rerun, Rescore, rerun_tests, rescore_answers
from rhesis_app.runs.actions.cancel import cancel_run
from rhesis_app.runs.actions.review import NewReview, review_result
from rhesis_app.scoring.reducers import Reducer, ReducerName, reduce_trials
from tests.factories import Given, RunPlan, make_run
from tests.jobs.runs.test_driving import drive
from tests.jobs.runs.world import World, make_world
from tests.people import Person
from tests.scripted_endpoint import Call, Reply, ScriptedEndpoint, json_reply

STEADY, FLAKY, WRONG = "Steady", "Flaky", "Wrong"
TESTS = [(STEADY, "yes"), (FLAKY, "yes"), (WRONG, "never said")]
ALL, ANY = Reducer(name=ReducerName.ALL), Reducer(name=ReducerName.ANY)


def by_trial(call: Call) -> Reply:
    """The flaky one says no in its second trial."""
    trial = call.headers["idempotency-key"].rpartition(":")[2]
    return json_reply({"reply": "no" if call.json["message"] == FLAKY and trial == "2" else "yes"})


def ended(alice: Person, **choices: Any) -> tuple[World, UUID]:
    with ScriptedEndpoint(by_trial) as server:
        world = make_world(alice, server.url, TESTS)
        run_id = world.start(**choices)
        drive(world, run_id)
    return world, run_id


def run_of(world: World, run_id: UUID) -> Any:
    return world.ask("SELECT * FROM test_run WHERE id = :run", run=run_id)[0]


def trials_of(world: World, run_id: UUID) -> dict[str, list[str]]:
    rows = world.ask(
        "SELECT v.prompt, r.outcome FROM effective_result r JOIN test_version v ON v.id = r.test_version_id"
        " WHERE r.run_id = :run ORDER BY r.position, r.trial",
        run=run_id,
    )
    found: dict[str, list[str]] = {}
    for prompt, outcome in rows:
        found.setdefault(prompt, []).append(outcome)
    return found


def planned_for(world: World, run_id: UUID) -> list[tuple[str, int]]:
    rows = world.ask(
        "SELECT v.prompt, w.trial FROM work_item w JOIN test_version v ON v.id = w.test_version_id"
        " WHERE w.run_id = :run ORDER BY w.position, w.trial",
        run=run_id,
    )
    return [tuple(row) for row in rows]


def rerun(world: World, run_id: UUID, only: str | None) -> UUID:
    with world.person.scope() as scope:
        return rerun_tests(scope, world.person.host.registry, Rerun(run_id=run_id, only=only))


def own_trials(world: World, prompt: str, trials: int) -> None:
    with world.person.scope() as scope, scope.atomic() as session:
        session.execute(
            text("UPDATE test SET trials = :trials, content_hash = content_hash || :trials WHERE prompt = :prompt"),
            {"trials": trials, "prompt": prompt},
        )


def test_each_trial_is_asked_once_and_the_majority_decides(alice: Person) -> None:
    world, run_id = ended(alice, trials=3)
    assert trials_of(world, run_id) == {
        STEADY: ["passed"] * 3,
        FLAKY: ["passed", "failed", "passed"],
        WRONG: ["failed"] * 3,
    }
    run = run_of(world, run_id)
    assert (run.status, run.outcome, run.planned, run.test_count, run.trials) == ("completed", "failed", 9, 3, 3)
    assert (run.totals["passed"], run.totals["failed"]) == (5, 4)
    assert (run.reduced["tests"]["planned"], run.reduced["tests"]["passed"], run.reduced["tests"]["failed"]) == (
        3,
        2,
        1,
    )
    steady = run.reduced["consistency"]
    assert (steady["tests"], steady["alike"], steady["flaky"], steady["k"]) == (3, 2, 1, 3)
    assert (steady["pass_hat_k"], steady["pass_at_k"]) == pytest.approx((1 / 3, 2 / 3))
    assert run.config["reducer"] == {"name": "majority"}


@pytest.mark.parametrize(("reducer", "passed"), [(ALL, 1), (ANY, 2), (Reducer(name=ReducerName.AT_LEAST, k=3), 1)])
def test_the_reducer_decides_what_a_test_comes_to(alice: Person, reducer: Reducer, passed: int) -> None:
    world, run_id = ended(alice, trials=3, reducer=reducer)
    assert run_of(world, run_id).reduced["tests"]["passed"] == passed


def test_a_run_of_one_trial_keeps_nothing_of_all_this(alice: Person) -> None:
    world, run_id = ended(alice)
    run = run_of(world, run_id)
    assert (run.planned, run.test_count, run.reduced, "reducer" in run.config) == (3, None, None, False)


def test_a_test_may_say_itself_how_often_it_is_asked(alice: Person) -> None:
    with ScriptedEndpoint(by_trial) as server:
        world = make_world(alice, server.url, TESTS)
        own_trials(world, FLAKY, 4)
        run_id = world.start()
        own_trials(world, FLAKY, 1)  # a later edit changes nothing
        drive(world, run_id)
    assert {prompt: len(found) for prompt, found in trials_of(world, run_id).items()} == {STEADY: 1, FLAKY: 4, WRONG: 1}
    run = run_of(world, run_id)
    assert (run.planned, run.test_count, run.reduced["tests"]["passed"]) == (6, 3, 2)
    again = rerun(world, run_id, None)
    assert [trial for prompt, trial in planned_for(world, again) if prompt == FLAKY] == [1, 2, 3, 4]
    assert (run_of(world, again).planned, run_of(world, again).test_count) == (6, 3)


def test_tests_that_all_ask_once_make_a_run_of_one_trial(alice: Person) -> None:
    world = make_world(alice, "http://127.0.0.1:9", TESTS[:1])
    own_trials(world, STEADY, 1)
    run = run_of(world, world.start(trials=5))
    assert (run.planned, run.test_count) == (1, None)


@pytest.mark.parametrize(
    ("choices", "field"),
    [
        ({"trials": 0}, "trials"),
        ({"trials": 101}, "trials"),
        ({"trials": 2, "reducer": Reducer(name=ReducerName.AT_LEAST, k=3)}, "reducer"),
        ({"trials": 2, "reducer": Reducer(name=ReducerName.AT_LEAST)}, "reducer"),
        ({"trials": 2, "reducer": Reducer(k=1)}, "reducer"),
    ],
)
def test_what_makes_no_sense_is_refused(alice: Person, choices: dict[str, Any], field: str) -> None:
    world = make_world(alice, "http://127.0.0.1:9", TESTS)
    with pytest.raises(Invalid) as refused:
        world.start(**choices)
    assert list(refused.value.errors) == [field]


def test_more_calls_than_a_run_may_make_are_refused(alice: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rhesis_app.runs.actions.start.MAX_PLANNED", 8)
    world = make_world(alice, "http://127.0.0.1:9", TESTS)
    with pytest.raises(Invalid, match="at most"):
        world.start(trials=3)
    assert world.ask("SELECT count(*) FROM test_run")[0][0] == 0


def test_the_same_key_with_other_trials_is_another_request(alice: Person) -> None:
    world = make_world(alice, "http://127.0.0.1:9", TESTS)
    first = world.start(idempotency_key="once", trials=3)
    assert world.start(idempotency_key="once", trials=3) == first
    for other in ({"trials": 2}, {"trials": 3, "reducer": ALL}):
        with pytest.raises(Conflict):
            world.start(idempotency_key="once", **other)


@pytest.mark.parametrize(("only", "prompts"), [("failed", [WRONG]), ("flaky", [FLAKY]), (None, [STEADY, FLAKY, WRONG])])
def test_a_repeat_takes_all_trials_of_the_chosen_tests(alice: Person, only: str | None, prompts: list[str]) -> None:
    world, run_id = ended(alice, trials=3, reducer=ALL if only == "flaky" else Reducer())
    child = rerun(world, run_id, only)
    assert planned_for(world, child) == [(prompt, trial) for prompt in prompts for trial in (1, 2, 3)]
    run = run_of(world, child)
    assert (run.planned, run.test_count, run.chosen_by) == (3 * len(prompts), len(prompts), only)
    assert run.config.get("reducer") == run_of(world, run_id).config["reducer"]


def test_a_run_without_flaky_tests_has_none_to_repeat(alice: Person) -> None:
    world, run_id = ended(alice)
    with pytest.raises(Invalid, match="disagreed"):
        rerun(world, run_id, "flaky")


def test_a_repeat_of_chosen_tests_is_repeated_with_all_of_them(alice: Person) -> None:
    world, run_id = ended(alice, trials=3)
    with ScriptedEndpoint(by_trial) as server:
        with world.person.scope() as scope, scope.atomic() as session:
            session.execute(text("UPDATE endpoint SET url = :url"), {"url": server.url})
        child = rerun(world, run_id, "failed")
        drive(world, child)
    assert planned_for(world, rerun(world, child, None)) == [(WRONG, trial) for trial in (1, 2, 3)]


def test_answers_are_scored_again_trial_by_trial(alice: Person) -> None:
    world, run_id = ended(alice, trials=3)
    with world.person.scope() as scope:
        child = rescore_answers(scope, world.person.host.registry, Rescore(run_id=run_id))
    drive(world, child)
    assert trials_of(world, child) == trials_of(world, run_id)
    assert run_of(world, child).reduced == run_of(world, run_id).reduced


def test_a_review_of_one_trial_counts_the_test_anew(alice: Person) -> None:
    world, run_id = ended(alice, trials=3)
    wrong = world.ask(
        "SELECT r.id FROM test_result r JOIN test_version v ON v.id = r.test_version_id"
        " WHERE r.run_id = :run AND v.prompt = :prompt ORDER BY r.trial",
        run=run_id,
        prompt=WRONG,
    )
    passed = []
    for row in wrong[:2]:
        with world.person.scope() as scope:
            review_result(scope, row.id, NewReview(verdict="passed"))
        passed.append(run_of(world, run_id).reduced["tests"]["passed"])
    assert passed == [2, 3]
    assert run_of(world, run_id).outcome == "passed"


def test_a_cancelled_test_is_decided_only_by_what_cannot_change(alice: Person) -> None:
    world = make_world(alice, "http://127.0.0.1:9", TESTS)
    with world.person.scope() as scope:
        made = make_run(
            scope,
            RunPlan(project_id=world.project_id, is_cancelled=True),
            [
                Given(prompt="decided", outcome="passed", more=("passed", "cancelled")),
                Given(prompt="open", outcome="passed", more=("failed", "cancelled")),
            ],
        )
    tests = run_of(world, made.id).reduced["tests"]
    assert (tests["passed"], tests["cancelled"], tests["planned"]) == (1, 1, 2)


def test_cancelling_leaves_trials_not_run(alice: Person) -> None:
    world = make_world(alice, "http://127.0.0.1:9", TESTS)
    run_id = world.start(trials=3)
    with world.person.scope() as scope:
        cancel_run(scope, run_id)
    run = run_of(world, run_id)
    assert (run.status, run.totals["cancelled"], run.reduced["tests"]["cancelled"]) == ("cancelled", 9, 3)


ENDS = ("passed", "failed", "error", "unscored", "pending")
REDUCERS: Sequence[Reducer] = (Reducer(), ALL, ANY, Reducer(name=ReducerName.AT_LEAST, k=2))


@pytest.mark.parametrize("reducer", REDUCERS, ids=lambda one: one.name)
def test_the_database_reduces_as_the_rule_does(alice: Person, reducer: Reducer) -> None:
    """Every row of up to three trials, with every end; those of one trial under a run that asks each once."""
    world = make_world(alice, "http://127.0.0.1:9", TESTS)
    for trials in (1, 2, 3):
        rows = [ends for ends in product(ENDS, repeat=trials) if set(ends) != {"pending"}]
        given = [Given(prompt="|".join(ends), outcome=ends[0], more=ends[1:]) for ends in rows]
        with world.person.scope() as scope:
            plan = RunPlan(project_id=world.project_id, is_finished=False, config={"reducer": reducer.to_json()})
            run_id = make_run(scope, plan, given).id
        found = world.ask(
            "SELECT v.prompt, e.outcome, e.is_flaky, e.trials FROM effective_test e"
            " JOIN test_version v ON v.id = e.test_version_id WHERE e.run_id = :run",
            run=run_id,
        )
        assert len(found) == len(rows)
        for prompt, outcome, is_flaky, planned in found:
            answered = [end for end in prompt.split("|") if end != "pending"]
            assert outcome == (reduce_trials(answered, trials, reducer) or "pending"), prompt
            assert is_flaky == ({"passed", "failed"} <= set(answered)), prompt
            assert planned == trials
