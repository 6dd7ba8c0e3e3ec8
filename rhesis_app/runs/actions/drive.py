"""One slice of a run: claim, ask from threads, write batches from the main thread, give way, end."""

import logging
import queue
import random
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar
from uuid import UUID

from sqlalchemy import func, text, update
from sqlalchemy.exc import DBAPIError

from rhesis_app.endpoints.actions.exchange import Exchange
from rhesis_app.endpoints.actions.throttle import learn
from rhesis_app.endpoints.rules.retry import RetryDecision, retry_decision
from rhesis_app.endpoints.rules.throttle import Throttle
from rhesis_app.infra.outages import passes
from rhesis_app.kernel.ids import new_id
from rhesis_app.kernel.scope import Scope
from rhesis_app.runs.actions.askers import Askers
from rhesis_app.runs.actions.claim import ClaimRequest, Holder, Item, claim, forget_unheard
from rhesis_app.runs.actions.cost_caps import end_spent_run
from rhesis_app.runs.actions.finalise import finalise_run
from rhesis_app.runs.actions.finish import Answer, Later, finish, give_back
from rhesis_app.runs.actions.plan import Parts, Plan, answer_item, load_plan
from rhesis_app.runs.actions.recordings import keep_exchanges
from rhesis_app.runs.actions.replace import replace_errors
from rhesis_app.runs.actions.retries import take_retries
from rhesis_app.runs.actions.sources import seen_of
from rhesis_app.runs.models import TestRun
from rhesis_app.runs.rules import ALONE_S, CLAIM_S, LEASE_S, RENEW_S, SLOT_THREADS
from rhesis_app.runs.rules.recordings import NOT_RECORDED
from rhesis_app.scoring.outcome import Outcome

_log = logging.getLogger(__name__)
_Done = TypeVar("_Done")

_BATCH: Final = 50
_GATHER_S: Final = 0.02
_AHEAD_GATHER_S: Final = 0.1  # no thread is idle meanwhile, and a fuller batch costs fewer statements
_LOOK_S: Final = 1.0
_STILL_S: Final = 3.0
_STOP_S: Final = 20.0
_REST_S: Final = 5.0
_PATIENCE_S: Final = 45.0  # less than what is left of a lease that is renewed in time
_AGAIN_S: Final = 0.5
_RENEW = text(
    "UPDATE work_item SET lease_until = now() + make_interval(secs => :lease)"
    " WHERE organization_id = :organization AND run_id = :run AND lease_owner = :me"
)
# Should this slice go on claiming: not cancelled, not past the deadline, not paused, not at its cost cap, nobody else waiting or at work; and
# when is something due?
_LOOK = text(
    "SELECT r.cancel_requested_at IS NOT NULL OR r.deadline_at < now() AS ended, r.paused_at IS NOT NULL AS paused,"
    " others_wait(r.id) AS others, others_work(r.id) AS beside, COALESCE(r.spent >= r.cost_cap, false) AS is_spent,"
    " (SELECT EXTRACT(epoch FROM min(w.not_before) - now()) FROM work_item w WHERE w.run_id = r.id AND w.lease_owner IS NULL"
    " AND w.endpoint_id IS NOT DISTINCT FROM CAST(:endpoint AS uuid)) AS due_in"
    " FROM test_run r WHERE r.organization_id = :organization AND r.id = :run"
)


@dataclass(slots=True)
class _Slice:
    """The moving parts of one slice. Only the main thread calls its methods; threads only put answers."""

    scope: Scope
    plan: Plan
    stop: threading.Event
    clock: Callable[[], float]
    holder: Holder
    askers: Askers
    started: float
    answers: "queue.SimpleQueue[Answer]" = field(default_factory=queue.SimpleQueue)
    in_flight: dict[tuple[UUID, int], Item] = field(default_factory=dict)
    recalled: list[Item] = field(default_factory=list)
    looked: float = 0.0
    renewed: float = 0.0
    ticked: float = 0.0
    closed: bool = False
    gives_way: bool = False
    due_in: float | None = 0.0
    throttle: Throttle = field(default_factory=Throttle)
    rests: bool = False
    is_spent: bool = False

    @property
    def width(self) -> int:
        return min(SLOT_THREADS, self.plan.width)

    @property
    def ahead(self) -> int:
        """How many items may wait for a thread: none beside a throttle that may yet lower its limit."""
        return self.askers.ahead(self.width) if self.throttle.is_calm and not self.closed else 0

    @property
    def wants(self) -> int:
        """How many of its models' turns it could use."""
        return len(self.in_flight) if self.closed else SLOT_THREADS


def drive_run(
    scope: Scope, parts: Parts, run_id: UUID, *, stop: threading.Event, clock: Callable[[], float] = time.monotonic
) -> bool:
    """Drive a run for at most one slice; True when work is left for another one now.

    Claims for 20 s beside other runs and for five minutes alone, then drains; a run whose endpoint may not be asked for a
    while is left to the sweeper.
    `stop` set (a deploy) claims nothing more and gives back what does not end within 20 s.
    """
    run = _begin(scope, run_id)
    if run is None:
        return False
    owner = parts.holder or new_id().hex
    plan = load_plan(scope, parts, run, owner)
    scope.session.rollback()  # no transaction stays open while the endpoint thinks
    holder = Holder(run_id=run_id, endpoint_id=plan.endpoint_id, owner=owner)
    now = clock()
    # what is held ahead is asked even if the run reaches its cap meanwhile, and would wait for its models' turns
    askers = Askers(min(SLOT_THREADS, plan.most), holds_ahead=run.cost_cap is None and not plan.calls_models)
    held = _Slice(
        scope=scope,
        plan=plan,
        stop=stop,
        clock=clock,
        holder=holder,
        askers=askers,
        started=now,
        renewed=now,
        ticked=now,
    )
    with plan.book.held(scope, held.wants):
        try:
            _turn(held)
        finally:
            askers.close()
    if held.is_spent:
        end_spent_run(scope, run_id)
    return not finalise_run(scope, run_id) and not stop.is_set() and not held.rests


def _begin(scope: Scope, run_id: UUID) -> TestRun | None:
    """The run, marked as running; None when it has ended, is paused or is gone."""
    with scope.atomic() as session:
        row: TestRun | None = session.scalars(scope.select(TestRun).where(TestRun.id == run_id)).one_or_none()
        if row is None or row.finished_at is not None or row.paused_at is not None:
            return None
        if row.started_at is None:
            session.execute(
                update(TestRun)
                .where(
                    TestRun.organization_id == scope.organization_id, TestRun.id == run_id, TestRun.started_at.is_(None)
                )
                .values(status="running", started_at=func.now())
            )
        return row


def _turn(held: _Slice) -> None:
    """Fill, wait, write, until nothing is in flight and nothing more is to be claimed."""
    _exchange(held, [])
    while held.in_flight or not held.closed:
        _tick(held)
        answers = _gather(held)
        _look(held)
        _exchange(held, answers)
        if held.stop.is_set() and held.clock() - held.started > _STOP_S and held.in_flight:
            _abandon(held)
            return
        if not held.in_flight and not held.closed and not answers:
            _idle(held)


def _tick(held: _Slice) -> None:
    """A process that stood still may wake with waiting items that are others' by now: it begins none of them."""
    now = held.clock()
    if now - held.ticked > _STILL_S:
        _recall(held)
    held.ticked = now


def _gather(held: _Slice) -> list[Answer]:
    """At least one answer if any comes within a moment, and those that come right behind it."""
    if not held.in_flight:
        return []
    gathered: list[Answer] = []
    try:
        gathered.append(held.answers.get(timeout=0.25))
        began = held.clock()
        while len(gathered) < _BATCH:
            some_wait = len(held.in_flight) - len(gathered) > held.askers.threads
            left = began + (_AHEAD_GATHER_S if some_wait else _GATHER_S) - held.clock()
            if left <= 0:
                break
            gathered.append(held.answers.get(timeout=left))
    except queue.Empty:
        pass
    return gathered


def _exchange(held: _Slice, answers: list[Answer]) -> None:
    """One transaction: write what came, let the throttle learn from it, claim for the threads that are free."""
    for answer in answers:
        held.in_flight.pop(answer.item.key, None)
    held.askers.answered([answer.item for answer in answers])
    if held.closed:
        _recall(held)
    wanted = 0 if held.closed or _holds_solo(held) else max(0, held.width + held.ahead - len(held.in_flight))
    if not answers and not wanted and not held.recalled:
        return
    items = _patiently(held, lambda: _write_and_claim(held, answers, wanted), answers)
    held.recalled.clear()
    _tick(held)
    for item in items:
        held.in_flight[item.key] = item
        held.askers.ask(item, lambda item: _ask(held, item))
    if not items and not answers and not held.in_flight:
        held.looked = 0.0


def _write_and_claim(held: _Slice, answers: list[Answer], wanted: int) -> list[Item]:
    with held.scope.atomic():
        _write(held, answers)
        room = _room(held, answers, wanted)
        if not held.ahead:
            _recall(held)
        give_back(held.scope, held.holder, [Later(item=item, was_asked=False) for item in held.recalled])
        items = claim(held.scope, _request(held, wanted, room)) if wanted else []
        held.plan.source.get_ready(held.scope, items)
    return items


def _recall(held: _Slice) -> None:
    """What waits for a thread is not asked: the run ends, or its endpoint takes fewer calls than it did."""
    for item in held.askers.recall():
        del held.in_flight[item.key]
        held.recalled.append(item)


def _patiently(held: _Slice, work: Callable[[], _Done], answers: Sequence[Answer] = ()) -> _Done:
    """Do `work`, a transaction. While the database is away the answers stay in hand: asking again would cost a call each.

    What was leased by a commit that we never heard of is given back first. The fence decides what is still ours.
    """
    until = held.clock() + _PATIENCE_S
    failed = False
    while True:
        try:
            if failed:
                forget_unheard(held.scope, held.holder, [*held.in_flight.values(), *(one.item for one in answers)])
            return work()
        except DBAPIError as failure:
            if held.stop.is_set() or held.clock() > until or not passes(failure):
                raise  # told to stop, it may be that the database stops too: leases run out by themselves
            _log.warning("the database is away; %s answers wait for it", len(answers))
        failed = True
        held.stop.wait(_AGAIN_S)


def _ask(held: _Slice, item: Item) -> None:
    if held.clock() - held.ticked > _STILL_S:
        unasked = Exchange(request={}, error_code="throttled")
        held.answers.put(Answer(item=item, exchange=unasked, outcome=Outcome.ERROR, was_asked=False))
        return
    try:
        held.answers.put(answer_item(held.plan, item))
    except Exception:  # noqa: BLE001 an answer that never came would hold the slice for ever
        _log.exception("asking failed on our side")
        exchange = Exchange(
            request={}, error_code="worker_lost", error_detail="The worker failed on its own side while asking."
        )
        held.answers.put(Answer(item=item, exchange=exchange, outcome=Outcome.ERROR))


def _room(held: _Slice, answers: list[Answer], wanted: int) -> int:
    """How many calls may be in flight, by a throttle that has learned from these answers; its row stays locked.

    Nothing is asked of the row where nothing is to be claimed and all went well.
    """
    if held.plan.endpoint_id is None:
        return held.plan.limit
    calls = [seen_of(answer.exchange) for answer in answers if answer.was_asked]
    if wanted or not held.throttle.is_calm or not all(seen.is_plain for seen in calls):
        held.throttle = learn(held.scope, held.plan.endpoint_id, calls, held.plan.limit)
    return held.throttle.room(held.plan.limit)


def _request(held: _Slice, wanted: int, room: int) -> ClaimRequest:
    free = max(0, held.width - len(held.in_flight))
    return ClaimRequest(
        run_id=held.plan.run_id,
        endpoint_id=held.plan.endpoint_id,
        owner=held.holder.owner,
        k=min(wanted, free),
        ahead=max(0, min(wanted, held.width + held.ahead - len(held.in_flight)) - free),
        most=room,
        is_idle=not held.in_flight,
    )


def _holds_solo(held: _Slice) -> bool:
    """An item that lost a lease once runs alone: if it kills its process, nobody else is hit."""
    return any(item.solo for item in held.in_flight.values())


def _write(held: _Slice, answers: list[Answer]) -> None:
    """Write what is final and give back the rest; a failure past the run's budget of retries is final at once."""
    decided = [(answer, _decision(held, answer)) for answer in answers]
    wanted = sum(decision.retry and decision.uses_attempt for _, decision in decided)
    left = take_retries(held.scope, held.plan.run_id, wanted, held.plan.retries)
    final, later = [], []
    for answer, decision in decided:
        if held.plan.asks_missing and answer.exchange.error_code == NOT_RECORDED:
            later.append(Later(item=answer.item, was_asked=False, endpoint_id=held.plan.asks_missing))
        elif decision.retry and (left > 0 or not decision.uses_attempt):
            left -= decision.uses_attempt
            later.append(_later(answer, decision))
        else:
            final.append(answer)
    keep_exchanges(held.scope, held.holder, held.plan.recording_id, final)
    finish(held.scope, held.holder, final)
    replace_errors(held.scope, held.holder, held.plan.replaces, final)
    give_back(held.scope, held.holder, later)


def _decision(held: _Slice, answer: Answer) -> RetryDecision:
    """Whether to ask again. A stored error is what it was: nobody is asked again."""
    code = answer.exchange.error_code
    if not answer.was_asked:
        return RetryDecision(retry=True, uses_attempt=False)
    if code is None or held.plan.endpoint_id is None:
        return RetryDecision(retry=False)
    return retry_decision(
        code,
        answer.item.tries,
        random=random.random,
        max_attempts=answer.item.max_attempts,
        retry_after_s=answer.exchange.retry_after_s,
    )


def _later(answer: Answer, decision: RetryDecision) -> Later:
    if not answer.was_asked:
        return Later(item=answer.item, was_asked=False)
    is_free = not decision.uses_attempt
    return Later(item=answer.item, delay_s=decision.delay_s, code=answer.exchange.error_code, is_free=is_free)


def _look(held: _Slice) -> None:
    """Every second: is the run still wanted, does another wait, is the time over; and keep the leases alive."""
    now = held.clock()
    if held.stop.is_set() or now - held.started > ALONE_S:
        held.closed = True
    if now - held.looked < _LOOK_S:
        return
    held.looked = now
    where = {"organization": held.scope.organization_id, "run": held.plan.run_id}
    renews = bool(held.in_flight) and now - held.renewed > RENEW_S

    def look() -> Any:
        with held.scope.atomic() as session:
            row = session.execute(_LOOK, {**where, "endpoint": held.plan.endpoint_id}).one()
            if renews:
                session.execute(_RENEW, {**where, "me": held.holder.owner, "lease": LEASE_S})
            return row

    row = _patiently(held, look)
    if renews:
        held.renewed = now
    _patiently(held, lambda: held.plan.book.sync(held.scope, held.wants))
    held.gives_way = bool(row.others)
    held.rests, held.is_spent = held.rests or row.paused, row.is_spent
    had_its_turn = row.beside and now - held.started > CLAIM_S
    stops = row.ended or row.paused or row.is_spent or held.gives_way or had_its_turn
    held.closed = held.closed or stops or row.due_in is None
    held.due_in = row.due_in


def _idle(held: _Slice) -> None:
    """Nothing to claim right now: wait for the next item that is due, or leave it to the sweeper."""
    _look(held)
    if max(held.throttle.shut_s, held.plan.book.shut_s) > _REST_S:
        held.closed = held.rests = True
    wait = 0.1 if held.due_in is None or held.due_in <= 0 else min(float(held.due_in), 0.5)
    if not held.closed and held.stop.wait(wait):
        held.closed = True


def _abandon(held: _Slice) -> None:
    """Time to go: what is still in flight goes back without having used up an attempt."""
    back = [Later(item=item, is_free=True) for item in held.in_flight.values()]

    def let_go() -> None:
        with held.scope.atomic():
            give_back(held.scope, held.holder, back)

    _patiently(held, let_go)
    held.in_flight.clear()
