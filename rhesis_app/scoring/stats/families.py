"""Several tests at once."""

from collections.abc import Sequence


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjusted p-values in the given order: calling those below α significant errs anywhere with probability at most α.

    S. Holm, A simple sequentially rejective multiple test procedure, Scandinavian Journal of Statistics 6 (1979) 65-70.
    Values from 0 to 1; raises ValueError otherwise.
    """
    order = _ascending("holm", p_values)
    adjusted, highest = [0.0] * len(order), 0.0
    for rank, index in enumerate(order):
        highest = max(highest, min(1.0, (len(order) - rank) * p_values[index]))
        adjusted[index] = highest
    return adjusted


def benjamini_hochberg(p_values: Sequence[float]) -> list[float]:
    """Adjusted p-values in the given order: of those called significant below α, a share of at most α is expected false.

    Y. Benjamini and Y. Hochberg, Controlling the false discovery rate, JRSS B 57 (1995) 289-300, for independent or
    positively dependent tests. Values from 0 to 1; raises ValueError otherwise.
    """
    order = _ascending("benjamini_hochberg", p_values)
    adjusted, lowest = [0.0] * len(order), 1.0
    for rank, index in reversed(list(enumerate(order, start=1))):
        lowest = min(lowest, p_values[index] * len(order) / rank)
        adjusted[index] = lowest
    return adjusted


def _ascending(name: str, p_values: Sequence[float]) -> list[int]:
    if any(not 0 <= p <= 1 for p in p_values):
        raise ValueError(f"{name}: p-values lie between 0 and 1.")
    return sorted(range(len(p_values)), key=p_values.__getitem__)
