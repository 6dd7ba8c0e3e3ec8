"""Changing many tests from their list: those ticked, or all that match."""

import re

from rhesis_app.authoring.models import Test, TestEdit
from rhesis_app.projects.queries import ProjectView
from tests.api.tests.test_test_edits import made_tests, many
from tests.background import do_jobs
from tests.people import Person

PATH = "/p/support-copilot/tests"


def shown(person: Person, address: str = "") -> str:
    answer = person.web.get(f"{PATH}{address}")
    assert answer.status_code == 200, answer.text[:2000]
    return re.sub(r"[ \n\t]+", " ", answer.text)


def test_those_ticked_are_changed_and_a_double_click_changes_once(alice: Person, project: ProjectView) -> None:
    ids = made_tests(alice, project, 3)
    page = shown(alice)
    assert page.count('name="test_ids"') == 3
    key = re.search(r'name="key" value="([^"]+)"', page)
    assert key
    form = {"key": key[1], "which": "ticked", "test_ids": ids[:2], "add_tags": "smoke, slow"}
    answers = [alice.web.post(f"{PATH}/edits", form) for _ in range(2)]
    assert [answer.headers["Location"] for answer in answers] == [PATH] * 2
    assert alice.count(Test, facts={"tags": ["smoke", "slow"]}) == 2
    assert alice.count(TestEdit) == 1
    assert "2 tests changed. Past runs keep them as they were." in shown(alice)


def test_all_that_match_are_changed_and_the_filters_stay(alice: Person, project: ProjectView) -> None:
    made_tests(alice, project, 12)
    assert "All 3 tests that match" in shown(alice, "?q=p1")
    form = {"which": "all", "q": "p1", "to_requirement": "name:Tone"}
    answer = alice.web.post(f"{PATH}/edits", form)
    assert answer.headers["Location"] == f"{PATH}?q=p1"
    assert len(alice.api.get("/tests").json) == 12
    assert [one["prompt"] for one in alice.api.get("/tests").json if one["requirement"] == "Tone"] == [
        "p11",
        "p10",
        "p1",
    ]
    alice.web.post(f"{PATH}/edits", {"which": "all", "q": "p11", "to_requirement": "none", "archive": "true"})
    assert len(alice.api.get("/tests").json) == 11


def test_what_is_wrong_is_said_above_the_list(alice: Person, project: ProjectView) -> None:
    ids = made_tests(alice, project, 1)
    alice.web.post(f"{PATH}/edits", {"which": "ticked", "add_tags": "x"})
    assert "Tick the tests to change, or choose all that match." in shown(alice)
    alice.web.post(f"{PATH}/edits", {"which": "ticked", "test_ids": ids})
    assert "Say what to change" in shown(alice)
    assert alice.count(TestEdit) == 0


def test_more_than_five_hundred_are_watched(alice: Person, project: ProjectView) -> None:
    many(alice, project, 501)
    answer = alice.web.post(f"{PATH}/edits", {"which": "all", "add_tags": "x"})
    where = answer.headers["Location"].removeprefix(PATH)
    page = shown(alice, where)
    assert "Waiting for a worker" in page
    poll = page.split('hx-get="')[1].split('"')[0].replace("&amp;", "&")
    assert alice.web.get(poll).status_code == 204
    do_jobs(alice, "tests.edit")
    ended = alice.web.get(poll)
    assert (ended.status_code, "501 of 501 tests changed" in ended.text, "hx-get" in ended.text) == (200, True, False)


def test_readers_see_no_boxes_and_strangers_nothing(
    alice: Person, bob: Person, charlie: Person, project: ProjectView
) -> None:
    ids = made_tests(alice, project, 1)
    assert "Change many tests" not in shown(bob)
    form = {"which": "ticked", "test_ids": ids, "archive": "true"}
    assert bob.web.post(f"{PATH}/edits", form).status_code == 403
    assert charlie.web.post(f"{PATH}/edits", form).status_code == 404
    assert alice.count(Test, archived_at=None) == 1
