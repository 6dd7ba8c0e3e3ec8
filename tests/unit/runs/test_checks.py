"""What the endpoint's mapping lets metrics apply to, and which metrics ask a model."""

from rhesis_app.endpoints.models import Endpoint
from rhesis_app.kernel.ids import new_id
from rhesis_app.runs.queries.checks import Check, Known, WantedRun, checks_of
from rhesis_app.runs.queries.preflight import JudgingMetric, Preflight


def checked(needs: tuple[str, ...], mapping: dict[str, str], *, required: bool = True) -> dict[str, Check]:
    metric = JudgingMetric(
        id=new_id(), name="Cites", required=required, requirement=None, tests=3, applies_to=3, needs=needs, problem=None
    )
    found = Preflight(
        test_set_id=new_id(),
        project_id=new_id(),
        name="Set",
        test_count=3,
        unjudged=0,
        judged_by="test_set",
        metrics=(metric,),
    )
    endpoint = Endpoint(name="bot", response_mapping=mapping, max_concurrency=4)
    known = Known(found=found, endpoint=endpoint, is_other_project=False, latencies=None, first=None)
    wanted = WantedRun(test_set_id=found.test_set_id, endpoint_id=new_id())
    return {one.check: one for one in checks_of(known, wanted)}


def test_a_metric_that_needs_what_the_mapping_does_not_read_applies_to_nothing() -> None:
    needs = checked(("context",), {"output": "$.reply"})["needs"]
    assert (needs.status, needs.message) == (
        "warning",
        "The endpoint's mapping reads no retrieved context: “Cites” applies to no answer.",
    )
    assert checked(("context",), {"output": "$.reply", "context": "$.sources"})["needs"].status == "passed"
    assert checked(("tool_calls",), {"output": "$.reply"})["needs"].status == "warning"


def test_a_metric_that_asks_a_model_is_named() -> None:
    models = checked(("judge",), {"output": "$.reply"})["models"]
    assert (models.status, "“Cites” asks a model" in models.message) == ("skipped", True)
    assert checked((), {"output": "$.reply"})["models"].status == "passed"


def test_optional_metrics_alone_decide_nothing() -> None:
    metrics = checked((), {"output": "$.reply"}, required=False)["metrics"]
    assert (metrics.status, metrics.message) == (
        "warning",
        "Only optional metrics would judge: every test stays unscored. Make one of them required.",
    )
