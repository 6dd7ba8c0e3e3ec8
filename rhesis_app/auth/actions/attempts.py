"""What is counted before it is looked at: sign-ins, and letters for a forgotten password."""

from dataclasses import dataclass
from uuid import UUID

from rhesis_app.auth.rules import FAILURE_WINDOW_MINUTES
from rhesis_app.kernel.host import Host
from rhesis_app.kernel.ids import new_id


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One attempt, and how many there were lately with it: for its account, from its origin, and for the one from the other."""

    id: UUID
    of_account: int
    of_origin: int
    of_both: int


def note_attempt(host: Host, *, account: str, origin: str) -> Attempt:
    """Keep an attempt of these two digests and count; by two statements, so that many at the same time count each other."""
    attempt_id = new_id()
    host.ask(
        "INSERT INTO login_attempt (id, account, address) VALUES (:id, :account, :origin) RETURNING 1",
        id=attempt_id, account=account, origin=origin,
    )  # fmt: skip
    counted = host.ask(
        "SELECT count(*) FILTER (WHERE account = :account) AS of_account, count(*) FILTER (WHERE address = :origin) AS of_origin,"
        " count(*) FILTER (WHERE account = :account AND address = :origin) AS of_both"
        " FROM login_attempt WHERE (account = :account OR address = :origin) AND at > now() - make_interval(mins => :window)",
        account=account, origin=origin, window=FAILURE_WINDOW_MINUTES,
    )  # fmt: skip
    return Attempt(id=attempt_id, **counted[0])


def forget_attempt(host: Host, attempt: Attempt) -> None:
    """It was none after all: what was right, or refused unseen, keeps nobody waiting."""
    host.ask("DELETE FROM login_attempt WHERE id = :id RETURNING 1", id=attempt.id)
