"""Doing background work in the tests' own process, as a worker would that is rung for each job."""

import signal
from uuid import UUID

from sqlalchemy import text

from rhesis_app.infra.runtime import Runtime
from rhesis_app.kernel.actor import Actor
from rhesis_app.kernel.jobs import JobSpec
from tests.people import Person


def do_job(host: Runtime, organization_id: UUID, spec: JobSpec, job_id: UUID) -> None:
    """What the worker does when it hears of one job."""
    heard = signal.getsignal(signal.SIGTERM)
    try:
        with host.open_scope(Actor.system(organization_id, spec.permissions)) as scope:
            spec.perform(host, scope, {"job_id": str(job_id)})
    finally:
        signal.signal(signal.SIGTERM, heard)


def do_jobs(person: Person, kind: str | None = None) -> int:
    """Do everything that is due in this person's organization, oldest first; how many jobs that were."""
    with person.scope() as scope:
        due = "SELECT id, kind FROM job WHERE status = 'queued' AND not_before <= now() ORDER BY id"
        found = [row for row in scope.session.execute(text(due)) if kind in {None, row.kind}]
    for row in found:
        do_job(person.host, person.actor.organization_id, person.host.jobs[row.kind], row.id)
    return len(found)
