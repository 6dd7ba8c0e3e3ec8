"""A report of ten thousand long answers is written by a process that stays small."""

import json
import os
import subprocess
import sys
from uuid import UUID

from sqlalchemy import text

from rhesis_app.infra.config import Settings
from rhesis_app.projects.queries import ProjectView
from tests.factories import Given, MadeRun, RunPlan, make_run
from tests.people import Person

EXPORTERS = ("html.run", "xlsx.results")
RESULTS, ANSWER = 10_000, 8_000
MEBIBYTE = 1024 * 1024
# a whole file in memory would be 80 MB
ALLOWED = 64 * MEBIBYTE
CHILD = """
import json, sys
from pathlib import Path
from uuid import UUID
from rhesis_app.app import create_app
from tests.background import do_job

def memory(name):
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith(name))) * 1024

app = create_app()
host, organization = app.extensions["rhesis"], UUID(sys.argv[1])
grown = []
for job in sys.argv[2:]:
    Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew: it would otherwise be that of the process before exec
    before = memory("VmRSS")
    do_job(host, organization, host.jobs["reports.render"], UUID(job))
    grown.append(memory("VmHWM") - before)
print(json.dumps(grown))
"""
_MANY = """
INSERT INTO test_result (organization_id, run_id, test_version_id, trial, id, test_id, position, outcome, attempts, output)
SELECT r.organization_id, r.run_id, r.test_version_id, n, gen_random_uuid(), r.test_id, r.position, r.outcome, 1, repeat(md5(n::text), :repeats)
  FROM test_result r, generate_series(2, :results) n WHERE r.run_id = :run
"""
_JUDGED = """
INSERT INTO evaluation (organization_id, id, result_id, run_id, metric_version_id, position, applicable, verdict, reason)
SELECT e.organization_id, gen_random_uuid(), r.id, r.run_id, e.metric_version_id, 0, true, 'failed', 'Not in the answer.'
  FROM evaluation e JOIN test_result r ON r.run_id = e.run_id AND r.trial > 1 WHERE e.run_id = :run
"""


def large(alice: Person, project: ProjectView) -> MadeRun:
    with alice.scope() as scope, scope.atomic() as session:
        run = make_run(scope, RunPlan(project_id=project.id), [Given(outcome="failed")])
        session.execute(text(_MANY), {"run": run.id, "results": RESULTS, "repeats": ANSWER // 32})
        session.execute(text(_JUDGED), {"run": run.id})
    return run


def asked(alice: Person, run_id: UUID, exporter: str) -> dict[str, str]:
    answer = alice.api.post("/reports", {"run_id": str(run_id), "exporter": exporter})
    assert answer.status_code == 202, answer.text
    return dict(answer.json)


def test_writing_a_report_of_ten_thousand_results_takes_little_memory(
    alice: Person, project: ProjectView, settings: Settings
) -> None:
    with alice.scope() as scope:
        small = make_run(scope, RunPlan(project_id=project.id), [Given()])
    many = large(alice, project)
    # the first of each pays for what is imported
    reports = [asked(alice, run.id, exporter) for exporter in EXPORTERS for run in (small, many)]
    environment = {
        **os.environ,
        "DATABASE_URL": settings.database_url,
        "REDIS_URL": settings.redis_url,
        "SECRET_KEY": settings.secret_keys[0],
        "RHESIS_ENCRYPTION_KEYS": settings.encryption_keys[0],
    }
    jobs = [report["job_id"] for report in reports]
    command = [sys.executable, "-c", CHILD, str(alice.actor.organization_id), *jobs]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    grown = json.loads(done.stdout)
    for exporter, report, growth in zip(EXPORTERS, reports[1::2], grown[1::2], strict=True):
        view = alice.api.get(f"/reports/{report['id']}").json
        assert view["status"] == "done", view
        if exporter != "xlsx.results":  # a workbook is compressed
            assert view["bytes"] > RESULTS * ANSWER
        assert growth < ALLOWED, f"{exporter}: {growth // MEBIBYTE} MB"
