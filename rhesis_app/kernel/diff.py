"""Two texts side by side, word by word."""

import re
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Final

MOST_WORDS: Final = 3_000
_WORDS: Final = re.compile(r"\s+|[^\W_]+|[\W_]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """A stretch of text; `is_changed` where the other side does not have it."""

    text: str
    is_changed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class SideBySide:
    """Both texts in pieces. Texts past 3,000 words are not compared: they come whole, with `is_too_long`."""

    before: tuple[Piece, ...]
    after: tuple[Piece, ...]
    is_too_long: bool = False


def word_diff(before: str, after: str) -> SideBySide:
    """What each text has that the other has not."""
    first, second = _WORDS.findall(before), _WORDS.findall(after)
    if len(first) > MOST_WORDS or len(second) > MOST_WORDS:
        return SideBySide(before=_whole(before), after=_whole(after), is_too_long=True)
    gone: list[tuple[str, bool]] = []
    come: list[tuple[str, bool]] = []
    for kind, a, b, c, d in SequenceMatcher(None, first, second, autojunk=False).get_opcodes():
        gone.append(("".join(first[a:b]), kind != "equal"))
        come.append(("".join(second[c:d]), kind != "equal"))
    return SideBySide(before=_pieces(gone), after=_pieces(come))


def _whole(text: str) -> tuple[Piece, ...]:
    return (Piece(text=text, is_changed=False),) if text else ()


def _pieces(parts: list[tuple[str, bool]]) -> tuple[Piece, ...]:
    """Neighbours of one kind joined, empty ones left out."""
    joined: list[tuple[str, bool]] = []
    for text, is_changed in parts:
        if not text:
            continue
        if joined and joined[-1][1] == is_changed:
            joined[-1] = (joined[-1][0] + text, is_changed)
        else:
            joined.append((text, is_changed))
    return tuple(Piece(text=text, is_changed=is_changed) for text, is_changed in joined)
