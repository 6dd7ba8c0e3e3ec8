"""A comparison in a sentence that a manager understands and a statistician accepts."""

from rhesis_app.insights.rules.changes import Changes, Direction, direction_of
from rhesis_app.scoring.words import p_digits, signed_points


def sentence_of(changes: Changes, baseline: str, candidate: str) -> str:
    """The verdict with its numbers; `baseline` and `candidate` are such as `#4` and `#7`."""
    found = changes.statistics
    if found is None:
        return f"Nothing can be compared: {baseline} and {candidate} share no test with a verdict in both."
    tests = _counted(changes.matched, "matched test")
    if changes.broken == changes.fixed == 0:
        return f"{candidate} does as {baseline} did: all {tests} came out the same."
    flips = f"{changes.broken} broken, {changes.fixed} fixed"
    measured = (
        f"{candidate} is {_points(found.difference)} {baseline} "
        f"[{signed_points(found.low)}, {signed_points(found.high)}] on {tests}: {flips}"
    )
    if found.p_value is None:
        return f"{measured}. Fewer than six tests changed, which is too few to tell a change from noise."
    digits = p_digits(found.p_value)
    p = f"p {digits}" if digits.startswith("<") else f"p = {digits}"
    direction = direction_of(changes, found.p_value)
    if direction is Direction.UNCLEAR:
        return f"{measured}, exact {p}. That is not distinguishable from noise."
    said = "That is a regression." if direction is Direction.WORSE else "That is an improvement."
    return f"{measured}, exact {p}. {said}"


def part_sentence(name: str, changes: Changes, p_value: float | None) -> str:
    """What stands out in one requirement, although or because the whole says what it says; `p_value` is adjusted. Else empty."""
    direction = direction_of(changes, p_value)
    if p_value is None or direction not in {Direction.WORSE, Direction.BETTER}:
        return ""
    what = "a regression" if direction is Direction.WORSE else "an improvement"
    digits = p_digits(p_value)
    p = f"p {digits}" if digits.startswith("<") else f"p = {digits}"
    flips = f"{changes.broken} broken, {changes.fixed} fixed of {changes.matched}"
    return f"“{name}” is {what}: {flips}, adjusted {p}."


def left_out_sentence(changes: Changes) -> str:
    """What the difference does not count, and why; empty when nothing is left out."""
    parts = [
        (changes.undecided, "with an error or without a verdict in one of the two runs"),
        (changes.edited, "edited between the runs"),
        (changes.only_baseline, "only in the baseline"),
        (changes.only_candidate, "only in the candidate"),
    ]
    said = [f"{count} {why}" for count, why in parts if count]
    return f"Left out: {', '.join(said)}." if said else ""


def _points(difference: float) -> str:
    points = f"{abs(difference) * 100:.1f}"
    if points == "0.0":
        return "as good as"
    return f"{points} points {'below' if difference < 0 else 'above'}"


def _counted(count: int, one: str) -> str:
    return f"{count} {one}" if count == 1 else f"{count:,} {one}s"


def chosen_words(chosen_by: str, chosen_from: int | None) -> str:
    """`the tests that failed in #3`."""
    did = {"error": "ended in an error", "flaky": "had trials that disagreed"}.get(chosen_by, chosen_by)
    return f"the tests that {did} in #{chosen_from}" if chosen_from else f"tests that {did} before"
