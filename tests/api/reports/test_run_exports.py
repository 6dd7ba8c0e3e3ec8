"""GET /test-runs/<id>/export: files that stock readers understand."""

import csv
import io
import json
from dataclasses import replace

import pytest
from junitparser import JUnitXml

from rhesis_app.infra.runtime import Runtime
from rhesis_app.projects.queries import ProjectView
from rhesis_app.reports import queries
from rhesis_app.reports.actions.write import ExporterFailed, write_report
from rhesis_app.sdk import ExporterSpec, RunReport
from tests.factories import Given, MadeRun, RunPlan, make_run
from tests.people import Person

MIXED = (
    Given(prompt="one", requirement="Tone", metadata={"language": "en"}),
    Given(prompt="two", outcome="failed", requirement="Tone", reason="not in the answer"),
    Given(prompt="three", outcome="error", requirement="Facts"),
    Given(prompt="four", outcome="unscored", verdicts={"Contains the answer": "unscored"}),
    Given(prompt="five <&> \u2028 =1+1", output="=HYPERLINK()"),
)


@pytest.fixture
def made(alice: Person, project: ProjectView) -> MadeRun:
    with alice.scope() as scope:
        return make_run(scope, RunPlan(project_id=project.id), MIXED)


def test_junit_is_read_by_a_stock_reader(alice: Person, made: MadeRun) -> None:
    answer = alice.api.get(f"/test-runs/{made.id}/export?format=junit.xml")
    assert answer.status_code == 200
    assert answer.mimetype == "application/xml"
    assert answer.headers["Content-Disposition"] == "attachment; filename=run-1.xml"
    suite = next(iter(JUnitXml.fromstring(answer.data)))
    assert (suite.tests, suite.failures, suite.errors, suite.skipped) == (5, 1, 1, 1)
    assert [case.name for case in suite] == ["#1 one", "#2 two", "#3 three", "#4 four", "#5 five <&> =1+1"]
    address = next(found.value for found in suite.properties() if found.name == "url")
    assert address.endswith(f"/api/v1/test-runs/{made.id}")


def test_csv_has_a_line_for_each_result_in_the_order_of_the_test_set(alice: Person, made: MadeRun) -> None:
    answer = alice.api.get(f"/test-runs/{made.id}/export?format=csv.results")
    rows = list(csv.DictReader(io.StringIO(answer.get_data(as_text=True), newline="")))
    assert [row["outcome"] for row in rows] == ["passed", "failed", "error", "unscored", "passed"]
    assert rows[1]["Contains the answer: reason"] == "not in the answer"
    assert rows[4]["output"] == "'=HYPERLINK()"
    assert json.loads(rows[0]["metadata"]) == {"language": "en"}


def test_json_has_the_run_and_its_results(alice: Person, made: MadeRun) -> None:
    document = alice.api.get(f"/test-runs/{made.id}/export?format=json.run").get_json(force=True)
    assert document["run"]["run_id"] == str(made.id)
    assert document["run"]["pass_rate"]["n"] == 3
    assert document["run"]["metrics"][0]["rule"] == "yes"
    assert len(document["results"]) == 5
    assert document["results"][1]["evaluations"][0]["verdict"] == "failed"


def test_an_unknown_format_lists_those_there_are(alice: Person, made: MadeRun) -> None:
    answer = alice.api.get(f"/test-runs/{made.id}/export?format=pdf.pretty")
    assert answer.status_code == 422
    assert "csv.results, html.run, json.run, junit.xml" in answer.json["errors"]["format"][0]
    assert alice.api.get(f"/test-runs/{made.id}/export").status_code == 422


def test_many_results_come_in_batches_and_none_twice(
    alice: Person, project: ProjectView, monkeypatch: pytest.MonkeyPatch
) -> None:
    with alice.scope() as scope:
        made = make_run(scope, RunPlan(project_id=project.id), [Given(prompt=f"p{n}") for n in range(7)])
    monkeypatch.setattr(queries, "BATCH", 3)
    document = alice.api.get(f"/test-runs/{made.id}/export?format=json.run").get_json(force=True)
    assert [row["prompt"] for row in document["results"]] == [f"p{n}" for n in range(7)]


def test_a_run_under_way_is_written_as_of_one_moment(alice: Person, host: Runtime, project: ProjectView) -> None:
    pending = [Given(), Given(outcome="pending")]
    with alice.scope() as scope:
        made = make_run(scope, RunPlan(project_id=project.id, is_finished=False), pending)
    with alice.scope() as scope:
        report = queries.open_report(scope, host.registry, made.id)
        with alice.scope() as other, other.atomic() as session:
            session.connection().exec_driver_sql(
                "INSERT INTO test_result (organization_id, run_id, test_version_id, trial, id, test_id, position, outcome, attempts)"
                " SELECT w.organization_id, w.run_id, w.test_version_id, 1, gen_random_uuid(), v.test_id, w.position, 'failed', 1"
                " FROM work_item w JOIN test_version v ON v.id = w.test_version_id"
            )
        assert len(list(report.rows)) == report.summary.totals.answered == 1


def test_a_broken_exporter_hands_out_nothing(alice: Person, host: Runtime, made: MadeRun) -> None:
    def write(report: RunReport, file: io.BytesIO) -> None:
        file.write(b"half")
        raise RuntimeError("secret")

    broken = ExporterSpec(key="bad.one", title="Bad", media_type="text/plain", extension="txt", write=write)  # type: ignore[arg-type]
    with alice.scope() as scope:
        report = queries.open_report(scope, host.registry, made.id)
        with pytest.raises(ExporterFailed) as caught:
            write_report(broken, report, io.BytesIO())
    assert "bad.one" in caught.value.detail
    assert "secret" not in caught.value.detail


def test_exporters_of_other_plugins_are_on_offer(host: Runtime) -> None:
    own = ExporterSpec(key="own.text", title="A text", media_type="text/plain", extension="txt", write=lambda *_: None)
    registry = replace(host.registry, exporters={**host.registry.exporters, own.key: own})
    listed = [one.key for one in queries.list_formats(registry)]
    assert listed[0] == "own.text"
    assert set(listed) == {"own.text", *host.registry.exporters}
    assert queries.exporter_of(registry, "own.text") is own
