"""A file of chat samples as public evaluation collections have them: imported, run, judged, exported; every verdict is right."""

import calendar
import json
import re
from collections import Counter
from pathlib import Path

import pytest
from junitparser import Error, Failure, JUnitXml, TestCase
from playwright.sync_api import expect

from tests.e2e.conftest import Instance, Watched
from tests.e2e.steps import Person
from tests.scripted_endpoint import Call, Reply, ScriptedEndpoint, json_reply

YEARS = range(1800, 1920)
SYSTEM = "You are a helpful assistant."
LATEST = 1914
"""Our application refuses to speak of later years."""


def question(year: int) -> str:
    return f"Was {year} a leap year? Answer Y or N."


def samples(folder: Path) -> Path:
    """One sample a line: the messages to send and the ideal answer."""
    path = folder / "leap_years.jsonl"
    lines = (
        {
            "input": [{"role": "system", "content": SYSTEM}, {"role": "user", "content": question(year)}],
            "ideal": "Y" if calendar.isleap(year) else "N",
        }
        for year in YEARS
    )
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), "utf-8")
    return path


def every_fourth_year(call: Call) -> Reply:
    """An application that forgets the centuries, and needs its system message."""
    *earlier, last = call.json["messages"]
    asked = re.search(r"Was (\d+) a leap", last["content"])
    if asked is None:
        return said("Ask me about years.")
    if [message["content"] for message in earlier] != [SYSTEM]:
        return said("My system message is missing.")
    year = int(asked[1])
    if year > LATEST:
        return json_reply({"error": "not yet known"}, status=400)
    return said("Y" if year % 4 == 0 else "N")


def said(text: str) -> Reply:
    return json_reply({"choices": [{"message": {"role": "assistant", "content": text}}]})


def expected(year: int) -> str:
    if year > LATEST:
        return "Error"
    return "Passed" if calendar.isleap(year) == (year % 4 == 0) else "Failed"


def outcome_of(case: TestCase) -> str:
    kinds = {Failure: "Failed", Error: "Error"}
    return next((kinds[type(one)] for one in case.result), "Passed")


@pytest.mark.timeout(240)
def test_a_hundred_and_twenty_chat_samples_get_the_right_verdicts(
    owned: Instance, watched: Watched, tmp_path: Path
) -> None:
    person = Person(watched.page, owned.url)
    verdicts = {question(year): expected(year) for year in YEARS}
    assert Counter(verdicts.values()) == {"Passed": 113, "Error": 5, "Failed": 2}
    person.sign_in()
    person.make_project("Leap years")
    with ScriptedEndpoint(every_fourth_year) as app:
        person.connect_chat("Calendar bot", app.url)
        person.import_tests(samples(tmp_path), len(YEARS))
        person.make_metric("The letter is right", "Equals")
        person.start_run(test_set="leap_years", metric="The letter is right")
        page = watched.page
        expect(page.get_by_text("113 / 115 passed").first).to_be_visible(timeout=60_000)
        expect(page.get_by_role("link", name="Run again")).to_be_visible()
        asked = Counter(call.json["messages"][-1]["content"] for call in app.calls if "leap" in call.body.decode())
    assert asked == Counter(verdicts.keys())  # every question once, none lost and none asked twice
    page.reload()
    assert sorted(person.outcomes()) == sorted(verdicts.items())
    watched.audit("the last page of results")
    junit = JUnitXml.fromfile(str(person.export("JUnit XML")))
    (suite,) = junit
    assert (suite.tests, suite.failures, suite.errors, suite.skipped) == (120, 2, 5, 0)
    cases = {re.sub(r"^#\d+ ", "", case.name): outcome_of(case) for case in suite}
    assert cases == verdicts
