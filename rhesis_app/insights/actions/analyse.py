"""Analysing an ended run: what do its failures have in common?"""

from dataclasses import asdict
from uuid import UUID

from sqlalchemy import func, update
from sqlalchemy.dialects.postgresql import insert

from rhesis_app.insights.models import Analysis
from rhesis_app.insights.queries.analysis import read_cases
from rhesis_app.insights.rules.failures import Case, shared_reasons, shared_traits
from rhesis_app.kernel.errors import Conflict
from rhesis_app.kernel.permissions import Permission
from rhesis_app.kernel.scope import Scope
from rhesis_app.notifications.actions.background import Held, NewJob, ask_for
from rhesis_app.runs.queries.runs import view_run

ANALYSE = "insights.analyse"


def ask_for_analysis(scope: Scope, run_id: UUID) -> None:
    """Have an ended run analysed in the background; asked again, it is analysed anew, with the reviews made since.

    Raises NotFound, Forbidden, Conflict while the run goes on.
    """
    run = view_run(scope, run_id)
    scope.require(Permission.REPORT_CREATE, project=run.project_id)
    if not run.is_finished:
        raise Conflict(f"Run #{run.number} is still going on: it can be analysed when it has ended.")
    with scope.atomic() as session:
        job_id = ask_for(
            scope, NewJob(kind=ANALYSE, subject_type="test_run", subject_id=run_id, project_id=run.project_id)
        )
        statement = insert(Analysis).values(organization_id=scope.organization_id, run_id=run_id, job_id=job_id)
        session.execute(statement.on_conflict_do_update(index_elements=[Analysis.run_id], set_={"job_id": job_id}))
        scope.record("analysis.ask", "test_run", run_id, number=run.number)


def analyse_run(scope: Scope, held: Held) -> None:
    """Read the run's results once, group them, and keep what was found."""
    run = view_run(scope, held.subject_id)
    planned = max(run.totals.answered, 1)
    cases: list[Case] = []
    errors: list[Case] = []
    for number, (outcome, case) in enumerate(read_cases(scope, run.id)):
        if number % 100 == 0:
            held.tick(90 * number // planned)
        (errors if outcome == "error" else cases).append(case)
    document = {
        "failed": sum(case.failed for case in cases),
        "decided": len(cases),
        "traits": [asdict(one) for one in shared_traits(cases)],
        "reasons": [asdict(one) for one in shared_reasons(cases)],
        "errors": [asdict(one) for one in shared_reasons(errors)],
    }
    with held.finishing(scope) as session:
        session.execute(
            update(Analysis)
            .where(Analysis.organization_id == scope.organization_id, Analysis.run_id == run.id)
            .values(document=document, analysed_at=func.now())
        )
