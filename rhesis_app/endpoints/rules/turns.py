"""How a model's calls at a time are dealt out to the processes that want them."""

from collections.abc import Sequence


def deal(room: int, wanted: Sequence[int]) -> list[int]:
    """`room` turns among holders in their order: nobody more than wanted, and as even as that allows (max-min fair).

    What cannot be split evenly goes to those who stand first.
    """
    dealt, left = [0] * len(wanted), max(0, room)
    while left and (hungry := [one for one, most in enumerate(wanted) if dealt[one] < most]):
        each = max(1, left // len(hungry))
        for one in hungry:
            more = min(each, wanted[one] - dealt[one], left)
            dealt[one] += more
            left -= more
    return dealt
