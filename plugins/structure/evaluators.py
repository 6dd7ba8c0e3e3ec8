"""The checks on form: is it JSON, does it fit a schema, what stands at a path, how long is it."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import Any

from plugins.structure.paths import path_problem, values_at
from plugins.structure.reading import FENCE, NotJsonError, read_json
from plugins.structure.schemas import schema_problem, validator_for
from rhesis_app.sdk import Binary, Evaluator, EvaluatorSpec, Need, Sample, Score, Tools, param

_SHOWN_ERRORS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class JsonValid:
    """How an answer is read as JSON."""

    code_block: bool = param(False, help=FENCE)


@dataclass(frozen=True, slots=True, kw_only=True)
class JsonSchema:
    """The schema an answer must fit."""

    schema: Mapping[str, Any] = param(
        help="A JSON Schema (2020-12). References point inside it, patterns are RE2.", multiline=True
    )
    code_block: bool = param(False, help=FENCE)

    def problems(self) -> Mapping[str, str]:
        """A schema that is none, fetches, or has patterns RE2 does not know."""
        problem = schema_problem(self.schema)
        return {"schema": problem} if problem else {}


@dataclass(frozen=True, slots=True, kw_only=True)
class JsonPathEquals:
    """A place in the answer, and what must stand there."""

    path: str = param(help="Where to look, such as $.order.status or $.items[0].sku; with [*], one of many must fit.")
    value: str = param(
        "",
        help="What must stand there: a text as it is, anything else as JSON. "
        "Left empty, the test's expected answer is used.",
    )
    code_block: bool = param(False, help=FENCE)

    def problems(self) -> Mapping[str, str]:
        """A path that cannot be read."""
        problem = path_problem(self.path)
        return {"path": problem} if problem else {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Length:
    """Bounds on the size of an answer."""

    unit: str = param("words", choices=("characters", "words", "lines"), help="What is counted.")
    minimum: int = param(1, minimum=0, maximum=10_000_000, help="The fewest that pass.")
    maximum: int | None = param(None, minimum=0, maximum=10_000_000, help="The most that pass. Left empty, any number.")

    def problems(self) -> Mapping[str, str]:
        """Bounds that nothing can meet."""
        if self.maximum is not None and self.maximum < self.minimum:
            return {"maximum": f"Must not be below the minimum, {self.minimum}."}
        return {}


def json_valid(params: JsonValid, sample: Sample, /) -> Score:
    """Whether the answer is one JSON value."""
    try:
        value = read_json(sample.output, code_block=params.code_block)
    except NotJsonError as failure:
        return Score.no(f"The answer is not JSON: {failure}.")
    return Score.yes(f"The answer is JSON ({_kind(value)}).")


def build_json_schema(params: JsonSchema, _tools: Tools) -> Evaluator:
    """The schema check, its validator made once."""
    validator = validator_for(params.schema)

    def json_schema(sample: Sample, /) -> Score:
        try:
            value = read_json(sample.output, code_block=params.code_block)
        except NotJsonError as failure:
            return Score.no(f"The answer is not JSON: {failure}.")
        found = islice(validator.iter_errors(value), _SHOWN_ERRORS)
        errors = [f"{error.json_path}: {error.message[:200]}" for error in found]
        if not errors:
            return Score.yes("The answer fits the schema.")
        return Score.no(f"The answer does not fit the schema: {errors[0]}.", errors=errors)

    return json_schema


def json_path_equals(params: JsonPathEquals, sample: Sample, /) -> Score:
    """Whether what stands at the path is the wanted value."""
    wanted = params.value if params.value.strip() else sample.reference or ""
    if not wanted.strip():
        return Score.unscored("The metric names no value, and the test has no expected answer.")
    try:
        answer = read_json(sample.output, code_block=params.code_block)
    except NotJsonError as failure:
        return Score.no(f"The answer is not JSON: {failure}.")
    found = values_at(params.path, answer)
    if not found:
        return Score.no(f"Nothing stands at {params.path}.")
    if any(_same(value, wanted) for value in found):
        return Score.yes(f"{params.path} is {_shown(wanted)}.")
    others = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
    return Score.no(f"{params.path} is {_shown(found[0])}{others}, not {_shown(wanted)}.")


def _same(value: Any, wanted: str) -> bool:
    if isinstance(value, str) and value.strip() == wanted.strip():
        return True
    try:
        parsed = read_json(wanted, code_block=False)
    except NotJsonError:
        return False
    # in Python True == 1, in JSON it is not
    return isinstance(value, bool) == isinstance(parsed, bool) and bool(value == parsed)


def _shown(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return f"“{text if len(text) <= 80 else text[:79] + '…'}”"


def _kind(value: Any) -> str:
    if value is None or isinstance(value, bool):
        return "null" if value is None else "true or false"
    names: dict[type, str] = {dict: "object", list: "list", str: "text", int: "number", float: "number"}
    return names[type(value)]


_COUNTERS: dict[str, Callable[[str], int]] = {
    "characters": len,
    "words": lambda text: len(text.split()),
    "lines": lambda text: len(text.splitlines()),
}


def length(params: Length, sample: Sample, /) -> Score:
    """Whether the answer is neither too short nor too long."""
    count = _COUNTERS[params.unit](sample.output.strip())
    unit = params.unit if count != 1 else params.unit.removesuffix("s")
    if count < params.minimum:
        return Score.no(f"The answer has {count:,} {unit}, fewer than {params.minimum:,}.", length=count)
    if params.maximum is not None and count > params.maximum:
        return Score.no(f"The answer has {count:,} {unit}, more than {params.maximum:,}.", length=count)
    return Score.yes(f"The answer has {count:,} {unit}.", length=count)


def needs_reference_without_value(params: JsonPathEquals) -> frozenset[Need]:
    """The expected answer stands in for a value left empty."""
    return frozenset() if params.value.strip() else frozenset({Need.REFERENCE})


def _built(check: Callable[[Any, Sample], Score]) -> Callable[[Any, Tools], Evaluator]:
    """The build function of a check that needs no tools."""
    return lambda params, _tools: partial(check, params)


EVALUATORS = (
    EvaluatorSpec(
        key="structure.json_valid",
        title="Valid JSON",
        summary="The answer is one JSON value.",
        params=JsonValid,
        build=_built(json_valid),
        scale=Binary(),
    ),
    EvaluatorSpec(
        key="structure.json_schema",
        title="JSON Schema",
        summary="The answer is JSON that fits a schema.",
        params=JsonSchema,
        build=build_json_schema,
        scale=Binary(),
        example={"schema": {"type": "object", "required": ["answer"]}},
    ),
    EvaluatorSpec(
        key="structure.json_path_equals",
        title="Value in JSON",
        summary="A place in the JSON answer holds a value.",
        params=JsonPathEquals,
        build=_built(json_path_equals),
        scale=Binary(),
        needs=needs_reference_without_value,
        example={"path": "$.status"},
    ),
    EvaluatorSpec(
        key="structure.length",
        title="Length",
        summary="The answer has between so many and so many characters, words or lines.",
        params=Length,
        build=_built(length),
        scale=Binary(),
    ),
)
