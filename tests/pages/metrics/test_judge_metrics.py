"""A metric that asks a judge: its model is chosen in the form, tried, shown, and missed before a run."""

from collections.abc import Iterator
from typing import Any

import pytest

from examples.scripted_model.server import ScriptedModel
from rhesis_app.authoring.models import Metric
from rhesis_app.projects.queries import ProjectView
from tests.people import Person, WebClient
from tests.tiny_judge import TINY, offering_tiny

FORM = {"evaluator": TINY.key, "name": "Says yes", "params.criteria": "The answer says “yes”.", "required": "true"}


@pytest.fixture
def web(alice: Person, project: ProjectView) -> Iterator[WebClient]:
    with offering_tiny(alice.host):
        yield alice.web


@pytest.fixture
def here(project: ProjectView) -> str:
    return f"/p/{project.slug}/metrics"


def connect(alice: Person, project: ProjectView, url: str, name: str = "Judge", **model: Any) -> str:
    body = {"project_id": str(project.id), "name": name, "wire": "openai", "base_url": url, "model_name": "scripted"}
    answer = alice.api.post("/models", {**body, **model})
    assert answer.status_code == 201, answer.text
    return str(answer.json["id"])


def test_the_form_offers_the_projects_models_and_says_what_the_default_is(
    alice: Person, project: ProjectView, web: WebClient, here: str
) -> None:
    assert "none is connected yet" in web.get(f"{here}/new?evaluator={TINY.key}").text
    connect(alice, project, "http://127.0.0.1:9299/v1")
    own = connect(alice, project, "http://127.0.0.1:9298/v1", name="Own")
    page = web.get(f"{here}/new?evaluator={TINY.key}").text
    assert "default (Judge, scripted)" in page
    assert f'value="{own}"' in page
    assert "Judged by" not in web.get(f"{here}/new?evaluator=text.contains").text


def test_a_chosen_model_is_kept_shown_and_taken_back(
    alice: Person, project: ProjectView, web: WebClient, here: str
) -> None:
    own = connect(alice, project, "http://127.0.0.1:9298/v1", name="Own")
    at = web.post(here, {**FORM, "model_id": own}).headers["Location"]
    assert "<dt>Judged by</dt><dd>Own</dd>" in web.get(at).text
    assert f'value="{own}" selected' in web.get(f"{at}/edit").text
    web.post(at, {**FORM, "model_id": ""})
    assert "default model" in web.get(at).text


def test_a_chosen_model_that_is_archived_is_seen_and_refused(
    alice: Person, project: ProjectView, web: WebClient, here: str
) -> None:
    own = connect(alice, project, "http://127.0.0.1:9298/v1", name="Own")
    at = web.post(here, {**FORM, "model_id": own}).headers["Location"]
    alice.api.delete(f"/models/{own}")
    assert f'value="{own}" selected>Own, archived<' in web.get(f"{at}/edit").text
    assert web.post(at, {**FORM, "model_id": own}).status_code == 422


@pytest.mark.parametrize("wrong", ["nonsense", "01890000-0000-7000-8000-000000000000"])
def test_a_model_that_is_none_is_said_at_its_field(alice: Person, web: WebClient, here: str, wrong: str) -> None:
    page = web.post(here, {**FORM, "model_id": wrong})
    assert page.status_code == 422
    assert 'id="f-model_id-error"' in page.text
    assert alice.count(Metric) == 0


def test_a_trial_asks_the_model_and_shows_what_it_said_and_cost(
    alice: Person, project: ProjectView, web: WebClient, here: str
) -> None:
    with ScriptedModel() as model:
        prices = {"input_per_million": "1", "output_per_million": "2"}
        connect(alice, project, model.url, prices=prices)
        page = web.post(f"{here}/try", {**FORM, "sample.output": "yes, come in"})
        assert len(model.calls) == 1
    assert "It has everything that was wanted." in page.text
    assert "Judged by scripted" in page.text
    assert "What the judge said" in page.text
    assert "$0.0000" in page.text


def test_a_trial_with_a_judge_that_is_away_says_so(
    alice: Person, project: ProjectView, web: WebClient, here: str
) -> None:
    page = web.post(f"{here}/try", {**FORM, "sample.output": "yes"})
    assert page.status_code == 200
    assert "connect one in the project&#39;s models" in page.text
    with ScriptedModel(fault="nonsense") as model:
        connect(alice, project, model.url)
        page = web.post(f"{here}/try", {**FORM, "sample.output": "yes"})
    assert "it holds no JSON object" in page.text
    assert "talk about the weather" in page.text


def test_a_trial_over_the_api_says_the_same(alice: Person, project: ProjectView, web: WebClient) -> None:
    body = {"project_id": str(project.id), "evaluator": TINY.key, "sample": {"output": "yes"}}
    with ScriptedModel() as model:
        connect(alice, project, model.url)
        said = alice.api.post("/metrics/try", body).json
    assert (said["verdict"], said["model"], said["cost"]) == ("passed", "scripted", None)
    assert said["tokens_in"] > 0
    assert '"verdict": "yes"' in said["raw"][0]


def test_before_a_run_a_missing_judge_is_said(alice: Person, project: ProjectView, web: WebClient, here: str) -> None:
    web.post(here, FORM)
    with alice.scope() as scope:
        metric_id = str(scope.session.scalars(scope.select(Metric.id)).one())
    new = {"project_id": str(project.id), "name": "Set", "tests": [{"prompt": "Open?"}], "metric_ids": [metric_id]}
    test_set = alice.api.post("/test-sets", new).json["id"]
    endpoint = {"project_id": str(project.id), "name": "Chat", "url": "http://127.0.0.1:9000/chat"}
    told = {"request_template": {"message": "{{ input }}"}, "response_mapping": {"output": "$.reply"}}
    assert alice.api.post("/endpoints", {**endpoint, **told}).status_code == 201
    address = f"/p/{project.slug}/runs/new?test_set={test_set}"
    assert "no model is connected for judging" in web.get(address).text
    model_id = connect(alice, project, "http://127.0.0.1:9299/v1")
    assert "cannot judge" not in web.get(address).text
    alice.api.patch(f"/metrics/{metric_id}", {"model_id": model_id})
    alice.api.delete(f"/models/{model_id}")
    assert "its model is archived" in web.get(address).text
