"""Examples of judged answers, as a person writes them into a form."""

import re
from dataclasses import dataclass

_MOST = 20
_PART = re.compile(r"^(answer|verdict|why):[ \t]*", re.IGNORECASE | re.MULTILINE)


class ExampleError(ValueError):
    """Examples that cannot be read; the text is a sentence for the form."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """An answer, what it was judged to be, and why."""

    answer: str
    verdict: str
    why: str


def read_examples(text: str) -> tuple[Example, ...]:
    """The examples in `text`, none when it is empty. Raises ExampleError."""
    blocks = [block for block in re.split(r"^-{3,}[ \t]*$", text, flags=re.MULTILINE) if block.strip()]
    if len(blocks) > _MOST:
        raise ExampleError(f"Give at most {_MOST} examples.")
    return tuple(_read(block, number) for number, block in enumerate(blocks, start=1))


def _read(block: str, number: int) -> Example:
    before, *parts = _PART.split(block)
    found = {name.lower(): text.strip() for name, text in zip(parts[::2], parts[1::2], strict=True)}
    is_whole = not before.strip() and len(parts) == 6 and all(found.get(name) for name in ("answer", "verdict", "why"))
    if not is_whole:
        raise ExampleError(f"Example {number}: write a line “Answer: …”, then “Verdict: …”, then “Why: …”, each once.")
    return Example(answer=found["answer"], verdict=found["verdict"], why=found["why"])
