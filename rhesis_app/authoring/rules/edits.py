"""One change to many tests: which changes there are, and what they make of a test's metadata."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Final

from rhesis_app.authoring.rules.names import check_name
from rhesis_app.authoring.rules.tests import TestContent, check_content
from rhesis_app.kernel.errors import Invalid

MAX_TAGS: Final = 50
MAX_TAG: Final = 60
TAGS: Final = "tags"
"""Where a test's metadata holds its tags."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TestChanges:
    """What changes of every test; what is not named stays.

    `requirement` is a name, made when missing, and counts only with `sets_requirement`: then None takes it away.
    `metadata` is merged into what is there; a value of None takes its name away.
    """

    __test__ = False

    sets_requirement: bool = False
    requirement: str | None = None
    add_tags: tuple[str, ...] = ()
    remove_tags: tuple[str, ...] = ()
    metadata: Mapping[str, Any] = field(default_factory=dict)
    archive: bool = False

    @property
    def touches_metadata(self) -> bool:
        """Whether any test's metadata may be another afterwards."""
        return bool(self.add_tags or self.remove_tags or self.metadata)

    def to_json(self) -> dict[str, Any]:
        """As plain JSON, for the row that keeps it."""
        return asdict(self)

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> "TestChanges":
        """What `to_json` wrote."""
        kept: dict[str, Any] = dict(stored)
        return cls(**kept | {name: tuple(kept[name]) for name in ("add_tags", "remove_tags")})


def check_changes(changes: TestChanges) -> TestChanges:
    """The changes as they are kept. Invalid at the field that is wrong, or where nothing would change."""
    requirement = (changes.requirement or "").strip() or None
    if requirement is not None:
        requirement = check_name(requirement, what="requirement", field="requirement")
    found = TestChanges(
        sets_requirement=changes.sets_requirement,
        requirement=requirement,
        add_tags=_tags("add_tags", changes.add_tags),
        remove_tags=_tags("remove_tags", changes.remove_tags),
        metadata=dict(changes.metadata),
        archive=changes.archive,
    )
    if not (found.sets_requirement or found.touches_metadata or found.archive):
        raise Invalid.field("changes", "Say what to change: the requirement, tags, metadata, or archive.")
    both = sorted(set(found.add_tags) & set(found.remove_tags))
    if both:
        raise Invalid.field("remove_tags", f"Added and removed at once: {', '.join(both)}.")
    return found


def changed_metadata(facts: Mapping[str, Any], changes: TestChanges) -> dict[str, Any]:
    """A test's metadata with the changes in it; tags keep their order, and an empty list of them goes."""
    merged = {**facts, **changes.metadata}
    kept = {name: value for name, value in merged.items() if name not in changes.metadata or value is not None}
    if not (changes.add_tags or changes.remove_tags):
        return kept
    there = kept.pop(TAGS, [])
    before = there if isinstance(there, list) else [there]
    tags = [tag for tag in before if tag not in changes.remove_tags]
    tags += [tag for tag in changes.add_tags if tag not in tags]
    return kept | ({TAGS: tags} if tags else {})


def check_edited(content: TestContent) -> TestContent:
    """The content as it is stored. Invalid at `changes`, naming the test that they do not fit."""
    try:
        return check_content(content)
    except Invalid as refused:
        said = next((text for texts in refused.errors.values() for text in texts), refused.detail)
        shown = content.prompt if len(content.prompt) <= 60 else f"{content.prompt[:59]}…"
        raise Invalid.field("changes", f"“{shown}” cannot be changed like this. {said}") from None


def _tags(name: str, tags: Sequence[str]) -> tuple[str, ...]:
    found = tuple(dict.fromkeys(tag.strip() for tag in tags if tag.strip()))
    if len(found) > MAX_TAGS:
        raise Invalid.field(name, f"Use at most {MAX_TAGS} tags at a time.")
    if any(len(tag) > MAX_TAG or "\0" in tag for tag in found):
        raise Invalid.field(name, f"A tag has at most {MAX_TAG} characters, and no NUL.")
    return found
