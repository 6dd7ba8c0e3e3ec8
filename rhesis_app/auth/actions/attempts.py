"""What is counted before it is looked at: sign-ins, registrations, and letters that somebody asks for."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from rhesis_app.auth.rules import FAILURE_WINDOW_MINUTES, FAILURES_PER_ADDRESS
from rhesis_app.kernel.addresses import address_group
from rhesis_app.kernel.errors import TooMany
from rhesis_app.kernel.host import Host
from rhesis_app.kernel.ids import new_id
from rhesis_app.kernel.keys import digest

_SAME_S: Final = 0.25


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


def count_asking(host: Host, what: str, address: str, *, ip: str | None) -> int:
    """How often `what` was asked for lately for this address, with this time. Raises TooMany for whoever asks for many."""
    account, origin = digest(f"{what} {address}"), digest(f"{what} from {address_group(ip)}")
    attempt = note_attempt(host, account=account, origin=origin)
    if attempt.of_origin > FAILURES_PER_ADDRESS:
        forget_attempt(host, attempt)
        raise TooMany(
            f"This was asked for too often from here. Try again in {FAILURE_WINDOW_MINUTES} minutes.",
            retry_after_s=FAILURE_WINDOW_MINUTES * 60,
        )
    return attempt.of_account


@contextmanager
def as_long_for_everybody() -> Iterator[None]:
    """What happens inside takes the same time whoever it is about."""
    began = time.monotonic()
    yield
    time.sleep(max(0.0, _SAME_S - (time.monotonic() - began)))
