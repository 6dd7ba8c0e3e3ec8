"""Groups of failures in a model's words: what it is asked, and what is kept of its answer."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from rhesis_app.insights.rules.failures import SharedTrait
from rhesis_app.sdk import Fences

EXAMPLES: Final = 3
"""So many results of a group are shown to the model."""
_LONGEST_TEXT: Final = 1_200
_LONGEST_NAME: Final = 80
_LONGEST_WHY: Final = 400
SCHEMA: Final[Mapping[str, Any]] = {
    "type": "object",
    "properties": {
        "groups": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "number": {"type": "integer"},
                    "name": {"type": "string"},
                    "why": {"type": "string"},
                    "results": {"type": "array", "items": {"type": "integer"}},
                },
                "required": ["number", "name", "why", "results"],
                "additionalProperties": False,
            },
        }
    },
    "required": ["groups"],
    "additionalProperties": False,
}
_ASK: Final = """Tests of an application failed. They were put into groups by what they share; for each group up to three \
failed tests are shown. Say for each group in plain words what went wrong: a name of at most six words, and one or two \
sentences why you think so. Name in `results` the numbers of those shown tests that your words rest on. Leave a group out \
where what is shown does not tell. Answer with an object that has `groups`, a list of objects with `number`, `name`, `why` and \
`results`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """A failed test of a group, as it is shown to the model."""

    result_id: str
    prompt: str
    output: str
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupName:
    """A model's words for the group of that number (from 0), and the results that it says they rest on."""

    group: int
    name: str
    why: str
    result_ids: tuple[str, ...]


def prompt_of(groups: Sequence[SharedTrait], examples: Sequence[Sequence[Example]]) -> str:
    """The question; everything that tests and answers say stands in fences."""
    fences = Fences()
    parts = [fences.rules, _ASK]
    for number, (group, shown) in enumerate(zip(groups, examples, strict=True), start=1):
        parts.append(f"# Group {number}: {group.failed} of {group.decided} failed")
        parts.append(fences.around(f"group {number}, what they share", ", ".join(group.words), limit=_LONGEST_TEXT))
        for place, one in enumerate(shown, start=1):
            said = (
                f"Prompt: {one.prompt}\n\nAnswer: {one.output}\n\nWhy it failed: {'; '.join(one.reasons) or 'not said'}"
            )
            parts.append(fences.around(f"group {number}, result {place}", said, limit=_LONGEST_TEXT))
    return "\n\n".join(parts)


def names_in(answer: Mapping[str, Any], examples: Sequence[Sequence[Example]]) -> tuple[GroupName, ...]:
    """What can be used of the answer: a name for a group that there is, resting on results that were shown; one each."""
    found: dict[int, GroupName] = {}
    for said in answer.get("groups", ()):
        group = said["number"] - 1
        if not 0 <= group < len(examples) or group in found:
            continue
        shown = examples[group]
        rests_on = tuple(dict.fromkeys(shown[n - 1].result_id for n in said["results"] if 0 < n <= len(shown)))
        name = " ".join(said["name"].split())[:_LONGEST_NAME]
        if name and rests_on:
            found[group] = GroupName(
                group=group, name=name, why=" ".join(said["why"].split())[:_LONGEST_WHY], result_ids=rests_on
            )
    return tuple(found[group] for group in sorted(found))
