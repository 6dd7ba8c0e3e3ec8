"""The page of a comparison."""

import re

from rhesis_app.projects.queries import ProjectView
from tests.api.insights.test_comparisons import E as ERROR
from tests.api.insights.test_comparisons import F, P, runs_of
from tests.people import Person


def shown(person: Person, query: str = "", status: int = 200) -> str:
    answer = person.web.get(f"/p/support-copilot/compare{query}")
    assert answer.status_code == status, answer.text[:3000]
    return re.sub(r"[ \n\t]+", " ", answer.text)


def test_without_two_runs_it_says_what_it_is_for(alice: Person, project: ProjectView) -> None:
    assert "Nothing to compare yet" in shown(alice)


def test_the_latest_two_runs_of_a_set_are_compared_when_nothing_is_chosen(alice: Person, project: ProjectView) -> None:
    runs_of(alice, project, [(P, F)] * 9 + [(F, P)] + [(P, P)] * 30 + [(P, ERROR)])
    page = shown(alice)
    assert "#2 is 20.0 points below #1 [" in page
    assert "That is a regression." in page
    assert "Left out: 1 with an error or without a verdict in one of the two runs." in page
    assert '<b class="worse">9</b>broken' in page
    assert '<option value="1" selected>#1' in page


def test_the_first_broken_test_is_open_with_its_words_side_by_side(alice: Person, project: ProjectView) -> None:
    runs_of(alice, project, [(P, F), (P, P)])
    page = shown(alice, "?baseline=1&candidate=2")
    assert "answer <del>0</del> of 0" in page
    assert "answer <ins>1</ins> of 0" in page
    assert page.count('<tr aria-current="true"') == 1


def test_tabs_and_tests_live_in_the_address(alice: Person, project: ProjectView) -> None:
    runs_of(alice, project, [(P, F), (P, P), (P, P)])
    page = shown(alice, "?baseline=1&candidate=2&show=still_passed")
    links = re.findall(r'href="([^"]+test=[^"]+)"', page)
    assert len(links) == 2
    opened = alice.web.get(links[1].replace("&amp;", "&").split("#")[0]).text
    assert "<del>0</del> of 2" in opened


def test_swapping_turns_the_sentence_round(alice: Person, project: ProjectView) -> None:
    runs_of(alice, project, [(P, F)] * 8 + [(P, P)] * 10)
    assert "That is an improvement." in shown(alice, "?baseline=2&candidate=1")


def test_what_cannot_be_compared_is_said(alice: Person, project: ProjectView) -> None:
    runs_of(alice, project, [(P, P)])
    assert "Choose another run than the baseline." in shown(alice, "?baseline=1&candidate=1", 422)
    assert "There is no such run here." in shown(alice, "?baseline=77&candidate=1", 404)


def test_different_metrics_leave_the_shared_ones_to_read(alice: Person, project: ProjectView) -> None:
    runs_of(alice, project, [(P, F)] * 8, metrics=("Polite",))
    page = shown(alice)
    assert "judged by different metrics (Contains the answer, Polite)" in page


def test_strangers_get_404(charlie: Person, alice: Person, project: ProjectView) -> None:
    runs_of(alice, project, [(P, P)])
    shown(charlie, status=404)


def test_the_page_of_a_run_says_what_became_of_its_tests_since_the_run_before(
    alice: Person, charlie: Person, project: ProjectView
) -> None:
    runs_of(alice, project, [(P, F)] * 9 + [(F, P)] + [(P, P)] * 30)
    page = alice.web.get("/p/support-copilot/runs/2").text
    address = "/p/support-copilot/runs/2/against"
    assert f'hx-get="{address}" hx-trigger="load"' in page
    said = alice.web.get(address).text
    assert said.startswith('<p id="against"><span class="worse">#2 is 20.0 points below #1')
    assert "See the 9 broken tests" in said
    assert "There is no earlier run" in alice.web.get("/p/support-copilot/runs/1/against").text
    assert charlie.web.get(address).status_code == 404
