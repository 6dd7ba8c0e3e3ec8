"""Response mappings: where in an answer the output, the context, the tool calls, the token counts and the cost stand."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from math import isinf
from typing import Any

from rhesis_app.endpoints.rules.costs import amount_in
from rhesis_app.endpoints.rules.paths import Path, PathProblem, compile_path

OUTPUT = "output"
KEYS = ("output", "context", "tool_calls", "tokens_in", "tokens_out", "cost", "session")
_REPLACEMENT = "�"
_SURROGATE = re.compile("[\ud800-\udfff]")
_MAX_DIGITS = 400
_MAX_DEPTH = 200


class MappingProblem(ValueError):
    """The mapping cannot be used. `key` is the entry at fault, empty for the whole."""

    def __init__(self, key: str, message: str) -> None:
        super().__init__(f"{key}: {message}" if key else message)
        self.key = key
        self.message = message


class AnswerError(Exception):
    """An answer that gives no output. `code` is `not_json`, `encoding` or `mapping`; `message` says what was there."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(code, message)
        self.code = code
        self.message = message


@dataclass(frozen=True, slots=True, kw_only=True)
class MappedAnswer:
    """What was found. Other entries than the output may be absent; `missing` names those that were mapped in vain.

    `cost` is in US dollars.
    """

    output: str
    context: tuple[str, ...] | None = None
    tool_calls: tuple[Any, ...] | None = None
    tokens_in: int | None = None
    tokens_out: int | None = None
    cost: Decimal | None = None
    session: str | None = None
    missing: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ResponseMapping:
    """A checked mapping."""

    paths: Mapping[str, Path]

    @property
    def takes_text(self) -> bool:
        """Whether the whole answer is the output, so that plain text will do."""
        return not self.paths[OUTPUT].steps

    def apply(self, document: Any) -> MappedAnswer:
        """Pick everything out of a parsed answer. Raises AnswerError when the output is not there."""
        found = {key: _pick(path, document) for key, path in self.paths.items()}
        tool_calls = _listed(found.get("tool_calls"))
        output = found[OUTPUT]
        if output is None and tool_calls and self.paths[OUTPUT].find(document):
            output = ""  # a turn that only calls tools says nothing, with null as its text
        if output is None or output == []:
            raise AnswerError("mapping", self._why_no_output(document))
        return MappedAnswer(
            output=storable(output if isinstance(output, str) else _as_json(output)),
            context=_texts(found.get("context")),
            tool_calls=None if tool_calls is None else tuple(storable_json(call) for call in tool_calls),
            tokens_in=_count(found.get("tokens_in")),
            tokens_out=_count(found.get("tokens_out")),
            cost=amount_in(found.get("cost")),
            session=_text(found.get("session")),
            missing=tuple(key for key, value in found.items() if value is None and key != OUTPUT),
        )

    def _why_no_output(self, document: Any) -> str:
        path = self.paths[OUTPUT]
        return f"{path.source} is null." if path.find(document) else path.explain_miss(document)


def compile_mapping(mapping: Mapping[str, Any]) -> ResponseMapping:
    """Check a mapping of names to JSONPaths; `output` is required. Raises MappingProblem."""
    unknown = [str(key) for key in mapping if key not in KEYS]
    if unknown:
        raise MappingProblem(unknown[0], f"There is no such entry. There are: {', '.join(KEYS)}.")
    if OUTPUT not in mapping:
        raise MappingProblem(OUTPUT, "Say where the reply stands in the answer, such as $.reply.")
    return ResponseMapping({key: _path(key, mapping[key]) for key in KEYS if key in mapping})


def read_answer(body: bytes, content_type: str, mapping: ResponseMapping) -> MappedAnswer:
    """Read an endpoint's answer. Raises AnswerError with `encoding`, `not_json` or `mapping`.

    With the output mapped to `$`, an answer that does not call itself JSON is taken as text.
    """
    if mapping.takes_text and "json" not in content_type.lower():
        return MappedAnswer(output=storable(_decoded(body)))
    return mapping.apply(parse_json(body))


def parse_json(body: bytes) -> Any:
    """The answer's JSON value. Raises AnswerError: `encoding` when it is not UTF-8, `not_json` when it is not JSON."""
    text = _decoded(body)
    try:
        value = json.loads(text, parse_constant=_refuse_constant, parse_int=_integer, parse_float=_float)
    except (ValueError, RecursionError):
        raise AnswerError("not_json", _not_json(text)) from None
    if _too_deep(value):
        raise AnswerError("not_json", f"The answer is nested deeper than {_MAX_DEPTH} levels.")
    return value


def storable(text: str) -> str:
    """Text as the database can hold it: NUL and lone surrogates become U+FFFD."""
    if "\x00" in text:
        text = text.replace("\x00", _REPLACEMENT)
    return _SURROGATE.sub(_REPLACEMENT, text) if _has_surrogates(text) else text


def storable_json(value: Any) -> Any:
    """A JSON value with every text in it storable."""
    if isinstance(value, str):
        return storable(value)
    if isinstance(value, dict):
        return {storable(key): storable_json(item) for key, item in value.items()}
    return [storable_json(item) for item in value] if isinstance(value, list) else value


def _has_surrogates(text: str) -> bool:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return True
    return False


def _path(key: str, source: Any) -> Path:
    if not isinstance(source, str):
        raise MappingProblem(key, "A path is a text such as $.reply.")
    try:
        return compile_path(source)
    except PathProblem as problem:
        raise MappingProblem(key, str(problem)) from None


def _pick(path: Path, document: Any) -> Any:
    """The match, a list of them for a path of many, None when there is none."""
    found = path.find(document)
    if not path.many:
        return found[0] if found else None
    return found or ([] if path.reaches_a_list(document) else None)


def _decoded(body: bytes) -> str:
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise AnswerError("encoding", "The answer is not UTF-8 text.") from None


def _not_json(text: str) -> str:
    start = text.strip()[:60]
    if not start:
        return "The answer is empty."
    return f"The answer is not JSON; it starts with: {storable(start)}"


def _refuse_constant(name: str) -> Any:
    raise ValueError(name)


def _integer(digits: str) -> int:
    if len(digits) > _MAX_DIGITS:
        raise ValueError(digits[:10])
    return int(digits)


def _float(digits: str) -> float:
    value = float(digits)
    if isinf(value):
        raise ValueError(digits[:10])
    return value


def _too_deep(value: Any) -> bool:
    """Checked level by level: what comes after this may recurse."""
    level = [value]
    for _ in range(_MAX_DEPTH):
        level = [below for item in level for below in _below(item)]
        if not level:
            return False
    return True


def _below(value: Any) -> Any:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()


def _as_json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _text(value: Any) -> str | None:
    if value is None:
        return None
    return storable(value if isinstance(value, str) else _as_json(value))


def _listed(value: Any) -> tuple[Any, ...] | None:
    if value is None:
        return None
    return tuple(value) if isinstance(value, list) else (value,)


def _texts(value: Any) -> tuple[str, ...] | None:
    listed = _listed(value)
    return None if listed is None else tuple(_text(item) or "" for item in listed)


def _count(value: Any) -> int | None:
    """A token count; what is no whole number of at least 0 counts as not reported."""
    if isinstance(value, bool) or not isinstance(value, int | float) or value != value // 1 or not 0 <= value < 2**31:
        return None
    return int(value)
