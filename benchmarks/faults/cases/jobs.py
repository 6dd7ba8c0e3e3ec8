"""Background work under the same faults: none lost, none doubled."""

import hashlib
import json
import signal
from typing import Any

import urllib3

from benchmarks.faults.drill import Drill, Fault
from benchmarks.faults.site import WORKERS

_JOB_WORKER = WORKERS[2]
_MOST_ROWS = 10_000
_MADE = """
SELECT (SELECT count(*) FROM test_set s WHERE s.name = %(name)s) AS sets,
       (SELECT count(*) FROM test_set s JOIN test_set_item i ON i.test_set_id = s.id WHERE s.name = %(name)s) AS tests,
       (SELECT count(DISTINCT i.test_id) FROM test_set s JOIN test_set_item i ON i.test_set_id = s.id WHERE s.name = %(name)s) AS different
"""


def _ask(drill: Drill, method: str, path: str, **options: Any) -> urllib3.BaseHTTPResponse:
    return drill.site.call(method, path, headers={"Authorization": drill.tenant.authorization}, **options)


def _strike_until_done(drill: Drill, job_id: str, within_s: float) -> dict[str, Any]:
    """Kill the job's worker twice and empty Redis each time, then wait for the job's end."""
    for _ in range(2):
        drill.pause(drill.dice.uniform(0.05, 1.2) * drill.scale.pick(1, 0.5))
        drill.site.signal(_JOB_WORKER, signal.SIGKILL, only=drill.dice.choice(["all", "itself", "forks"]))
        drill.site.redis().flushall()
    drill.over()
    job: dict[str, Any] = {}

    def has_ended() -> bool:
        job.update(drill.site.eyes.ask("SELECT * FROM job WHERE id = %(job)s", job=job_id)[0])
        return job["finished_at"] is not None

    drill.until(has_ended, within_s=within_s)
    drill.need(job["status"] == "done", f"the job ended as {job['status']} ({job['error_code']})")
    return job


def _imported(drill: Drill) -> None:
    """As many rows as an upload may have, or ten for each test of the run, while the run goes on."""
    rows = min(_MOST_ROWS, 10 * drill.scale.items)
    name = f"Imported {drill.run_id}"
    lines = "prompt,expected\n" + "".join(f"Imported question {number},yes\n" for number in range(rows))
    upload = _ask(
        drill,
        "POST",
        "/imports",
        fields={
            "file": ("tests.csv", lines.encode(), "text/csv"),
            "project_id": str(drill.world.project_id),
            "test_set_name": name,
        },
    ).json()
    answers = [_ask(drill, "POST", f"/imports/{upload['id']}/job") for _ in range(3)]
    jobs = {
        answer.json()["id"] for answer in answers if answer.status == 202
    }  # a small one may be done when asked again
    drill.need(len(jobs) == 1, f"asked three times there are {len(jobs)} jobs")
    _strike_until_done(drill, jobs.pop(), 180)
    made = drill.site.eyes.ask(_MADE, name=name)[0]
    drill.need(made["sets"] == 1, f"{made['sets']} test sets were made")
    drill.need(made["tests"] == made["different"] == rows, f"{made['tests']} tests of {rows} rows")


def _reported(drill: Drill) -> None:
    drill.until(drill.has_ended, within_s=240)
    asked = _ask(drill, "POST", "/reports", json={"run_id": str(drill.run_id), "exporter": "json.run"}).json()
    _strike_until_done(drill, asked["job_id"], 180)
    view = _ask(drill, "GET", f"/reports/{asked['id']}").json()
    file = _ask(drill, "GET", f"/reports/{asked['id']}/file").data
    drill.need(len(file) == view["bytes"], f"{len(file)} bytes of {view['bytes']}")
    drill.need(hashlib.sha256(file).hexdigest() == view["sha256"], "the file is not the one that was written")
    found = json.loads(file)
    drill.need(len(found["results"]) == drill.scale.items, f"{len(found['results'])} results in the report")
    drill.marks.clear()  # nothing of the run is left to be answered


JOB_FAULTS = (
    Fault(
        name="import",
        says="the worker of an import of 10,000 tests is killed twice and Redis emptied, while the run goes on",
        strike=_imported,
    ),
    Fault(name="report", says="the worker of a report is killed twice and Redis emptied", strike=_reported),
)
