"""The product itself, as `rhesis-app up` starts it: PostgreSQL and Valkey with durability on, web server, workers."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg2
from sqlalchemy.engine import make_url

from benchmarks.processes import named
from rhesis_app.kernel.permissions import Permission

EMAIL, PASSWORD = "bench@example.org", "correct horse battery staple"
METRICS: tuple[dict[str, Any], ...] = (
    {"name": "Contains the answer", "evaluator": "text.contains"},
    {"name": "Does not refuse", "evaluator": "text.not_contains", "params": {"text": "I cannot"}},
    {"name": "Begins with yes", "evaluator": "text.starts_with", "params": {"text": "yes"}},
)
# whoever measures may work with another database, and without files of bytecode; who installs it does not
_OF_OTHERS = frozenset({"DATABASE_URL", "REDIS_URL", "PYTHONDONTWRITEBYTECODE"})
_CLI = (sys.executable, "-m", "rhesis_app.cli")


@dataclass
class Instance:
    """A running one, its first person, and a project."""

    url: str
    data: Path
    process: subprocess.Popen[str]
    environment: Mapping[str, str]
    token: str = ""
    cookie: str = ""
    project_id: str = ""
    _connection: Any = field(default=None, repr=False)

    @property
    def slug(self) -> str:
        """The project's name in addresses."""
        return "bench"

    @property
    def headers(self) -> dict[str, str]:
        """What a program sends."""
        return {"Authorization": f"Bearer {self.token}"}

    def web(self) -> list[int]:
        """The web server's first process."""
        return named(self.process.pid, "gunicorn")

    def run_workers(self) -> list[int]:
        """The workers that drive runs."""
        return named(self.process.pid, "worker", "--queue", "runs")

    def settings(self) -> dict[str, str]:
        """The environment that the web server runs with, its secrets among it."""
        lines = Path(f"/proc/{self.web()[0]}/environ").read_bytes().decode().split("\0")
        return dict(line.split("=", 1) for line in lines if "=" in line)

    def servers(self) -> list[int]:
        """PostgreSQL and Valkey."""
        return named(self.process.pid, "postgres", "-D") + named(self.process.pid, "valkey-server")

    def sql(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        """As the cluster's superuser, each statement by itself."""
        if self._connection is None:
            url = make_url(json.loads((self.data / "servers.json").read_text())["database_url"])
            self._connection = psycopg2.connect(
                host=url.query["host"], port=url.query["port"], user="postgres", dbname=url.database
            )
            self._connection.autocommit = True
        with self._connection.cursor() as cursor:
            cursor.execute(statement, values or None)
            return cursor.fetchall() if cursor.description else []

    def call(self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None) -> Any:
        """A call of the API; what it answers, parsed."""
        sent = {"Content-Type": "application/json", **(self.headers if self.token else {}), **(headers or {})}
        content = body if isinstance(body, bytes) else None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.url}/api/v1{path}", content, sent, method=method)
        try:
            with urllib.request.urlopen(request, timeout=120) as answer:
                return json.loads(answer.read() or b"null")
        except urllib.error.HTTPError as problem:
            raise RuntimeError(f"{method} {path}: {problem.code} {problem.read()[:500]!r}") from problem

    def make_endpoint(self, url: str, at_once: int, timeout_s: int = 60) -> str:
        """An endpoint that asks `url`."""
        new = {
            "project_id": self.project_id,
            "name": f"Bot {time.monotonic_ns()}",
            "url": url,
            "request_template": {"message": "{{ input }}"},
            "response_mapping": {"output": "$.reply"},
            "max_concurrency": at_once,
            "timeout_s": timeout_s,
        }
        return str(self.call("POST", "/endpoints", new)["id"])

    def make_metrics(self) -> list[str]:
        """The three text checks."""
        return [self.call("POST", "/metrics", {"project_id": self.project_id, **one})["id"] for one in METRICS]

    def import_tests(self, count: int) -> tuple[str, float]:
        """A test set of that many tests, and the seconds from the upload until it stands."""
        rows = "".join(
            f'{{"prompt": "Question {n} of {count}?", "expected": "yes", "requirement": "Requirement {n % 5}"}}\n'
            for n in range(count)
        )
        began = time.perf_counter()
        upload = self._upload({"project_id": self.project_id, "test_set_name": f"Set of {count}"}, rows.encode())
        made = self.call("POST", f"/imports/{upload['id']}/confirm") if "id" in upload else upload
        took = time.perf_counter() - began
        return str(made["test_set_id"]), took

    def start(self, test_set_id: str, endpoint_id: str, metric_ids: Sequence[str], trials: int = 1) -> str:
        """A run, accepted."""
        return str(self.start_timed(test_set_id, endpoint_id, metric_ids, trials)[0])

    def start_timed(
        self, test_set_id: str, endpoint_id: str, metric_ids: Sequence[str], trials: int = 1
    ) -> tuple[str, float]:
        """A run, and the seconds until it was accepted."""
        began = time.perf_counter()
        body = {"endpoint_id": endpoint_id, "metric_ids": list(metric_ids), "trials": trials}
        run = self.call("POST", f"/test-sets/{test_set_id}/runs", body)
        return str(run["id"]), time.perf_counter() - began

    def await_end(self, run_id: str, every_s: float = 0.02, patience_s: float = 900) -> int:
        """Look at the run's row until it has ended; how often that was."""
        until, looks = time.monotonic() + patience_s, 0
        while time.monotonic() < until:
            looks += 1
            if self.sql("SELECT 1 FROM test_run WHERE id = %s AND finished_at IS NOT NULL", run_id):
                return looks
            time.sleep(every_s)
        raise RuntimeError(f"run {run_id} has not ended after {patience_s:.0f} s")

    def await_result(self, run_id: str, patience_s: float = 60) -> None:
        """Look until the run has its first result."""
        until = time.monotonic() + patience_s
        while not self.sql("SELECT 1 FROM test_result WHERE run_id = %s LIMIT 1", run_id):
            if time.monotonic() > until:
                raise RuntimeError(f"run {run_id} has no result after {patience_s:.0f} s")
            time.sleep(0.005)

    def totals(self, run_id: str) -> dict[str, int]:
        """How a run ended."""
        found: dict[str, int] = self.call("GET", f"/test-runs/{run_id}")["totals"]
        return found

    def sign_in(self) -> None:
        """As a browser does; the cookie is kept."""
        form = urllib.parse.urlencode({"email": EMAIL, "password": PASSWORD}).encode()
        request = urllib.request.Request(
            f"{self.url}/login", form, {"Origin": self.url, "Sec-Fetch-Site": "same-origin"}
        )
        opener = urllib.request.build_opener(_NoRedirect)
        with suppress(urllib.error.HTTPError):
            opener.open(request)
        if not _NoRedirect.cookies:
            raise RuntimeError("signing in gave no cookie")
        self.cookie = "; ".join(one.partition(";")[0] for one in _NoRedirect.cookies)

    def stop(self) -> None:
        """End everything in order."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(90)
        except subprocess.TimeoutExpired:
            self.process.kill()

    def found(self) -> None:
        """The first person, a token of theirs, a cookie, and a project."""
        command = (*_CLI, "create-owner", EMAIL)
        environment = {**self.environment, "RHESIS_FIRST_OWNER_PASSWORD": PASSWORD}
        subprocess.run(command, env=environment, check=True, capture_output=True)
        self.token = self.call("POST", "/auth/login", {"email": EMAIL, "password": PASSWORD})["access_token"]
        scopes = [str(permission) for permission in Permission]
        self.token = self.call("POST", "/tokens", {"name": "bench", "scopes": scopes, "expires_in_days": 7})["token"]
        self.project_id = str(self.call("POST", "/projects", {"name": "Bench"})["id"])
        self.sign_in()

    def _upload(self, fields: Mapping[str, str], content: bytes) -> Any:
        border = "bench-border"
        parts = [
            f'--{border}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
            for name, value in fields.items()
        ]
        head = f'--{border}\r\nContent-Disposition: form-data; name="file"; filename="tests.jsonl"\r\n\r\n'
        body = b"".join([*parts, head.encode(), content, f"\r\n--{border}--\r\n".encode()])
        return self.call("POST", "/imports", body, {"Content-Type": f"multipart/form-data; boundary={border}"})


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Keeps the cookies of an answer that sends us on."""

    cookies: list[str] = []  # noqa: RUF012 - one browser

    def redirect_request(self, *args: Any) -> None:
        """Stay here."""
        type(self).cookies = args[4].get_all("Set-Cookie") or []


@contextmanager
def instance(data: Path, *, workers: int = 1, counted: bool = False) -> Iterator[Instance]:
    """A new one in `data`. With `counted` PostgreSQL keeps count of statements, which takes a restart of it."""
    started = launch(data, workers=workers)
    try:
        if counted:
            started.sql("ALTER SYSTEM SET shared_preload_libraries = 'pg_stat_statements'")
            started.stop()
            started = launch(data, workers=workers)
            started.sql("CREATE EXTENSION IF NOT EXISTS pg_stat_statements")
            started.sql("ALTER SYSTEM SET pg_stat_statements.track_utility = off")
            started.sql("SELECT pg_reload_conf()")
        if not started.sql("SELECT 1 FROM app_user LIMIT 1"):
            started.found()
        yield started
    finally:
        started.stop()


def launch(data: Path, *, workers: int = 1) -> Instance:
    """Start it and wait until it says that it is ready."""
    port = free_port()
    environment = {
        **{name: value for name, value in os.environ.items() if name not in _OF_OTHERS},
        "RHESIS_DATA": str(data),
        "RHESIS_RATE_LIMIT_TOKEN": "10000000",
        "RHESIS_RATE_LIMIT_ANONYMOUS": "10000000",
        "RHESIS_LOG_LEVEL": "ERROR",
        "RHESIS_WEB_WORKERS": "2",
    }
    command = (*_CLI, "up", "--no-backup", "--port", str(port), "--workers", str(workers))
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("ready "):
            return Instance(url=line.split()[1], data=data, process=process, environment=environment)
    raise RuntimeError("the instance does not start; its own lines above say why")


def free_port() -> int:
    """A port that nobody listens on."""
    import socket

    with socket.socket() as trial:
        trial.bind(("127.0.0.1", 0))
        return int(trial.getsockname()[1])
