"""/test-runs/<id>/analysis: asked for, found in the background, read."""

from uuid import UUID

import pytest

from examples.scripted_model.server import ScriptedModel
from rhesis_app.insights.models import Analysis
from rhesis_app.insights.queries import analysis
from rhesis_app.projects.queries import ProjectView
from tests.background import do_jobs
from tests.factories import Given, MadeRun, RunPlan, make_run
from tests.people import Person


def given() -> list[Given]:
    """German tests fail, whatever they are about; two are errors, one is undecided."""
    german = [
        Given(prompt=f"de {n}", outcome="failed", metadata={"language": "de"}, reason=f"“{n}” is missing.")
        for n in range(6)
    ]
    english = [Given(prompt=f"en {n}", metadata={"language": "en"}) for n in range(20)]
    return [*german, *english, Given(outcome="error"), Given(outcome="error"), Given(outcome="unscored")]


@pytest.fixture
def made(alice: Person, project: ProjectView) -> MadeRun:
    with alice.scope() as scope:
        return make_run(scope, RunPlan(project_id=project.id), given())


def path(run_id: UUID) -> str:
    return f"/test-runs/{run_id}/analysis"


def test_what_failures_share_is_found_in_the_background(
    alice: Person, made: MadeRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(analysis, "BATCH", 7)
    assert alice.api.get(path(made.id)).status_code == 404
    answer = alice.api.post(path(made.id))
    assert answer.status_code == 202
    assert answer.headers["Location"] == f"/api/v1{path(made.id)}"
    assert (answer.json["status"], answer.json["traits"]) == ("queued", [])
    do_jobs(alice)
    found = alice.api.get(f"{path(made.id)}?wait=5").json
    assert (found["status"], found["failed"], found["decided"]) == ("done", 6, 26)
    (trait,) = [one for one in found["traits"] if one["is_certain"]]
    assert trait["words"][0] == "language = de"
    assert (trait["failed"], trait["decided"], trait["failed_elsewhere"]) == (6, 6, 0)
    assert set(trait["result_ids"]) == {str(one) for one in made.result_ids[:6]}
    assert [(one["words"], one["count"]) for one in found["reasons"]] == [("Contains the answer: … is missing.", 6)]
    assert [one["count"] for one in found["errors"]] == [2]


def test_a_review_changes_what_is_found_the_next_time(alice: Person, made: MadeRun) -> None:
    alice.api.post(path(made.id))
    do_jobs(alice)
    review = {"verdict": "passed", "evaluation_id": None, "comment": ""}
    assert alice.api.post(f"/test-results/{made.result_ids[0]}/reviews", review).status_code == 201
    alice.api.post(path(made.id))
    do_jobs(alice)
    assert alice.api.get(path(made.id)).json["failed"] == 5
    assert alice.count(Analysis) == 1


def test_a_run_that_goes_on_is_not_analysed(alice: Person, project: ProjectView) -> None:
    with alice.scope() as scope:
        run = make_run(scope, RunPlan(project_id=project.id, is_finished=False), [Given(), Given(outcome="pending")])
    assert alice.api.post(path(run.id)).status_code == 409


def test_a_viewer_reads_it_and_asks_for_none(alice: Person, bob: Person, charlie: Person, made: MadeRun) -> None:
    assert bob.api.post(path(made.id)).status_code == 403
    alice.api.post(path(made.id))
    do_jobs(alice)
    assert bob.api.get(path(made.id)).status_code == 200
    assert charlie.api.get(path(made.id)).status_code == 404
    assert charlie.api.post(path(made.id)).status_code == 404


def connect(alice: Person, project: ProjectView, url: str, name: str = "scripted") -> None:
    prices = {"input_per_million": "1", "output_per_million": "2"}
    made = alice.api.post(
        "/models",
        {
            "project_id": str(project.id),
            "name": "Namer",
            "wire": "openai",
            "base_url": url,
            "model_name": name,
            "prices": prices,
        },
    )
    assert made.status_code == 201, made.json


def test_a_model_names_the_groups_when_it_is_asked_to(alice: Person, project: ProjectView, made: MadeRun) -> None:
    with ScriptedModel() as model:
        connect(alice, project, model.url)
        alice.api.post(path(made.id))
        do_jobs(alice)
        assert alice.api.get(path(made.id)).json["named"] is None
        assert model.calls == [], "nobody asked for it"
        assert alice.api.post(path(made.id), {"with_model": True}).status_code == 202
        do_jobs(alice)
        found = alice.api.get(path(made.id)).json
        assert len(model.calls) == 1
    named = found["named"]
    (one,) = [one for one in named["groups"] if one["group"] == 0]
    assert one["name"] == "language = de"
    assert one["result_ids"] == [str(made.result_ids[0])]
    assert (named["problem"], named["model"]) == ("", "scripted")
    assert named["tokens_in"] > 0
    assert float(named["cost"]) > 0
    assert found["traits"][0]["words"][0] == "language = de", "what is counted stays"


@pytest.mark.parametrize("fault", ["down", "nonsense"])
def test_a_model_that_is_of_no_use_leaves_what_was_counted(
    alice: Person, project: ProjectView, made: MadeRun, fault: str
) -> None:
    with ScriptedModel(fault=fault) as model:
        connect(alice, project, model.url)
        alice.api.post(path(made.id), {"with_model": True})
        do_jobs(alice)
    found = alice.api.get(path(made.id)).json
    assert found["status"] == "done"
    assert found["traits"]
    assert (found["named"]["groups"], bool(found["named"]["problem"])) == ([], True)


def test_without_a_model_it_says_so(alice: Person, made: MadeRun) -> None:
    alice.api.post(path(made.id), {"with_model": True})
    do_jobs(alice)
    assert "No model is connected" in alice.api.get(path(made.id)).json["named"]["problem"]
