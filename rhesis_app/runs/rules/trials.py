"""How often the tests of a run may be asked, and what may make one outcome of that."""

from collections.abc import Mapping
from typing import Any, Final

from rhesis_app.authoring.rules.tests import MAX_TRIALS
from rhesis_app.kernel.errors import Invalid
from rhesis_app.scoring.reducers import MAJORITY, Reducer, ReducerName

MAX_PLANNED: Final = 100_000
"""The most answers that one run may plan."""
TOO_MANY: Final = (
    f"A run makes at most {MAX_PLANNED:,} calls, and this would be more. Ask for fewer trials or a smaller set."
)


def check_trials(trials: int, reducer: Reducer) -> None:
    """Invalid at `trials` or `reducer` where a run cannot be asked for like this."""
    if not 1 <= trials <= MAX_TRIALS:
        raise Invalid.field("trials", f"Ask each test from 1 to {MAX_TRIALS} times.")
    if reducer.name is not ReducerName.AT_LEAST:
        if reducer.k is not None:
            raise Invalid.field("reducer", "Only at_least takes a k.")
    elif reducer.k is None or not 1 <= reducer.k <= MAX_TRIALS:
        raise Invalid.field("reducer", f"Say how many trials must pass: at_least takes a k from 1 to {MAX_TRIALS}.")
    elif 1 < trials < reducer.k:
        raise Invalid.field("reducer", f"Of {trials} trials at least {reducer.k} can never pass: take a smaller k.")


def reducer_of(given: Mapping[str, Any] | None) -> Reducer:
    """What was asked for as a reducer; the majority where nothing was. Invalid at `reducer` for a name that there is not."""
    if given is None:
        return MAJORITY
    try:
        return Reducer(name=ReducerName(given["name"]), k=given.get("k"))
    except ValueError:
        raise Invalid.field("reducer", f"Choose one of {', '.join(ReducerName)}.") from None
