"""What failures share: planted causes are found, noise is not called a cause, and the same thing is said once."""

import random

import pytest

from rhesis_app.insights.rules.failures import (
    MOST_GROUPS,
    Case,
    masked,
    shared_reasons,
    shared_traits,
    traits_of,
)


def case(number: int, *traits: str, failed: bool, reasons: tuple[str, ...] = ()) -> Case:
    return Case(result_id=f"r{number}", failed=failed, traits=frozenset(traits), reasons=reasons)


def test_a_planted_cause_is_found_with_its_numbers() -> None:
    german = [case(n, "language = de", failed=n < 9) for n in range(10)]
    others = [case(n, "language = en", failed=n < 22) for n in range(20, 80)]
    (found, *_) = shared_traits(german + others)
    assert found.words == ("language = de",)
    assert (found.failed, found.decided, found.failed_elsewhere, found.decided_elsewhere) == (9, 10, 2, 60)
    assert found.is_certain
    assert found.p_value < 1e-6
    assert found.result_ids == tuple(f"r{n}" for n in range(9))


def test_what_passes_more_often_is_no_lead() -> None:
    cases = [case(n, "a", failed=n % 10 == 0) for n in range(50)] + [case(n, "b", failed=True) for n in range(50, 60)]
    assert [one.words for one in shared_traits(cases)] == [("b",)]


def test_noise_is_seldom_called_a_cause() -> None:
    """Two hundred runs whose failures have no cause at all: at most one in twenty may name one."""
    rng, fooled = random.Random(7), 0
    for _ in range(200):
        cases = [case(n, *(f"t{rng.randrange(30)}" for _ in range(4)), failed=rng.random() < 0.2) for n in range(120)]
        fooled += any(one.is_certain for one in shared_traits(cases))
    assert fooled <= 10


def test_traits_of_the_same_tests_are_one_group_and_what_was_set_on_purpose_names_it() -> None:
    cases = [case(n, "“refund” in the prompt", "topic = refunds", "requirement Refunds", failed=True) for n in range(5)]
    cases += [case(n, "requirement Tone", failed=False) for n in range(5, 40)]
    (found,) = shared_traits(cases)
    assert found.words == ("requirement Refunds", "topic = refunds", "“refund” in the prompt")


def test_a_group_within_a_group_is_not_said_again() -> None:
    cases = [case(n, "wide", *(["narrow"] if n < 6 else []), failed=True) for n in range(10)]
    cases += [case(n, failed=False) for n in range(10, 60)]
    assert [one.words for one in shared_traits(cases)] == [("wide",)]


def test_two_failures_are_no_group_and_no_failure_is_nothing() -> None:
    assert shared_traits([case(1, "a", failed=True), case(2, "a", failed=True), case(3, failed=False)]) == ()
    assert shared_traits([case(n, "a", failed=False) for n in range(9)]) == ()
    assert shared_traits([]) == ()
    assert shared_traits([case(n, "a", failed=True) for n in range(9)]) == ()


def test_there_are_never_more_groups_than_can_be_read() -> None:
    cases = [case(n, f"t{n // 4}", failed=True) for n in range(100)]
    cases += [case(n, failed=False) for n in range(100, 900)]
    assert len(shared_traits(cases)) == MOST_GROUPS


def test_reasons_that_repeat_are_counted() -> None:
    cases = [case(n, failed=True, reasons=("Right: … is missing",)) for n in range(3)]
    cases += [case(9, failed=True, reasons=("Fast: … ms",)), case(10, failed=False)]
    (found,) = shared_reasons(cases)
    assert (found.words, found.count, found.result_ids) == ("Right: … is missing", 3, ("r0", "r1", "r2"))


@pytest.mark.parametrize(
    ("reason", "expected"),
    [
        ("The answer does not contain “3 years”.", "Right: The answer does not contain …."),
        ("1,234 ms is above 500 ms", "Right: … ms is above … ms"),
        ("", "Right"),
    ],
)
def test_what_varies_in_a_reason_is_left_out(reason: str, expected: str) -> None:
    assert masked("Right", reason) == expected


def test_traits_are_read_off_test_and_answer() -> None:
    found = {
        "requirement": "Refunds",
        "facts": {"language": "de", "tags": ["vip", "late"], "nested": {"a": 1}, "n": 3, "none": None},
        "prompt": "Where is my refund, please?",
        "output": "I am sorry, but I cannot help you with that.",
    }
    traits = traits_of(found)
    assert {"requirement Refunds", "language = de", "tags = vip", "tags = late", "n = 3"} <= traits
    assert "“refund” in the prompt" in traits
    assert "an answer that begins “I am sorry, but I”" in traits
    assert not [trait for trait in traits if "nested" in trait or "none" in trait]
    assert "an empty answer" in traits_of({"requirement": None, "facts": {}, "prompt": "", "output": " "})
