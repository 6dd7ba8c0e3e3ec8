"""The demonstration's application under test: a small chatbot over HTTP, without dependencies. See README.md."""

import argparse
import json
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from answers import Reply, answer

LARGEST_BODY = 256 * 1024
COMPLETIONS = "/v1/openai/chat/completions"
VERSIONS = {"/v1/chat": 1, "/v2/chat": 2}


class RequestError(Exception):
    """The request cannot be answered; the status and a sentence for whoever sent it."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


class Chatbot(ThreadingHTTPServer):
    """A thread for each connection; the backlog is long, because a run opens many connections at once."""

    request_queue_size = 256
    daemon_threads = True


class Conversation(BaseHTTPRequestHandler):
    """One connection, kept open between requests."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    timeout = 120

    def do_GET(self) -> None:
        """`/health`, and a word about the rest."""
        if self.path == "/health":
            self._send(200, {"status": "ok"})
        else:
            self._send(404, {"error": f"Send a message: POST /v1/chat, /v2/chat or {COMPLETIONS}"})

    def do_POST(self) -> None:
        """The chat in three forms."""
        try:
            status, document = self._chat(self._body())
        except RequestError as problem:
            status, document = problem.status, {"error": problem.message}
        self._send(status, document)

    def _chat(self, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        # a tester's Idempotency-Key begins with the run: what wavers differs between runs and holds within one
        session = str(body.get("session") or self.headers.get("Idempotency-Key", "").partition(":")[0])
        if self.path == COMPLETIONS:
            message = _last_user_text(body.get("messages"))
            model = str(body.get("model") or "brindlewick-1")
            reply = answer(message, 2 if model.endswith("2") else 1, session)
            shape = _completion(reply, message, model)
        elif self.path in VERSIONS:
            message = _text(body.get("message"), "message")
            reply = answer(message, VERSIONS[self.path], session)
            shape = {"reply": reply.text, "sources": list(reply.sources)}
        else:
            raise RequestError(404, f"Send a message: POST /v1/chat, /v2/chat or {COMPLETIONS}")
        if reply.status >= 400:
            raise RequestError(reply.status, reply.text)
        time.sleep(reply.delay_s)
        return reply.status, shape

    def _body(self) -> dict[str, Any]:
        length = self.headers.get("Content-Length", "")
        if not length.isdecimal() or int(length) > LARGEST_BODY:
            # what is not read would be taken for the next request
            self.close_connection = True
            raise RequestError(413 if length.isdecimal() else 411, f"Send a body of at most {LARGEST_BODY} bytes.")
        try:
            body = json.loads(self.rfile.read(int(length)))
        except ValueError:
            raise RequestError(400, "The body is not JSON.") from None
        if not isinstance(body, dict):
            raise RequestError(400, "The body is not a JSON object.")
        return body

    def _send(self, status: int, document: dict[str, Any]) -> None:
        content = json.dumps(document, ensure_ascii=False).encode("utf-8", "replace")
        self.send_response(status)
        self.send_header("Content-Type", "application/json; charset=utf-8")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's signature
        """Stay quiet: the tester keeps what was said."""


def _text(value: Any, name: str) -> str:
    if not isinstance(value, str) or not value.strip():
        raise RequestError(422, f"“{name}” must be a text that is not empty.")
    return value


def _last_user_text(messages: Any) -> str:
    if not isinstance(messages, list):
        raise RequestError(422, "“messages” must be a list of messages.")
    said = [turn.get("content") for turn in messages if isinstance(turn, dict) and turn.get("role") == "user"]
    return _text(said[-1] if said else None, "messages[].content")


def _completion(reply: Reply, message: str, model: str) -> dict[str, Any]:
    asked, said = len(message.split()), len(reply.text.split())
    return {
        "id": "chatcmpl-demo",
        "object": "chat.completion",
        "created": int(time.time()),
        "model": model,
        "choices": [{"index": 0, "message": {"role": "assistant", "content": reply.text}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": asked, "completion_tokens": said, "total_tokens": asked + said},
    }


def main() -> None:
    """Serve until told to stop."""
    parser = argparse.ArgumentParser(description="The demonstration's chatbot.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=9100)
    options = parser.parse_args()
    with Chatbot((options.host, options.port), Conversation) as server:
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            return


if __name__ == "__main__":
    main()
