"""POST /test-sets/<id>/runs with a source: what is recorded, what is replayed, and what is refused."""

from typing import Any
from uuid import UUID, uuid4

import pytest

from rhesis_app.kernel.ids import new_id
from rhesis_app.projects.actions import create_project
from rhesis_app.projects.queries import ProjectView
from rhesis_app.runs.models import RecordedExchange, TestResult, TestRun, WorkItem
from tests.factories import Given, MadeRun, RunPlan, make_run
from tests.people import Person


def recording(person: Person, project_id: UUID, results: int = 3, **values: Any) -> MadeRun:
    """An ended run that recorded an exchange for each of its results."""
    with person.scope() as scope:
        made = make_run(scope, RunPlan(project_id=project_id), [Given(prompt=f"p{n}") for n in range(results)])
        with scope.atomic() as session:
            run = scope.get(TestRun, made.id)
            for name, value in {"source": "record", **values}.items():
                setattr(run, name, value)
            tests = session.scalars(scope.select(TestResult.test_id).where(TestResult.run_id == made.id))
            session.add_all(
                RecordedExchange(
                    run_id=made.id,
                    content_hash=new_id().hex,
                    test_id=test_id,
                    status=200,
                    is_json=True,
                    body="{}",
                    latency_ms=1,
                )
                for test_id in tests
            )
    return made


@pytest.fixture
def made(alice: Person, project: ProjectView) -> MadeRun:
    return recording(alice, project.id)


def start(person: Person, made: MadeRun, **choices: Any) -> Any:
    body = {"endpoint_id": str(made.endpoint_id), "metric_ids": [str(one) for one in made.metric_ids.values()]}
    headers = choices.pop("headers", {})
    return person.api.post(f"/test-sets/{made.test_set_id}/runs", {**body, **choices}, headers=headers)


def test_a_run_asks_unless_something_else_is_said(alice: Person, made: MadeRun) -> None:
    run = start(alice, made).json
    assert (run["source"], run["recording_run_id"], run["recording_number"], run["answers"]) == (
        "live",
        None,
        None,
        None,
    )
    assert alice.count(WorkItem, run_id=UUID(run["id"]), endpoint_id=made.endpoint_id) == 3
    assert start(alice, made, source="record").json["source"] == "record"


@pytest.mark.parametrize("source", ["replay", "replay-or-fail"])
def test_a_replay_takes_the_latest_recording_and_says_which(alice: Person, made: MadeRun, source: str) -> None:
    run = start(alice, made, source=source).json
    assert (run["source"], run["recording_run_id"], run["recording_number"]) == (source, str(made.id), 1)
    assert run["answers"] == {"replayed": 0, "asked": 0}
    assert alice.count(WorkItem, run_id=UUID(run["id"]), endpoint_id=None) == 3
    read = dict(alice.api.get(f"/test-runs/{run['id']}").json or {})
    assert {name: read[name] for name in ("source", "recording_run_id", "answers")} == {
        name: run[name] for name in ("source", "recording_run_id", "answers")
    }


def test_a_named_replay_stands_for_the_recording_that_it_took(
    alice: Person, project: ProjectView, made: MadeRun
) -> None:
    later = recording(alice, project.id)
    replay = start(alice, made, source="replay-or-fail", recording_run_id=str(made.id)).json
    assert replay["recording_run_id"] == str(made.id)
    again = start(alice, made, source="replay", recording_run_id=replay["id"]).json
    assert again["recording_run_id"] == str(made.id)
    assert start(alice, made, source="replay").json["recording_run_id"] == str(later.id)


def test_what_was_cancelled_is_taken_only_by_name(alice: Person, project: ProjectView, made: MadeRun) -> None:
    cancelled = recording(alice, project.id, status="cancelled")
    assert start(alice, made, source="replay").json["recording_run_id"] == str(made.id)
    named = start(alice, made, source="replay", recording_run_id=str(cancelled.id))
    assert named.json["recording_run_id"] == str(cancelled.id)


def test_what_recorded_nothing_is_refused_at_its_field(alice: Person, project: ProjectView, made: MadeRun) -> None:
    live = start(alice, made).json["id"]
    with alice.scope() as scope:
        elsewhere = recording(alice, create_project(scope, "Another").id)
    for wrong, said in {
        live: "#2 recorded nothing. Choose a run with the source record.",
        str(elsewhere.id): "#1 belongs to another project. Choose a run of the test set's project.",
    }.items():
        answer = start(alice, made, source="replay", recording_run_id=wrong)
        assert answer.status_code == 422
        assert answer.json["errors"] == {"recording_run_id": [said]}


def test_without_any_recording_there_is_nothing_to_replay(alice: Person, project: ProjectView) -> None:
    with alice.scope() as scope:
        made = make_run(scope, RunPlan(project_id=project.id), [Given()])
    answer = start(alice, made, source="replay-or-fail")
    assert answer.status_code == 422
    assert "Start one with the source record first" in answer.json["errors"]["recording_run_id"][0]
    assert alice.count(TestRun) == 1


@pytest.mark.parametrize(
    "wrong",
    [
        {"source": "rewind"},
        {"source": None},
        {"source": "record", "recording_run_id": "MADE"},
        {"source": "live", "recording_run_id": "MADE"},
        {"recording_run_id": "MADE"},
        {"source": "replay", "recording_run_id": "12"},
    ],
)
def test_what_makes_no_sense_is_refused(alice: Person, made: MadeRun, wrong: dict[str, Any]) -> None:
    sent = {name: str(made.id) if value == "MADE" else value for name, value in wrong.items()}
    assert start(alice, made, **sent).status_code == 422
    assert alice.count(TestRun) == 1


def test_a_strangers_recording_is_not_there(alice: Person, charlie: Person, made: MadeRun) -> None:
    with charlie.scope() as scope:
        theirs = recording(charlie, create_project(scope, "Theirs").id)
    for unknown in (str(theirs.id), str(uuid4())):
        answer = start(alice, made, source="replay", recording_run_id=unknown)
        assert answer.status_code == 404
    assert start(charlie, made, source="replay").status_code == 404


def test_who_may_not_read_runs_replays_none(alice: Person, made: MadeRun) -> None:
    token = alice.api.post(
        "/tokens", {"name": "starts", "scopes": ["project:read", "metric:read", "run:execute"], "expires_in_days": 7}
    )
    headers = {"Authorization": f"Bearer {(token.json or {})['token']}"}
    assert start(alice, made, source="replay", headers=headers).status_code == 403
    assert alice.count(TestRun) == 1


def test_the_same_key_with_another_source_is_another_request(alice: Person, made: MadeRun) -> None:
    key = {"Idempotency-Key": "once"}
    first = start(alice, made, headers=key).json["id"]
    assert start(alice, made, headers=key).json["id"] == first
    assert start(alice, made, source="live", headers=key).json["id"] == first
    assert start(alice, made, source="record", headers=key).status_code == 409


def test_runs_are_found_by_the_number_that_people_say(alice: Person, project: ProjectView, made: MadeRun) -> None:
    start(alice, made)
    found = alice.api.get(f"/test-runs?project_id={project.id}&number=1")
    assert [run["id"] for run in found.json or ()] == [str(made.id)]
    assert alice.api.get(f"/test-runs?project_id={project.id}&number=7").json == []
    assert alice.api.get("/test-runs?number=0").status_code == 422


def test_a_replay_is_no_run_before_another(alice: Person, project: ProjectView, made: MadeRun) -> None:
    """Its answers are old ones: what is compared with the run before, is compared with one that asked."""
    with alice.scope() as scope:
        replay = make_run(
            scope, RunPlan(project_id=project.id, same_tests=True), [Given(prompt=f"p{n}") for n in range(3)]
        )
        later = make_run(
            scope, RunPlan(project_id=project.id, same_tests=True), [Given(prompt=f"p{n}") for n in range(3)]
        )
        with scope.atomic():
            row = scope.get(TestRun, replay.id)
            row.source, row.recording_run_id = "replay", made.id
    page = alice.web.get(f"/p/support-copilot/runs/{later.number}/against").text
    assert f"baseline={made.number}&amp;candidate={later.number}" in page


def test_a_comparison_says_that_answers_were_replayed(alice: Person, project: ProjectView, made: MadeRun) -> None:
    with alice.scope() as scope:
        plan = RunPlan(project_id=project.id, same_tests=True)
        replay = make_run(scope, plan, [Given(prompt=f"p{n}") for n in range(3)])
        live = make_run(scope, plan, [Given(prompt=f"p{n}") for n in range(3)])
        with scope.atomic():
            row = scope.get(TestRun, replay.id)
            row.source, row.recording_run_id = "replay-or-fail", made.id

    def compared(baseline: MadeRun, candidate: MadeRun) -> Any:
        answer = alice.api.get(f"/comparisons?baseline={baseline.id}&candidate={candidate.id}")
        assert answer.status_code == 200, answer.json
        return answer.json

    same = compared(made, replay)
    assert same["comparable"]["ok"]
    assert same["replayed"] == (
        "#2 was replayed from #1: the recorded answers are the same in both, so they differ in metrics, mapping or tests alone."
    )
    assert (same["candidate"]["source"], same["candidate"]["recording_number"]) == ("replay-or-fail", 1)
    assert compared(replay, live)["replayed"] == "#2 was replayed from #1: its answers are as old as the recording."
    assert compared(made, live)["replayed"] == ""
    page = alice.web.get("/p/support-copilot/compare?baseline=1&candidate=2").text
    assert "#2 was replayed from #1" in page
