"""What judges said while one metric looked at one sample: counted by whoever lends them, whatever the evaluator does with it."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Protocol, TypeVar, runtime_checkable

_Number = TypeVar("_Number", int, Decimal)
_KEPT_ANSWERS = 8
_KEPT_CHARACTERS = 8_000


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgeUse:
    """What an evaluation asked of a model. Sums are None as soon as one of their parts is not known."""

    model: str | None = None
    tokens_in: int | None = None
    tokens_out: int | None = None
    cost: Decimal | None = None
    raw: tuple[str, ...] = ()


@dataclass(slots=True)
class Heard:
    """One evaluation's calls, as they come; `problem` says why the last one gave no judgement."""

    uses: list[JudgeUse] = field(default_factory=list)
    problem: str = ""

    def total(self) -> JudgeUse:
        """All calls together, with at most eight answers of 8,000 characters each."""
        if not self.uses:
            return JudgeUse()
        return JudgeUse(
            model=self.uses[-1].model,
            tokens_in=_sum([use.tokens_in for use in self.uses]),
            tokens_out=_sum([use.tokens_out for use in self.uses]),
            cost=_sum([use.cost for use in self.uses]),
            raw=tuple(text[:_KEPT_CHARACTERS] for use in self.uses for text in use.raw)[:_KEPT_ANSWERS],
        )


@runtime_checkable
class Listening(Protocol):
    """Tools that tell what an evaluation asked of them."""

    def hear(self) -> AbstractContextManager[Heard]:
        """What is asked from this thread until the block ends."""


@contextmanager
def hearing(tools: Any) -> Iterator[Heard]:
    """What `tools` are asked meanwhile; nothing when they do not tell."""
    if not isinstance(tools, Listening):
        yield Heard()
        return
    with tools.hear() as heard:
        yield heard


def _sum(parts: list[_Number | None]) -> _Number | None:
    known = [part for part in parts if part is not None]
    if len(known) < len(parts):
        return None
    return sum(known[1:], start=known[0])
