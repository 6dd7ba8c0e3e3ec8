"""Prices on the workbench: kept as typed, refused at their field, and what a test call came to."""

from collections.abc import Iterator

import pytest

from rhesis_app.projects.queries import ProjectView
from tests.pages.endpoints.workbench_form import form_values
from tests.people import Person
from tests.scripted_endpoint import ScriptedEndpoint, always, json_reply

ANSWER = {"reply": "Hi", "usage": {"prompt_tokens": 100, "completion_tokens": 25}}


@pytest.fixture
def server() -> Iterator[ScriptedEndpoint]:
    with ScriptedEndpoint(always(json_reply(ANSWER))) as running:
        yield running


@pytest.fixture
def typed(server: ScriptedEndpoint) -> dict[str, str]:
    return {
        "name": "Shop",
        "url": server.url,
        "method": "POST",
        "request_template": '{"message": "{{ input }}"}',
        "response_mapping.output": "$.reply",
        "response_mapping.tokens_in": "$.usage.prompt_tokens",
        "response_mapping.tokens_out": "$.usage.completion_tokens",
        "auth.kind": "none",
        "timeout_s": "60",
        "max_concurrency": "16",
        "prices.input_per_million": "2.5",
        "prices.output_per_million": "10",
        "sample": "Hi",
    }


def test_prices_are_saved_shown_and_taken_away(alice: Person, project: ProjectView, typed: dict[str, str]) -> None:
    here = f"/p/{project.slug}/endpoints"
    assert alice.web.post(here, typed).status_code == 303
    (made,) = alice.api.get("/endpoints").json
    assert made["prices"] == {"input_per_million": "2.5", "output_per_million": "10", "currency": "USD"}
    page = alice.web.get(f"{here}/{made['id']}").text
    assert "$2.5 in, $10 out" in page
    values = form_values(page)
    assert alice.web.post(f"{here}/{made['id']}", values | {"prices.input_per_million": ""}).status_code == 303
    assert alice.api.get("/endpoints").json[0]["prices"]["input_per_million"] is None


@pytest.mark.parametrize(("price", "said"), [("cheap", "Enter a number such as 0.15"), ("-1", "from 0 to 1,000,000")])
def test_a_wrong_price_is_said_at_its_field_and_stays(
    alice: Person, project: ProjectView, typed: dict[str, str], price: str, said: str
) -> None:
    answer = alice.web.post(f"/p/{project.slug}/endpoints", typed | {"prices.output_per_million": price})
    assert answer.status_code == 422
    assert said in answer.text
    assert form_values(answer.text)["prices.output_per_million"] == price
    assert alice.api.get("/endpoints").json == []


def test_a_test_call_says_tokens_and_cost(alice: Person, project: ProjectView, typed: dict[str, str]) -> None:
    tried = f"/p/{project.slug}/endpoints/try"
    assert "100 tokens in, 25 tokens out, cost $0.0005" in alice.web.post(tried, typed).text
    free = typed | {"prices.input_per_million": ""}
    assert "25 tokens out, cost not known: map both token counts and enter prices" in alice.web.post(tried, free).text
