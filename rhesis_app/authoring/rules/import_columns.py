"""What a column means: recognised by its name, or said by a mapping."""

import re
from collections.abc import Mapping, Sequence

from rhesis_app.kernel.errors import Invalid

IGNORE = "ignore"
METADATA = "metadata"
SINGLE = ("prompt", "expected", "requirement", "messages", "trials")
TARGETS = (*SINGLE, "context", METADATA, IGNORE)
# the first name of a field that a file has wins; the other columns become metadata
_KNOWN: dict[str, tuple[str, ...]] = {
    "prompt": ("prompt", "input", "question", "query", "user_input", "user_message", "message", "utterance", "test_input"),
    "expected": (
        "expected", "ideal", "expected_output", "expected_answer", "expected_response", "reference", "reference_answer",
        "ground_truth", "golden_answer", "gold", "target", "answer", "output", "response", "completion",
    ),
    "requirement": ("requirement", "behavior", "behaviour"),
    "messages": ("messages", "history"),
    "context": ("context", "contexts", "retrieved_context", "reference_context"),
    METADATA: (METADATA,),
    "trials": ("trials",),
}  # fmt: skip


def recognised(column: str) -> str | None:
    """The field that a column of this name usually holds, or none."""
    plain = _plain(column)
    if plain.startswith("metadata.") and plain != "metadata.":
        return f"metadata.{column.strip().partition('.')[2]}"
    return next((field for field, names in _KNOWN.items() if plain in names), None)


def guess_mapping(columns: Sequence[str]) -> dict[str, str]:
    """Column → field for every column: `prompt`, `expected`, …, and `metadata.<column>` for what is not recognised."""
    mapping = {column: recognised(column) or f"metadata.{column}" for column in columns}
    for field in SINGLE:
        rivals = [column for column in columns if mapping[column] == field]
        rivals.sort(key=lambda column: _KNOWN[field].index(_plain(column)))
        mapping |= {column: f"metadata.{column}" for column in rivals[1:]}
    named: set[str] = set()
    for column in columns:
        if mapping[column].startswith("metadata.") and mapping[column] in named:
            mapping[column] = f"metadata.{column}"
        named.add(mapping[column])
    return mapping


def choose_mapping(columns: Sequence[str], chosen: Mapping[str, str]) -> dict[str, str]:
    """The guess, overridden by what was chosen; Invalid at `mapping` says what cannot be meant."""
    unknown = [column for column in chosen if column not in columns]
    if unknown:
        listed = ", ".join(f"“{column}”" for column in columns[:20])
        raise Invalid.field("mapping", f"The file has no column “{unknown[0][:80]}”. Its columns are {listed}.")
    wrong = [field for field in chosen.values() if not _is_target(field)]
    if wrong:
        raise Invalid.field(
            "mapping", f"“{wrong[0][:80]}” is no field. Map a column to {', '.join(TARGETS)} or metadata.<name>."
        )
    for field in chosen.values():
        if list(chosen.values()).count(field) > 1 and field not in {"context", METADATA, IGNORE}:
            raise Invalid.field("mapping", f"Two columns are mapped to {field[:80]}. Choose one of them.")
    taken = set(chosen.values()) & set(SINGLE)
    guess = {
        column: f"metadata.{column}" if field in taken else field for column, field in guess_mapping(columns).items()
    }
    return {column: chosen.get(column) or guess[column] for column in columns}


def _is_target(field: str) -> bool:
    return field in TARGETS or (field.startswith("metadata.") and len(field) > len("metadata."))


def _plain(column: str) -> str:
    return re.sub(r"[\s\-]+", "_", column.strip().casefold())
