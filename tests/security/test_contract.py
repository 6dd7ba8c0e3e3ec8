"""Whatever the document allows or forbids is answered as the document says, by everybody and with every seed."""

from collections.abc import Callable, Iterator
from itertools import count

import pytest
from flask import Flask

from rhesis_app.infra.runtime import Runtime
from tests.auth.rows import everything_of
from tests.people import Person, add_member, make_owner
from tests.security.contract import explore, told

_numbers = count()
pytestmark = [pytest.mark.thorough, pytest.mark.timeout(3600), pytest.mark.filterwarnings("ignore")]


def secret_of(person: Person) -> str:
    """A new API token of this person's."""
    return person.api._headers["Authorization"].removeprefix("Bearer ")


def owners(app: Flask, host: Runtime) -> Iterator[str]:
    """Tokens of owners, each of an organization of its own with one of everything."""
    while True:
        owner = make_owner(app, host, f"owner-{next(_numbers)}", "Explored")
        everything_of(owner)
        yield secret_of(owner)


def viewers(app: Flask, host: Runtime) -> Iterator[str]:
    """Tokens of viewers in one organization with one of everything."""
    owner = make_owner(app, host, f"owner-{next(_numbers)}", "Read")
    everything_of(owner)
    while True:
        yield secret_of(add_member(owner, f"viewer-{next(_numbers)}", "Viewer"))


WHO: dict[str, Callable[[Flask, Runtime], Iterator[str]] | None] = {"owner": owners, "viewer": viewers, "nobody": None}


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("who", WHO)
def test_the_document_holds(
    app: Flask, host: Runtime, who: str, seed: int, monkeypatch: pytest.MonkeyPatch, figure: Callable[..., None]
) -> None:
    monkeypatch.setitem(app.config, "PROPAGATE_EXCEPTIONS", False)
    made = WHO[who]
    people = made(app, host) if made is not None else None
    found = explore(app, None if people is None else lambda: next(people), seed=seed)
    how = "schemathesis on the document: examples, coverage, fuzzing and stateful phases, all its checks"
    share = len(found.asked & found.operations) / len(found.operations)
    name = f"contract/{who}, seed {seed}"
    figure(f"{name}: requests", found.requests, None, None, how)
    figure(f"{name}: operations covered", round(share, 4), "= 1", share == 1, how)
    figure(f"{name}: answers of 5xx", found.server_errors, "= 0", not found.server_errors, how)
    figure(f"{name}: failures", len(found.failures), "= 0", not found.failures, how)
    wrong = [*found.errors, *told(found.failures)]
    assert not wrong, "\n".join(wrong)
