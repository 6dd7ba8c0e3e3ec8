"""Counts in a two by two table."""

from math import exp, lgamma


def enrichment(inside: int, group: int, marked: int, total: int) -> float:
    """P(at least `inside` of a group of `group` are marked) when `marked` of `total` are and the group is drawn blindly.

    The upper tail of the hypergeometric distribution, which is Fisher's exact test to one side. R. A. Fisher, The Design
    of Experiments (1935), chapter 2. Needs 0 <= inside <= group <= total, inside <= marked <= total and enough others for
    the rest of the group; raises ValueError otherwise.
    """
    if not (0 <= inside <= group <= total and inside <= marked <= total and group - inside <= total - marked):
        raise ValueError("enrichment: the counts do not make a table.")
    whole = _ways(total, group)
    tail = sum(
        exp(_ways(marked, found) + _ways(total - marked, group - found) - whole)
        for found in range(inside, min(group, marked) + 1)
    )
    return min(1.0, tail)


def _ways(of: int, chosen: int) -> float:
    """The logarithm of a binomial coefficient."""
    return lgamma(of + 1) - lgamma(chosen + 1) - lgamma(of - chosen + 1)
