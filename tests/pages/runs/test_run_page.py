"""The page of a run: verdict, rates, filters, the drawer, and the fragment that watches a run at work."""

import re

import pytest

from rhesis_app.projects.queries import ProjectView
from tests.factories import Given, MadeRun, RunPlan, make_run
from tests.people import Person

MIXED = (
    Given(prompt="one <b>bold</b>", requirement="Tone"),
    Given(prompt="two", outcome="failed", requirement="Tone", reason="“On its way” is missing."),
    Given(prompt="three", outcome="error", requirement="Facts"),
    Given(prompt="four", outcome="unscored", verdicts={"Contains the answer": "unscored"}),
    Given(prompt="five", requirement="Facts"),
)
PENDING = Given(prompt="six", outcome="pending", requirement="Facts")


def run_of(person: Person, project: ProjectView, *results: Given, **plan: object) -> MadeRun:
    with person.scope() as scope:
        return make_run(scope, RunPlan(project_id=project.id, **plan), results or MIXED)  # type: ignore[arg-type]


def shown(person: Person, address: str, status: int = 200) -> str:
    answer = person.web.get(f"/p/support-copilot{address}")
    assert answer.status_code == status, answer.text[:2000]
    return re.sub(r"[ \n\t]+", " ", answer.text)


def rows(page: str) -> list[str]:
    """The prompts in the table of results."""
    return re.findall(r'hx-swap="innerHTML">(.*?)</a></td>', page)


def test_a_finished_run_shows_its_verdict_with_interval_and_what_is_left_out(
    alice: Person, project: ProjectView
) -> None:
    run_of(alice, project)
    page = shown(alice, "/runs/1")
    assert "2 / 3 passed" in page
    assert "66.7\u00a0% <small>[20.8, 93.9]" in page
    assert "1 error" in page
    assert "1 of 3 tests with a verdict failed." in page
    assert "Had all of them failed, 2 / 5 would have passed; had all passed, 4 / 5." in page
    assert "every 2s" not in page
    assert rows(page)[:2] == ["two", "three"]
    assert "Contains the answer: “On its way” is missing." in page


def test_prompts_are_text_and_never_markup(alice: Person, project: ProjectView) -> None:
    run_of(alice, project)
    assert "one &lt;b&gt;bold" in shown(alice, "/runs/1")


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("outcome=failed", ["two"]),
        ("q=FIVE", ["five"]),
        ("outcome=passed&q=bold", ["one &lt;b&gt;bold&lt;/b&gt;"]),
        ("outcome=odd", None),
    ],
)
def test_filters_live_in_the_address(alice: Person, project: ProjectView, query: str, found: list[str] | None) -> None:
    run_of(alice, project)
    listed = rows(shown(alice, f"/runs/1?{query}"))
    assert listed == found if found is not None else len(listed) == 5


def test_bars_lead_to_their_results(alice: Person, project: ProjectView) -> None:
    made = run_of(alice, project)
    page = shown(alice, "/runs/1")
    requirement, metric = made.requirement_ids["Facts"], made.metric_ids["Contains the answer"]
    assert f'href="/p/support-copilot/runs/1?requirement={requirement}"' in page
    assert rows(shown(alice, f"/runs/1?requirement={requirement}")) == ["three", "five"]
    narrowed = shown(alice, f"/runs/1?metric={metric}")
    assert rows(narrowed) == ["two"]
    assert "Failed on Contains the answer" in narrowed


def test_results_go_page_by_page(alice: Person, project: ProjectView) -> None:
    run_of(alice, project, *[Given(prompt=f"p{n}") for n in range(60)])
    first = shown(alice, "/runs/1")
    following = re.search(r'rel="next" href="/p/support-copilot([^"]+)"', first)
    assert following
    assert rows(shown(alice, following[1].replace("&amp;", "&"))) == [f"p{n}" for n in range(50, 60)]


def test_a_running_one_asks_for_itself_and_says_what_it_waits_for(alice: Person, project: ProjectView) -> None:
    run_of(alice, project, *MIXED, PENDING, is_finished=False)
    page = shown(alice, "/runs/1")
    assert 'hx-trigger="every 2s, ' in page
    assert "5 <small>of 6" in page
    assert "Waits for a worker." in page
    assert "d-cancel" in page
    address = re.search(r'hx-get="/p/support-copilot(/runs/1/progress[^"]+)"', page)
    assert address
    assert alice.web.get(f"/p/support-copilot{address[1]}").status_code == 204
    fragment = shown(alice, "/runs/1/progress?seen=older&outcome=failed")
    assert fragment.startswith('<div id="run"')
    assert rows(fragment) == ["two"]


@pytest.mark.parametrize(
    ("held_up", "said"),
    [
        ("paused_until = now() + interval '30 seconds'", "The endpoint asks for a pause: going on in "),
        ("paused_until = now()", "The endpoint&#39;s pause is over: the sweeper calls a worker within ten seconds."),
        ("open_s = 60, open_until = now() + interval '50 seconds'", "in a row: one call tries it again in "),
        ("open_s = 60, open_until = now()", "in a row: one call tries whether it is back."),
    ],
)
def test_what_the_endpoint_asks_for_is_said_on_the_page_and_by_the_api(
    alice: Person, project: ProjectView, held_up: str, said: str
) -> None:
    made = run_of(alice, project, *MIXED, PENDING, is_finished=False)
    with alice.scope() as scope, scope.atomic() as session:
        session.connection().exec_driver_sql(f"UPDATE endpoint_throttle SET {held_up}")
    assert said in shown(alice, "/runs/1")
    assert said in alice.api.get(f"/test-runs/{made.id}").json["waiting_for"].replace("'", "&#39;")


def test_a_lowered_limit_is_said_while_calls_are_under_way(alice: Person, project: ProjectView) -> None:
    made = run_of(alice, project, *MIXED, PENDING, is_finished=False)
    with alice.scope() as scope, scope.atomic() as session:
        session.connection().exec_driver_sql("UPDATE endpoint_throttle SET cur_limit = 2, lowered_for = 'timeout'")
        session.connection().exec_driver_sql(
            "UPDATE work_item SET lease_owner = 'me', lease_until = now() + interval '1 minute'"
        )
        session.connection().exec_driver_sql(
            "UPDATE test_run SET endpoint_snapshot = endpoint_snapshot || '{\"max_concurrency\": 16}'"
        )
    said = "Slower for now: 2 of 16 calls at a time, after calls that got no answer in time."
    assert said in shown(alice, "/runs/1")
    assert alice.api.get(f"/test-runs/{made.id}").json["waiting_for"] == said


def test_calls_of_another_run_are_why_this_one_waits(alice: Person, project: ProjectView) -> None:
    waiting = run_of(alice, project, PENDING, is_finished=False)
    going = run_of(alice, project, PENDING, is_finished=False)
    with alice.scope() as scope, scope.atomic() as session:
        session.connection().exec_driver_sql(
            "UPDATE work_item SET lease_owner = 'me', lease_until = now() + interval '1 minute' WHERE run_id = %s",
            (going.id,),
        )
    assert alice.api.get(f"/test-runs/{waiting.id}").json["waiting_for"].startswith("Other runs are being asked first")
    assert alice.api.get(f"/test-runs/{going.id}").json["waiting_for"] == ""


@pytest.mark.parametrize(("is_finished", "said"), [(False, "10 retries of this run are used"), (True, "were used")])
def test_a_run_without_retries_left_says_so(alice: Person, project: ProjectView, is_finished: bool, said: str) -> None:
    run_of(alice, project, *MIXED, *([] if is_finished else [PENDING]), is_finished=is_finished)
    assert said not in shown(alice, "/runs/1")
    with alice.scope() as scope, scope.atomic() as session:
        session.connection().exec_driver_sql("UPDATE test_run SET retries = 10")
    assert said in shown(alice, "/runs/1")


def test_the_last_poll_gives_a_run_that_asks_no_more(alice: Person, project: ProjectView) -> None:
    run_of(alice, project)
    assert "every 2s" not in shown(alice, "/runs/1/progress?seen=older")


def test_a_result_is_a_page_and_a_panel(alice: Person, project: ProjectView) -> None:
    made = run_of(alice, project)
    failed, passed = made.result_ids[1], made.result_ids[0]
    page = shown(alice, f"/runs/1/results/{failed}")
    assert "<title>two" in page
    assert "On its way" in page
    assert "POST https://copilot.example/chat" in page
    assert f'href="/p/support-copilot/runs/1/results/{made.result_ids[2]}"' in page
    assert "hx-get" not in page
    panel = shown(alice, f"/runs/1/results/{passed}/panel?outcome=passed")
    assert panel.startswith('<article class="stack" id="result-in-full"')
    assert "result-previous" not in panel
    assert f"/results/{made.result_ids[4]}/panel?outcome=passed" in panel


def test_a_result_of_another_run_is_not_found_here(alice: Person, project: ProjectView) -> None:
    made = run_of(alice, project)
    run_of(alice, project)
    shown(alice, f"/runs/2/results/{made.result_ids[0]}", 404)


def test_cancelling_is_asked_by_a_dialog_and_done_by_a_form(alice: Person, project: ProjectView) -> None:
    run_of(alice, project, Given(), PENDING, is_finished=False)
    answer = alice.web.post("/p/support-copilot/runs/1/cancel")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/p/support-copilot/runs/1")
    page = shown(alice, "/runs/1")
    assert "Cancelled" in page
    assert "1 not run" in page


def test_exports_download(alice: Person, project: ProjectView) -> None:
    run_of(alice, project)
    assert "/p/support-copilot/runs/1/export/junit.xml" in shown(alice, "/runs/1")
    answer = alice.web.get("/p/support-copilot/runs/1/export/csv.results")
    assert answer.headers["Content-Disposition"] == "attachment; filename=support-copilot-run-1.csv"
    assert answer.data.startswith(b"position,")
    shown(alice, "/runs/1/export/odd.format", 422)


def test_readers_see_and_are_offered_nothing_they_may_not(alice: Person, bob: Person, project: ProjectView) -> None:
    run_of(alice, project)
    run_of(alice, project, Given(), PENDING, is_finished=False)
    assert "Run again" not in shown(bob, "/runs/1")
    assert "d-cancel" not in shown(bob, "/runs/2")
    assert "New run" not in shown(bob, "/runs")
    assert bob.web.post("/p/support-copilot/runs/2/cancel").status_code == 403
    shown(bob, "/runs/new", 403)
    shown(bob, "/quick-check", 403)


def test_strangers_get_404(alice: Person, charlie: Person, project: ProjectView) -> None:
    made = run_of(alice, project)
    result = f"/runs/1/results/{made.result_ids[0]}"
    for address in (
        "/runs",
        "/runs/1",
        "/runs/1/progress",
        result,
        f"{result}/panel",
        "/runs/1/export/json.run",
        "/runs/new",
        "/",
    ):
        shown(charlie, address, 404)


def test_a_run_that_is_not_there_is_404(alice: Person, project: ProjectView) -> None:
    shown(alice, "/runs/7", 404)


def test_the_list_filters_and_leads_on(alice: Person, project: ProjectView) -> None:
    empty = shown(alice, "/runs")
    assert "No runs yet" in empty
    run_of(alice, project)
    run_of(alice, project, Given(), PENDING, is_finished=False, test_set="Smoke")
    page = shown(alice, "/runs")
    assert page.index(">#2<") < page.index(">#1<")
    assert "1 of 2" in page
    assert "66.7\u00a0%" in page
    going = shown(alice, "/runs?status=open")
    assert ">#2<" in going
    assert ">#1<" not in going
    assert "No run fits these filters." in shown(alice, "/runs?status=errored")
