"""Pages of gates: list, form, archive, and the decision on a run's page."""

import re

import pytest

from rhesis_app.projects.queries import ProjectView
from tests.api.insights.test_gates import run_with
from tests.people import Person

PATH = "/p/support-copilot/gates"
FORM = {"name": "Release", "kind": "pass_rate", "at_least": "90", "confidence": "95", "max_error_rate": "2"}


def test_an_empty_list_says_what_a_gate_is(alice: Person, bob: Person, project: ProjectView) -> None:
    assert "No gates yet" in alice.web.get(PATH).text
    assert "New gate" not in bob.web.get(PATH).text


def test_a_gate_is_made_and_the_latest_run_has_its_badge(alice: Person, project: ProjectView) -> None:
    run_with(alice, project, 15)
    assert alice.web.post(PATH, FORM).status_code == 303
    page = alice.web.get(PATH).text
    assert "≥ 90 % at 95 %" in page
    run = alice.web.get("/p/support-copilot/runs/1").text
    assert "Undecided" in run
    assert "Needs about 14 more at this rate." in run
    assert "Undecided" in alice.web.get("/p/support-copilot/runs").text


@pytest.mark.parametrize("kind", ["pass_rate", "no_regression", "no_failed_tag", "error_rate"])
def test_every_kind_has_its_fields(alice: Person, project: ProjectView, kind: str) -> None:
    page = alice.web.get(f"{PATH}/new?kind={kind}").text
    assert f'name="kind" value="{kind}"' in page
    assert page.count('inputmode="decimal"') >= 1


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"at_least": "lots"}, "Give a percentage from 0.1 to 100."),
        ({"at_least": "900"}, "Give a percentage from 0.1 to 100."),
        ({"confidence": "nan"}, "Give a percentage from 51 to 99.9."),
        ({"name": " "}, "Give the gate a name"),
    ],
)
def test_what_was_typed_comes_back_with_its_error(
    alice: Person, project: ProjectView, changed: dict[str, str], said: str
) -> None:
    answer = alice.web.post(PATH, FORM | changed)
    assert answer.status_code == 422
    assert said in answer.text
    assert 'value="2"' in answer.text


def test_a_gate_is_edited_archived_and_brought_back(alice: Person, project: ProjectView) -> None:
    alice.web.post(PATH, FORM)
    edit = re.findall(rf'href="({PATH}/[0-9a-f-]+)/edit"', alice.web.get(PATH).text)[0]
    assert 'value="90"' in alice.web.get(f"{edit}/edit").text
    assert alice.web.post(edit, FORM | {"at_least": "80,5"}).status_code == 303
    assert "≥ 80.5 % at 95 %" in alice.web.get(PATH).text
    assert alice.web.post(f"{edit}/archive").status_code == 303
    assert "No gates yet" in alice.web.get(PATH).text
    assert "Release" in alice.web.get(f"{PATH}?archived=1").text
    assert alice.web.post(f"{edit}/restore").status_code == 303
    assert "Release" in alice.web.get(PATH).text


def test_a_run_without_decisions_can_be_decided(alice: Person, bob: Person, project: ProjectView) -> None:
    run_with(alice, project, 29)
    run_with(alice, project, 5)
    alice.web.post(PATH, FORM)
    address = "/p/support-copilot/runs/1"
    assert f'action="{address}/gates"' in alice.web.get(address).text
    assert f'action="{address}/gates"' not in bob.web.get(address).text
    assert alice.web.post(f"{address}/gates").status_code == 303
    assert "which clears 90 %" in alice.web.get(address).text
