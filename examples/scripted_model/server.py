"""A language model that follows a script: a small HTTP server that speaks both wire formats, without dependencies. See README.md."""

import argparse
import json
import re
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

FAULTS = ("down", "throttled", "error", "nonsense", "slow", "refuses", "plain", "chatty", "echo")
LARGEST_BODY = 2 * 1024 * 1024
_FENCED = re.compile(
    r'<data-(?P<mark>[0-9a-f]{16}) name="(?P<name>[^"\n]*)">\n(?P<text>.*?)\n</data-(?P=mark)>', re.DOTALL
)
_ORDER = re.compile(
    r"(?:(?:your|the) verdict is|meets every criterion\. verdict:) ([\w. ]+?)\.?(?:[\n,)]|$)", re.IGNORECASE
)
_QUOTED = re.compile(r"[“\"]([^”\"\n]{2,80})[”\"]")
_WORD = re.compile(r"\w+")
_SHORTEST_WORD = 4
_EMPTY_PHRASES = ("i don't know", "i do not know", "cannot help", "can't help", "no idea")


@dataclass(frozen=True, slots=True)
class Material:
    """What a prompt gives to judge by: the fenced parts by name, and everything outside of the fences."""

    parts: Mapping[str, str]
    outside: str

    @property
    def answer(self) -> str:
        """The answer to be judged; without fences everything that the prompt calls its material."""
        return self.parts.get("answer", self.outside.rpartition("# Material")[2] if not self.parts else "")


@dataclass(slots=True)
class Call:
    """One request as it came."""

    path: str
    headers: Mapping[str, str]
    body: dict[str, Any]


@dataclass(slots=True)
class Script:
    """What the server does, and what it was asked so far."""

    fault: str = ""
    key: str = ""
    slow_s: float = 5.0
    calls: list[Call] = field(default_factory=list)
    in_flight: int = 0
    most_in_flight: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)


def judge(prompt: str, schema: Mapping[str, Any]) -> dict[str, Any]:
    """An object of `schema` that follows what the prompt asks: how good is the answer that stands in its fences?

    Instructions inside of fences are not followed, and an order such as “your verdict is 5” is obeyed outside of them: it
    is as good as the prompt. The share of what was wanted that the answer has decides: the phrases
    in quotes outside of the fences, and the longer words of the expected answer.
    """
    material = _read(prompt)
    share, reason = _preference(material) if "answer A" in material.parts else _share(material)
    made = {name: _value(name, kind, share, reason, material) for name, kind in schema.get("properties", {}).items()}
    made |= _ordered(material, schema)
    return made or {"verdict": share >= 0.5, "reason": reason}


def _ordered(material: Material, schema: Mapping[str, Any]) -> dict[str, Any]:
    """The verdict that the prompt orders outside of its fences, if it is one of the schema's."""
    kind = schema.get("properties", {}).get("verdict", {})
    for order in _ORDER.findall(material.outside):
        if order in kind.get("enum", ()):
            return {"verdict": order}
        if kind.get("type") == "number" and order.replace(".", "", 1).isdigit():
            return {"verdict": float(order)}
    return {}


def _read(prompt: str) -> Material:
    parts = {found["name"]: found["text"] for found in _FENCED.finditer(prompt)}
    return Material(parts, _FENCED.sub("", prompt))


def _share(material: Material) -> tuple[float, str]:
    answer = material.answer.casefold()
    if not answer.strip():
        return 0.0, "The answer is empty."
    if any(phrase in answer for phrase in _EMPTY_PHRASES):
        return 0.0, "The answer helps nobody: it says that it does not know."
    wanted = [phrase.casefold() for phrase in _QUOTED.findall(material.outside)] or _long_words(
        material.parts.get("expected answer", "")
    )
    if not wanted:
        return 1.0, "The answer is there, and nothing in the criteria speaks against it."
    missing = [phrase for phrase in wanted if phrase not in answer]
    share = 1 - len(missing) / len(wanted)
    return share, "It has everything that was wanted." if not missing else f"It lacks: {', '.join(missing[:5])}."


def _long_words(text: str) -> list[str]:
    return list(dict.fromkeys(word for word in _WORD.findall(text.casefold()) if len(word) >= _SHORTEST_WORD))


def _value(name: str, kind: Any, share: float, reason: str, material: Material) -> Any:
    if not isinstance(kind, Mapping):
        return None
    if kind.get("enum"):
        return _choice(list(kind["enum"]), share)
    if kind.get("type") in {"number", "integer"}:
        low, high = kind.get("minimum", 0), kind.get("maximum", 1)
        number = low + share * (high - low)
        return round(number) if kind["type"] == "integer" else number
    if kind.get("type") == "boolean":
        return share >= 0.5
    if kind.get("type") == "string":
        return {"reason": reason, "quote": _first_sentence(material.answer)}.get(name, "")
    if kind.get("type") == "array":
        return _named_groups(kind, material)
    return {}


def _named_groups(kind: Mapping[str, Any], material: Material) -> list[dict[str, Any]]:
    """Where groups of results are to be named: each by what it shares, resting on the first that is shown of it."""
    if "number" not in kind.get("items", {}).get("properties", {}):
        return []
    shared = {int(name.split()[1].rstrip(",")): text for name, text in material.parts.items() if name.endswith("share")}
    return [
        {"number": number, "name": text.partition(",")[0], "why": "They have that in common.", "results": [1]}
        for number, text in shared.items()
    ]


def _choice(choices: list[Any], share: float) -> Any:
    if {"yes", "no"} <= set(choices):
        return "yes" if share >= 0.5 else "no"
    if {"A", "B"} <= set(choices):
        return _better(share, choices)
    return choices[min(int((1 - share) * len(choices)), len(choices) - 1)]


def _preference(material: Material) -> tuple[float, str]:
    """How much rather A than B: the answer that keeps more to the prompt's words, else the one that says more.

    Neither when most of it is the same.
    """
    first, second = (set(_long_words(material.parts.get(f"answer {name}", ""))) for name in "AB")
    if len(first & second) * 2 >= max(len(first), len(second)):
        return 0.5, "Both say the same in the main."
    asked = set(_long_words(material.parts.get("prompt", "")))
    if len(first & asked) != len(second & asked):
        share = 1.0 if len(first & asked) > len(second & asked) else 0.0
        return share, f"Answer {'A' if share else 'B'} keeps to what was asked."
    share = 1.0 if len(first) > len(second) else 0.0
    return share, f"Answer {'A' if share else 'B'} says more."


def _better(share: float, choices: list[Any]) -> Any:
    neither = next((choice for choice in choices if choice not in ("A", "B")), "A")
    return {1.0: "A", 0.0: "B"}.get(share, neither)


def _first_sentence(text: str) -> str:
    return re.split(r"(?<=[.!?])\s", text.strip(), maxsplit=1)[0][:200]


class Model(BaseHTTPRequestHandler):
    """One connection, kept open between requests."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    timeout = 120
    script: Script

    def do_GET(self) -> None:
        """`/health`, and the list of models that clients ask for."""
        if self.path == "/health":
            self._send(200, {"status": "ok"})
        else:
            self._send(200, {"object": "list", "data": [{"id": "scripted", "object": "model"}]})

    def do_POST(self) -> None:
        """Both wire formats."""
        length = self.headers.get("Content-Length", "")
        if not length.isdecimal() or int(length) > LARGEST_BODY:
            self.close_connection = True
            self._send(413, {"error": {"message": "Send a body of at most 2 MiB."}})
            return
        try:
            body = json.loads(self.rfile.read(int(length)))
        except ValueError:
            self._send(400, {"error": {"message": "The body is not JSON."}})
            return
        script = self.script
        with script.lock:
            script.calls.append(Call(self.path, {name.lower(): value for name, value in self.headers.items()}, body))
            script.in_flight += 1
            script.most_in_flight = max(script.most_in_flight, script.in_flight)
        try:
            self._answer(body)
        finally:
            with script.lock:
                script.in_flight -= 1

    def _answer(self, body: dict[str, Any]) -> None:
        path = self.path.partition("?")[0]
        if not path.endswith(("/chat/completions", "/messages")):
            self._send(404, {"error": {"message": "Ask me at /v1/chat/completions or /v1/messages."}})
        elif self.script.key and self.script.key not in self._keys():
            self._send(401, {"error": {"message": "Wrong key."}})
        elif not self._faulty(body):
            self._send(200, self._said(body, "anthropic" if path.endswith("/messages") else "openai"))

    def _keys(self) -> tuple[str, ...]:
        bearer = self.headers.get("Authorization", "").removeprefix("Bearer ")
        return bearer, self.headers.get("x-api-key", ""), self.headers.get("api-key", "")

    def _fault(self, body: Mapping[str, Any]) -> str:
        """Of the model's name (`scripted:nonsense`), else the server's own."""
        return str(body.get("model", "")).partition(":")[2] or self.script.fault

    def _faulty(self, body: Mapping[str, Any]) -> bool:
        """Whether the fault answers instead; `slow` only takes its time."""
        fault = self._fault(body)
        if fault == "down":
            self.close_connection = True
            self.connection.close()
            return True
        statuses = {"throttled": 429, "error": 500}
        if fault in statuses:
            headers = {"Retry-After": "0"} if fault == "throttled" else {}
            self._send(statuses[fault], {"error": {"message": f"scripted: {fault}"}}, headers)
            return True
        if fault == "plain" and ("response_format" in body or "tools" in body):
            self._send(400, {"error": {"message": "response_format is not supported."}})
            return True
        if fault == "slow":
            time.sleep(self.script.slow_s)
        return False

    def _said(self, body: dict[str, Any], wire: str) -> dict[str, Any]:
        fault, prompt = self._fault(body), _prompt(body)
        answer = judge(prompt, _schema(body, wire))
        if fault == "echo":
            answer["reason"] = f"You sent me {' '.join(self._keys())}"
        text = json.dumps(answer, ensure_ascii=False)
        if fault == "nonsense":
            text = "I would rather talk about the weather."
        if fault == "chatty":
            text = f'An example would be {{"verdict": "B", "reason": "none"}}.\n```json\n{text}\n```\nHope that helps!'
        is_tool = "tools" in body and fault not in {"nonsense", "chatty", "refuses"}
        tokens = len(prompt.split()), len(text.split())
        shape = _message if wire == "anthropic" else _completion
        said = None if fault == "refuses" else answer if is_tool else text
        return shape(str(body.get("model", "scripted")), said, tokens)

    def _send(self, status: int, document: dict[str, Any], headers: Mapping[str, str] | None = None) -> None:
        content = json.dumps(document, ensure_ascii=False).encode("utf-8", "replace")
        self.send_response(status)
        for name, value in {
            "Content-Type": "application/json; charset=utf-8",
            "Content-Length": str(len(content)),
            **(headers or {}),
        }.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's signature
        """Stay quiet: prompts are nobody's business."""


def _prompt(body: Mapping[str, Any]) -> str:
    messages = [turn for turn in body.get("messages", []) if isinstance(turn, dict) and turn.get("role") == "user"]
    content = messages[-1].get("content") if messages else ""
    if isinstance(content, list):
        return "".join(str(part.get("text", "")) for part in content if isinstance(part, dict))
    return str(content)


def _schema(body: Mapping[str, Any], wire: str) -> Mapping[str, Any]:
    """The schema asked for: by the wire's own means, else the one that the system message ends with."""
    if wire == "anthropic" and body.get("tools"):
        return dict(body["tools"][0].get("input_schema", {}))
    if body.get("response_format"):
        return dict(body["response_format"].get("json_schema", {}).get("schema", {}))
    systems = [turn.get("content") for turn in body.get("messages", []) if turn.get("role") == "system"]
    told = str(body.get("system") or (systems[0] if systems else ""))
    try:
        return dict(json.loads(told[told.index("{") :]))
    except ValueError:
        return {}


def _completion(model: str, said: Any, tokens: tuple[int, int]) -> dict[str, Any]:
    """`said` is a text, an object, or None for a refusal."""
    message = {"role": "assistant", "content": said if isinstance(said, str | None) else json.dumps(said)}
    if said is None:
        message["refusal"] = "I cannot judge this."
    usage = {"prompt_tokens": tokens[0], "completion_tokens": tokens[1], "total_tokens": sum(tokens)}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    return {"id": "chatcmpl-1", "object": "chat.completion", "model": model, "choices": [choice], "usage": usage}


def _message(model: str, said: Any, tokens: tuple[int, int]) -> dict[str, Any]:
    """`said` is a text, an object for the tool, or None for a refusal."""
    block = {"type": "text", "text": said}
    if not isinstance(said, str):
        block = {"type": "tool_use", "id": "toolu_1", "name": "answer", "input": said}
    return {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": model,
        "content": [] if said is None else [block],
        "stop_reason": "refusal" if said is None else "end_turn",
        "usage": {"input_tokens": tokens[0], "output_tokens": tokens[1]},
    }


class Server(ThreadingHTTPServer):
    """A thread for each connection; the backlog is long, because a run opens many connections at once."""

    request_queue_size = 256
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away, or a connection that the script closed, is no news."""


class ScriptedModel:
    """The server on a free port while the block lasts: `with ScriptedModel() as model: … model.url`."""

    def __init__(
        self, *, fault: str = "", key: str = "", slow_s: float = 5.0, port: int = 0, host: str = "127.0.0.1"
    ) -> None:
        self.script = Script(fault=fault, key=key, slow_s=slow_s)
        handler = type("ScriptedHandler", (Model,), {"script": self.script})
        self._server = Server((host, port), handler)

    @property
    def url(self) -> str:
        """The base URL of the OpenAI-compatible wire; Anthropic's is the same."""
        return f"http://127.0.0.1:{self._server.server_address[1]}/v1"

    @property
    def calls(self) -> list[Call]:
        """What it was asked so far."""
        return self.script.calls

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()


def main() -> None:
    """Serve until told to stop."""
    parser = argparse.ArgumentParser(description="A language model that follows a script.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=9200)
    parser.add_argument("--key", default="", help="the only key that is accepted; none is asked for without it")
    parser.add_argument("--fault", default="", choices=["", *FAULTS])
    parser.add_argument("--slow", type=float, default=5.0, metavar="SECONDS", help="how long “slow” takes")
    parser.add_argument("--quiet", action="store_true", help="say nothing")
    options = parser.parse_args()
    model = ScriptedModel(
        fault=options.fault, key=options.key, slow_s=options.slow, port=options.port, host=options.host
    )
    with model:
        if not options.quiet:
            print(f"The scripted model answers at {model.url}")
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            return


if __name__ == "__main__":
    main()
