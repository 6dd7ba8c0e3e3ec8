"""The whole way from signing in to a JUnit file in a browser that runs no script."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from junitparser import JUnitXml
from playwright.sync_api import Browser, Page, expect

from tests.e2e.conftest import Instance
from tests.e2e.steps import Person
from tests.scripted_endpoint import Call, Reply, ScriptedEndpoint, json_reply

ROWS = "prompt,expected\nIs the shop open?,yes\nIs it closed?,no\nAnd on Sundays?,no\n"


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A new profile that runs no script."""
    context = browser.new_context(viewport={"width": 1280, "height": 900}, java_script_enabled=False)
    opened = context.new_page()
    opened.set_default_timeout(15_000)
    yield opened
    context.close()


def always_yes(_call: Call) -> Reply:
    return json_reply({"choices": [{"message": {"role": "assistant", "content": "yes"}}]})


@pytest.mark.timeout(180)
def test_everything_up_to_the_export_works_without_script(owned: Instance, page: Page, tmp_path: Path) -> None:
    person = Person(page, owned.url)
    rows = tmp_path / "opening hours.csv"
    rows.write_text(ROWS, "utf-8")
    person.sign_in()
    person.make_project("Without script")
    with ScriptedEndpoint(always_yes) as app:
        person.connect_chat("Shop bot", app.url)
        person.make_metric("The word is right", "Equals")
        person.make_test_set("Greetings", metric="The word is right")
        person.import_tests(rows, 3)
        person.start_run(test_set="opening hours", metric="The word is right")
        until_finished(page)
    expect(page.get_by_text("1 / 3 passed").first).to_be_visible()
    failed = [("Is it closed?", "Failed"), ("And on Sundays?", "Failed")]
    assert person.outcomes() == [*failed, ("Is the shop open?", "Passed")]
    junit = JUnitXml.fromfile(str(person.export("JUnit XML")))
    assert (junit.tests, junit.failures, junit.errors) == (3, 2, 0)
    page.get_by_role("link", name="Is it closed?").click()
    page.wait_for_url(re.compile(r"/results/"))
    expect(page.get_by_role("heading", name="What went over the wire")).to_be_visible()
    # a person may disagree
    page.get_by_label("Comment").fill("It never closes.")
    page.get_by_role("button", name="Passed", exact=True).click()
    expect(page.get_by_text("It never closes.")).to_be_visible()


def until_finished(page: Page) -> None:
    """As the page says: reload to see what has come in."""
    for _ in range(60):
        reload = page.get_by_role("link", name="Reload", exact=True)
        if not reload.is_visible():
            return
        page.wait_for_timeout(500)
        reload.click()
    raise AssertionError(page.inner_text("main"))
