"""The metric pages, as a browser without script uses them."""

import re
from collections.abc import Callable
from contextlib import AbstractContextManager
from html import unescape

import pytest
from werkzeug.test import TestResponse

from rhesis_app.authoring.actions.metrics import NewMetric, create_metric
from rhesis_app.authoring.models import Metric
from rhesis_app.authoring.queries.metrics import MetricView
from rhesis_app.infra.runtime import Runtime
from rhesis_app.kernel.registry import Registry
from rhesis_app.projects.queries import ProjectView
from tests.people import Person

Statements = Callable[[], AbstractContextManager[list[str]]]
SIMILAR = {"evaluator": "text.similarity", "params.method": "characters", "rule.comparison": "at_least"}


def words(answer: TestResponse) -> str:
    """What stands between the tags of the page's main part."""
    main = answer.text.split("<main", 1)[-1].split("</main>", 1)[0]
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", main)).split())


@pytest.fixture
def here(project: ProjectView) -> str:
    return f"/p/{project.slug}/metrics"


@pytest.fixture
def metric(alice: Person, project: ProjectView, host: Runtime) -> MetricView:
    """Passes from 0.6 on."""
    new = NewMetric(project_id=project.id, name="Close enough", evaluator="text.similarity", rule={"at_least": 0.6})
    with alice.scope() as scope:
        return create_metric(scope, host.registry, new)


def test_an_empty_project_says_what_a_metric_is(alice: Person, here: str) -> None:
    answer = alice.web.get(here)
    assert answer.status_code == 200
    assert "No metrics yet" in words(answer)
    assert f'href="{here}/new"' in answer.text


def test_the_evaluators_to_choose_from_are_plain_links(alice: Person, here: str, host: Runtime) -> None:
    page = alice.web.get(f"{here}/new").text
    for key, spec in host.registry.evaluators.items():
        assert f'href="{here}/new?evaluator={key}"' in page
        assert spec.title in page


@pytest.mark.parametrize("key", ["text.contains", "text.similarity", "text.one_of", "structure.json_schema"])
def test_the_form_has_a_control_for_every_param(alice: Person, here: str, host: Runtime, key: str) -> None:
    page = alice.web.get(f"{here}/new?evaluator={key}").text
    spec = host.registry.evaluators[key]
    for name in spec.params.__dataclass_fields__:
        assert f'name="params.{name}"' in page
    assert ('name="rule.bound"' in page) is (key == "text.similarity")


def test_an_unknown_evaluator_is_refused(alice: Person, here: str) -> None:
    assert alice.web.get(f"{here}/new?evaluator=text.nope").status_code == 422


def test_the_form_makes_a_metric(alice: Person, here: str) -> None:
    sent = {**SIMILAR, "name": "Close", "rule.bound": "0.75", "params.text": "30 nights", "required": "true"}
    answer = alice.web.post(here, sent)
    assert answer.status_code == 303
    shown = words(alice.web.get(answer.headers["Location"]))
    assert "the score is at least 0.75" in shown
    assert "30 nights" in shown
    assert alice.count(Metric, required=True) == 1


def test_a_yes_or_no_evaluator_needs_no_rule(alice: Person, here: str) -> None:
    alice.web.post(here, {"evaluator": "text.contains", "name": "Polite", "params.text": "please"})
    (made,) = alice.api.get("/metrics").json
    assert made["rule"] == {"at_least": 1}
    assert made["params"] == {
        "text": "please",
        "case_sensitive": False,
        "ignore_spacing": False,
        "whole_words": False,
    }
    assert made["required"] is False


def test_errors_stand_at_their_fields_and_what_was_typed_is_kept(alice: Person, here: str) -> None:
    sent = {**SIMILAR, "name": "Mine", "rule.bound": "7", "params.method": "magic", "params.text": "kept <b>"}
    answer = alice.web.post(here, sent)
    assert answer.status_code == 422
    assert "at_least must lie within 0 to 1." in words(answer)
    assert "Must be one of: characters, words in any order." in words(answer)
    assert answer.text.count('aria-invalid="true"') == 2
    assert 'value="Mine"' in answer.text
    assert "kept &lt;b&gt;" in answer.text
    assert alice.count(Metric) == 0


def test_a_taken_name_is_said_at_the_name(alice: Person, here: str, metric: MetricView) -> None:
    answer = alice.web.post(here, {"evaluator": "structure.json_valid", "name": metric.name})
    assert answer.status_code == 409
    assert "There is a metric of this name" in words(answer)


def test_a_metric_is_edited(alice: Person, here: str, metric: MetricView) -> None:
    form = alice.web.get(f"{here}/{metric.id}/edit").text
    assert 'value="0.6"' in form
    sent = {**SIMILAR, "name": "Closer", "rule.bound": "0.9", "etag": metric.etag, "required": "true"}
    assert alice.web.post(f"{here}/{metric.id}", sent).status_code == 303
    (changed,) = alice.api.get("/metrics").json
    assert (changed["name"], changed["rule"]) == ("Closer", {"at_least": 0.9})
    stale = alice.web.post(f"{here}/{metric.id}", sent)
    assert stale.status_code == 412
    assert "Somebody changed this" in words(stale)


def test_editing_keeps_a_rule_that_the_form_does_not_draw(
    alice: Person, project: ProjectView, here: str, host: Runtime
) -> None:
    new = NewMetric(project_id=project.id, name="No", evaluator="text.contains", rule={"at_most": 0})
    with alice.scope() as scope:
        made = create_metric(scope, host.registry, new)
    alice.web.post(f"{here}/{made.id}", {"name": "No", "params.text": "sorry", "etag": made.etag})
    assert alice.api.get(f"/metrics/{made.id}").json["rule"] == {"at_most": 0}
    sample = {"metric_id": str(made.id), "params.text": "sorry", "sample.output": "Sorry!"}
    assert "Failed" in words(alice.web.post(f"{here}/try", sample))


@pytest.mark.parametrize(("output", "verdict"), [("abcd", "Passed"), ("wxyz", "Failed")])
def test_a_metric_is_tried_before_it_is_saved(alice: Person, here: str, output: str, verdict: str) -> None:
    sent = {**SIMILAR, "rule.bound": "0.7", "sample.expected": "abcd", "sample.output": output}
    answer = alice.web.post(f"{here}/try", sent)
    assert answer.status_code == 200
    assert verdict in words(answer)
    assert "alike with “abcd”" in words(answer)
    assert answer.text.count('id="metric-trial"') == 1
    assert alice.count(Metric) == 0


def test_a_trial_without_what_the_metric_needs_says_so(alice: Person, here: str) -> None:
    answer = alice.web.post(f"{here}/try", {"evaluator": "text.contains", "sample.output": "x"})
    assert "Does not apply: the test has no expected answer." in words(answer)


def test_a_trial_with_bad_settings_says_it_at_the_field_and_beside_the_sample(alice: Person, here: str) -> None:
    answer = alice.web.post(f"{here}/try", {"evaluator": "text.regex", "params.pattern": "(", "sample.output": "x"})
    assert answer.status_code == 422
    trial = answer.text.split('id="metric-trial"')[1]
    assert "Pattern: RE2 cannot use this pattern" in trial
    assert answer.text.count('aria-invalid="true"') == 1


def test_archiving_offers_undo(alice: Person, here: str, metric: MetricView) -> None:
    assert alice.web.post(f"{here}/{metric.id}/archive").headers["Location"] == here
    listed = alice.web.get(here).text
    assert f'action="{here}/{metric.id}/restore"' in listed
    assert metric.name in words(alice.web.get(f"{here}?archived=1"))
    assert "Archived" in words(alice.web.get(f"{here}/{metric.id}"))
    alice.web.post(f"{here}/{metric.id}/restore")
    assert metric.name in words(alice.web.get(here))


def test_a_metric_whose_plugin_is_gone_is_shown_and_not_edited(
    alice: Person, here: str, metric: MetricView, host: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(host, "registry", Registry())
    assert "Cannot be used" in words(alice.web.get(here))
    page = alice.web.get(f"{here}/{metric.id}")
    assert "is not installed or could not be loaded" in words(page)
    assert f"{metric.id}/edit" not in page.text
    assert "No evaluators" in words(alice.web.get(f"{here}/new"))


def test_a_viewer_sees_metrics_and_no_way_to_change_them(
    alice: Person, bob: Person, here: str, metric: MetricView
) -> None:
    assert metric.name in words(bob.web.get(here))
    page = bob.web.get(f"{here}/{metric.id}").text
    assert "/edit" not in page
    assert "/archive" not in page
    for path in (f"{here}/new", f"{here}/{metric.id}/edit"):
        assert bob.web.get(path).status_code == 403
    for path in (here, f"{here}/try", f"{here}/{metric.id}", f"{here}/{metric.id}/archive"):
        assert bob.web.post(path, SIMILAR).status_code == 403


def test_to_a_stranger_there_is_nothing(charlie: Person, here: str, metric: MetricView) -> None:
    for path in (here, f"{here}/new", f"{here}/{metric.id}", f"{here}/{metric.id}/edit"):
        assert charlie.web.get(path).status_code == 404
    for path in (
        here,
        f"{here}/try",
        f"{here}/{metric.id}",
        f"{here}/{metric.id}/archive",
        f"{here}/{metric.id}/restore",
    ):
        assert charlie.web.post(path, SIMILAR).status_code == 404


def test_a_metric_is_found_in_its_own_project_alone(alice: Person, metric: MetricView) -> None:
    other = alice.api.post("/projects", {"name": "Warehouse"}).json["slug"]
    assert alice.web.get(f"/p/{other}/metrics/{metric.id}").status_code == 404


@pytest.mark.parametrize("count", [2, 20])
def test_statements_do_not_grow_with_rows(
    alice: Person, project: ProjectView, here: str, metric: MetricView, statements: Statements, count: int
) -> None:
    for number in range(count):
        alice.web.post(here, {"evaluator": "structure.json_valid", "name": f"Metric {number}"})
    for path in (here, f"{here}/new", f"{here}/{metric.id}", f"{here}/{metric.id}/edit"):
        with statements() as seen:
            assert alice.web.get(path).status_code == 200
        assert len(seen) <= 8, seen
