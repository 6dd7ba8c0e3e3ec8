"""Reviewing: a person's verdict on a result or an evaluation. Nothing is overwritten, the run's numbers follow at once."""

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import func, update

from rhesis_app.kernel.errors import Invalid, NotFound
from rhesis_app.kernel.ids import new_id
from rhesis_app.kernel.permissions import Permission
from rhesis_app.kernel.scope import Scope
from rhesis_app.runs.actions.recount import recount_run
from rhesis_app.runs.models import EffectiveResult, Evaluation, Replacement, Review, TestResult, TestRun
from rhesis_app.scoring.outcome import Outcome

VERDICTS = ("passed", "failed")
MAX_COMMENT = 4_000


@dataclass(frozen=True, slots=True, kw_only=True)
class NewReview:
    """A verdict on a whole result, or with `evaluation_id` on what one metric said of it."""

    verdict: str
    evaluation_id: UUID | None = None
    comment: str = ""


def review_result(scope: Scope, result_id: UUID, new: NewReview) -> UUID:
    """Keep the verdict in place of an earlier one and count the run anew. Invalid where there is nothing to judge."""
    if new.verdict not in VERDICTS:
        raise Invalid.field("verdict", "Choose passed or failed.")
    comment = new.comment.strip()
    if len(comment) > MAX_COMMENT:
        raise Invalid.field("comment", f"Keep the comment below {MAX_COMMENT:,} characters; it has {len(comment):,}.")
    with scope.atomic() as session:
        run = _run_of(scope, result_id)
        _refuse_unjudged(scope, result_id, new.evaluation_id)
        _supersede(scope, result_id, Review.evaluation_id.is_not_distinct_from(new.evaluation_id))
        review_id = new_id()
        session.add(
            Review(
                id=review_id,
                run_id=run.id,
                result_id=result_id,
                evaluation_id=new.evaluation_id,
                verdict=new.verdict,
                comment=comment,
                author_id=scope.actor.user_id,
            )
        )
        session.flush()
        scope.record("review.create", "review", review_id, result_id=str(result_id), verdict=new.verdict)
        recount_run(scope, run)
    return review_id


def withdraw_review(scope: Scope, review_id: UUID) -> UUID:
    """Take a review back: what the metrics found stands again. Gives the result's id; of a superseded one nothing changes."""
    with scope.atomic():
        found = scope.get(Review, review_id)
        run = _run_of(scope, found.result_id)
        if _supersede(scope, found.result_id, Review.id == review_id):
            scope.record("review.withdraw", "review", review_id, result_id=str(found.result_id))
            recount_run(scope, run)
    return found.result_id


def _run_of(scope: Scope, result_id: UUID) -> TestRun:
    """The run of a result, held: reviews of one run are counted one after the other."""
    run_id = scope.session.scalar(scope.select(TestResult.run_id).where(TestResult.id == result_id))
    if run_id is None:
        raise NotFound("There is no such result here.")
    run = scope.get(TestRun, run_id, lock=True)
    scope.require(Permission.RUN_READ, project=run.project_id)
    scope.require(Permission.REVIEW_WRITE, project=run.project_id)
    return run


def _refuse_unjudged(scope: Scope, result_id: UUID, evaluation_id: UUID | None) -> None:
    query = scope.select(EffectiveResult.outcome).where(EffectiveResult.id == result_id)
    if scope.session.scalar(query) == Outcome.ERROR:
        raise Invalid("The endpoint gave no answer here, so there is nothing to judge. Run the test again instead.")
    _refuse_given_away(scope, result_id)
    if evaluation_id is None:
        return
    applicable = scope.session.scalar(
        scope.select(Evaluation.applicable).where(Evaluation.id == evaluation_id, Evaluation.result_id == result_id)
    )
    if applicable is None:
        raise Invalid.field("evaluation_id", "This result has no such evaluation.")
    if not applicable:
        raise Invalid.field("evaluation_id", "This metric does not apply here: review the result as a whole.")


def _refuse_given_away(scope: Scope, result_id: UUID) -> None:
    """One answer, one verdict: what replaced an error is reviewed where it counts."""
    stands_in = (
        scope.select(TestRun.number)
        .join(
            Replacement, (Replacement.organization_id == TestRun.organization_id) & (Replacement.run_id == TestRun.id)
        )
        .where(Replacement.answer_id == result_id)
    )
    number = scope.session.scalar(stands_in)
    if number is not None:
        raise Invalid(f"This answer stands in #{number} in place of an error. Review it there.")


def _supersede(scope: Scope, result_id: UUID, *which: object) -> bool:
    done = scope.session.execute(
        update(Review)
        .where(
            Review.organization_id == scope.organization_id,
            Review.result_id == result_id,
            Review.superseded_at.is_(None),
            *which,  # type: ignore[arg-type]
        )
        .values(superseded_at=func.now())
        .returning(Review.id)
    )
    return done.first() is not None
