"""Requests that no sensible client sends, made from the API's own document: the same ones in every run."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count, islice, product
from math import ceil
from typing import Any
from urllib.parse import quote
from uuid import UUID

from rhesis_app.kernel.ids import new_id

METHODS = {"get", "post", "put", "patch", "delete"}
SECRET = "a-secret-that-was-sent"
"""Stands in what is sent wherever a password, token or key may stand, and may come back or be logged nowhere."""
LONG = "long " * 40_000
JSON_BODIES = (
    b"",
    b"null",
    b"[]",
    b"{}",
    b'"text"',
    b"{",
    b"{'name': 'x'}",
    b'{"name": NaN}',
    b'{"name": -Infinity}',
    b'{"name": 1e999}',
    b'{"name": ' + b"9" * 6000 + b"}",
    b'{"name": 18446744073709551616}',
    b'{"name": "a", "name": "b"}',
    b'{"name": "\\u0000"}',
    b'{"na\\u0000me": 1}',
    b'{"name": "\\ud800"}',
    b'{"name": "\xff\xfe"}',
    b'\xef\xbb\xbf{"name": "x"}',
    b"[" * 100_000,
    b'{"name":' * 5000,
    b'{"name": ' + b"[" * 200 + b"]" * 200 + b"}",
    b'{"": ""}',
    b'{"__proto__": {"x": 1}, "constructor": 1}',
)
BODIES = (
    *((raw, "application/json") for raw in JSON_BODIES),
    (b'{"name": "x"}', "text/plain"),
    (b'{"name": "x"}', ""),
    (b'{"name": "x"}', "application/json; charset=utf-16"),
    (b"name=x&name=y", "application/x-www-form-urlencoded"),
    (b"--x\r\nnonsense", "multipart/form-data; boundary=x"),
    (b"--x\r\nnonsense", "multipart/form-data"),
)
PAST_FLOATS = "1e999"
"""Sent bare: readers make infinity of it, which no writer can write again."""
VALUES: tuple[Any, ...] = (
    PAST_FLOATS,
    None,
    True,
    0,
    -1,
    2**63 - 1,
    1.5,
    -1e308,
    "",
    " ",
    LONG,
    "ends in\u202e and \ufffe",
    "'; DROP TABLE project; --",
    "{{ input",
    "$..[",
    "999999-99-99T99:99:99Z",
    "00000000-0000-0000-0000-000000000000",
    [],
    {},
    [None],
    [[{}]],
    {"": None},
    {"id": {"$ne": None}},
    ["x"] * 1000,
    json.loads("[" * 50 + "]" * 50),
)
QUERIES = (
    "",
    "\x00",
    "\ud800",
    "-1",
    "1e3",
    "99999999999999999999",
    "%",
    "\\",
    "null",
    "[]",
    "00000000-0000-0000-0000-000000000000",
    "AAAA" * 20,
    "x" * 3000,
)
FILES = (
    ("empty.csv", b""),
    ("binary.csv", b"\x89PNG\r\n\x00\x1a\xff\xfe"),
    ("..\\../..\x07odd\x00.csv", b"prompt\nhe\x00llo\n"),
    ("x" * 3000, b'"unclosed'),
    ("deep.json", b"[" * 100_000),
    (
        "odd.jsonl",
        b'{"prompt": 1e999}\n{"prompt": NaN}\n{"prompt": "\\ud800"}\n{"prompt": ["x"], "metadata": {"a": 1e400}}',
    ),
    ("good.csv", b"prompt,expected\nhello,hello\n"),
)
FORM_FIELDS = (
    ("test_set_name", ""),
    ("test_set_name", "a\x00b"),
    ("test_set_name", LONG),
    ("format", "none"),
    ("mapping", "[" * 5000),
    ("mapping", '{"prompt": {"a": NaN}}'),
    ("mapping", '{"prompt": "metadata."}'),
    ("project_id", "00000000-0000-0000-0000-000000000000"),
    ("unknown", "\ud800"),
)
PATHS = ("none", "00000000-0000-0000-0000-000000000000", "%00", "..%2f..", "é", "x" * 2000)
HEADERS = (
    {"If-Match": "*"},
    {"If-Match": 'W/"'},
    {"If-Match": "é" * 300},
    {"Idempotency-Key": ""},
    {"Idempotency-Key": "x" * 5000},
    {"X-Request-ID": "<script>"},
    {"Accept": "application/x-unknown"},
    {"Content-Encoding": "gzip"},
)
_TEXT = "a sensible text"
# what makes the rest of a body worth reading; an odd value takes the place of one of them at a time
_SENSIBLE: dict[str, Any] = {
    "url": "http://127.0.0.1:59999/chat",
    "base_url": "http://127.0.0.1:59999/v1",
    "input_per_million": "0.15",
    "output_per_million": "0.6",
    "key": SECRET,
    "model_id": None,
    "method": "POST",
    "request_template": {"message": "{{ input }}"},
    "response_mapping": {"output": "$.reply"},
    "headers": {},
    "evaluator": "text.contains",
    "params": {"text": "yes"},
    "rule": None,
    "email": "nobody@example.org",
    "role": "Viewer",
    "password": SECRET,
    "secret": SECRET,
    "refresh_token": SECRET,
    "mapping": {},
    "scopes": [],
    "expires_in_days": 30,
    "messages": [],
    "metadata": {},
}

_JUDGE = {"evaluator": "judge.binary", "params": {"criteria": "yes"}, "rule": None}
_SAMPLE = {"output": _TEXT, "prompt": _TEXT, "expected": _TEXT, "context": [_TEXT]}

_TEST: dict[str, Any] = {
    "prompt": _TEXT,
    "expected": _TEXT,
    "requirement": _TEXT,
    "messages": [],
    "context": [_TEXT],
    "metadata": {"a": _TEXT},
}
_ENDPOINT: dict[str, Any] = {
    **{name: _SENSIBLE[name] for name in ("url", "method", "headers", "request_template", "response_mapping")},
    "name": _TEXT,
    "auth": {"kind": "none", "header": _TEXT, "secret": SECRET},
    "timeout_s": 1,
    "max_concurrency": 1,
}
# bodies that the document alone does not give away
_OWN: dict[str, dict[str, Any]] = {
    "/gates": {"project_id": "", "name": _TEXT, "rule": {"kind": "pass_rate", "at_least": 0.9}},
    "/gates/{gate_id}": {"name": _TEXT, "rule": {"kind": "error_rate", "at_most": 0.1}},
    "/metrics": {"project_id": "", "name": _TEXT, **_JUDGE, "model_id": "", "required": True, "description": _TEXT},
    "/metrics/{metric_id}": {"name": _TEXT, **_JUDGE, "model_id": "", "required": True},
    "/metrics/{metric_id}/attacks": {"sample": _SAMPLE},
    "/metrics/try": {
        "project_id": "",
        "evaluator": "text.contains",
        "params": {"text": "yes"},
        "rule": None,
        "sample": {**_SAMPLE, "latency_ms": 1.0},
    },
    "/notification-preferences": {"email": {"run.finished": True}, "in_app": {}},
    "/endpoints": {"project_id": "", "kind": "http", **_ENDPOINT},
    "/endpoints/{endpoint_id}": _ENDPOINT,
    "/prompts/{prompt_id}/preview": {"template": f"{_TEXT} {{{{ name }}}}", "values": {"name": _TEXT}},
    "/tests": {"project_id": "", "prompt_id": "", "version": 1, "values": {}, "expected": _TEXT, "metadata": {}},
    "/tests/{test_id}": _TEST,
    "/test-sets": {"project_id": "", "name": _TEXT, "description": _TEXT, "tests": [_TEST], "metric_ids": []},
    "post /test-sets/{test_set_id}/tests": {"tests": [_TEST], "test_ids": []},
    "/reports": {"run_id": "", "exporter": "csv.results"},
    "/schedules": {
        "test_set_id": "",
        "endpoint_id": "",
        "metric_ids": [],
        "name": _TEXT,
        "cron": "0 6 * * 1-5",
        "time_zone": "Europe/Berlin",
    },
    "/schedules/{schedule_id}": {"name": _TEXT, "cron": "*/30 * * * *", "time_zone": "UTC", "metric_ids": []},
    "post /test-sets/{test_set_id}/runs": {
        "endpoint_id": "",
        "metric_ids": [],
        "trials": 1,
        "reducer": {"name": "majority"},
        "cost_cap": None,
        "source": "live",
    },
    "/preflights": {"test_set_id": "", "endpoint_id": "", "metric_ids": [], "trials": 1, "cost_cap": 10, "call": False},
    "/test-edits": {"project_id": "", "filter": {}, "changes": {"add_tags": [_TEXT]}},
    "/test-runs/{run_id}/rerun": {"only": None},
    "/schedules/preview": {"cron": "0 6 * * 1-5", "time_zone": "Europe/Berlin"},
    "/test-results/{result_id}/reviews": {"verdict": "failed", "comment": _TEXT},
}


@dataclass(frozen=True)
class Operation:
    """One operation of the document."""

    path: str
    method: str
    spec: dict[str, Any] = field(repr=False)

    @property
    def parameters(self) -> list[str]:
        """The names in its query."""
        return [one["name"] for one in self.spec.get("parameters", []) if one["in"] == "query"]

    @property
    def takes_json(self) -> bool:
        """Whether a JSON body belongs to it."""
        return "application/json" in self.spec.get("requestBody", {}).get("content", {})


@dataclass(frozen=True)
class Odd:
    """A request, ready to be sent."""

    method: str
    path: str
    body: bytes | None = None
    content_type: str | None = None
    headers: dict[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        shown = (self.body or b"")[:80]
        return f"{self.method} {self.path[:120]} {self.content_type} {shown!r} {str(self.headers)[:80]}"


def operations(document: dict[str, Any]) -> list[Operation]:
    """All of them; those that take something away come last."""
    found = [
        Operation(path, method, spec)
        for path, item in document["paths"].items()
        for method, spec in item.items()
        if method in METHODS
    ]
    return sorted(found, key=lambda one: one.method == "delete" or one.path.endswith(("/cancel", "/logout")))


def odd_requests(document: dict[str, Any], ids: dict[str, Any], *, about: int) -> Iterator[tuple[Operation, Odd]]:
    """Every operation with `about` so many odd requests of each kind it knows; `ids` fill its path."""
    for number, operation in enumerate(operations(document)):
        address = _address(operation, ids)
        method = operation.method.upper()
        for made in (
            _paths(operation, ids),
            _some(_headers(method, address), about // 4, number),
            # NUL in every argument: the one that a driver refuses in its own way
            (Odd(method, f"{address}?{name}=%00") for name in operation.parameters),
            _some(_queries(operation, method, address), about, number),
            _uploads(operation, address, ids),
            _some((Odd(method, address, raw, kind) for raw, kind in BODIES), about if method != "GET" else 1, number),
            _some(_fields(document, operation, ids), about, number),
        ):
            yield from ((operation, one) for one in made)


def sensible(document: dict[str, Any], operation: Operation, ids: dict[str, Any]) -> Any:
    """The JSON body that the odd ones are made from; None where there is none."""
    if not operation.takes_json:
        return None
    path = operation.path.removeprefix("/api/v1")
    own = _OWN.get(f"{operation.method} {path}", _OWN.get(path))
    if own is not None:
        return {name: str(ids[name]) if name in ids else value for name, value in own.items()}
    return _example(document, operation.spec["requestBody"]["content"]["application/json"]["schema"], "", ids)


def _some(made: Iterator[Odd], most: int, offset: int) -> Iterator[Odd]:
    """At most so many, evenly chosen; another offset chooses others."""
    found = list(made)
    step = max(1, ceil(len(found) / max(most, 1)))
    return islice(found, offset % step, None, step)


def _address(operation: Operation, ids: dict[str, Any], wrong: str | None = None) -> str:
    address = operation.path
    for part in operation.path.split("/"):
        if part.startswith("{"):
            address = address.replace(part, wrong or str(ids.get(part[1:-1], new_id())))
    return address


def _paths(operation: Operation, ids: dict[str, Any]) -> Iterator[Odd]:
    body, kind = (b"{}", "application/json") if operation.takes_json else (None, None)
    if "{" in operation.path:
        for wrong in PATHS:
            yield Odd(operation.method.upper(), _address(operation, ids, wrong), body, kind)


def _headers(method: str, address: str) -> Iterator[Odd]:
    body, kind = (None, None) if method == "GET" else (b"{}", "application/json")
    return (Odd(method, address, body, kind, headers) for headers in HEADERS)


def _queries(operation: Operation, method: str, address: str) -> Iterator[Odd]:
    for value, name in product(QUERIES, [*operation.parameters, "unknown"]):
        yield Odd(method, f"{address}?{name}={quote(value, errors='surrogatepass')}")
    for name in operation.parameters:
        yield Odd(method, f"{address}?{name}=1&{name}=2")


def _uploads(operation: Operation, address: str, ids: dict[str, Any]) -> Iterator[Odd]:
    """Files, where the operation takes some."""
    if "multipart/form-data" not in operation.spec.get("requestBody", {}).get("content", {}):
        return
    for (name, content), (key, value) in product(FILES, FORM_FIELDS):
        fields = {"project_id": str(ids["project_id"]), key: value}
        parts = [
            f'--odd\r\nContent-Disposition: form-data; name="{field}"\r\n\r\n{text}\r\n'
            for field, text in fields.items()
        ]
        head = f'--odd\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n\r\n'
        body = "".join([*parts, head]).encode("utf-8", "surrogatepass") + content + b"\r\n--odd--\r\n"
        yield Odd("POST", address, body, "multipart/form-data; boundary=odd")


def _fields(document: dict[str, Any], operation: Operation, ids: dict[str, Any]) -> Iterator[Odd]:
    """The body with one value after the other replaced by odd ones."""
    body = sensible(document, operation, ids)
    numbers = count()
    for place, value in product(_places(body), VALUES):
        changed = json.loads(json.dumps(body).replace(_TEXT, f"{_TEXT} {next(numbers)}"))
        holder = changed
        for step in place[:-1]:
            holder = holder[step]
        holder[place[-1]] = value
        written = json.dumps(changed).replace(f'"{PAST_FLOATS}"', PAST_FLOATS).encode()
        yield Odd(operation.method.upper(), _address(operation, ids), written, "application/json")


def _places(value: Any) -> Iterator[tuple[Any, ...]]:
    inside: list[tuple[Any, Any]] = []
    if isinstance(value, dict):
        inside = list(value.items())
    elif isinstance(value, list):
        inside = list(enumerate(value))
    for name, part in inside:
        yield (name,)
        yield from ((name, *rest) for rest in _places(part))


def _example(document: dict[str, Any], schema: dict[str, Any], name: str, ids: dict[str, Any]) -> Any:
    """A value that the schema allows."""
    if "$ref" in schema:
        return _example(document, document["components"]["schemas"][schema["$ref"].rpartition("/")[2]], name, ids)
    if name in _SENSIBLE:
        return _SENSIBLE[name]
    if name in ids:
        return str(ids[name]) if isinstance(ids[name], UUID) else ids[name]
    if "enum" in schema:
        return schema["enum"][0]
    kinds = schema.get("type", "object")
    kind = kinds if isinstance(kinds, str) else kinds[0]
    if kind == "array":
        return [_example(document, schema.get("items", {}), name.removesuffix("s"), ids)]
    if kind == "object":
        return {key: _example(document, part, key, ids) for key, part in schema.get("properties", {}).items()}
    return {"string": _TEXT, "integer": schema.get("minimum", 1), "number": 0.5, "boolean": True}.get(kind)
