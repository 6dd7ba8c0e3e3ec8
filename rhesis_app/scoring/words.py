"""Differences and p-values as they are read."""

from typing import Final

MINUS: Final = "\u2212"
_SMALLEST: Final = 0.001
_TWO_DIGITS_FROM: Final = 0.0995


def signed_points(share: float) -> str:
    """A share of 1 as points with its sign: `+3.1`, `−0.4`, `0.0`."""
    points = f"{abs(share) * 100:.1f}"
    if points == "0.0":
        return points
    return f"{MINUS if share < 0 else '+'}{points}"


def p_digits(p_value: float) -> str:
    """`0.27`, `0.004`, `< 0.001`."""
    if p_value < _SMALLEST:
        return f"< {_SMALLEST}"
    return f"{p_value:.3f}" if p_value < _TWO_DIGITS_FROM else f"{p_value:.2f}"
