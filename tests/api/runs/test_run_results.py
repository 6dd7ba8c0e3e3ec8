"""GET /test-runs/<id>/results and /test-results/<id>: order, filters, pages, and everything kept of one result."""

import pytest

from rhesis_app.projects.queries import ProjectView
from tests.factories import Given, MadeRun, RunPlan, make_run
from tests.people import Person

MIXED = (
    Given(prompt="one", requirement="Tone"),
    Given(prompt="two", outcome="failed", requirement="Tone", reason="“On its way” is not in the answer."),
    Given(prompt="three", outcome="error", requirement="Facts"),
    Given(prompt="four", outcome="unscored", verdicts={"Contains the answer": "unscored"}),
    Given(prompt="five", outcome="failed", requirement="Facts", output="100 % wrong_"),
    Given(prompt="six", requirement="Facts"),
)


@pytest.fixture
def made(alice: Person, project: ProjectView) -> MadeRun:
    with alice.scope() as scope:
        return make_run(scope, RunPlan(project_id=project.id), MIXED)


@pytest.fixture(params=["few", "many"])
def matches(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """What matches is looked up, or come upon where the list is read in its order."""
    if request.param == "many":
        monkeypatch.setattr("rhesis_app.runs.queries.result_matches.FEW", 0)


def prompts(alice: Person, made: MadeRun, query: str = "") -> list[str]:
    answer = alice.api.get(f"/test-runs/{made.id}/results?{query}")
    assert answer.status_code == 200, answer.json
    return [row["prompt"] for row in answer.json]


def test_what_needs_a_look_comes_first(alice: Person, made: MadeRun) -> None:
    assert prompts(alice, made) == ["two", "five", "three", "four", "one", "six"]


def test_a_row_has_the_shape_that_scripts_rely_on(alice: Person, made: MadeRun) -> None:
    row = alice.api.get(f"/test-runs/{made.id}/results?outcome=failed&limit=1").json[0]
    wanted = {"id", "test_id", "trial", "outcome", "error_code", "prompt", "output", "latency_ms", "evaluations"}
    assert wanted <= row.keys()
    assert (row["id"], row["trial"], row["outcome"], row["error_code"]) == (str(made.result_ids[1]), 1, "failed", None)
    (evaluation,) = row["evaluations"]
    assert evaluation.pop("id")
    assert evaluation == {
        "metric": "Contains the answer",
        "metric_id": str(made.metric_ids["Contains the answer"]),
        "required": True,
        "applicable": True,
        "verdict": "failed",
        "automated_verdict": "failed",
        "score": 0,
        "label": None,
        "reason": "“On its way” is not in the answer.",
    }


def test_an_error_has_its_code_and_no_evaluation(alice: Person, made: MadeRun) -> None:
    (row,) = alice.api.get(f"/test-runs/{made.id}/results?outcome=error").json
    assert (row["error_code"], row["output"], row["evaluations"]) == ("timeout", None, [])


@pytest.mark.parametrize("limit", [1, 2, 4])
def test_pages_give_every_result_once_forth_and_back(alice: Person, made: MadeRun, limit: int) -> None:
    address, pages, previous = f"/test-runs/{made.id}/results?limit={limit}", [], ""
    while address:
        answer = alice.api.get(address)
        pages.append([row["prompt"] for row in answer.json])
        links = dict(reversed(part.split("; rel=")) for part in answer.headers.get("Link", "").split(", ") if part)
        address, previous = links.get('"next"', "")[1:-1], links.get('"prev"', "")[1:-1]
    assert [prompt for page in pages for prompt in page] == ["two", "five", "three", "four", "one", "six"]
    assert [row["prompt"] for row in alice.api.get(previous).json] == pages[-2]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("outcome=passed", ["one", "six"]),
        ("outcome=unscored", ["four"]),
        ("q=FIVE", ["five"]),
        ("q=on its", ["two", "three", "four", "one", "six", "five"]),
        ("q=100 %25", ["five"]),
        ("q=wrong_", ["five"]),
        ("q=r_", []),
        ("q=%25", ["five"]),
    ],
)
@pytest.mark.usefixtures("matches")
def test_filters(alice: Person, made: MadeRun, query: str, found: list[str]) -> None:
    assert sorted(prompts(alice, made, query)) == sorted(found)
    answer = alice.api.get(f"/test-runs/{made.id}/results?{query}&limit=1&count=true")
    assert answer.headers["X-Total-Count"] == str(len(found))


@pytest.mark.usefixtures("matches")
def test_a_filtered_list_keeps_its_order_from_page_to_page(alice: Person, made: MadeRun) -> None:
    pages, address = [], f"/test-runs/{made.id}/results?q=on its&limit=1"
    while address:
        answer = alice.api.get(address)
        pages += [row["prompt"] for row in answer.json]
        links = dict(reversed(part.split("; rel=")) for part in answer.headers.get("Link", "").split(", ") if part)
        address = links.get('"next"', "")[1:-1]
    assert pages == ["two", "five", "three", "four", "one", "six"]


@pytest.mark.usefixtures("matches")
def test_filters_by_requirement_and_by_the_metric_that_failed(alice: Person, made: MadeRun) -> None:
    assert prompts(alice, made, f"requirement_id={made.requirement_ids['Facts']}") == ["five", "three", "six"]
    assert prompts(alice, made, f"metric_id={made.metric_ids['Contains the answer']}") == ["two", "five"]
    both = f"requirement_id={made.requirement_ids['Facts']}&metric_id={made.metric_ids['Contains the answer']}"
    assert prompts(alice, made, both) == ["five"]


@pytest.mark.parametrize("query", ["outcome=wrong", "metric_id=none", "order=asc", "limit=0", "q=" + "x" * 201])
def test_strange_filters_are_refused(alice: Person, made: MadeRun, query: str) -> None:
    assert alice.api.get(f"/test-runs/{made.id}/results?{query}").status_code == 422


def test_a_cursor_of_another_filter_is_refused(alice: Person, made: MadeRun) -> None:
    link = alice.api.get(f"/test-runs/{made.id}/results?limit=2").headers["Link"].split(">")[0][1:]
    assert alice.api.get(link + "&outcome=failed").status_code == 400


def test_one_result_has_everything_that_was_kept(alice: Person, made: MadeRun) -> None:
    result = alice.api.get(f"/test-results/{made.result_ids[1]}").json
    assert (result["run_id"], result["run_number"], result["position"]) == (str(made.id), 1, 2)
    assert (result["prompt"], result["expected"], result["requirement"]) == ("two", "On its way", "Tone")
    assert result["request"]["body"] == {"message": "two"}
    assert result["response"]["status"] == 200
    (evaluation,) = result["evaluations"]
    assert (evaluation["metric"], evaluation["verdict"], evaluation["rule"]) == ("Contains the answer", "failed", "yes")
    assert evaluation["evaluator"] == "text.contains"
