"""What is on offer, and trying it before a metric is saved."""

from typing import Any

import pytest

from rhesis_app.authoring.models import Metric
from rhesis_app.projects.queries import ProjectView
from tests.people import Person


def test_evaluators_are_listed_with_what_a_metric_needs_to_know(alice: Person) -> None:
    listed = {item["key"]: item for item in alice.api.get("/evaluators").json}
    assert {"text.contains", "text.similarity", "structure.json_valid", "timing.latency"} <= listed.keys()
    contains = listed["text.contains"]
    assert contains["params_schema"]["properties"]["text"]["type"] == "string"
    assert contains["params_schema"]["additionalProperties"] is False
    assert (contains["scale"], contains["needs"]) == ({"kind": "binary"}, ["reference"])
    assert contains["default_rule"] == {"at_least": 1}
    assert listed["text.similarity"]["default_rule"] == {"at_least": 0.8}
    assert listed["timing.latency"]["scale"] == {
        "kind": "range",
        "low": 0.0,
        "high": None,
        "better": "lower",
        "unit": "ms",
    }


def test_every_evaluator_makes_a_metric_from_its_own_defaults(alice: Person, project: ProjectView) -> None:
    for item in alice.api.get("/evaluators").json:
        body = {"project_id": str(project.id), "name": item["key"], "evaluator": item["key"]}
        answer = alice.api.post("/metrics", body)
        if item["params_schema"]["required"]:
            assert set(answer.json["errors"]) == {f"params.{name}" for name in item["params_schema"]["required"]}
        else:
            assert answer.json["rule"] == item["default_rule"]
            assert answer.json["needs"] == item["needs"]


def tried(person: Person, project: ProjectView, evaluator: str, sample: dict[str, Any], **more: Any) -> Any:
    body = {"project_id": str(project.id), "evaluator": evaluator, "sample": sample, **more}
    return person.api.post("/metrics/try", body)


@pytest.mark.parametrize(
    ("evaluator", "sample", "verdict"),
    [
        ("text.contains", {"output": "30 nights", "expected": "30 NIGHTS"}, "passed"),
        ("text.contains", {"output": "60 nights", "expected": "30 nights"}, "failed"),
        ("text.contains", {"output": "60 nights"}, "unscored"),
        ("timing.latency", {"output": "", "latency_ms": 4999}, "passed"),
        ("timing.latency", {"output": "", "latency_ms": 5001}, "failed"),
    ],
)
def test_a_trial_says_the_verdict_and_why(
    alice: Person, project: ProjectView, evaluator: str, sample: dict[str, Any], verdict: str
) -> None:
    answer = tried(alice, project, evaluator, sample)
    assert answer.status_code == 200
    assert answer.json["verdict"] == verdict
    assert answer.json["reason"]
    assert answer.json["applicable"] is (verdict != "unscored")


def test_a_trial_uses_the_rule_that_is_sent_and_stores_nothing(alice: Person, project: ProjectView) -> None:
    sample = {"output": "abcd", "expected": "abce"}
    strict = tried(alice, project, "text.similarity", sample, rule={"at_least": 0.9}).json
    lax = tried(alice, project, "text.similarity", sample, rule={"at_least": 0.5}).json
    assert strict["score"] == lax["score"] == pytest.approx(0.75)
    assert (strict["verdict"], lax["verdict"]) == ("failed", "passed")
    assert (strict["low"], strict["high"], strict["threshold"]) == (0, 1, 0.9)
    assert alice.count(Metric) == 0


def test_a_trial_names_what_is_wrong_with_the_settings_and_the_sample(alice: Person, project: ProjectView) -> None:
    assert set(tried(alice, project, "text.regex", {"output": "x"}).json["errors"]) == {"params.pattern"}
    assert set(tried(alice, project, "text.contains", {}).json["errors"]) == {"sample.output"}
    long = tried(alice, project, "text.contains", {"output": "x" * 1_048_577})
    assert set(long.json["errors"]) == {"sample.output"}


def test_plugins_are_listed_with_what_they_offer(alice: Person) -> None:
    listed = {item["name"]: item for item in alice.api.get("/plugins").json}
    assert listed["text"]["error"] is None
    assert {"kind": "evaluator", "key": "text.contains", "title": "Contains"} in listed["text"]["offers"]
    assert listed["junit"]["offers"][0]["kind"] == "exporter"
