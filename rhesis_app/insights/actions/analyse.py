"""Analysing an ended run: what do its failures have in common?"""

from dataclasses import asdict
from typing import Any
from uuid import UUID

from sqlalchemy import func, update
from sqlalchemy.dialects.postgresql import insert

from rhesis_app.endpoints.actions.judging import choose_judges, lend_judges
from rhesis_app.endpoints.actions.turns import TurnBook
from rhesis_app.infra.llm.judges import Judges
from rhesis_app.insights.actions.name_groups import name_groups
from rhesis_app.insights.models import Analysis
from rhesis_app.insights.queries.analysis import read_cases
from rhesis_app.insights.rules.failures import Case, shared_reasons, shared_traits
from rhesis_app.kernel.errors import Conflict
from rhesis_app.kernel.permissions import Permission
from rhesis_app.kernel.scope import Scope
from rhesis_app.notifications.actions.background import Held, NewJob, ask_for
from rhesis_app.runs.queries.runs import view_run

ANALYSE = "insights.analyse"


def ask_for_analysis(scope: Scope, run_id: UUID, *, with_model: bool = False) -> None:
    """Have an ended run analysed in the background; asked again, it is analysed anew, with the reviews made since.

    `with_model` has the model that judges for the project name each group: one call. Raises NotFound, Forbidden, Conflict while the run goes on.
    """
    run = view_run(scope, run_id)
    scope.require(Permission.REPORT_CREATE, project=run.project_id)
    if not run.is_finished:
        raise Conflict(f"Run #{run.number} is still going on: it can be analysed when it has ended.")
    with scope.atomic() as session:
        job_id = ask_for(
            scope, NewJob(kind=ANALYSE, subject_type="test_run", subject_id=run_id, project_id=run.project_id)
        )
        asked = {"job_id": job_id, "with_model": with_model}
        statement = insert(Analysis).values(organization_id=scope.organization_id, run_id=run_id, **asked)
        session.execute(statement.on_conflict_do_update(index_elements=[Analysis.run_id], set_=asked))
        scope.record("analysis.ask", "test_run", run_id, number=run.number, with_model=with_model)


def analyse_run(scope: Scope, held: Held, judges: Judges) -> None:
    """Read the run's results once, group them, have them named where that was asked for, and keep what was found."""
    run = view_run(scope, held.subject_id)
    planned = max(run.totals.answered, 1)
    cases: list[Case] = []
    errors: list[Case] = []
    for number, (outcome, case) in enumerate(read_cases(scope, run.id)):
        if number % 100 == 0:
            held.tick(90 * number // planned)
        (errors if outcome == "error" else cases).append(case)
    traits = shared_traits(cases)
    document: dict[str, Any] = {
        "failed": sum(case.failed for case in cases),
        "decided": len(cases),
        "traits": [asdict(one) for one in traits],
        "reasons": [asdict(one) for one in shared_reasons(cases)],
        "errors": [asdict(one) for one in shared_reasons(errors)],
    }
    wants_names = scope.session.scalar(scope.select(Analysis.with_model).where(Analysis.run_id == run.id))
    if wants_names and traits:
        held.tick(95)
        chosen = choose_judges(scope, {run.project_id: None}, {run.project_id: run.project_id})
        book = TurnBook(held.owner)
        (tools,) = lend_judges(scope, judges, chosen.values(), book)
        with book.held(scope, 1):
            document["named"] = name_groups(scope, tools, traits)
    with held.finishing(scope) as session:
        session.execute(
            update(Analysis)
            .where(Analysis.organization_id == scope.organization_id, Analysis.run_id == run.id)
            .values(document=document, analysed_at=func.now())
        )
