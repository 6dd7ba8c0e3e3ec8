"""What of an exchange is kept, in forms that the database and every reader take."""

import json
from collections.abc import Mapping
from typing import Any, Final

from rhesis_app.endpoints.rules.mappings import AnswerError, parse_json, storable

_INTEGERS: Final = range(-(2**63), 2**64)


def plain_call(call: Any) -> dict[str, Any]:
    """One shape, `{"name", "arguments", …}`, for what OpenAI-like, Anthropic-like and plain applications report."""
    if not isinstance(call, dict):
        return {"name": storable(call if isinstance(call, str) else json.dumps(call)), "arguments": {}}
    inner = call.get("function")
    said = {**call, **inner} if isinstance(inner, dict) else dict(call)
    said.pop("function", None)
    if "arguments" not in said:
        said["arguments"] = said.pop("input", {})
    if isinstance(said["arguments"], str):
        said["arguments"] = _parsed(said["arguments"])
    return dict(plain_json(said))


def _parsed(text: str) -> Any:
    try:
        return parse_json(text.encode("utf-8", "replace"))
    except AnswerError:
        return text


def plain_json(value: Any) -> Any:
    """A JSON value that the database and the JSON writer take: storable texts, integers of 64 bits or else as text."""
    if isinstance(value, str):
        return storable(value)
    if isinstance(value, Mapping):
        return {storable(str(key)): plain_json(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain_json(item) for item in value]
    if isinstance(value, int) and value not in _INTEGERS:
        return str(value)
    return value
