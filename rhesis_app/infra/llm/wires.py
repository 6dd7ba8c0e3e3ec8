"""The two wire formats that language models speak, as plain JSON: what is sent, and what of the answer is read."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlsplit, urlunsplit

from rhesis_app.kernel.ports import CalledModel

_TOOL: Final = "answer"
_ANTHROPIC_TOKENS: Final = 4096
_SYSTEM_ROLES: Final = ("system", "developer")
_ANTHROPIC_VERSION: Final = "2023-06-01"
_SYSTEM: Final = "Answer with exactly one JSON object and nothing after it. It must fit this JSON schema:\n{schema}"


@dataclass(frozen=True, slots=True, kw_only=True)
class WireRequest:
    """One call as it goes out; `body` is what may be shown, the key stands in the headers alone."""

    url: str
    body: dict[str, Any]
    headers: dict[str, str] = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What a model said. `refusal` is its own word when it would not answer, `is_cut` when it ran out of tokens."""

    text: str
    model: str
    tokens_in: int | None
    tokens_out: int | None
    refusal: str = ""
    is_cut: bool = False


def request_for(model: CalledModel, prompt: str, schema: Mapping[str, Any], *, by_schema: bool) -> WireRequest:
    """The call that asks for an object of `schema`: by the wire's own means, or in words alone."""
    make = _anthropic_request if model.wire == "anthropic" else _openai_request
    return make(model, prompt, schema, by_schema=by_schema)


def read_said(wire: str, document: Any) -> Said | None:
    """What a 2xx answer says; None when it is not of this wire."""
    if not isinstance(document, Mapping):
        return None
    return _anthropic_said(document) if wire == "anthropic" else _openai_said(document)


def _openai_request(model: CalledModel, prompt: str, schema: Mapping[str, Any], *, by_schema: bool) -> WireRequest:
    messages = [{"role": "system", "content": _system(schema)}, {"role": "user", "content": prompt}]
    body = {**model.params, "model": model.model_name, "messages": messages, "stream": False}
    if by_schema:
        named = {"name": "answer", "schema": schema, "strict": _is_strict(schema)}
        body["response_format"] = {"type": "json_schema", "json_schema": named}
    return WireRequest(url=_url(model.base_url, "/chat/completions"), body=body, headers=_openai_headers(model))


def _anthropic_request(model: CalledModel, prompt: str, schema: Mapping[str, Any], *, by_schema: bool) -> WireRequest:
    body = {
        "max_tokens": _ANTHROPIC_TOKENS,
        **model.params,
        "model": model.model_name,
        "system": _system(schema),
        "messages": [{"role": "user", "content": prompt}],
        "stream": False,
    }
    if by_schema:
        body["tools"] = [{"name": _TOOL, "description": "Gives the answer.", "input_schema": schema}]
        body["tool_choice"] = {"type": "tool", "name": _TOOL}
    headers = {"anthropic-version": _ANTHROPIC_VERSION} | ({"x-api-key": model.key} if model.key else {})
    return WireRequest(url=_url(model.base_url, "/v1/messages"), body=body, headers=headers)


def _openai_headers(model: CalledModel) -> dict[str, str]:
    if not model.key:
        return {}
    if (urlsplit(model.base_url).hostname or "").endswith(".azure.com"):
        return {"api-key": model.key}
    return {"Authorization": f"Bearer {model.key}"}


def _url(base_url: str, ending: str) -> str:
    """The base URL with the wire's path behind it, once, and its query where a query belongs."""
    parts = urlsplit(base_url)
    path, last = parts.path.rstrip("/"), ending.rpartition("/")[2]
    if path.endswith(f"/{last}"):
        ending = ""
    elif path.endswith("/v1"):
        ending = ending.removeprefix("/v1")
    return urlunsplit((parts.scheme, parts.netloc, path + ending, parts.query, ""))


def _system(schema: Mapping[str, Any]) -> str:
    return _SYSTEM.format(schema=json.dumps(schema, ensure_ascii=False))


def _is_strict(schema: Any) -> bool:
    """Whether the schema is of the closed kind that strict decoding asks for: every object names all it may have."""
    if isinstance(schema, list):
        return all(_is_strict(part) for part in schema)
    if not isinstance(schema, Mapping):
        return True
    if schema.get("type") == "object":
        names = set(schema.get("properties", {}))
        if schema.get("additionalProperties") is not False or set(schema.get("required", ())) != names:
            return False
    return all(_is_strict(part) for part in schema.values())


def _openai_said(document: Mapping[str, Any]) -> Said | None:
    choices = document.get("choices")
    choice = choices[0] if isinstance(choices, list) and choices else None
    message = choice.get("message") if isinstance(choice, Mapping) else None
    if not isinstance(choice, Mapping) or not isinstance(message, Mapping):
        return None
    usage = _mapping(document.get("usage"))
    refusal = _text(message.get("refusal"))
    if not refusal and choice.get("finish_reason") == "content_filter":
        refusal = "content filter"
    return Said(
        text=_joined(message.get("content")),
        model=_text(document.get("model")),
        tokens_in=_count(usage.get("prompt_tokens")),
        tokens_out=_count(usage.get("completion_tokens")),
        refusal=refusal,
        is_cut=choice.get("finish_reason") == "length",
    )


def _anthropic_said(document: Mapping[str, Any]) -> Said | None:
    blocks = document.get("content")
    if not isinstance(blocks, list):
        return None
    usage, stop = _mapping(document.get("usage")), document.get("stop_reason")
    return Said(
        text="\n".join(filter(None, (_block_text(block) for block in blocks))),
        model=_text(document.get("model")),
        tokens_in=_count(usage.get("input_tokens")),
        tokens_out=_count(usage.get("output_tokens")),
        refusal="refusal" if stop == "refusal" else "",
        is_cut=stop == "max_tokens",
    )


def _block_text(block: Any) -> str:
    if not isinstance(block, Mapping):
        return ""
    if block.get("type") == "tool_use":
        return json.dumps(block.get("input"), ensure_ascii=False)
    return _text(block.get("text")) if block.get("type") == "text" else ""


def _joined(content: Any) -> str:
    """Content as a text, or as a list of parts that hold texts."""
    if isinstance(content, list):
        return "".join(_text(part.get("text")) for part in content if isinstance(part, Mapping))
    return _text(content)


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _count(value: Any) -> int | None:
    is_count = isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**31
    return value if is_count else None


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatCall:
    """Where a conversation goes on a wire: `headers` without the key, which goes into `key_header` (None: as a bearer)."""

    url: str
    headers: Mapping[str, str]
    key_header: str | None


def chat_call(wire: str, base_url: str) -> ChatCall:
    """How a model at this base URL is called."""
    content = {"Content-Type": "application/json"}
    if wire == "anthropic":
        headers = content | {"anthropic-version": _ANTHROPIC_VERSION}
        return ChatCall(url=_url(base_url, "/v1/messages"), headers=headers, key_header="x-api-key")
    is_azure = (urlsplit(base_url).hostname or "").endswith(".azure.com")
    url = _url(base_url, "/chat/completions")
    return ChatCall(url=url, headers=content, key_header="api-key" if is_azure else None)


def chat_body(
    wire: str, model_name: str, params: Mapping[str, Any], messages: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    """What is sent to continue a conversation; Anthropic takes what the system says apart from the turns."""
    if wire != "anthropic":
        return {**params, "model": model_name, "messages": [dict(turn) for turn in messages], "stream": False}
    told = [str(turn.get("content", "")) for turn in messages if turn.get("role") in _SYSTEM_ROLES]
    body: dict[str, Any] = {"max_tokens": _ANTHROPIC_TOKENS, **params, "model": model_name}
    if told:
        body["system"] = "\n\n".join(told)
    body["messages"] = [_anthropic_turn(turn) for turn in messages if turn.get("role") not in _SYSTEM_ROLES]
    return body | {"stream": False}


def _anthropic_turn(turn: Mapping[str, Any]) -> dict[str, Any]:
    return {"role": "assistant" if turn.get("role") == "assistant" else "user", "content": turn.get("content", "")}
