"""From a pasted curl and a first answer to a filled-in endpoint: which leaf is the message, which is the reply."""

import json
from base64 import b64decode
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlsplit, urlunsplit

from rhesis_app.endpoints.rules.costs import amount_in
from rhesis_app.endpoints.rules.curl import CurlProblem, CurlRequest
from rhesis_app.endpoints.rules.fields import METHODS, carries_secret, header_problems, is_ours
from rhesis_app.endpoints.rules.paths import MAX_LENGTH, name_step

MESSAGE_KEYS = ("message", "input", "prompt", "query", "question", "text", "content", "q")
REPLY_KEYS = ("reply", "answer", "output", "response", "message", "text", "content", "result", "completion")
_BROWSER_NOISE = ("sec-", "accept-language", "cache-control", "pragma", "priority", "dnt", "upgrade-insecure-requests")
_TOKEN_PATHS = {
    "tokens_in": (("usage", "prompt_tokens"), ("usage", "input_tokens")),
    "tokens_out": (("usage", "completion_tokens"), ("usage", "output_tokens")),
}
_COST_PATH = ("usage", "cost")  # of gateways that bill in US dollars, such as OpenRouter
_MAX_LEAVES = 5000
_PathSteps = tuple[str | int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SuggestedAuth:
    """Authentication found in the command. `secret` is for the form's password field and is not shown again."""

    kind: str = "none"
    header: str | None = None
    secret: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class SuggestedEndpoint:
    """Fields for the endpoint form. `chosen` says in words where the test's prompt was put."""

    url: str
    method: str
    headers: dict[str, str]
    auth: SuggestedAuth
    request_template: Any
    chosen: str
    warnings: tuple[str, ...] = ()


def endpoint_from_curl(curl: CurlRequest) -> SuggestedEndpoint:
    """Fill in an endpoint from a command; the response mapping is left to the first answer. Raises CurlProblem."""
    if curl.method not in METHODS:
        raise CurlProblem(f"The method {curl.method} cannot be used. There are: {', '.join(METHODS)}.")
    warnings = list(curl.warnings)
    headers, auth = _headers_and_auth(curl, warnings)
    url, value = _value_of(curl)
    template, chosen = _with_placeholder(value)
    if isinstance(template, dict) and template.get("stream") is True:
        template = template | {"stream": False}
        warnings.append("“stream” was set to false: answers are read whole.")
    return SuggestedEndpoint(
        url=url, method=curl.method, headers=headers, auth=auth, request_template=template, chosen=chosen,
        warnings=tuple(warnings),
    )  # fmt: skip


def suggest_mapping(json_answer: Any) -> dict[str, str]:
    """A response mapping for an answer that was seen: the likely reply, token counts and cost. Empty without any text."""
    place = _reply_place(json_answer)
    if place is None or len(_path(place)) > MAX_LENGTH:
        return {}
    counts = {
        key: _path(steps)
        for key, candidates in _TOKEN_PATHS.items()
        for steps in candidates
        if isinstance(_at(json_answer, steps), int)
    }
    cost = {"cost": _path(_COST_PATH)} if amount_in(_at(json_answer, _COST_PATH)) is not None else {}
    return {"output": _path(place)} | counts | cost


def _headers_and_auth(curl: CurlRequest, warnings: list[str]) -> tuple[dict[str, str], SuggestedAuth]:
    secrets = [(name, value) for name, value in curl.headers if carries_secret(name)]
    if curl.auth is not None:
        secrets.insert(0, ("Authorization", ""))
    # a command may carry several; the credential proper comes before keys, and keys before browser cookies
    secrets.sort(key=lambda pair: (pair[0].lower() != "authorization", pair[0].lower() == "cookie"))
    for name, _ in secrets[1:]:
        warnings.append(f"The header {name} was left out: one credential can be kept per endpoint.")
    plain = {name: value for name, value in curl.headers if not carries_secret(name) and not _is_noise(name)}
    kept = {name: value for name, value in plain.items() if not header_problems({name: value})}
    return kept, _auth(curl, secrets)


def _auth(curl: CurlRequest, secrets: Sequence[tuple[str, str]]) -> SuggestedAuth:
    if curl.auth is not None:
        return SuggestedAuth(kind="basic", secret=curl.auth if ":" in curl.auth else f"{curl.auth}:")
    if not secrets:
        return SuggestedAuth()
    name, value = secrets[0]
    scheme, _, credential = value.partition(" ")
    if name.lower() != "authorization":
        return SuggestedAuth(kind="header", header=name, secret=value)
    if scheme.lower() == "bearer" and credential:
        return SuggestedAuth(kind="bearer", secret=credential.strip())
    decoded = _basic(credential) if scheme.lower() == "basic" else None
    if decoded is not None:
        return SuggestedAuth(kind="basic", secret=decoded)
    return SuggestedAuth(kind="header", header="Authorization", secret=value)


def _basic(credential: str) -> str | None:
    try:
        decoded = b64decode(credential, validate=True).decode()
    except ValueError:
        return None
    return decoded if ":" in decoded else None


def _is_noise(name: str) -> bool:
    return is_ours(name) or name.lower().startswith(_BROWSER_NOISE)


def _value_of(curl: CurlRequest) -> tuple[str, Any]:
    """(URL, the value sent): the query of a request without a body, else the body as JSON, a form or a text."""
    if curl.body is None:
        parts = urlsplit(curl.url)
        return urlunsplit(parts._replace(query="")), dict(parse_qsl(parts.query, keep_blank_values=True))
    content_type = (curl.header("Content-Type") or "").lower()
    if "x-www-form-urlencoded" in content_type:
        return curl.url, dict(parse_qsl(curl.body, keep_blank_values=True))
    if content_type.startswith("text/"):
        return curl.url, curl.body
    return curl.url, _json_body(curl.body)


def _json_body(body: str) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        raise CurlProblem("The body is neither JSON nor a form. Check the quotes around it and paste again.") from None


def _with_placeholder(value: Any) -> tuple[Any, str]:
    if isinstance(value, dict):
        conversation = _conversation(value)
        if conversation is not None:
            return conversation
    place = _message_place(value)
    if place is None:
        return {"message": "{{ input }}"}, "The command sends no text, so a field “message” was made for the prompt."
    shown = ".".join(str(step) for step in place) or "the whole body"
    return _replaced(value, place, "{{ input }}"), f"The test's prompt goes into “{shown}”."


def _conversation(value: dict[str, Any]) -> tuple[Any, str] | None:
    messages = value.get("messages")
    if not (isinstance(messages, list) and messages and all(_is_message(message) for message in messages)):
        return None
    if [message["role"] for message in messages] == ["user"]:
        return value | {"messages": "{{ messages }}"}, "The test's messages go into “messages”."
    last = max((at for at, message in enumerate(messages) if message["role"] == "user"), default=None)
    if last is None:
        return None
    replaced = _replaced(value, ("messages", last, "content"), "{{ input }}")
    return replaced, f"The test's prompt goes into the last user message (“messages.{last}.content”); the rest is kept."


def _is_message(message: Any) -> bool:
    return isinstance(message, dict) and isinstance(message.get("role"), str) and "content" in message


def _message_place(value: Any) -> _PathSteps | None:
    return _named(value, MESSAGE_KEYS) or _longest(value)


def _reply_place(answer: Any) -> _PathSteps | None:
    for known in (("choices", 0, "message", "content"), ("choices", 0, "text"), ("content", 0, "text")):
        if isinstance(_at(answer, known), str):
            return known
    return _named(answer, REPLY_KEYS) or _longest(answer)


def _named(value: Any, keys: Sequence[str]) -> _PathSteps | None:
    """The text under the most telling name; of equals, the one nearest to the top."""
    ranked = [
        (keys.index(last), len(place), place)
        for place, _ in _texts(value)
        if place and (last := str(place[-1]).lower()) in keys
    ]
    return min(ranked, key=lambda entry: entry[:2])[2] if ranked else None


def _longest(value: Any) -> _PathSteps | None:
    return max(_texts(value), key=lambda leaf: len(leaf[1]), default=(None, ""))[0]


def _texts(value: Any) -> Iterator[tuple[_PathSteps, str]]:
    """Every text with its place, level by level."""
    level: list[tuple[_PathSteps, Any]] = [((), value)]
    seen = 0
    while level and seen < _MAX_LEAVES:
        below: list[tuple[_PathSteps, Any]] = []
        for place, item in level:
            seen += 1
            if isinstance(item, str):
                yield place, item
            below.extend(((*place, key), inner) for key, inner in _members(item))
        level = below


def _members(value: Any) -> Iterator[tuple[str | int, Any]]:
    if isinstance(value, dict):
        yield from value.items()
    elif isinstance(value, list):
        yield from enumerate(value)


def _at(value: Any, steps: _PathSteps) -> Any:
    for step in steps:
        fits = isinstance(value, dict if isinstance(step, str) else list)
        known = dict(_members(value)) if fits else {}
        if step not in known:
            return None
        value = known[step]
    return value


def _replaced(value: Any, steps: _PathSteps, new: str) -> Any:
    if not steps:
        return new
    first, rest = steps[0], steps[1:]
    if isinstance(value, dict):
        return {key: _replaced(item, rest, new) if key == first else item for key, item in value.items()}
    return [_replaced(item, rest, new) if at == first else item for at, item in enumerate(value)]


def _path(steps: _PathSteps) -> str:
    return "$" + "".join(name_step(step) if isinstance(step, str) else f"[{step}]" for step in steps)
