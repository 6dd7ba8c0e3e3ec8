"""What a test call showed, read against a mapping: which field found what, and which path would have found the reply."""

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Final

from rhesis_app.endpoints.rules.costs import dollars
from rhesis_app.endpoints.rules.mappings import (
    KEYS,
    OUTPUT,
    AnswerError,
    MappedAnswer,
    MappingProblem,
    compile_mapping,
    parse_json,
    read_answer,
    storable,
)
from rhesis_app.endpoints.rules.paths import Path, PathProblem, compile_path
from rhesis_app.endpoints.rules.suggestions import suggest_mapping
from rhesis_app.kernel.ports import Prices

LONGEST_KEPT: Final = 300_000
"""A longer call is shown once and not carried along in the form."""
_SHOWN: Final = 300
_COST_NOT_KNOWN: Final = "cost not known: map both token counts and enter prices, or map a cost"
_LAST_POSITION: Final = re.compile(r"\[\d+\](?!.*\[\d+\])")
_POSITION: Final = re.compile(r"\[\d+\]")


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenCall:
    """A call that was made: what was sent and what came back, with what went wrong before any mapping was asked."""

    request: Mapping[str, Any] = field(default_factory=dict)
    status: int | None = None
    latency_ms: float | None = None
    content_type: str = ""
    body: str = ""
    error_code: str | None = None
    error_detail: str | None = None

    def to_text(self) -> str:
        """For a form's hidden field; empty when it is too long to be carried along."""
        text = json.dumps(asdict(self), ensure_ascii=False)
        return text if len(text) <= LONGEST_KEPT else ""

    @classmethod
    def from_text(cls, text: str) -> "SeenCall | None":
        """What `to_text` wrote; None for anything else."""
        try:
            value = json.loads(text) if len(text) <= LONGEST_KEPT else None
        except (ValueError, RecursionError):
            return None
        if not isinstance(value, dict) or set(value) != {item.name for item in fields(cls)}:
            return None
        seen = cls(**value)
        return seen if seen._is_sound() else None

    @property
    def has_answer(self) -> bool:
        """Whether something came back that a mapping can be asked about."""
        return self.status is not None and self.error_code is None

    def document(self) -> Any:
        """The answer's JSON value. Raises AnswerError when it is none."""
        return parse_json(self.body.encode("utf-8", "replace"))

    def _is_sound(self) -> bool:
        texts = (self.content_type, self.body, self.error_code or "", self.error_detail or "")
        numbers = (self.status or 0, self.latency_ms or 0)
        is_typed = all(isinstance(text, str) for text in texts) and all(isinstance(n, int | float) for n in numbers)
        is_request = isinstance(self.request, dict) and set(self.request) == {"method", "url", "body"}
        return is_typed and is_request and all(isinstance(self.request[name], str) for name in ("method", "url"))


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundField:
    """One entry of a mapping against an answer. `state` is passed, error or empty (no path, or nothing to read yet)."""

    key: str
    path: str
    state: str = ""
    words: str = ""
    shown: str = ""


def found_fields(mapping: Mapping[str, str], seen: SeenCall | None) -> tuple[FoundField, ...]:
    """Every entry there is, in its order; those with a path say what they found in the answer that was seen."""
    document, is_json = _document(seen)
    return tuple(_found(key, mapping.get(key, ""), document, is_json=is_json) for key in KEYS)


def _read(mapping: Mapping[str, str], seen: SeenCall) -> MappedAnswer | None:
    try:
        body = seen.body.encode("utf-8", "replace")
        return read_answer(body, seen.content_type, compile_mapping(mapping)) if seen.has_answer else None
    except (MappingProblem, AnswerError):
        return None


def reading_problem(mapping: Mapping[str, str], seen: SeenCall) -> str:
    """Why this answer gives no output; empty when it does."""
    if not seen.has_answer:
        return seen.error_detail or ""
    try:
        read_answer(seen.body.encode("utf-8", "replace"), seen.content_type, compile_mapping(mapping))
    except MappingProblem as problem:
        return problem.message
    except AnswerError as error:
        return storable(error.message)
    return ""


def spent_words(mapping: Mapping[str, str], seen: SeenCall, prices: Prices) -> str:
    """What the answer came to, in words; empty where it gives no output or nothing is asked of its tokens and its cost."""
    found = _read(mapping, seen)
    if found is None or not (mapping.keys() & {"tokens_in", "tokens_out", "cost"} or prices != Prices()):
        return ""
    tokens = [f"{found.tokens_in:,} tokens in"] if found.tokens_in is not None else []
    tokens += [f"{found.tokens_out:,} tokens out"] if found.tokens_out is not None else []
    cost = prices.cost_of(found.tokens_in, found.tokens_out) if found.cost is None else found.cost
    said = f"cost {dollars(cost)}" if cost is not None else _COST_NOT_KNOWN
    whole = ", ".join([*tokens, said])
    return whole[:1].upper() + whole[1:]


def suggestion_for(seen: SeenCall) -> dict[str, str]:
    """A mapping that fits the answer that was seen: the likely reply and token counts. Empty when there is none."""
    if not seen.has_answer:
        return {}
    try:
        return suggest_mapping(seen.document())
    except AnswerError:
        is_text = bool(seen.body.strip()) and "json" not in seen.content_type.lower()
        return {OUTPUT: "$"} if is_text else {}


def chosen_path(key: str, leaf: str) -> str:
    """The path that a click on a leaf means for a field: every passage for the context, the whole list for tool calls."""
    if key == "context":
        return _LAST_POSITION.sub("[*]", leaf)
    found = _LAST_POSITION.search(leaf) if key == "tool_calls" else None
    return leaf[: found.start()] if found else leaf


def marks(mapping: Mapping[str, str], labels: Mapping[str, str]) -> "Marks":
    """Which leaf of the tree feeds which field, asked by its path."""
    return Marks({path: labels.get(key, key) for key, path in reversed(list(mapping.items()))})


class Marks(dict[str, str]):
    """Path → field; `[*]` stands for any position, and a list that is mapped marks everything in it."""

    def get(self, key: str, default: Any = None) -> Any:
        """The field that reads the leaf at the path `key`."""
        every = _POSITION.sub("[*]", key)
        for path, label in self.items():
            if path in {key, every} or key.startswith(f"{path}["):
                return label
        return default


def _document(seen: SeenCall | None) -> tuple[Any, bool]:
    if seen is None or not seen.has_answer:
        return None, False
    try:
        return seen.document(), True
    except AnswerError:
        return seen.body, False


def _found(key: str, source: str, document: Any, *, is_json: bool) -> FoundField:
    if not source:
        return FoundField(key=key, path="")
    try:
        path = compile_path(source)
    except PathProblem as problem:
        return FoundField(key=key, path=source, state="error", words=str(problem))
    if document is None and not is_json:
        return FoundField(key=key, path=source)
    if not is_json and path.steps:
        return FoundField(key=key, path=source, state="error", words="the answer is not JSON")
    matches = [match for match in path.find(document) if match is not None]
    if not matches:
        return FoundField(key=key, path=source, state="error", words="nothing there")
    value = matches if path.many else matches[0]
    return FoundField(key=key, path=source, state="passed", words=_words(path, value), shown=_shown(value))


def _words(path: Path, value: Any) -> str:
    if path.many or isinstance(value, list):
        return f"{len(value)} item" if len(value) == 1 else f"{len(value)} items"
    if isinstance(value, str):
        return f"text, {len(value):,} characters" if len(value) != 1 else "text, 1 character"
    if isinstance(value, dict):
        return "an object"
    return "true or false" if isinstance(value, bool) else "a number"


def _shown(value: Any) -> str:
    text = storable(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
