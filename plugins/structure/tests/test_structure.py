"""What the checks on form find."""

import json
from typing import Any

import pytest

import plugins.structure
from plugins.structure.evaluators import EVALUATORS
from plugins.structure.paths import read_path, values_at
from rhesis_app.scoring.engine import EvaluationOutcome, MetricRecipe, evaluate, prepare
from rhesis_app.sdk import ParamError, Sample
from rhesis_app.sdk.params import parse
from rhesis_app.sdk.testing import check_plugin

SPECS = {spec.key.removeprefix("structure."): spec for spec in EVALUATORS}
ORDER = json.dumps(
    {"order": {"status": "shipped", "items": [{"sku": "A1", "n": 2}, {"sku": "B2", "n": 1}], "ok": True}}
)
FENCED = '```json\n{"a": 1}\n```\n'


def outcome_of(name: str, output: str, reference: str | None = None, **params: Any) -> EvaluationOutcome:
    spec = SPECS[name]
    metric = prepare(MetricRecipe(name=name, evaluator=spec.key, params=params), spec)
    return evaluate(metric, Sample(prompt="?", output=output, reference=reference))


def errors_of(name: str, **params: Any) -> dict[str, list[str]]:
    with pytest.raises(ParamError) as caught:
        parse(SPECS[name].params, params)
    return caught.value.errors


def test_the_plugin_conforms() -> None:
    assert len(check_plugin(plugins.structure).evaluators) == 4


@pytest.mark.parametrize("output", ['{"a": 1}', "[]", "null", '"text"', " 1.5\n", "-0"])
def test_json_is_json(output: str) -> None:
    assert outcome_of("json_valid", output).verdict == "passed"


@pytest.mark.parametrize(
    ("output", "says"),
    [
        ("", "empty"),
        ("Sure! {}", "line 1, column 1"),
        ('{"a": 1,}', "line 1"),
        ("{'a': 1}", "line 1"),
        ('{"a": 1} {"b": 2}', "column 10"),
        ("NaN", "NaN"),
        ('{"a": -Infinity}', "-Infinity"),
        ("1e999", "too large"),
        ('{"a": 1, "a": 2}', "twice"),
        ("[" * 100_000, "nested"),
        ("9" * 5000, "too long"),
        (FENCED, "line 1"),
    ],
)
def test_what_is_no_json_says_where(output: str, says: str) -> None:
    outcome = outcome_of("json_valid", output)
    assert outcome.verdict == "failed"
    assert says in outcome.reason


@pytest.mark.parametrize("output", [FENCED, "```\n{}\n```", "\n```JSON\r\n[1]\r\n```", "{}"])
def test_a_code_block_is_opened_when_asked(output: str) -> None:
    assert outcome_of("json_valid", output, code_block=True).verdict == "passed"


SCHEMA = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "required": ["id"],
    "properties": {"id": {"$ref": "#/$defs/id"}, "tags": {"type": "array", "uniqueItems": True}},
    "$defs": {"id": {"type": "string", "pattern": "^(a+)+$"}},
}


@pytest.mark.parametrize(
    ("output", "verdict"),
    [
        ('{"id": "aaa"}', "passed"),
        ('{"id": "aab"}', "failed"),
        ('{"id": 3}', "failed"),
        ("{}", "failed"),
        ('{"id": "a", "tags": [1, 1]}', "failed"),
        ("no json", "failed"),
    ],
)
def test_an_answer_fits_its_schema_or_not(output: str, verdict: str) -> None:
    assert outcome_of("json_schema", output, schema=SCHEMA).verdict == verdict


def test_the_first_problems_are_told_with_their_place() -> None:
    outcome = outcome_of("json_schema", '{"id": 3, "tags": 1}', schema=SCHEMA)
    assert [error.split(":")[0] for error in outcome.evidence["errors"]] == ["$.id", "$.tags"]


def test_a_pattern_in_a_declared_schema_cannot_explode() -> None:
    assert outcome_of("json_schema", json.dumps({"id": "a" * 50_000 + "!"}), schema=SCHEMA).verdict == "failed"


@pytest.mark.parametrize(
    ("schema", "says"),
    [
        ({"type": 5}, "valid JSON Schema"),
        ({"$ref": "https://example.com/schema"}, "nothing is fetched"),
        ({"items": {"$ref": "other.json"}}, "nothing is fetched"),
        ({"$ref": "#/$defs/gone"}, "leads nowhere"),
        ({"properties": {"a": {"pattern": "(?=x)"}}}, "RE2"),
        ({"patternProperties": {"^a": {}}}, "patternProperties"),
        ({"items": {"$schema": "x"}}, "at the top"),
    ],
)
def test_a_schema_that_cannot_be_used_is_refused_at_its_field(schema: dict[str, Any], says: str) -> None:
    assert says in errors_of("json_schema", schema=schema)["schema"][0]


@pytest.mark.parametrize(
    "schema",
    [{"properties": {"patternProperties": {"type": "string"}}}, {"const": {"$ref": "x"}}, {"pattern": r"^\p{L}+$"}],
)
def test_words_are_taken_for_keywords_only_where_they_are(schema: dict[str, Any]) -> None:
    assert parse(SPECS["json_schema"].params, {"schema": schema})


@pytest.mark.parametrize(
    ("path", "value", "verdict"),
    [
        ("$.order.status", "shipped", "passed"),
        ("order.status", "shipped", "passed"),
        ("$.order.status", '"shipped"', "passed"),
        ("$.order.status", "Shipped", "failed"),
        ("$.order.items[0].sku", "A1", "passed"),
        ("$.order.items[-1].sku", "B2", "passed"),
        ("$.order.items[*].sku", "B2", "passed"),
        ("$.order.items[*].sku", "C3", "failed"),
        ("$['order']['items'][0]['n']", "2", "passed"),
        ("$.order.items[0].n", "2.0", "passed"),
        ("$.order.ok", "true", "passed"),
        ("$.order.ok", "1", "failed"),
        ("$.order.items[0]", '{"n": 2, "sku": "A1"}', "passed"),
        ("$.order.items[9].sku", "A1", "failed"),
        ("$.order.gone", "x", "failed"),
    ],
)
def test_a_value_stands_at_its_path_or_not(path: str, value: str, verdict: str) -> None:
    outcome = outcome_of("json_path_equals", ORDER, path=path, value=value)
    assert outcome.verdict == verdict, outcome.reason


def test_a_value_left_empty_takes_the_expected_answer() -> None:
    assert outcome_of("json_path_equals", ORDER, "shipped", path="$.order.status").verdict == "passed"
    assert not outcome_of("json_path_equals", ORDER, path="$.order.status").applicable


@pytest.mark.parametrize("path", ["$..a", "$.a[?(@.b)]", "$.a[0", "$.", "$.a b", "a[(1)]", "$.a[1:2]"])
def test_a_path_that_cannot_be_read_is_refused_at_its_field(path: str) -> None:
    assert "Cannot read the path" in errors_of("json_path_equals", path=path)["path"][0]


def test_a_path_is_read_into_steps() -> None:
    assert read_path("$.a['b c'][0][*].*") == ("a", "b c", 0, None, None)
    assert read_path("$") == ()
    assert values_at("$['']", {"": 1}) == [1]
    assert values_at("$.*", {"x": 1, "y": 2}) == [1, 2]


@pytest.mark.parametrize(
    ("params", "output", "verdict"),
    [
        ({}, "one", "passed"),
        ({}, "  ", "failed"),
        ({"maximum": 2}, "one two", "passed"),
        ({"maximum": 2}, "one two three", "failed"),
        ({"minimum": 3}, "one two", "failed"),
        ({"unit": "characters", "maximum": 3}, " abc\n", "passed"),
        ({"unit": "lines", "maximum": 2}, "a\nb\nc", "failed"),
        ({"minimum": 0, "maximum": 0}, "", "passed"),
    ],
)
def test_an_answer_is_long_enough_or_not(params: dict[str, Any], output: str, verdict: str) -> None:
    assert outcome_of("length", output, **params).verdict == verdict


def test_bounds_that_nothing_meets_are_refused() -> None:
    assert "minimum" in errors_of("length", minimum=5, maximum=4)["maximum"][0]
