"""A judge's criteria from a prompt on the pages: chosen in the form, shown, brought up to date, seen from the prompt."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any

import pytest

from rhesis_app.projects.queries import ProjectView
from tests.judges import judged
from tests.people import Person, WebClient
from tests.tiny_judge import TINY, offering_tiny

WORDS = "The answer\r\nsays “30 days”."
FORM = {"evaluator": TINY.key, "name": "Says it", "params.criteria": "", "required": "true"}


@pytest.fixture
def web(alice: Person, project: ProjectView) -> Iterator[WebClient]:
    with offering_tiny(alice.host):
        yield alice.web


@pytest.fixture
def here(project: ProjectView) -> str:
    return f"/p/{project.slug}/metrics"


@pytest.fixture
def prompt(alice: Person, project: ProjectView) -> dict[str, Any]:
    return alice.api.post("/prompts", {"project_id": str(project.id), "name": "Days", "template": WORDS}).json


def add(alice: Person, prompt: dict[str, Any], text: str) -> str:
    return alice.api.post(f"/prompts/{prompt['id']}/versions", {"template": text}).json["id"]


def stored(alice: Person, at: str) -> Any:
    return alice.api.get(f"/metrics/{at.rpartition('/')[2]}").json


def test_the_form_offers_live_prompts_without_variables_to_judges_alone(
    alice: Person, project: ProjectView, web: WebClient, here: str
) -> None:
    new = f"{here}/new?evaluator={TINY.key}"
    assert "Take the criteria from a prompt" not in web.get(new).text
    for name, text in (("Plain", WORDS), ("City", "Names {{ city }}"), ("Gone", WORDS)):
        made = alice.api.post("/prompts", {"project_id": str(project.id), "name": name, "template": text}).json
    alice.api.delete(f"/prompts/{made['id']}")
    page = web.get(new).text
    assert ("Plain, version 1" in page, "City, version" in page, "Gone, version" in page) == (True, False, False)
    assert "Take the criteria" not in web.get(f"{here}/new?evaluator=text.contains").text


def test_a_chosen_prompt_gives_the_criteria_and_the_page_says_so(
    alice: Person, project: ProjectView, web: WebClient, here: str, prompt: dict[str, Any]
) -> None:
    at = web.post(here, {**FORM, "prompt_version_id": prompt["version_id"]}).headers["Location"]
    assert stored(alice, at)["params"] == {"criteria": WORDS}
    page = web.get(at).text
    assert f'Criteria from <a href="/p/{project.slug}/prompts/{prompt["id"]}/versions/1">Days, version 1</a>.' in page
    assert "newest-prompt" not in page
    assert f'value="{prompt["version_id"]}" selected' in web.get(f"{at}/edit").text


def test_words_changed_in_the_form_are_ones_own_and_line_ends_are_no_change(
    alice: Person, web: WebClient, here: str, prompt: dict[str, Any]
) -> None:
    chosen = {**FORM, "prompt_version_id": prompt["version_id"]}
    at = web.post(here, chosen).headers["Location"]
    for sent in ("\r\n", "\n"):
        web.post(at, {**chosen, "params.criteria": WORDS.replace("\r\n", sent), "name": f"Renamed {sent!r}"})
        assert (stored(alice, at)["name"], stored(alice, at)["prompt_source"]["version"]) == (f"Renamed {sent!r}", 1)
    web.post(at, {**chosen, "params.criteria": "Mine"})
    assert (stored(alice, at)["params"]["criteria"], stored(alice, at)["prompt_source"]) == ("Mine", None)
    web.post(at, {**chosen, "params.criteria": "Mine"})
    assert stored(alice, at)["params"]["criteria"] == WORDS


def test_none_chosen_lets_go(alice: Person, web: WebClient, here: str, prompt: dict[str, Any]) -> None:
    at = web.post(here, {**FORM, "prompt_version_id": prompt["version_id"]}).headers["Location"]
    web.post(at, {**FORM, "params.criteria": WORDS, "prompt_version_id": ""})
    assert (stored(alice, at)["params"]["criteria"], stored(alice, at)["prompt_source"]) == (WORDS, None)


def test_one_button_takes_the_newest_version(
    alice: Person, bob: Person, web: WebClient, here: str, prompt: dict[str, Any]
) -> None:
    at = web.post(here, {**FORM, "prompt_version_id": prompt["version_id"]}).headers["Location"]
    add(alice, prompt, "Newer")
    assert "Use version 2" in web.get(at).text
    assert "Use version 2" not in bob.web.get(at).text
    assert web.post(f"{at}/newest-prompt").headers["Location"] == at
    page = web.get(at).text
    assert ("Days, version 2</a>" in page, "Use version" in page) == (True, False)
    assert stored(alice, at)["params"]["criteria"] == "Newer"


def test_a_newest_version_that_cannot_be_criteria_is_said_and_left(
    alice: Person, web: WebClient, here: str, prompt: dict[str, Any]
) -> None:
    at = web.post(here, {**FORM, "prompt_version_id": prompt["version_id"]}).headers["Location"]
    add(alice, prompt, "Names {{ city }}")
    web.post(f"{at}/newest-prompt")
    assert "This text has variables (city)" in web.get(at).text
    assert stored(alice, at)["params"]["criteria"] == WORDS
    own = web.post(here, {**FORM, "name": "Own", "params.criteria": "Mine"}).headers["Location"]
    assert web.post(f"{own}/newest-prompt").status_code == 409


@pytest.mark.parametrize("wrong", ["nonsense", "01890000-0000-7000-8000-000000000000"])
def test_a_version_that_is_none_is_said_at_its_field(
    web: WebClient, here: str, prompt: dict[str, Any], wrong: str
) -> None:
    answer = web.post(here, {**FORM, "prompt_version_id": wrong})
    assert answer.status_code == 422
    assert 'id="f-prompt_version_id-error"' in answer.text


def test_the_prompts_page_lists_metrics_and_takes_them_along(
    alice: Person, project: ProjectView, web: WebClient, here: str, prompt: dict[str, Any]
) -> None:
    path = f"/p/{project.slug}/prompts/{prompt['id']}"
    assert "Metrics that judge by it" not in web.get(path).text
    at = web.post(here, {**FORM, "prompt_version_id": prompt["version_id"]}).headers["Location"]
    test = {"project_id": str(project.id), "prompt_id": prompt["id"], "values": {}}
    assert alice.api.post("/tests", test).status_code == 201
    add(alice, prompt, "Newer")
    page = web.get(path).text
    assert f'href="{at}">Says it</a>' in page
    assert "1 test and 1 metric use an older version than 2." in page
    assert "1 test, 1 metric" in web.get(f"/p/{project.slug}/prompts").text
    web.post(f"{path}/use-newest")
    assert "1 test and 1 metric now with version 2." in web.get(path).text
    assert stored(alice, at)["params"]["criteria"] == "Newer"


def test_the_form_is_tried_with_the_chosen_prompt(
    alice: Person, project: ProjectView, here: str, prompt: dict[str, Any]
) -> None:
    form = {"evaluator": "judge.binary", "prompt_version_id": prompt["version_id"], "sample.output": "30 days"}
    with judged(alice, project) as world:
        assert alice.web.post(f"{here}/try", form).status_code == 200
        assert "says “30 days”" in str(world.model.calls[0].body)


def test_statements_do_not_grow_with_metrics(
    alice: Person,
    project: ProjectView,
    web: WebClient,
    here: str,
    prompt: dict[str, Any],
    statements: Callable[[], AbstractContextManager[list[str]]],
) -> None:
    taken = []
    for count in (1, 10):
        for number in range(count):
            web.post(here, {**FORM, "name": f"{count} {number}", "prompt_version_id": prompt["version_id"]})
        with statements() as seen:
            web.get(f"/p/{project.slug}/prompts/{prompt['id']}")
        add(alice, prompt, f"Newest of {count}")
        with statements() as moved:
            assert alice.api.post(f"/prompts/{prompt['id']}/use-newest").json["moved_metrics"] >= count
        taken.append((len(seen), len(moved)))
    assert taken[0] == taken[1]
    assert max(taken[0]) <= 10
    assert taken[0][0] <= 8
