"""What an answer costs: amounts that answers tell, prices as they are frozen, and how amounts read."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rhesis_app.endpoints.rules import compile_mapping, suggest_mapping
from rhesis_app.endpoints.rules.costs import amount_in, dollars, frozen_prices, read_prices, told_prices
from rhesis_app.endpoints.rules.seen import SeenCall, spent_words
from rhesis_app.kernel.ports import Prices

PRICES = Prices(input_per_million=Decimal("2.5"), output_per_million=Decimal(10))


@pytest.mark.parametrize(
    ("value", "amount"),
    [
        (0.00042, "0.00042"),
        ("0.00042", "0.00042"),
        (3, "3"),
        (0, "0"),
        (1e-7, "0.0000001"),
        ("1e-20", "0"),
        (-0.0, "0"),
        (0.1 + 0.2, "0.3"),
    ],
)
def test_an_amount_is_read_exactly(value: Any, amount: str) -> None:
    assert amount_in(value) == Decimal(amount)
    assert not str(amount_in(value)).startswith("-")


@pytest.mark.parametrize(
    "value", [None, True, -1, "-0.1", "free", "", "NaN", "Infinity", [1], {"usd": 1}, 2_000_000, "9" * 80]
)
def test_what_is_no_amount_is_not_known_and_never_zero(value: Any) -> None:
    assert amount_in(value) is None


@given(st.decimals(min_value=0, max_value=1_000_000, places=6))
def test_a_number_in_an_answer_keeps_every_digit_that_a_price_can_have(amount: Decimal) -> None:
    assert amount_in(float(amount)) == amount


@given(st.integers(0, 2**31 - 1), st.integers(0, 2**31 - 1), st.decimals(0, 1_000_000, places=6))
def test_prices_and_tokens_multiply_without_rounding(tokens_in: int, tokens_out: int, price: Decimal) -> None:
    cost = Prices(input_per_million=price, output_per_million=price).cost_of(tokens_in, tokens_out)
    assert cost is not None
    assert cost * 1_000_000 == (tokens_in + tokens_out) * price


def test_prices_come_back_as_they_were_frozen() -> None:
    assert told_prices(PRICES) == {"input_per_million": "2.5", "output_per_million": "10", "currency": "USD"}
    assert read_prices(told_prices(PRICES)) == PRICES
    assert frozen_prices(Prices()) is None
    assert read_prices(None) == Prices()


@pytest.mark.parametrize(
    ("amount", "words"),
    [
        (None, "–"),
        ("0", "$0"),
        ("0.42", "$0.42"),
        ("0.4251", "$0.43"),
        ("1234.5", "$1,234.50"),
        ("0.00002125", "$0.000021"),
        ("0.1", "$0.10"),
        ("0.02001", "$0.02"),
        ("0.9999", "$1.00"),
        ("0.0002", "$0.0002"),
    ],
)
def test_amounts_read_well(amount: str | None, words: str) -> None:
    assert dollars(amount) == words


def test_a_mapping_reads_the_cost_and_suggests_it() -> None:
    answer = {"reply": "Hi", "usage": {"prompt_tokens": 3, "completion_tokens": 2, "cost": 0.00042}}
    mapped = compile_mapping({"output": "$.reply", "cost": "$.usage.cost"}).apply(answer)
    assert (mapped.cost, mapped.missing) == (Decimal("0.00042"), ())
    assert suggest_mapping(answer)["cost"] == "$.usage.cost"
    assert "cost" not in suggest_mapping({"reply": "Hi", "usage": {"cost": "much"}})
    assert compile_mapping({"output": "$.reply", "cost": "$.none"}).apply(answer).missing == ("cost",)


USAGE = {"output": "$.reply", "tokens_in": "$.in", "tokens_out": "$.out"}


@pytest.mark.parametrize(
    ("mapping", "prices", "words"),
    [
        (USAGE, PRICES, "100 tokens in, 20 tokens out, cost $0.00045"),
        (USAGE | {"cost": "$.usd"}, PRICES, "100 tokens in, 20 tokens out, cost $0.25"),
        (
            USAGE,
            Prices(),
            "100 tokens in, 20 tokens out, cost not known: map both token counts and enter prices, or map a cost",
        ),
        ({"output": "$.reply", "cost": "$.usd"}, Prices(), "Cost $0.25"),
        ({"output": "$.reply"}, Prices(), ""),
        ({"output": "$.nothing"} | {"cost": "$.usd"}, PRICES, ""),
    ],
)
def test_a_test_call_says_what_it_came_to(mapping: dict[str, str], prices: Prices, words: str) -> None:
    seen = SeenCall(
        status=200, content_type="application/json", body='{"reply": "Hi", "in": 100, "out": 20, "usd": 0.25}'
    )
    assert spent_words(mapping, seen, prices) == words
