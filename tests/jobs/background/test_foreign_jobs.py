"""Whoever can write into Redis makes a worker do nothing but our own kinds of work."""

import os
import subprocess
import sys
from pathlib import Path

from redis import Redis
from rq import Queue
from rq.serializers import JSONSerializer

from rhesis_app.infra.config import Settings
from rhesis_app.infra.runtime import Runtime

ROOT = Path(__file__).parents[3]


def test_a_job_that_names_another_function_is_dropped_and_nothing_is_called(
    host: Runtime, settings: Settings, tmp_path: Path
) -> None:
    queue = Queue("jobs", connection=Redis.from_url(settings.redis_url), serializer=JSONSerializer)
    made = tmp_path / "made"
    queue.enqueue("os.mkdir", str(made))
    queue.enqueue("os.mkdir", "runs.drive")  # a name that we know, for a function that is not ours
    queue.enqueue("rhesis_app.worker.perform", "os.mkdir", str(made), {})
    queue.enqueue("rhesis_app.worker.perform")
    environment = {
        **os.environ, "DATABASE_URL": settings.database_url, "REDIS_URL": settings.redis_url, "SECRET_KEY": settings.secret_keys[0],
        "RHESIS_ENCRYPTION_KEYS": settings.encryption_keys[0], "PYTHONPATH": str(ROOT),
    }  # fmt: skip
    worker = subprocess.run(
        [sys.executable, "-m", "rhesis_app.cli", "worker", "--queue", "jobs", "--burst"],
        env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert worker.stderr.count("a job of an unknown name was dropped") == 4
    assert list(tmp_path.iterdir()) == []
    assert len(queue) == 0
