"""What a test may hold, and the hash that tells one content from another."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

from rhesis_app.authoring.rules import metrics
from rhesis_app.authoring.rules.names import check_name
from rhesis_app.kernel.errors import Invalid
from rhesis_app.sdk.params import is_storable

MAX_TEXT = 100_000
MAX_CONTEXT = 100
MAX_MESSAGES = 200
MAX_METADATA = 20_000
MAX_VALUES = 200_000
MAX_TESTS = 10_000
MAX_TRIALS = 100
ROLES = ("system", "developer", "user", "assistant", "tool")
_SAID_AT_ONCE = 50
# what every JSON reader keeps exactly; the database would turn a larger one into digits that not every client can read
_EXACT = 2**53
_UNSTORABLE = "It holds a character that cannot be stored (NUL, or half of a surrogate pair)."


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptSource:
    """Where a test's text is taken from: a version by its id, or a prompt's by its number (none: the newest).

    Without either it is the version that the test has already; values of None keep the test's own as far as they fit.
    """

    version_id: UUID | None = None
    prompt_id: UUID | None = None
    number: int | None = None
    values: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TestContent:
    """One single-turn test without its identity; `messages` are the turns before the prompt, each with role and content.

    With a `source` the prompt is what was rendered from it, or empty until it is. `trials` is how often a run asks it,
    None as often as the run says.
    """

    __test__ = False

    prompt: str = ""
    expected: str | None = None
    requirement: str | None = None
    messages: tuple[Mapping[str, Any], ...] = ()
    context: tuple[str, ...] = ()
    metadata: Mapping[str, Any] = field(default_factory=dict)
    source: PromptSource | None = None
    trials: int | None = None


def check_content(content: TestContent) -> TestContent:
    """The content as it is stored: texts as given, an empty expected answer as none. Invalid names every field that is wrong."""
    errors: dict[str, list[str]] = {}
    for name, problem in _problems(content):
        errors.setdefault(name, []).append(problem)
    requirement = (content.requirement or "").strip() or None
    if requirement is not None:
        try:
            requirement = check_name(requirement, what="requirement", field="requirement")
        except Invalid as error:
            errors |= error.errors
    if errors:
        raise Invalid("The test cannot be taken like this: see the fields named.", errors=errors)
    return replace(content, expected=content.expected or None, requirement=requirement)


def content_hash(content: TestContent, requirement_id: UUID | None) -> str:
    """SHA-256 over all that a run depends on, and where the text comes from: equal exactly when a frozen test would be."""
    written: dict[str, Any] = {
        "prompt": content.prompt,
        "expected": content.expected,
        "requirement_id": str(requirement_id) if requirement_id else None,
        "messages": [dict(message) for message in content.messages],
        "context": list(content.context),
        "metadata": dict(content.metadata),
    }
    if content.source is not None:
        written["prompt_version_id"] = str(content.source.version_id)
        written["values"] = dict(content.source.values or {})
    if content.trials is not None:
        written["trials"] = content.trials
    return metrics.content_hash(written)


def _problems(content: TestContent) -> Iterator[tuple[str, str]]:
    if not content.prompt.strip():
        yield "prompt", "The prompt is empty. Give the text that is sent to the endpoint."
    for name, text in (("prompt", content.prompt), ("expected", content.expected or "")):
        yield from ((name, problem) for problem in _text_problems(text))
    if len(content.context) > MAX_CONTEXT:
        yield "context", f"Use at most {MAX_CONTEXT} passages."
    for passage in content.context:
        yield from (("context", problem) for problem in _text_problems(passage))
    yield from (("messages", problem) for problem in _message_problems(content.messages))
    yield from (("metadata", problem) for problem in json_problems(content.metadata, MAX_METADATA))
    if content.trials is not None and not 1 <= content.trials <= MAX_TRIALS:
        yield "trials", f"Ask a test from 1 to {MAX_TRIALS} times in a run, or leave it to the run."
    if content.source is not None and content.source.values:
        yield from (("values", problem) for problem in json_problems(content.source.values, MAX_VALUES))


def _text_problems(text: str) -> Iterator[str]:
    if len(text) > MAX_TEXT:
        yield f"Use at most {MAX_TEXT:,} characters; there are {len(text):,}."
    elif not is_storable(text):
        yield _UNSTORABLE


def _message_problems(messages: tuple[Mapping[str, Any], ...]) -> Iterator[str]:
    if len(messages) > MAX_MESSAGES:
        yield f"Use at most {MAX_MESSAGES} earlier messages."
    for number, message in enumerate(messages, 1):
        if message.get("role") not in ROLES:
            yield f"Message {number} needs a role: {', '.join(ROLES)}."
        elif not isinstance(message.get("content"), str):
            yield f"Message {number} needs its text as “content”."
        elif not isinstance(message.get("name", ""), str) or not message.keys() <= {"role", "content", "name"}:
            yield f"Message {number} may hold role, content and name only, all of them texts."
        else:
            yield from (f"Message {number}: {problem}" for text in message.values() for problem in _text_problems(text))


def json_problems(given: Mapping[str, Any], most: int) -> Iterator[str]:
    """What is wrong with a JSON object that people give; `most` are its characters."""
    if not is_storable(given, depth=20):
        yield "It must be a JSON object of values that can be stored: no NUL, nested at most 20 deep."
    elif any(not key.strip() or len(key) > 200 for key in given):
        yield "Every name in it needs 1 to 200 characters."
    elif not all(_is_exact(value) for value in given.values()):
        yield f"Numbers beyond ±{_EXACT:,} are not kept exactly by every reader. Write them as text."
    elif len(json.dumps(dict(given), ensure_ascii=False)) > most:
        yield f"Use at most {most:,} characters of JSON."


def _is_exact(value: Any) -> bool:
    if isinstance(value, bool) or value is None or isinstance(value, str):
        return True
    if isinstance(value, int | float):
        return abs(value) <= _EXACT
    return all(_is_exact(part) for part in (value.values() if isinstance(value, Mapping) else value))


def check_contents(contents: Sequence[TestContent], *, room: int = MAX_TESTS) -> tuple[TestContent, ...]:
    """All contents as they are stored; Invalid names each wrong field of the first wrong ones (`tests.3.prompt`)."""
    if len(contents) > room:
        raise Invalid.field("tests", f"A test set holds at most {MAX_TESTS:,} tests; there is room for {room:,} more.")
    checked: list[TestContent] = []
    errors: dict[str, list[str]] = {}
    for index, content in enumerate(contents):
        try:
            checked.append(check_content(content))
        except Invalid as error:
            errors |= {f"tests.{index}.{name}": texts for name, texts in error.errors.items()}
        if len(errors) >= _SAID_AT_ONCE:
            break
    if errors:
        raise Invalid("Some tests cannot be taken like this: see the fields named.", errors=errors)
    return tuple(checked)
