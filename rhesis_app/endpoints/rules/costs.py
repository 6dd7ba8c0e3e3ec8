"""What an answer costs, in exact decimals: prices as a run freezes them, and the amount that an answer tells itself."""

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from rhesis_app.endpoints.rules.models import money
from rhesis_app.kernel.ports import Prices

MOST: Final = Decimal(1_000_000)
"""US dollars: what claims to cost more is no amount of one answer."""
_SMALLEST: Final = Decimal("0.000000000001")  # one token at the smallest price that can be entered
_LONGEST: Final = 60
_CENT: Final = Decimal("0.01")


def told_prices(prices: Prices) -> dict[str, str | None]:
    """Prices as decimal texts, to be frozen."""
    return {
        "input_per_million": money(prices.input_per_million),
        "output_per_million": money(prices.output_per_million),
        "currency": prices.currency,
    }


def frozen_prices(prices: Prices) -> dict[str, str | None] | None:
    """As `told_prices`; None where nobody has said anything."""
    return None if prices == Prices() else told_prices(prices)


def read_prices(told: Mapping[str, Any] | None) -> Prices:
    """What `told_prices` wrote; without anything nothing is known."""
    if told is None:
        return Prices()
    of_in, of_out = told["input_per_million"], told["output_per_million"]
    return Prices(
        input_per_million=None if of_in is None else Decimal(of_in),
        output_per_million=None if of_out is None else Decimal(of_out),
        currency=told["currency"],
    )


def amount_in(value: Any) -> Decimal | None:
    """The US dollars that a value of an answer tells, to a millionth of a millionth; what is no amount counts as not told.

    A number was read as the nearest float, whose shortest writing is what the answer said.
    """
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    text = repr(value) if is_number else value
    if not isinstance(text, str) or len(text) > _LONGEST:
        return None
    try:
        amount = Decimal(text)
    except InvalidOperation:
        return None
    if not amount.is_finite() or not 0 <= amount <= MOST:
        return None
    return abs(amount.quantize(_SMALLEST))  # a negative zero is none


def dollars(amount: Decimal | str | None) -> str:
    """An amount for reading, such as `$0.42`: cents, and of less than a dollar two digits that say something; a dash for None."""
    if amount is None:
        return "–"
    exact = Decimal(amount)
    if not exact:
        return "$0"
    grain = min(_CENT, Decimal(1).scaleb(exact.adjusted() - 1)) if exact < 1 else _CENT
    rounded = exact.quantize(grain)
    cents = rounded.quantize(_CENT)
    return f"${cents if cents == rounded else rounded.normalize():,f}"
