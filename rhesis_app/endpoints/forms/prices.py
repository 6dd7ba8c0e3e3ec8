"""Prices as they are typed, for models and for endpoints."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from rhesis_app.endpoints.actions.fields import Problems
from rhesis_app.kernel.ports import Prices

INPUT, OUTPUT = "prices.input_per_million", "prices.output_per_million"


@dataclass(frozen=True, slots=True, kw_only=True)
class TypedPrices:
    """Both as they were typed, empty where they are not known."""

    input: str = ""
    output: str = ""


def typed_prices(posted: Mapping[str, str]) -> TypedPrices:
    """What was posted."""
    return TypedPrices(input=posted.get(INPUT, "").strip(), output=posted.get(OUTPUT, "").strip())


def prices_in(typed: TypedPrices, unread: Problems) -> Prices:
    """The prices that were typed; what cannot be read is put into `unread`."""
    return Prices(
        input_per_million=_price(INPUT, typed.input, unread), output_per_million=_price(OUTPUT, typed.output, unread)
    )


def _price(name: str, text: str, unread: Problems) -> Decimal | None:
    if not text:
        return None
    try:
        return Decimal(text)
    except InvalidOperation:
        unread[name] = ["Enter a number such as 0.15, or leave it empty when it is not known."]
        return None
