"""What a model's plain fields may hold."""

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

from rhesis_app.endpoints.rules.fields import carries_secret, url_problem
from rhesis_app.kernel.ports import Prices
from rhesis_app.sdk.params import is_storable

LONGEST_MODEL_NAME: Final = 200
HIGHEST_PRICE: Final = Decimal(1_000_000)
_SMALLEST_PART: Final = Decimal("0.000001")
_LARGEST_PARAMS: Final = 10_000
_OURS: Final = frozenset(
    {"model", "messages", "system", "stream", "stream_options", "response_format", "tools", "tool_choice", "n"}
)


def base_url_problem(url: str) -> str | None:
    """What is wrong with a base URL."""
    problem = url_problem(url)
    if problem is not None:
        return problem
    names = [name for name, _ in parse_qsl(urlsplit(url).query, keep_blank_values=True)]
    if any(carries_secret(f"-{name}") for name in names):
        return "The query of the base URL carries a key. Leave it out and enter the key in its own field."
    return None


def model_name_problem(name: str) -> str | None:
    """What is wrong with the name by which the server knows the model."""
    if is_storable(name) and 0 < len(name.strip()) <= LONGEST_MODEL_NAME:
        return None
    return f"Enter the model's name as its server knows it, of at most {LONGEST_MODEL_NAME} characters."


def params_problem(params: Mapping[str, Any]) -> str | None:
    """What is wrong with the members that are added to every call."""
    if taken := sorted(_OURS & set(params)):
        return f"{', '.join(taken)} cannot be set here: calls set it themselves."
    if secret := sorted(name for name in params if carries_secret(f"-{name}") or name.lower() == "authorization"):
        return f"{secret[0][:60]} seems to carry a secret. Enter the key in its own field, where it is encrypted."
    if not is_storable(params):
        return "The parameters hold something that cannot be stored as JSON."
    return "The parameters are larger than 10,000 characters." if len(json.dumps(params)) > _LARGEST_PARAMS else None


def price_problems(prices: Prices) -> dict[str, str]:
    """Field → what is wrong with a price."""
    named = {"input_per_million": prices.input_per_million, "output_per_million": prices.output_per_million}
    return {f"prices.{name}": problem for name, price in named.items() if (problem := _price_problem(price))}


def money(amount: Decimal | None) -> str | None:
    """An amount as a plain decimal text, without zeros at its end; None when it is not known."""
    return None if amount is None else f"{amount.normalize():f}"


def key_problem(key: str | None) -> str | None:
    """What is wrong with a key that was typed; None for none."""
    if key is None or (0 < len(key) <= 8000 and key.isascii() and key.isprintable() and " " not in key):
        return None
    return "A key is one word of printable ASCII characters."


def _price_problem(price: Decimal | None) -> str | None:
    if price is None:
        return None
    if not price.is_finite() or not 0 <= price <= HIGHEST_PRICE:
        return f"Enter US dollars for a million tokens, from 0 to {HIGHEST_PRICE:,}."
    return None if price == price.quantize(_SMALLEST_PART) else "Use at most six decimals."
