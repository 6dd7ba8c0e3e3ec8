"""A prompt from its first version to a test and to a model, in a browser: previews follow what is typed, the focus stays."""

import re

import pytest
from playwright.sync_api import expect

from tests.e2e.conftest import Instance, Watched
from tests.e2e.steps import Person
from tests.scripted_endpoint import Call, Reply, ScriptedEndpoint, json_reply


def says(call: Call) -> Reply:
    """Repeats what it was told."""
    told = " | ".join(turn["content"] for turn in call.json["messages"])
    return json_reply({"choices": [{"message": {"role": "assistant", "content": f"I heard {told}"}}]})


@pytest.mark.timeout(180)
def test_a_prompt_is_written_used_by_a_test_and_told_to_a_model(owned: Instance, watched: Watched) -> None:
    page, person = watched.page, Person(watched.page, owned.url)
    person.sign_in()
    person.make_project("Prompted")
    page.goto(f"{person.project}/prompts")
    watched.audit("no prompt yet")
    page.get_by_role("link", name="New prompt").first.click()

    # the preview follows the text, then the values, and leaves the focus where one types
    page.get_by_role("textbox", name="Name", exact=True).fill("Order question")
    page.get_by_role("textbox", name="Prompt", exact=True).fill("Where is {{ order }}?")
    filled = page.locator("#prompt-preview pre")
    expect(filled).to_have_text("Where is {{ order }}?")
    order = page.get_by_role("textbox", name="order", exact=True)
    order.press_sequentially("{{ x }} <b>")
    expect(filled).to_have_text("Where is {{ x }} <b>?")
    expect(order).to_be_focused()
    expect(order).to_have_value("{{ x }} <b>")
    watched.audit("new prompt")
    page.get_by_role("button", name="Create prompt").click()
    page.wait_for_url(re.compile(r"/prompts/[0-9a-f-]{36}$"))
    prompt = page.url

    page.goto(f"{person.project}/tests/new")
    page.get_by_label("The prompt is").select_option(label="Order question")
    page.get_by_role("textbox", name="order", exact=True).press_sequentially("1042")
    expect(page.locator("#test-prompt pre")).to_have_text("Where is 1042?")
    watched.audit("new test from a prompt")
    page.get_by_role("button", name="Create test").click()
    page.wait_for_url(re.compile(r"/tests/[0-9a-f-]{36}$"))
    test = page.url

    page.goto(f"{prompt}/versions/new")
    page.get_by_role("textbox", name="Prompt", exact=True).fill("Where is my order {{ order }}?")
    page.get_by_role("textbox", name="What changed").fill("Whose it is")
    page.get_by_role("button", name="Save version 2").click()
    page.get_by_role("link", name="What changed last").click()
    expect(page.locator("ins")).to_have_text("my order ")
    watched.audit("two versions")
    page.goto(test)
    page.get_by_role("button", name="Use version 2").click()
    expect(page.locator("pre.prompt").first).to_have_text("Where is my order 1042?")
    watched.audit("test from a prompt")

    with ScriptedEndpoint(says) as server:
        page.goto(f"{person.project}/models/new")
        page.get_by_role("link").filter(has_text=re.compile("own|compatible|other", re.IGNORECASE)).first.click()
        page.get_by_role("textbox", name="Name", exact=True).fill("Small")
        page.get_by_label("Base URL").fill(f"{server.url.rpartition('/')[0]}/v1")
        page.get_by_role("textbox", name="Model", exact=True).fill("small-1")
        page.get_by_role("button", name="Save model").click()
        page.goto(f"{person.project}/prompts/new")
        page.get_by_role("textbox", name="Name", exact=True).fill("Clerk")
        page.get_by_role("textbox", name="Prompt", exact=True).fill("You are a clerk.")
        page.get_by_role("button", name="Create prompt").click()
        page.get_by_role("link", name="Tell it to a model").click()
        page.get_by_role("textbox", name="Name", exact=True).fill("Clerk on Small")
        page.get_by_label("What a test would ask").fill("Open?")
        page.get_by_role("button", name="Call", exact=True).click()
        expect(page.locator("#model-call pre").first).to_have_text("I heard You are a clerk. | Open?")
        watched.audit("a model with a prompt")
        page.get_by_role("button", name="Save endpoint").click()
        page.wait_for_url(re.compile("quick-check"))
