"""Pages of models: what is saved, kept, tested, made the default, archived, and what they never show."""

import re
from typing import Any

import pytest

from examples.scripted_model.server import ScriptedModel
from rhesis_app.endpoints.models import Model
from rhesis_app.projects.queries import ProjectView
from tests.people import Person, WebClient, add_member

KEY = "sk-canary-5f1c0a97"
FORM = {
    "name": "Judge",
    "wire": "openai",
    "base_url": "http://127.0.0.1:9200/v1",
    "model_name": "scripted",
    "key": KEY,
    "prices.input_per_million": "0.15",
    "prices.output_per_million": "",
    "params": '{"temperature": 0}',
    "timeout_s": "30",
    "max_concurrency": "4",
}


@pytest.fixture
def web(alice: Person, project: ProjectView) -> WebClient:
    return alice.web


@pytest.fixture
def here(project: ProjectView) -> str:
    return f"/p/{project.slug}/models"


def saved(web: WebClient, here: str, **changes: Any) -> str:
    answer = web.post(here, {**FORM, **changes})
    assert answer.status_code == 303, answer.text
    return str(answer.headers["Location"])


def test_without_a_model_the_page_says_what_it_is_for(web: WebClient, here: str) -> None:
    page = web.get(here)
    assert "No model yet" in page.text
    assert f"{here}/new" in page.text


def test_each_known_kind_fills_the_form(web: WebClient, here: str) -> None:
    kinds = re.findall(rf'href="{here}/new\?preset=([a-z-]+)"', web.get(f"{here}/new").text)
    assert {"openai", "anthropic", "azure", "openrouter", "ollama", "vllm", "llama-cpp", "other"} == set(kinds)
    assert "http://localhost:11434/v1" in web.get(f"{here}/new?preset=ollama").text
    assert '<option value="anthropic" selected>' in web.get(f"{here}/new?preset=anthropic").text


def test_a_model_is_saved_shown_and_listed_without_its_key(alice: Person, web: WebClient, here: str) -> None:
    show = web.get(saved(web, here))
    listed = web.get(here)
    assert "kept encrypted" in show.text.casefold()
    assert "Default for judging" in show.text
    assert "$0.15 in, $? out" in listed.text
    assert KEY not in show.text + listed.text
    with alice.scope() as scope:
        row = scope.session.scalars(scope.select(Model)).one()
    assert (row.params, row.timeout_s, row.max_concurrency, row.price_output) == ({"temperature": 0}, 30, 4, None)


def test_what_cannot_be_read_is_said_at_its_field_and_nothing_is_saved(
    alice: Person, web: WebClient, here: str
) -> None:
    wrong = {"prices.input_per_million": "cheap", "timeout_s": "soon", "params": "[1]", "base_url": "nowhere"}
    page = web.post(here, {**FORM, **wrong})
    assert page.status_code == 422
    for name in ("prices-input_per_million", "timeout_s", "params", "base_url"):
        assert f'id="f-{name}-error"' in page.text, name
    assert "cheap" in page.text, "what was typed is kept"
    assert KEY not in page.text
    assert alice.count(Model) == 0


def test_an_empty_key_keeps_the_stored_one_and_another_port_clears_it(web: WebClient, here: str) -> None:
    at = saved(web, here)
    web.post(at, {**FORM, "key": "", "name": "Renamed"})
    assert "leave empty to keep" in web.get(at).text
    web.post(at, {**FORM, "key": "", "base_url": "http://127.0.0.1:9201/v1"})
    page = web.get(at)
    assert "The key was cleared" in page.text
    assert "leave empty to keep" not in page.text


def test_the_stored_key_can_be_removed(web: WebClient, here: str) -> None:
    at = saved(web, here)
    web.post(at, {**FORM, "key": "", "forgets_key": "true"})
    assert "leave empty to keep" not in web.get(at).text


def test_a_test_shows_what_came_of_it(web: WebClient, here: str) -> None:
    with ScriptedModel(key=KEY) as model:
        at = saved(web, here, base_url=model.url, **{"prices.output_per_million": "0.6"})
        page = web.post(f"{at}/test")
    assert page.status_code == 200
    assert "It answered as asked" in page.text
    assert "&#34;ready&#34;: true" in page.text
    assert re.search(r"<dt>Cost</dt><dd>\$0\.0000\d+</dd>", page.text)
    assert KEY not in page.text


def test_a_failed_test_says_what_to_do(web: WebClient, here: str) -> None:
    with ScriptedModel(fault="nonsense") as model:
        at = saved(web, here, base_url=model.url)
        page = web.post(f"{at}/test")
    assert page.status_code == 200
    assert "holds no JSON object" in page.text
    assert "talk about the weather" in page.text


def test_another_model_becomes_the_default(alice: Person, web: WebClient, here: str) -> None:
    first, second = saved(web, here), saved(web, here, name="Second")
    assert "Make default" not in web.get(first).text
    web.post(f"{second}/default")
    assert "Default for judging" in web.get(second).text
    assert "Make default" in web.get(first).text


def test_an_archived_model_can_be_brought_back(web: WebClient, here: str) -> None:
    at = saved(web, here)
    assert web.post(f"{at}/archive").headers["Location"] == here
    assert "Judge" in web.get(f"{here}?archived=1").text
    assert "disabled" in web.get(at).text
    web.post(f"{at}/restore")
    assert "is back" in web.get(at).text


def test_a_member_sees_no_field_for_a_key_that_only_an_admin_may_enter(
    alice: Person, web: WebClient, here: str
) -> None:
    at = saved(web, here)
    page = add_member(alice, "carol", "Member").web.get(at)
    assert 'name="key"' not in page.text
    assert 'name="model_name"' in page.text


def test_a_viewer_reads_and_is_offered_nothing(bob: Person, web: WebClient, here: str) -> None:
    at = saved(web, here)
    page = bob.web.get(at)
    assert page.status_code == 200
    for word in ("Save", "Archive", "Make default", ">Test<"):
        assert word not in page.text, word
    assert bob.web.get(f"{here}/new").status_code == 403
