"""The sweeper: leases that ran out, runs that nobody drives or that end (done, spent, late, endpoint gone), jobs, schedules that are due,
organizations to erase, the audit log's seals.

It never talks to an endpoint.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rhesis_app.kernel.actor import Actor
from rhesis_app.kernel.host import Host
from rhesis_app.kernel.ports import Fate
from rhesis_app.notifications.actions.background import SweptJobs, sweep_jobs
from rhesis_app.runs.actions.finalise import finalise_run
from rhesis_app.runs.actions.fire import fire_due
from rhesis_app.runs.actions.start import ring
from rhesis_app.runs.models import TestRun
from rhesis_app.tenancy.actions.audit import seal_audit
from rhesis_app.tenancy.actions.deletion import erase_due

_MOST = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Swept:
    """What one round did."""

    returned: int
    lost: int
    late: int
    spent: int
    unanswered: int
    ended: int
    rung: int
    fired: int
    erased: int
    jobs: SweptJobs
    sealed: int


def sweep(host: Host) -> Swept:
    """One round, set-based; two sweepers at once only do the same thing twice."""
    leases = host.ask("SELECT * FROM sweep_leases(:most)", most=_MOST)[0]
    late = host.ask("SELECT sweep_deadlines(:most) AS ended", most=_MOST)[0]["ended"]
    spent = host.ask("SELECT end_spent(NULL, :most) AS ended", most=_MOST)[0]["ended"]
    unanswered = host.ask("SELECT end_unanswered(:most) AS ended", most=_MOST)[0]["ended"]
    ended = sum(_finalise(host, row) for row in host.ask("SELECT * FROM finished_runs(:most)", most=_MOST))
    rung = sum(_ring(host, row) for row in host.ask("SELECT * FROM due_runs(:most)", most=_MOST))
    host.ask("SELECT sweep_expired()")
    fired = fire_due(host)
    jobs = sweep_jobs(host)
    return Swept(
        returned=leases["returned"],
        lost=leases["lost"],
        late=late,
        spent=spent,
        unanswered=unanswered,
        ended=ended,
        rung=rung,
        fired=fired,
        erased=erase_due(host),
        jobs=jobs,
        sealed=seal_audit(host),
    )


def release_dead(host: Host) -> int:
    """Give back what dead processes of this machine still hold, instead of waiting until their leases run out.

    Each worker's machine is looked after by its own sweepers, whoever leads. Returns how many leases ended.
    """
    if not host.place:
        return 0
    owners = [row["owner"] for row in host.ask("SELECT owner FROM lease_owners(:place)", place=host.place)]
    released = 0
    for fate in (Fate.WORKER_DIED, Fate.PROCESS_DIED):
        dead = [owner for owner in owners if host.fate_of(owner) is fate]
        if dead:
            statement = "SELECT release_leases(:owners, :whole) AS released"
            released += host.ask(statement, owners=dead, whole=fate is Fate.WORKER_DIED)[0]["released"]
    return released


def _finalise(host: Host, row: Mapping[str, Any]) -> int:
    with host.open_scope(Actor.system(row["organization_id"])) as scope:
        return int(finalise_run(scope, row["run_id"]))


def _ring(host: Host, row: Mapping[str, Any]) -> int:
    with host.open_scope(Actor.system(row["organization_id"])) as scope:
        run = scope.get(TestRun, row["run_id"])
        snapshot = run.endpoint_snapshot
        ring(scope, run.id, int(snapshot["max_concurrency"]), int(snapshot["timeout_s"]))
    return 1
