"""The API of an instance that really runs, asked over HTTP."""

import http.client
import json
import time
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

FINAL = {"completed", "partial", "errored", "cancelled"}


class HttpApi:
    """Asks with a JSON body where there is one; each answer is (status, JSON)."""

    def __init__(self, url: str) -> None:
        self._netloc = urlsplit(url).netloc
        self.headers: dict[str, str] = {}

    def ask(self, path: str, body: Any = None) -> tuple[int, Any]:
        """GET, or POST where there is a body; `path` leaves out `/api/v1`."""
        connection = http.client.HTTPConnection(self._netloc, timeout=40)
        sent = None if body is None else json.dumps(body)
        headers = self.headers | ({} if body is None else {"Content-Type": "application/json"})
        try:
            connection.request("GET" if body is None else "POST", f"/api/v1{path}", body=sent, headers=headers)
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read())
        finally:
            connection.close()

    def get(self, path: str) -> Any:
        """What is there."""
        status, answer = self.ask(path)
        assert status == 200, answer
        return answer

    def make(self, path: str, **body: Any) -> Any:
        """What was made."""
        status, answer = self.ask(path, body)
        assert status in {200, 201, 202}, answer
        return answer

    def sign_in(self, email: str, password: str) -> None:
        """From now on as this person."""
        token = self.make("/auth/login", email=email, password=password)["access_token"]
        self.headers = {"Authorization": f"Bearer {token}"}

    def finished(self, run_id: str, within_s: float = 60.0) -> Any:
        """The run, once it has ended."""
        until = time.monotonic() + within_s
        while (run := self.get(f"/test-runs/{run_id}?wait=5"))["status"] not in FINAL:
            assert time.monotonic() < until, run
        return run


def make_run(
    api: HttpApi, url: str, tests: Sequence[tuple[str, str]], *, metric: dict[str, Any], **endpoint: Any
) -> str:
    """Start a run of these (prompt, expected) against an endpoint that takes `message` and answers `reply`; its id."""
    taken = {one["name"] for one in api.get("/projects?limit=200")}
    name = next(
        name for name in ("Under test", *(f"Under test {number}" for number in range(2, 99))) if name not in taken
    )
    project = {"project_id": api.make("/projects", name=name)["id"]}
    asked = api.make(
        "/endpoints",
        **project,
        name="bot",
        url=url,
        request_template={"message": "{{ input }}"},
        **{"response_mapping": {"output": "$.reply"}, **endpoint},
    )
    judged = api.make("/metrics", **project, **metric)
    contents = [{"prompt": prompt, "expected": expected} for prompt, expected in tests]
    test_set = api.make("/test-sets", **project, name="Set", metric_ids=[judged["id"]], tests=contents)
    return str(api.make(f"/test-sets/{test_set['id']}/runs", endpoint_id=asked["id"])["id"])
