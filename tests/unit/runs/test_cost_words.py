"""How a run says what it came to, what of that is not known, and where its cap stopped it."""

import pytest

from rhesis_app.runs.queries.costs import cap_words, cost_words, price_words, stopped_words, token_words
from rhesis_app.sdk import RunCost, Totals


@pytest.mark.parametrize(
    ("cost", "words"),
    [
        (None, ""),
        (RunCost(), ""),
        (RunCost(endpoint="0.42", judge="0.1"), "Cost $0.42 endpoint · $0.10 judging"),
        (RunCost(judge="0.1", unpriced=3), "Cost endpoint not known · $0.10 judging"),
        (RunCost(endpoint="0.42", unpriced=1), "Cost $0.42 endpoint (1 answer not known)"),
        (RunCost(endpoint="0.42", unpriced_judgements=2), "Cost $0.42 endpoint · judging not known"),
        (
            RunCost(endpoint="1", unpriced=2, judge="2", unpriced_judgements=1),
            "Cost $1.00 endpoint (2 answers not known) · $2.00 judging (1 judgement not known)",
        ),
        (RunCost(unpriced=4), "Cost not known"),
        (RunCost(judge="0.1"), "Cost $0.10 judging"),
    ],
)
def test_what_is_not_known_is_said(cost: RunCost | None, words: str) -> None:
    assert cost_words(cost) == words


def test_tokens_are_said_where_they_were_told() -> None:
    assert token_words(RunCost()) == token_words(None) == ""
    assert token_words(RunCost(tokens_in=1200, tokens_out=34, judge_tokens_in=5)) == "Tokens 1,234 endpoint · 5 judging"


def test_a_cap_that_stopped_nothing_is_not_told() -> None:
    totals = Totals(planned=100, passed=66, error=34)
    assert stopped_words(RunCost(cap="1", not_asked=34), totals) == (
        "Stopped at its cost cap of $1.00: 34 of 100 tests not asked."
    )
    assert stopped_words(RunCost(cap="1"), totals) == stopped_words(RunCost(not_asked=1), totals) == ""


def test_caps_and_prices_are_exact() -> None:
    assert (cap_words("1"), cap_words("0.005"), cap_words("1234.5")) == ("$1.00", "$0.005", "$1,234.50")
    told = {"input_per_million": "0.15", "output_per_million": None, "currency": "USD"}
    assert price_words(told) == "$0.15 in per million tokens"
    assert price_words(None) == price_words({**told, "input_per_million": None}) == "not known"
