"""The beta distribution: what exact binomial intervals and tails are made of."""

import math
from typing import Final

_TINY: Final = 1e-300
_PRECISION: Final = 1e-16
_NEXT_FLOATS: Final = 1e-15
_LIMIT: Final = 1e8
_MOST_TERMS: Final = 20_000
_MOST_STEPS: Final = 200
_STIRLING: Final = (1 / 12, -1 / 360, 1 / 1260, -1 / 1680, 1 / 1188)
_STIRLING_FROM: Final = 10.0


def beta_cdf(x: float, a: float, b: float) -> float:
    """The share of a beta distribution with parameters `a`, `b` below `x`: the regularized incomplete beta function.

    By the continued fraction of DLMF 8.17.22, evaluated with Lentz's method (Thompson and Barnett, J. Comput. Phys. 64
    (1986) 490-509). `a` and `b` above 0 and at most 10⁸, `x` from 0 to 1. Raises ValueError outside of that.
    """
    if not (0 < a <= _LIMIT and 0 < b <= _LIMIT and 0 <= x <= 1):
        raise ValueError(
            f"beta_cdf: a and b must be above 0 and at most {_LIMIT:.0e}, x from 0 to 1, not {a}, {b}, {x}."
        )
    if x in (0, 1):
        return float(x)
    # the fraction converges fast on this side of the mean only
    if x > (a + 1) / (a + b + 2):
        return 1 - _below(1 - x, x, b, a)
    return _below(x, 1 - x, a, b)


def beta_quantile(p: float, a: float, b: float) -> float:
    """The x below which the share `p` of a beta distribution lies, to the precision of a float.

    Newton's steps where they stay inside the bracket, halving otherwise. Arguments and errors as in `beta_cdf`, `p` for `x`.
    """
    if not 0 <= p <= 1:
        raise ValueError(f"beta_quantile: p must lie between 0 and 1, not {p}.")
    if p in (0, 1):
        return float(p)
    low, high, x = 0.0, 1.0, a / (a + b)
    for _ in range(_MOST_STEPS):
        excess = beta_cdf(x, a, b) - p
        low, high = (low, x) if excess > 0 else (x, high)
        step = excess / max(_density(x, a, b), _TINY)
        following = x - step if low < x - step < high else (low + high) / 2
        is_found = abs(following - x) <= _NEXT_FLOATS * x or high - low <= _NEXT_FLOATS * high
        x = following
        if is_found:
            break
    return x


def _below(x: float, rest: float, a: float, b: float) -> float:
    """`rest` is 1 − x, given because neither of the two can be had from the other without loss where it is tiny."""
    return math.exp(_log_term(x, rest, a, b)) / a * _fraction(x, a, b)


def _fraction(x: float, a: float, b: float) -> float:
    """1 / (1 + d₁/(1 + d₂/(1 + …))) with the coefficients of DLMF 8.17.23."""
    value, c, d = 1.0, 1.0, 0.0
    for term in range(1, _MOST_TERMS):
        coefficient = _coefficient(term, x, a, b)
        d = 1 / _away_from_zero(1 + coefficient * d)
        c = _away_from_zero(1 + coefficient / c)
        value *= c * d
        if abs(c * d - 1) < _PRECISION:
            break
    return 1 / value


def _coefficient(term: int, x: float, a: float, b: float) -> float:
    half, is_odd = divmod(term, 2)
    place = a + 2 * half
    if is_odd:
        return -(a + half) * (a + b + half) * x / (place * (place + 1))
    return half * (b - half) * x / ((place - 1) * place)


def _away_from_zero(value: float) -> float:
    return value if abs(value) > _TINY else _TINY


def _density(x: float, a: float, b: float) -> float:
    return math.exp(_log_term(x, 1 - x, a, b) - math.log(x) - math.log1p(-x))


def _log_term(x: float, rest: float, a: float, b: float) -> float:
    """The logarithm of xᵃ · restᵇ / B(a, b).

    As a sum of small terms: C. Loader, Fast and accurate computation of binomial probabilities (2000). The difference of
    log-gammas of a million each would have lost six of the sixteen digits.
    """
    n = a + b
    scale = 0.5 * math.log(a * b / (2 * math.pi * n))
    corrections = _stirling_error(n) - _stirling_error(a) - _stirling_error(b)
    return scale + corrections - _deviance(a, n * x) - _deviance(b, n * rest)


def _deviance(seen: float, expected: float) -> float:
    """seen · log(seen / expected) + expected − seen, without cancellation where both are close."""
    excess = (expected - seen) / seen
    if abs(excess) < 0.5:
        return seen * (excess - math.log1p(excess))
    return seen * math.log(seen / expected) + expected - seen


def _stirling_error(a: float) -> float:
    """What Stirling's formula for log Γ(a) leaves out; the series is DLMF 5.11.1."""
    if a < _STIRLING_FROM:
        return math.lgamma(a) - (a - 0.5) * math.log(a) + a - 0.5 * math.log(2 * math.pi)
    square = a * a
    total = 0.0
    for coefficient in reversed(_STIRLING):
        total = total / square + coefficient
    return total / a
